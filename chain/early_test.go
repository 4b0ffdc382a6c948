package chain

import "testing"

// TestEarlyMessagesAreBounded sends a member large messages of an epoch that it has not adopted. It keeps no more of them than it says.
func TestEarlyMessagesAreBounded(t *testing.T) {
	big := make([]byte, 1<<16)
	for _, m := range []Message{
		Append{Entries: []Entry{{Seq: 1, Epoch: 1, Kind: KindCommand, Command: big}}},
		Snapshot{Data: big},
		Welcome{},
		Ack{},
		SnapshotAck{},
		Proposed{},
		Stale{},
		Hello{},
		Barrier{},
		Ping{},
		Propose{Proposals: []Proposal{{Command: big}}},
	} {
		c := chainOf(t, 2)
		from, s := c.servers[1].r, c.servers[2]
		for range 10_000 {
			s.r.Step(c.now, Received{Envelope{
				Chain: from.view.Chain, Epoch: from.view.Epoch + 1, From: from.self.MemberID, To: s.r.self.MemberID, Message: m,
			}})
		}
		kept := 0
		for _, e := range s.r.early {
			switch m := e.Message.(type) {
			case Append, Snapshot:
				kept += len(big)
			case Propose:
				kept += len(m.Proposals[0].Command)
			}
		}
		if kept > maxEarlyBytes || len(s.r.early) > maxEarlyBytes/earlyOverhead {
			t.Errorf("%T: %d bytes in %d messages kept", m, kept, len(s.r.early))
		}
	}
}
