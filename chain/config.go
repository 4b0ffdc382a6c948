package chain

import (
	"errors"
	"time"
)

// Config is what a Replica must know from the start. Nothing in it changes afterwards.
type Config struct {
	// Self is the server; its Incarnation is the last one used, zero for none: the first registration raises it.
	Self Member
	// Boot names the boot of this machine, empty where that cannot be told.
	Boot string
	// SessionTimeout is T of design.md: how long a server may be silent. Whole milliseconds. All members have the same: a
	// chain takes in nobody who has another, whose lease might outlive its removal. Required.
	SessionTimeout time.Duration
	// NewChain is the random id of the chain, should this server make the first view. Required.
	NewChain ID
	// Target is how many members a chain made by this server wants; zero for all that register.
	Target int
	// Abandon is the epoch whose in-memory members are taken for dead without being asked; zero for none.
	Abandon Epoch
	// NoLeases makes every read wait for a barrier.
	NoLeases bool
	// MaxMemory bounds the table, in bytes; zero is no bound.
	MaxMemory int64
	// RetainedLog is how many bytes of committed log are kept for servers that were briefly away. Zero is
	// RetainedLogBytes.
	RetainedLog uint64
	// TransferLog is how many bytes of log a learner may be behind, or behind the snapshot that it takes, before its tail slows
	// writes to its pace. Zero is 256 MiB.
	TransferLog uint64
	// JoinBandwidth bounds what a tail sends to its learner as chunks of a snapshot and as entries from its disk, in bytes per second. Zero is
	// no bound.
	JoinBandwidth uint64
	// MaxPending bounds this server's requests that have no answer yet: Full tells when. Zero is 65,536.
	MaxPending int

	// Touches adds to hashes those of the keys that the command changes, or tells that it changes all. Pure.
	// Nil: each command touches all.
	Touches func(command []byte, hashes []uint64) (_ []uint64, all bool)
	// Growth is by how many bytes at most the command makes the table grow. Pure. Nil: not at all.
	Growth func(command []byte) int64
	// Encode is the entry in bytes. Pure. Nil: entries have no Encoded.
	Encode func(*Entry) []byte

	// Recovered is what a server has kept of its former life; nil for a server that has just been made.
	Recovered *Recovered
}

// Recovered is the state of a server that kept its log.
type Recovered struct {
	Chain     ID
	Epoch     Epoch    // of the newest view adopted; at least 1 where there is a chain
	Base      Position // the log follows behind it; the table holds everything up to here
	Log       []Entry
	Committed Seq   // a lower bound
	Complete  bool  // nothing that was acknowledged is missing
	Table     int64 // size of the table at Base, in bytes
	// Found says that no coordinator has ever known the chain, or that the one that did was this server's own: where there is no view, the server
	// makes the next one, of itself and what it holds.
	Found bool
}

const minSessionTimeout = 20 * time.Millisecond

// Validate tells what is wrong with the configuration.
func (c *Config) Validate() error {
	switch {
	case c.Self.Node == 0:
		return errors.New("chain: config: Self.Node is zero")
	case c.SessionTimeout < minSessionTimeout:
		return errors.New("chain: config: SessionTimeout is below " + minSessionTimeout.String())
	case c.SessionTimeout%time.Millisecond != 0:
		return errors.New("chain: config: SessionTimeout is not in whole milliseconds")
	case c.NewChain == 0:
		return errors.New("chain: config: NewChain is zero")
	case c.Target < 0 || c.MaxPending < 0 || c.MaxMemory < 0:
		return errors.New("chain: config: negative bound")
	case c.Recovered != nil && (c.Recovered.Chain == 0) != (c.Recovered.Epoch == 0):
		return errors.New("chain: config: a recovered chain has an epoch")
	case c.Recovered != nil && c.Recovered.Found && !c.Recovered.Complete:
		return errors.New("chain: config: a chain is made of what is complete")
	}
	return nil
}
