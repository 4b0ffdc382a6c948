package sim

import (
	"fmt"

	"github.com/chaintable/chaintable/chain"
)

// quiet tells messages that a story is better without.
func quiet(m chain.Message) bool {
	_, ping := m.(chain.Ping)
	return ping
}

// show is a message in one line.
func show(env chain.Envelope) string {
	head := fmt.Sprintf("%T", env.Message)[len("chain."):] + fmt.Sprintf(" epoch=%d", env.Epoch)
	switch m := env.Message.(type) {
	case chain.Append:
		text := fmt.Sprintf("%s link=%d prev=%v stable=%d committed=%d", head, m.Link, m.Prev, m.Stable, m.Committed)
		for i := range m.Entries {
			if i == 3 {
				return fmt.Sprintf("%s ... %d entries", text, len(m.Entries))
			}
			text += fmt.Sprintf(" {%.60s}", m.Entries[i].String())
		}
		return text
	case chain.Snapshot:
		return fmt.Sprintf("%s link=%d transfer=%d base=%v index=%d last=%t (%d bytes)", head, m.Link, m.Transfer, m.Base, m.Index, m.Last, len(m.Data))
	case chain.Propose:
		text := fmt.Sprintf("%s stream=%d first=%d", head, m.Stream, m.First)
		for _, p := range m.Proposals {
			text += fmt.Sprintf(" %v/%d", p.Request.Session, p.Request.Number)
		}
		return text
	}
	return fmt.Sprintf("%s %+v", head, env.Message)
}

// quietAsk tells requests to the coordinator that a story is better without.
func quietAsk(a chain.Ask) bool {
	switch a.(type) {
	case chain.AskView, chain.AskList, chain.AskHeartbeat:
		return true
	}
	return false
}

// showAsk is a request to the coordinator in one line.
func (w *world) showAsk(a chain.Ask) string {
	switch a := a.(type) {
	case chain.AskRegister:
		return fmt.Sprintf("register %v last=%v", a.Registration.MemberID, a.Registration.Last)
	case chain.AskChange:
		text := fmt.Sprintf("change from version %d to %s", a.From, w.showView(a.View))
		for _, d := range a.Delete {
			text += fmt.Sprintf(", delete %s@%d", w.named(d.MemberID), d.Version)
		}
		return text
	case chain.AskDelete:
		return fmt.Sprintf("delete %s@%d", w.named(a.MemberID), a.Version)
	}
	return fmt.Sprintf("%T", a)
}
