package chain

import (
	"strings"
	"testing"
	"time"
)

// TestCopy starts a server with the id of a member that lives elsewhere, as a copy of a data directory would be: it tries incarnations until one is free,
// is not taken in, and says why.
func TestCopy(t *testing.T) {
	member := Member{MemberID: MemberID{Node: 7, Incarnation: 1}, Address: "127.0.0.1:7001"}
	r, err := New(Config{
		Self: Member{MemberID: MemberID{Node: 7}, Address: "127.0.0.1:7002"}, SessionTimeout: time.Second, NewChain: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	view := Recorded{View: View{Chain: 9, Epoch: 4, Members: []Member{member}, Rules: Rules}, Version: 3}
	var said []string
	var tried []Incarnation
	now := Time(1)
	for i := range int64(200) {
		now = now.Add(25 * time.Millisecond)
		r.Step(now, Tick{})
		for out := r.Ready(); !out.Empty(); out = r.Ready() {
			for _, n := range out.News {
				said = append(said, n.Text)
			}
			for _, a := range out.Ask {
				switch a := a.(type) {
				case AskRegister:
					id := a.Registration.MemberID
					tried = append(tried, id.Incarnation)
					outcome := OutcomeOK
					if id == member.MemberID {
						outcome = OutcomeConflict
					}
					r.Step(now, CoordRegistered{Member: id, Sent: now, Outcome: outcome})
				case AskHeartbeat:
					r.Step(now, CoordRegistered{Member: a.MemberID, Sent: now, Version: a.Version + 1, Outcome: OutcomeOK})
				case AskView:
					r.Step(now, CoordView{Recorded: view, Session: 1, Outcome: OutcomeOK})
				case AskList:
					lives := Registered{Registration{Member: member, Timeout: time.Second}, i}
					r.Step(now, CoordList{Registered: []Registered{lives}, Session: 1, Outcome: OutcomeOK})
				case AskChange:
					t.Errorf("it asks for the view %v", a.View)
				}
			}
		}
	}
	if len(tried) != 2 || tried[0] != 1 || tried[1] != 2 {
		t.Errorf("it tried the incarnations %v, want 1, which is taken, and 2", tried)
	}
	if text := strings.Join(said, "\n"); !strings.Contains(text, "127.0.0.1:7001 in the chain has the id of this one") {
		t.Errorf("it said:\n%s", text)
	}
}
