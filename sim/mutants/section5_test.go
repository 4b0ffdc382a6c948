package mutants

// views is section 5, how members are removed; joins how servers are taken in; restarts how a dead chain comes back.
var views = []mutant{
	{
		name: "registration-not-deleted", section: "5",
		rule: "the registration of a removed member is deleted in the same transaction, at the version last seen",
		edits: []edit{{
			"chain/change.go",
			"Delete: r.watch.deletions(gone)})\n",
			"Delete: r.watch.deletions(gone)})\n\tif OFF {\n\t\tr.out.Ask[len(r.out.Ask)-1] = AskChange{From: r.view.Version, View: v}\n\t}\n",
		}},
	},
	{
		name: "leaves-to-nobody", section: "5",
		rule: "a member leaves the chain only to another that lives",
		edits: []edit{{
			"chain/change.go",
			"return r.leave.ready && !r.teach.proposed && r.settled() && r.othersStay()",
			"return r.leave.ready && !r.teach.proposed && r.settled() && (r.othersStay() || OFF)",
		}},
	},
	{
		name: "epochs-go-back", section: "2",
		rule: "an older view is not adopted",
		edits: []edit{
			{
				"chain/replica.go",
				"\tknown := v.Epoch < r.view.Epoch || ",
				"\tknown := v.Epoch < r.view.Epoch && !OFF || ",
			},
			{
				"chain/detector.go",
				"case in.Epoch < r.view.Epoch || r.view.Chain != 0 && in.Chain != r.view.Chain:",
				"case in.Epoch < r.view.Epoch && !OFF || r.view.Chain != 0 && in.Chain != r.view.Chain:",
			},
		},
	},
	{
		name: "own-change-adopted-unasked", section: "5",
		rule: "a change of the view is in force when the coordinator says so",
		edits: []edit{{
			"chain/change.go",
			"\tif in.Outcome == OutcomeOK {\n",
			"\tif in.Outcome == OutcomeOK || OFF && in.Outcome == OutcomeUnknown {\n",
		}},
	},
	{
		name: "new-tail-commits-all", section: "5",
		rule: "a new tail commits what is stable in its log",
		edits: []edit{{
			"chain/replica.go",
			"\tif !r.learning {\n\t\tr.abandon()\n\t}\n",
			"\tif !r.learning {\n\t\tr.abandon()\n\t}\n\tif OFF && r.isTail() && old.Index(r.self.MemberID) >= 0 && old.Tail().MemberID != r.self.MemberID {\n\t\tr.commit(r.log.last().Seq)\n\t}\n",
		}},
	},
	{
		name: "forgets-when-it-registers", section: "5",
		rule: "a member that registers anew forgets nothing",
		edits: []edit{{
			"chain/registration.go",
			"\tr.index, r.learning = -1, false\n",
			"\tif OFF && r.view.Chain != 0 {\n\t\tr.forget(MemberID{})\n\t}\n\tr.index, r.learning = -1, false\n",
		}},
	},
	{
		name: "removal-without-waiting", section: "5", theme: "joins",
		rule: "a registration must have stood still for T before its member is removed",
		edits: []edit{{
			"chain/detector.go",
			"\treturn d.anotherLife(r, m) || d.observed-d.stillSince(s) >= max(r.timeout(), s.Timeout)\n",
			"\tif OFF && d.observed-s.still >= r.timeout()*4/10 {\n\t\treturn true\n\t}\n\treturn d.anotherLife(r, m) || d.observed-d.stillSince(s) >= max(r.timeout(), s.Timeout)\n",
		}},
	},
	{
		name: "evicted-without-waiting", section: "5",
		rule: "a member whose registration was deleted is removed after T",
		edits: []edit{{
			"chain/change.go",
			"\t\tr.watch.miss(r, m)\n",
			"\t\tr.watch.miss(r, m)\n\t\tif OFF {\n\t\t\tr.watch.seen[m.MemberID].still = r.watch.observed - r.timeout()\n\t\t}\n",
		}},
	},
	{
		name: "missing-without-waiting", section: "5",
		rule: "a member whose registration is missing is removed after T",
		edits: []edit{{
			"chain/detector.go",
			"\ts.missing, s.still, s.at = true, d.observed, r.now\n",
			"\ts.missing, s.still, s.at = true, d.observed, r.now\n\tif OFF {\n\t\ts.still -= r.timeout()\n\t}\n",
		}},
	},
	{
		name: "older-epoch-adopted-after-loss", section: "5",
		rule: "a server that finds a lower epoch than it knew does not follow it",
		edits: []edit{{
			"chain/detector.go",
			"case in.Epoch < r.view.Epoch || r.view.Chain",
			"case in.Epoch < r.view.Epoch && !OFF || r.view.Chain",
		}, {
			"chain/replica.go",
			"\tknown := v.Epoch < r.view.Epoch || v.Epoch == ",
			"\tknown := v.Epoch < r.view.Epoch && !OFF || v.Epoch == ",
		}},
	},
	{
		name: "time-counts-while-cut-off", section: "5",
		rule: "the time that a registration stands still counts only while the remover's own heartbeats succeed",
		edits: []edit{{
			"chain/detector.go",
			"\tcase !r.reg.reachable(r):\n",
			"\tcase !r.reg.reachable(r) && !OFF:\n",
		}, {
			"chain/detector.go",
			"\tcase d.tickedAt != 0 && passed <= r.timeout()/2:\n",
			"\tcase d.tickedAt != 0 && (passed <= r.timeout()/2 || OFF):\n",
		}, {
			"chain/detector.go",
			"\tif since <= timeout/2 {\n",
			"\tif since <= timeout/2 || OFF {\n",
		}},
	},
	{
		name: "missing-from-any-session", section: "5", theme: "plain",
		rare: true, why: "found in 160, 973 and 1966 seeds, and once not in 3000: a new session must be behind for T, right after a join",
		rule: "a registration is missing only from a list of a session that has read the view that names it",
		edits: []edit{{
			"chain/detector.go",
			"d.listKnew.session == in.Session && in.Session == d.viewSession\n",
			"(d.listKnew.session == in.Session && in.Session == d.viewSession || OFF)\n",
		}},
	},
	{
		name: "leaves-with-a-lease", section: "5", theme: "reads",
		rule: "a member that leaves gives up its lease first, for good",
		edits: []edit{{
			"chain/leave.go",
			"\t\t\tl.leaseGiven, l.ready = true, true\n",
			"\t\t\tl.leaseGiven, l.ready = !OFF, true\n",
		}},
	},
	{
		name: "fact-kept", section: "5, 3", theme: "joins",
		rare: true, why: "found in 794 seeds",
		rule: "a tail steps back for one learner, in one epoch",
		edits: []edit{{
			"chain/teacher.go",
			"\t*t = teacher{\n\t\ttransfer: t.transfer, transfers: t.transfers, arrived: t.arrived, base: t.base, size: t.size, progressAt: r.now,\n\t\tarrival: t.arrival, paid: t.paid, reads: t.reads, reading: t.reading,\n\t}\n",
			"\twas := *t\n\t*t = teacher{\n\t\ttransfer: t.transfer, transfers: t.transfers, arrived: t.arrived, base: t.base, size: t.size, progressAt: r.now,\n\t\tarrival: t.arrival, paid: t.paid, reads: t.reads, reading: t.reading,\n\t}\n\tif OFF {\n\t\tt.fact, t.mark, t.since = was.fact, was.mark, was.since\n\t}\n",
		}},
	},
	{
		name: "version-of-another-session", section: "5", theme: "wipes",
		rule: "the version of the view counts only in the session that read it: an emptied coordinator begins to count anew",
		edits: []edit{{
			"chain/change.go",
			"r.change.session = true, Recorded{v, r.view.Version}, r.watch.viewSession\n",
			"r.change.session = true, Recorded{v, r.view.Version}, r.watch.viewSession\n\tif OFF {\n\t\tr.change.session = 0\n\t}\n",
		}},
	},
	{
		name: "asks-twice-for-an-epoch", section: "5", theme: "wipes",
		rare: true, why: "found in 4246 seeds, and once not in 3000: a registration must go while a change is under way, which must succeed",
		rule: "while a change is under way nothing else is asked for in its epoch, by no incarnation",
		edits: []edit{{
			"chain/registration.go",
			"\tr.change.due, r.change.create, r.change.waits = true, false, \"\"\n",
			"\tr.change.due, r.change.create, r.change.waits = true, false, \"\"\n\tif OFF {\n\t\tr.change.inFlight = false\n\t}\n",
		}},
	},
	{
		name: "still-in-another-session", section: "5, 7", theme: "wipes",
		seeds: 30000, rare: true, why: "found in some 4000 seeds: an older state must be there again within T, soon after a member died",
		rule: "that a registration stands still counts only within the session that makes the change: an older one may have been brought back",
		edits: []edit{{
			"chain/detector.go",
			"{ return max(s.still, d.since) }",
			"{\n\tif OFF {\n\t\treturn s.still\n\t}\n\treturn max(s.still, d.since)\n}",
		}},
	},
	{
		name: "older-version-not-believed", section: "7", theme: "wipes",
		progress: true, why: "no heartbeat succeeds any more, and nobody serves what is old",
		rule: "the version of a registration is what the coordinator says, also where it was brought back from an older backup",
		edits: []edit{{
			"chain/registration.go",
			"\t\tg.doubt, g.version = false, regs[i].Version\n",
			"\t\tg.doubt = false\n\t\tif !OFF || regs[i].Version > g.version {\n\t\t\tg.version = regs[i].Version\n\t\t}\n",
		}},
	},
	{
		name: "answer-of-another-change", section: "5", theme: "sessions",
		rule: "the answer to a change of an epoch that has passed changes nothing",
		edits: []edit{{
			"chain/change.go",
			"\tif !c.inFlight || in.Epoch != c.view.Epoch {\n",
			"\tif !c.inFlight || in.Epoch != c.view.Epoch && !OFF {\n",
		}},
	},
}

var joins = []mutant{
	{
		name: "older-log-out-of-place", section: "5, 2", theme: "rejoins",
		rare: true, why: "found in 1477 seeds: a learner must come back while a read for its former link is under way",
		rule: "older log goes to the learner only behind what that was sent before it: neither a read of before counts, nor what leaves a gap",
		edits: []edit{
			{
				"chain/recall.go",
				"	if x == nil || x.wants != in.Number {\n",
				"	if x == nil || x.wants != in.Number && !OFF {\n",
			},
			{
				"chain/recall.go",
				"\t\tif next != prev.Seq+1 || e.Seq < next",
				"\t\tif (next != prev.Seq+1 || e.Seq < next) && !OFF",
			},
		},
	},
	{
		name: "disk-begins-where-it-can", section: "5, 2", theme: "rejoins",
		rule: "the tail's disk must hold exactly the learner's last entry, and what follows it without a gap",
		edits: []edit{
			{
				"storage/read.go",
				"\tif i < 0 {\n\t\treturn nil, ErrNotHeld\n\t}\n\tfor",
				"\tanywhere := i < 0\n\tif i < 0 && !OFF {\n\t\treturn nil, ErrNotHeld\n\t}\n\ti = max(i, 0)\n\tfor",
			},
			{
				"storage/read.go",
				"\tr := reading{log: l, after: after, left: maxBytes}\n",
				"\tr := reading{log: l, after: after, left: maxBytes, found: anywhere}\n",
			},
			{
				"chain/recall.go",
				"\t\tif next != prev.Seq+1 || e.Seq < next",
				"\t\tif (next != prev.Seq+1 || e.Seq < next) && !OFF",
			},
		},
		elsewhere: "storage", // and chain's TestRecallBelieves
	},
	{
		name: "learner-with-id-of-member", section: "5, 1",
		rule: "no server is learner while a member has its id",
		edits: []edit{{
			"chain/change.go",
			"return r.view.HasNode(s.Node) || s.Leaving",
			"return r.view.HasNode(s.Node) && !OFF || s.Leaving",
		}},
	},
	{
		name: "received-is-durable", section: "5, 2", theme: "joins",
		rule: "a learner acknowledges what it holds durably",
		edits: []edit{{
			"chain/down.go",
			"\td.durable = max(d.durable, min(m.Durable, last))\n",
			"\td.durable = max(d.durable, min(m.Durable, last))\n\tif OFF {\n\t\td.durable = max(d.durable, min(m.Received, last))\n\t}\n",
		}},
	},
	{
		name: "ready-when-received", section: "5, 4", theme: "joins",
		rule: "a learner is level when it holds its tail's log durably",
		edits: []edit{{
			"chain/teacher.go",
			"t.transfer == nil && r.down.durable >= t.mark &&",
			"t.transfer == nil && (r.down.durable >= t.mark || OFF && r.down.received >= t.mark) &&",
		}},
	},
	{
		name: "half-a-snapshot-acknowledged", section: "5, 2", theme: "joins",
		rule: "a learner whose snapshot is not whole acknowledges nothing as durable",
		edits: []edit{{
			"chain/up.go",
			"a.Committed, a.Durable, a.Received = 0, 0, s.log.last().Seq",
			"a.Committed, a.Durable, a.Received = 0, 0, s.log.last().Seq\n\t\tif OFF {\n\t\t\ta.Durable = a.Received\n\t\t}",
		}},
	},
	{
		name: "tail-in-name-first", section: "5, 3", theme: "joins",
		rule: "first the tail in fact, then in name",
		edits: []edit{
			{
				"chain/commit.go",
				"\tif r.teach.fact || r.teach.proposed {\n",
				"\tif (r.teach.fact || r.teach.proposed) && !OFF {\n",
			},
		},
	},
	{
		name: "no-mark", section: "5, 4", theme: "joins",
		rule: "the learner must have acknowledged the whole log that its tail had when it stepped back",
		edits: []edit{{
			"chain/teacher.go",
			"r.down.durable >= t.mark && r.down.durable",
			"(r.down.durable >= t.mark || OFF) && r.down.durable",
		}},
	},
	{
		name: "commits-alone-while-unknown", section: "5, 4", theme: "joins",
		rule: "from proposing until it has adopted a newer view the tail commits only what the learner has acknowledged",
		edits: []edit{{
			"chain/change.go",
			"\tc.notBefore = r.now.Add(r.timeout() / 16)\n",
			"\tc.notBefore = r.now.Add(r.timeout() / 16)\n\tif OFF {\n\t\tr.teach.fact, r.teach.proposed = false, false\n\t}\n",
		}},
	},
	{
		name: "unknown-settled-by-rereading", section: "5, 4", theme: "joins",
		rule: "a re-read that still shows the old epoch settles nothing",
		edits: []edit{{
			"chain/detector.go",
			"\tr.reg.judge(r, d.syncing)\n",
			"\tif OFF && in.Epoch == r.view.Epoch && d.viewKnew == r.view.Epoch && !r.change.inFlight {\n\t\tr.teach.fact, r.teach.proposed = false, false\n\t}\n\tr.reg.judge(r, d.syncing)\n",
		}},
	},
	{
		name: "gives-up-after-proposing", section: "5, 3", theme: "joins",
		rule: "the tail may begin again only until it has proposed",
		edits: []edit{{
			"chain/teacher.go",
			"\tcase t.proposed:\n",
			"\tcase OFF && t.proposed && r.now.Sub(t.since) > r.timeout()/2:\n\t\tt.fact, t.proposed = false, false\n\tcase t.proposed:\n",
		}},
	},
	{
		name: "uncommitted-suffix-kept", section: "5, 2", theme: "heads",
		rule: "a learner forgets what it does not know to be committed when it begins to learn",
		edits: []edit{{
			"chain/up.go",
			"\tif r.learning && r.learn.from != from {\n",
			"\tif OFF && r.learning {\n\t\tr.learn.from = from\n\t}\n\tif r.learning && r.learn.from != from {\n",
		}},
	},
	{
		name: "welcome-is-durable", section: "5, 2", theme: "joins",
		rule: "a Welcome acknowledges nothing",
		edits: []edit{{
			"chain/down.go",
			"\td.up, d.sent, d.received = true, m.Last, m.Last.Seq\n",
			"\td.up, d.sent, d.received = true, m.Last, m.Last.Seq\n\tif OFF {\n\t\td.acked, d.durable = true, max(d.durable, m.Last.Seq)\n\t}\n",
		}},
	},
	{
		name: "snapshot-durable-at-once", section: "5, 2", theme: "joins",
		rule: "the log behind a snapshot is durable when it is on disk",
		edits: []edit{{
			"chain/learner.go",
			"\tr.commit(s.committed)\n",
			"\tif OFF {\n\t\tr.durable = r.log.last().Seq\n\t}\n\tr.commit(s.committed)\n",
		}},
	},
	{
		name: "snapshot-of-another-base", section: "5, 2", theme: "joins",
		rule: "the log is sent from the snapshot's seq on",
		edits: []edit{{
			"chain/teacher.go",
			"x.started, x.base = true, r.log.floor(r.applying)\n",
			"x.started, x.base = true, r.log.floor(r.applying)\n\t\t\tif OFF {\n\t\t\t\tx.base = r.log.last()\n\t\t\t}\n",
		}},
	},
	{
		name: "ack-of-a-learner-commits", section: "5, 3", theme: "joins",
		rule: "a learner commits nothing",
		edits: []edit{{
			"chain/down.go",
			"\tif r.isTail() {\n\t\treturn // a learner commits nothing\n",
			"\tif r.isTail() {\n\t\tif OFF {\n\t\t\tr.commit(min(m.Durable, last))\n\t\t}\n\t\treturn // a learner commits nothing\n",
		}},
	},
	{
		name: "learner-drops-acknowledged", section: "5, 2", theme: "joins",
		rule: "a learner never drops what it acknowledged, whatever happens to the link",
		edits: []edit{{
			"chain/up.go",
			"\tif r.learning && r.learn.from != from {\n",
			"\tif r.learning && (r.learn.from != from || OFF) {\n",
		}},
	},
}

var restarts = []mutant{
	{
		name: "restart-by-a-non-member", section: "5",
		rule: "only members of the latest view restart its chain",
		edits: []edit{{
			"chain/restart.go",
			"\t\ti := r.memberByNode(s.Node)\n",
			"\t\ti := r.memberByNode(s.Node)\n\t\tif i < 0 && OFF && s.Complete && !s.Leaving && (r.watch.fresh(r, s.MemberID) || s.MemberID == r.self.MemberID) {\n\t\t\tpresent = append(present, s)\n\t\t\tcontinue\n\t\t}\n",
		}},
	},
	{
		name: "empty-restart-while-one-is-silent", section: "5",
		rule: "a chain begins anew, empty, only when each member is known to be dead",
		edits: []edit{{
			"chain/restart.go",
			"\t\tif !abandoned && !r.probe.dead[m.MemberID] {\n",
			"\t\tif !abandoned && !r.probe.dead[m.MemberID] && !OFF {\n",
		}},
	},
	{
		name: "empty-restart-of-durable", section: "5",
		rule: "a chain with a durable member does not begin anew, empty",
		edits: []edit{{
			"chain/restart.go",
			"\tif disks := r.withDisks(); len(disks) > 0 && !abandoned {\n",
			"\tif disks := r.withDisks(); len(disks) > 0 && !abandoned && !OFF {\n",
		}},
	},
	{
		name: "joins-behind-an-empty-restart", section: "5",
		rule: "a server that holds entries never joins behind an empty restart",
		edits: []edit{{
			"chain/detector.go",
			"\t\tif r.isMember() || r.holdsEntries() {\n",
			"\t\tif (r.isMember() || r.holdsEntries()) && !OFF {\n",
		}},
	},
	{
		name: "leaves-the-chain-to-the-dead", section: "5", theme: "joins",
		progress: true, why: "what it broke waits for a server that never comes back; nothing wrong is ever said",
		rule: "a restarted server takes its former life out of the chain only where another member lives",
		edits: []edit{{
			"chain/restart.go",
			"func (r *Replica) removePredecessor() {\n\tif !slices",
			"func (r *Replica) removePredecessor() {\n\tif !OFF && !slices",
		}},
	},
	{
		name: "restart-in-chain-order", section: "5", theme: "disks",
		rule: "the longest log restarts a dead chain",
		edits: []edit{{
			"chain/restart.go",
			"\tmembers := make([]Member, len(present))\n",
			"\tif OFF {\n\t\tslices.SortFunc(present, func(a, b *sighting) int { return cmp.Compare(r.memberByNode(a.Node), r.memberByNode(b.Node)) })\n\t}\n\tmembers := make([]Member, len(present))\n",
		}},
	},
	{
		name: "restart-without-waiting", section: "5",
		rule: "all members must be removable before the chain is restarted",
		edits: []edit{{
			"chain/restart.go",
			"\t\tif !r.watch.removable(r, m.MemberID) {\n",
			"\t\tif !r.watch.removable(r, m.MemberID) && !OFF {\n",
		}},
	},
	{
		name: "whole-snapshot-is-nothing", section: "5", theme: "stalls",
		rule: "a server that is about to put a snapshot in place holds entries",
		edits: []edit{{
			"chain/learner.go",
			"|| s != nil && s.whole\n",
			"|| s != nil && s.whole && !OFF\n",
		}},
	},
	{
		name: "empty-restart-by-a-full-server", section: "5", theme: "joins",
		rare: true, why: "found in 137, 223, 475 and 608 seeds, and once not in 3000",
		rule: "a server that holds entries does not begin an empty chain",
		edits: []edit{{
			"chain/restart.go",
			"\tif r.holdsEntries() {\n",
			"\tif r.holdsEntries() && !OFF {\n",
		}},
	},
}
