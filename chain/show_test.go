package chain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

func (c *cluster) say(format string, args ...any) {
	fmt.Fprintf(&c.out, format+"\n", args...)
}

// tell prints what a step has changed at a server.
func (s *server) tell() {
	st := s.r.Status()
	role := fmt.Sprintf("%s of epoch %d", st.Role, st.View.Epoch)
	if role != s.told.role && st.View.Epoch > 0 && !s.c.quiet {
		s.c.say("%d: %s", s.number, role)
	}
	if st.Committed > s.told.committed && !s.c.quiet {
		s.c.say("%d commits up to %d", s.number, st.Committed)
	}
	s.told.role, s.told.committed = role, st.Committed
}

// news prints what a server writes to its log, the same thing once.
func (c *cluster) news(s *server, n News) {
	text := n.Text
	if n.Text == ViewChanged {
		text = fmt.Sprintf("view changed: epoch %d: %s", n.View.Epoch, n.Cause)
		if n.Took > 0 {
			text += fmt.Sprintf(" (took %v)", n.Took.Round(10*time.Millisecond))
		}
		key := fmt.Sprintf("epoch %v/%d", n.View.Chain, n.View.Epoch)
		if c.said[key] {
			return
		}
		c.said[key] = true
	} else if n.Cause != "" {
		text += ": " + n.Cause
	}
	c.say("%d says: %s", s.number, text)
}

// shows tells whether a message is printed: pings never are, and what compares tables only where that is the story.
func (c *cluster) shows(m Message) bool {
	switch m.(type) {
	case Ping:
		return false
	case Digest:
		return c.showDigests
	}
	return true
}

// showMembers is "(1,2,3)".
func (c *cluster) showMembers(members []Member) string {
	var names []string
	for _, m := range members {
		names = append(names, c.name(m.MemberID))
	}
	return "(" + strings.Join(names, ",") + ")"
}

func (c *cluster) showView(v View) string {
	s := fmt.Sprintf("epoch=%d members=%s", v.Epoch, c.showMembers(v.Members))
	if v.Learner.MemberID != (MemberID{}) {
		s += " learner=" + c.name(v.Learner.MemberID)
	}
	if v.Target > 0 {
		s += fmt.Sprintf(" target=%d", v.Target)
	}
	return s
}

func (c *cluster) showAsk(a Ask) string {
	switch a := a.(type) {
	case AskRegister:
		return "register " + c.name(a.Registration.MemberID)
	case AskHeartbeat:
		s := fmt.Sprintf("heartbeat version=%d", a.Version)
		if a.Leaving {
			s += " leaving"
		}
		return s
	case AskView:
		if a.Sync {
			return "view sync"
		}
		return "view"
	case AskChange:
		s := "change " + c.showView(a.View)
		for i, d := range a.Delete {
			if i == 0 {
				s += " delete="
			} else {
				s += ","
			}
			s += c.name(d.MemberID)
		}
		return s
	case AskDelete:
		return "delete " + c.name(a.MemberID)
	}
	return kindOf(a)
}

// show is a message in a line: "1->2 Append epoch=1 seq=1". What is zero is left out.
func (c *cluster) show(env Envelope) string {
	var b strings.Builder
	name := strings.TrimPrefix(fmt.Sprintf("%T", env.Message), "chain.")
	fmt.Fprintf(&b, "%s->%s %s epoch=%d", c.name(env.From), c.name(env.To), name, env.Epoch)
	field := func(key string, v any) {
		if s := fmt.Sprint(v); s != "0" && s != "" && s != "false" && s != "0@0" {
			fmt.Fprintf(&b, " %s=%s", key, s)
		}
	}
	switch m := env.Message.(type) {
	case Hello:
		field("link", m.Link)
	case Welcome:
		field("last", m.Last)
		field("transfer", m.Transfer)
		field("chunk", m.NextChunk)
	case Append:
		field("seq", seqs(m.Entries))
		field("stable", m.Stable)
		field("committed", m.Committed)
	case Ack:
		field("committed", m.Committed)
		field("durable", m.Durable)
		field("received", m.Received)
		if m.Full != (MemberID{}) {
			field("full", c.name(m.Full))
		}
	case Snapshot:
		field("base", m.Base)
		fmt.Fprintf(&b, " chunk=%d", m.Index)
		field("last", m.Last)
	case SnapshotAck:
		field("next", m.Next)
	case Propose:
		field("first", m.First)
		for _, p := range m.Proposals {
			if p.Kind == KindSession {
				field("open", "session")
			} else {
				field("command", fmt.Sprintf("%q", p.Command))
			}
		}
	case Proposed:
		field("seq", m.Seq)
		field("refused", m.Refuse)
		if m.Full != (MemberID{}) {
			field("full", c.name(m.Full))
		}
	case Barrier:
		field("number", m.Number)
	case Ping:
		field("reply", m.Reply)
	case Digest:
		field("seq", m.Seq)
		field("sums", showSums(m.Sums))
	case Stale:
		field("newer", m.Epoch)
	}
	return b.String()
}

// showSums is "(a,b,a,?)": a letter for each sum, in the order in which they come.
func showSums(sums []Sum) string {
	var names []string
	var seen []uint64
	for _, s := range sums {
		switch i := slices.Index(seen, s.Sum); {
		case !s.Known:
			names = append(names, "?")
		case i >= 0:
			names = append(names, string(rune('a'+i)))
		default:
			names = append(names, string(rune('a'+len(seen))))
			seen = append(seen, s.Sum)
		}
		if s.Learned {
			names[len(names)-1] += " learned"
		}
	}
	return "(" + strings.Join(names, ",") + ")"
}

// seqs is "3" or "3..5", with gaps: "1,65538".
func seqs(entries []Entry) string {
	var parts []string
	for i := 0; i < len(entries); i++ {
		from := entries[i].Seq
		for i+1 < len(entries) && entries[i+1].Seq == entries[i].Seq+1 {
			i++
		}
		if entries[i].Seq > from {
			parts = append(parts, fmt.Sprintf("%d..%d", from, entries[i].Seq))
		} else {
			parts = append(parts, fmt.Sprint(from))
		}
	}
	return strings.Join(parts, ",")
}

// status is a line for each server.
func (c *cluster) status(only []int) {
	for _, n := range c.numbers() {
		s := c.servers[n]
		if len(only) > 0 && !slices.Contains(only, n) {
			continue
		}
		if s.r == nil {
			c.say("%d: down", n)
			continue
		}
		st := s.r.Status()
		c.say("%s: %s epoch=%d last=%v stable=%d committed=%d applied=%d lease=%v (%s)", c.name(st.Self.MemberID), st.Role, st.View.Epoch,
			s.r.log.last(), st.Stable, st.Committed, st.Applied, st.LeaseLeft.Round(10*time.Millisecond), st.State)
	}
}

// numberOf is the number of the server that a node runs at.
func numberOf(n NodeID) int { return int(n % 100) }

// name is a member in short: "2", "2.3" in its third incarnation, "2b" where it has been started anew with nothing.
func (c *cluster) name(m MemberID) string {
	s := fmt.Sprint(numberOf(m.Node))
	if life := m.Node / 100; life > 0 {
		s += string(rune('a' + life))
	}
	if cmp.Or(m.Incarnation, 1) != 1 {
		s += fmt.Sprintf(".%d", m.Incarnation)
	}
	return s
}
