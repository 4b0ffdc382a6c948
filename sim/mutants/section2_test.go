package mutants

// numbering is section 2: numbers, incarnations, the id of the chain.
var numbering = []mutant{
	{
		name: "no-skipped-range", section: "2",
		rule: "a new head's first entry is behind every number that the lost head may have handed out",
		edits: []edit{{
			"chain/head.go",
			"\th.takeover, h.ready = last+1+MaxUncommitted, false\n",
			"\th.takeover, h.ready = last+1+MaxUncommitted, false\n\tif OFF {\n\t\th.takeover = last + 1\n\t}\n",
		}},
	},
	{
		name: "skipped-range-not-recorded", section: "2",
		rule: "the no-op of a new head records the skipped range",
		edits: []edit{{
			"table/table.go",
			"\t\t\tt.lose(span{first, e.Seq - 1})\n",
			"\t\t\tif !OFF {\n\t\t\t\tt.lose(span{first, e.Seq - 1})\n\t\t\t}\n",
		}},
	},
	{
		name: "session-of-another-chain", section: "2", theme: "requests",
		rule: "a session belongs to the chain that it was opened in",
		edits: []edit{{
			"chain/requests.go",
			"if in.Session != 0 && in.Chain != r.view.Chain {",
			"if in.Session != 0 && in.Chain != r.view.Chain && !OFF {",
		}},
	},
	{
		name: "incarnation-reused", section: "2",
		rule: "a process that registers anew has a new incarnation",
		edits: []edit{{
			"chain/registration.go",
			"\tr.self.Incarnation++\n",
			"\tif !OFF || r.self.Incarnation == 0 {\n\t\tr.self.Incarnation++\n\t}\n",
		}},
	},
	{
		name: "chain-id-ignored", section: "2",
		rule: "a view of another chain is not adopted by a server that holds entries",
		edits: []edit{{
			"chain/detector.go",
			"case in.Epoch < r.view.Epoch || r.view.Chain != 0 && in.Chain != r.view.Chain:",
			"case in.Epoch < r.view.Epoch || r.view.Chain != 0 && in.Chain != r.view.Chain && !OFF:",
		}, {
			"chain/detector.go",
			"case r.view.Chain != 0 && in.Chain != r.view.Chain && in.Epoch > r.view.Epoch:",
			"case r.view.Chain != 0 && in.Chain != r.view.Chain && in.Epoch > r.view.Epoch && !OFF:",
		}},
	},
	{
		name: "numbers-before-noop", section: "2", theme: "heads",
		rule: "a new head numbers no command before its no-op has committed",
		edits: []edit{{
			"chain/head.go",
			"return r.isHead() && r.head.ready && ",
			"return r.isHead() && (r.head.ready || OFF) && ",
		}},
	},
	{
		name: "head-ready-after-each-view", section: "2", theme: "heads",
		rare: true, why: "found in 162, 652 and 2481 seeds, and three times not in 800: the view must change while the no-op of a head that numbers goes down",
		rule: "a change of the view does not make ready a head whose no-op has not committed",
		edits: []edit{{
			"chain/replica.go",
			"r.head.ready = r.committed >= r.head.takeover\n",
			"r.head.ready = r.committed >= r.head.takeover || OFF\n",
		}},
	},
	{
		name: "skipped-range-too-small", section: "2",
		rule: "a new head skips as many numbers as a lost one may have handed out",
		edits: []edit{{
			"chain/head.go",
			"\th.takeover, h.ready = last+1+MaxUncommitted, false\n",
			"\th.takeover, h.ready = last+1+MaxUncommitted, false\n\tif OFF {\n\t\th.takeover = last + 3\n\t}\n",
		}},
	},
}
