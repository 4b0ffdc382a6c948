package mutants

// operators is section 5, what operators order.
var operators = []mutant{
	{
		name: "moves-before-all-has-committed", section: "5", theme: "operators",
		rule: "the head moves when all that it has numbered has committed, so that the logs are equal",
		edits: []edit{{
			"chain/operate.go",
			"\t\tif r.committed != r.log.last().Seq {\n",
			"\t\tif r.committed != r.log.last().Seq && !OFF {\n",
		}},
	},
	{
		name: "moves-by-swapping", section: "5", theme: "operators",
		rule: "the other members keep their order when the head moves",
		edits: []edit{{
			"chain/view.go",
			"\tnext.Members = append([]Member{m}, slices.DeleteFunc(slices.Clone(v.Members), func(x Member) bool { return x == m })...)\n",
			"\tnext.Members = append([]Member{m}, slices.DeleteFunc(slices.Clone(v.Members), func(x Member) bool { return x == m })...)\n" +
				"\tif i := v.Index(m.MemberID); OFF {\n\t\tnext.Members = slices.Clone(v.Members)\n\t\tnext.Members[0], next.Members[i] = m, v.Members[0]\n\t}\n",
		}},
	},
	{
		name: "old-head-insists", section: "5", theme: "operators",
		rule: "what an old head numbered after it had given up moving gives way to the new one's log, and nobody is evicted for it",
		edits: []edit{{
			"chain/down.go",
			"\t\tif !ok {\n\t\t\t// Its last entry",
			"\t\tif !ok || OFF {\n\t\t\t// Its last entry",
		}},
	},
	{
		name: "spare-keeps-its-lease", section: "5", theme: "operators",
		rule: "a tail that goes because the chain is too long gives up its lease first",
		edits: []edit{{
			"chain/leave.go",
			"\t\t\tl.leaseGiven, l.ready = true, true\n",
			"\t\t\tl.leaseGiven, l.ready = l.then != toSpare || !OFF, true\n",
		}},
	},
	{
		name: "undrained-too-early", section: "5", theme: "operators",
		rare: true, why: "found in 287 and 708 seeds: a change of the view must land unknown, and a reader ask who is out",
		rule: "who has asked to be taken out of the view serves again only when a newer view keeps it",
		edits: []edit{{
			"chain/leave.go",
			"r.isMember() && !l.asked {\n",
			"r.isMember() && (!l.asked || OFF) {\n",
		}},
	},
	{
		name: "taken-back-as-it-was", section: "5", theme: "operators",
		rare: true, why: "the simulator found it when it was no mutant, in some 2000 seeds: a new head must be drained before anybody has seen it",
		rule: "who is no member any more registers anew before it is taken in, and forgets then what did not reach its tail",
		edits: []edit{
			{
				"chain/leave.go",
				"l.out || r.isMember()",
				"l.out || (r.isMember() || OFF)",
			},
			{
				"chain/registration.go",
				"\tr.learn.from = MemberID{}\n",
				"\tif !OFF {\n\t\tr.learn.from = MemberID{}\n\t}\n",
			},
		},
	},
	{
		name: "drained-is-taken-in", section: "5", theme: "operators",
		rule: "nobody takes in a server whose registration says that it is leaving",
		edits: []edit{{
			"chain/change.go",
			"return r.view.HasNode(s.Node) || s.Leaving ||",
			"return r.view.HasNode(s.Node) || s.Leaving && !OFF ||",
		}},
	},
}
