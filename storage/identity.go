package storage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/chaintable/chaintable/chain"
)

const (
	identityName   = "identity"
	identityBytes  = 4096 // of each of the two copies
	identityFormat = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Identity is who a server is, and what it knows of its chain.
type Identity struct {
	Node        chain.NodeID
	Incarnation chain.Incarnation // the last one that may have been registered
	Chain       chain.ID          // zero for none yet
	Epoch       chain.Epoch       // the newest known
	Boot        string            // of the machine, when the directory was last opened
	Interval    bool              // what was written under Boot may not have been synced
	Alone       bool              // no coordinator but the server itself keeps the view
	Restored    bool              // from a backup, and of no chain yet: the server may make one that begins with what it holds
	Distrusted  string            // unless empty: what the server holds must not be used, and why
}

// identityRecord is an Identity in JSON.
type identityRecord struct {
	Format      int    `json:"format"`
	Version     uint64 `json:"version"` // rises with each write
	Node        string `json:"node"`
	Incarnation uint64 `json:"incarnation"`
	Chain       string `json:"chain,omitempty"`
	Epoch       uint64 `json:"epoch,omitempty"`
	Boot        string `json:"boot,omitempty"`
	Interval    bool   `json:"interval,omitempty"`
	Alone       bool   `json:"alone,omitempty"`
	Restored    bool   `json:"restored,omitempty"`
	Distrusted  string `json:"distrusted,omitempty"`
}

// identityFile keeps the identity: two copies of a line of text, its checksum in front. They are written one after the other, each in its
// place: whatever becomes of one, the other one holds what was written last, or before.
type identityFile struct {
	file    File
	version uint64
	worse   int64 // the copy that may be damaged, or older, and is written first
}

// openIdentity reads the file. Where there is none the error is fs.ErrNotExist.
func openIdentity(dir FS) (*identityFile, Identity, error) {
	f, err := dir.Open(identityName)
	if err != nil {
		return nil, Identity{}, err
	}
	i := &identityFile{file: f}
	id, err := i.read()
	if err != nil {
		return nil, Identity{}, errors.Join(fmt.Errorf("storage: %s: %w", identityName, err), f.Close())
	}
	return i, id, nil
}

// createIdentity makes the file: afterwards the directory is a data directory.
func createIdentity(dir FS, id Identity) (*identityFile, error) {
	f, err := dir.Create(identityName + temporary)
	if err != nil {
		return nil, err
	}
	i := &identityFile{file: f}
	if err := i.write(id); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := dir.Rename(identityName+temporary, identityName); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := dir.Sync(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return i, nil
}

// write returns when both copies are on disk.
func (i *identityFile) write(id Identity) error {
	r := identityRecord{
		Format: identityFormat, Version: i.version + 1, Node: id.Node.String(), Incarnation: uint64(id.Incarnation), Epoch: uint64(id.Epoch),
		Boot: id.Boot, Interval: id.Interval, Alone: id.Alone, Restored: id.Restored, Distrusted: id.Distrusted,
	}
	if id.Chain != 0 {
		r.Chain = id.Chain.String()
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	line := fmt.Appendf(nil, "%08x %s", crc32.Checksum(text, castagnoli), text)
	if len(line) >= identityBytes {
		return fmt.Errorf("storage: %s: %d bytes are too many", identityName, len(line))
	}
	block := append(bytes.Repeat([]byte{' '}, identityBytes-1), '\n')
	copy(block, line)
	for _, n := range []int64{i.worse, 1 - i.worse} {
		if _, err := i.file.WriteAt(block, n*identityBytes); err != nil {
			return err
		}
		if err := i.file.Sync(); err != nil {
			return err
		}
	}
	i.version++
	return nil
}

// read is the newer of the copies that check.
func (i *identityFile) read() (Identity, error) {
	var best Identity
	var errs []error
	for n := range int64(2) {
		id, version, err := i.readCopy(n)
		switch {
		case errors.Is(err, ErrFormat):
			return Identity{}, err // it may be the newer one
		case err != nil:
			errs = append(errs, err)
			continue
		}
		if version > i.version {
			best, i.version, i.worse = id, version, 1-n
		}
	}
	if len(errs) == 2 {
		return Identity{}, errors.Join(errs...)
	}
	return best, nil
}

func (i *identityFile) readCopy(n int64) (Identity, uint64, error) {
	block := make([]byte, identityBytes)
	if _, err := i.file.ReadAt(block, n*identityBytes); err != nil {
		if errors.Is(err, io.EOF) {
			err = errDamaged("it is too short")
		}
		return Identity{}, 0, err
	}
	text := bytes.TrimRight(block, " \n")
	var sum uint32
	if len(text) < 10 || text[8] != ' ' {
		return Identity{}, 0, errDamaged("no checksum")
	}
	if _, err := fmt.Sscanf(string(text[:8]), "%08x", &sum); err != nil || sum != crc32.Checksum(text[9:], castagnoli) {
		return Identity{}, 0, errDamaged("the checksum is wrong")
	}
	return decodeIdentity(text[9:])
}

func decodeIdentity(text []byte) (id Identity, version uint64, err error) {
	var r identityRecord
	if err := json.Unmarshal(text, &r); err == nil && r.Format != identityFormat {
		return id, 0, errFormat(uint64(r.Format), identityFormat)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields() // nothing of an identity may be passed over
	if err := d.Decode(&r); err != nil {
		return id, 0, err
	}
	id = Identity{
		Incarnation: chain.Incarnation(r.Incarnation), Epoch: chain.Epoch(r.Epoch), Boot: r.Boot,
		Interval: r.Interval, Alone: r.Alone, Restored: r.Restored, Distrusted: r.Distrusted,
	}
	if id.Node, err = chain.ParseNodeID(r.Node); err != nil {
		return id, 0, err
	}
	if r.Chain != "" {
		if id.Chain, err = chain.ParseID(r.Chain); err != nil {
			return id, 0, err
		}
	}
	return id, r.Version, nil
}
