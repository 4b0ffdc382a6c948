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
		name: "session-of-another-chain", section: "2",
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
}
