package coordtest

import (
	"testing"
	"time"

	"github.com/chaintable/chaintable/coord"
)

// check is one claim of the contract.
type check struct {
	name string
	run  func(*kit)
}

// checks are all claims, in the order of coord.Client's methods.
var checks = []check{
	{"Register/creates", registerCreates},
	{"Register/refuses what exists", registerExisting},
	{"Register/keeps incarnations apart", registerIncarnations},
	{"Register/refuses what is no registration", registerInvalid},
	{"Register/once among racers", registerRace},
	{"Heartbeat/replaces and counts", heartbeatReplaces},
	{"Heartbeat/refuses another version", heartbeatVersion},
	{"Heartbeat/does not create", heartbeatMissing},
	{"Heartbeat/once among racers", heartbeatRace},
	{"Delete/deletes", deleteDeletes},
	{"Delete/refuses another version", deleteVersion},
	{"List/is empty, then in order", listOrder},
	{"List/belongs to the caller", listOwned},
	{"View/is missing", viewMissing},
	{"View/shows what was set", viewRoundTrip},
	{"Change/creates once among racers", changeCreateRace},
	{"Change/refuses another version", changeVersion},
	{"Change/refuses what another session read", changeSession},
	{"Change/sets once among racers", changeRace},
	{"Change/refuses what is no view", changeInvalid},
	{"Removal/does all", removalAll},
	{"Removal/or nothing", removalNothing},
	{"Removal/at one moment", removalMoment},
	{"Reads/show own changes", readsOwn},
	{"Reads/show why a change was refused", readsRefusal},
	{"Reads/with sync show what is newest", readsSync},
	{"Reads/never go back", readsMonotonic},
	{"Session/is numbered and never falls", sessionMonotonic},
	{"News/of the view and of registrations", newsComes},
	{"News/makes nobody wait", newsCoalesced},
	{"Context/ended", contextEnded},
	{"Close/refuses calls and keeps records", closeRefuses},
	{"Concurrent/calls of one client", concurrentCalls},
}

// patience is how long the suite waits for what must come.
const patience = 20 * time.Second

// Run runs the suite. new is called for each test and gives it an empty coordinator: a function that opens clients
// of it. The suite closes them.
func Run(t *testing.T, new func(t *testing.T) func(name string) coord.Client) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			c.run(&kit{TB: t, new: new(t)})
		})
	}
}
