package mutants

// once is section 6: nothing takes effect twice, and what became of a number.
var once = []mutant{
	{
		name: "no-dedup", section: "6",
		rule: "a repeat returns the stored result and changes nothing",
		edits: []edit{{
			"table/table.go",
			"if r, ok := s.result(id.Number); ok {",
			"if r, ok := s.result(id.Number); ok && !OFF {",
		}},
	},
	{
		name: "sessions-not-in-snapshot", section: "6",
		rule: "snapshots hold the sessions with their results",
		edits: []edit{{
			"table/snapshot_wire.go",
			"\tfor _, r := range s.results {\n",
			"\tfor _, r := range s.results {\n\t\tif OFF {\n\t\t\tbreak\n\t\t}\n",
		}},
	},
	{
		name: "pruned-too-early", section: "6",
		rule: "only results below done-below are forgotten",
		edits: []edit{{
			"table/session.go",
			"\tn := s.find(below)\n",
			"\tn := s.find(below)\n\tif OFF {\n\t\tn = len(s.results)\n\t}\n",
		}},
	},
	{
		name: "number-of-a-repeat-told", section: "6",
		rule: "the number of a second try is not told: it may be that of a repeat",
		edits: []edit{
			{
				"chain/requests.go",
				"\t\tif q.numbered && !q.doubt {\n",
				"\t\tif q.numbered && (!q.doubt || OFF) {\n",
			},
			{
				"chain/requests.go",
				"\tcase q.numbered && !q.doubt:\n",
				"\tcase q.numbered && (!q.doubt || OFF):\n",
			},
		},
	},
	{
		name: "given-up-as-not-executed", section: "6",
		rule: "a request that was handed to a head may have been executed",
		edits: []edit{{
			"chain/requests.go",
			"\tif q.handed == 0 {\n\t\tr.answer(q, AnswerUnsent, 0)\n",
			"\tif q.handed == 0 || OFF {\n\t\tr.answer(q, AnswerUnsent, 0)\n",
		}},
	},
	{
		name: "below-done-below-executed", section: "6",
		rule: "a request below the highest done-below changes nothing",
		edits: []edit{{
			"table/table.go",
			"\tif id.Number < s.doneBelow {\n",
			"\tif id.Number < s.doneBelow && !OFF {\n",
		}},
	},
	{
		name: "overtaken-executed", section: "6",
		rule: "a request below one that was executed changes nothing",
		edits: []edit{{
			"table/table.go",
			"if n := len(s.results); n > 0 && id.Number",
			"if n := len(s.results); n > 0 && !OFF && id.Number",
		}},
	},
	{
		name: "refused-is-executed", section: "6",
		rule: "verify says lost for a command that the table refused",
		edits: []edit{{
			"table/table.go",
			"\t\tif !r.Code.executed() {\n",
			"\t\tif !r.Code.executed() && !OFF {\n",
		}},
	},
	{
		name: "lost-not-in-snapshot", section: "6",
		rule: "snapshots hold the skipped ranges and the refused seqs",
		edits: []edit{{
			"table/snapshot_wire.go",
			"\tb = appendNumber(b, 1, uint64(s.first))\n",
			"\tif OFF {\n\t\ts.first = s.last\n\t}\n\tb = appendNumber(b, 1, uint64(s.first))\n",
		}},
	},
	{
		name: "refusal-told-at-once", section: "6",
		rule: "a refusal is told when no earlier try can be executed any more",
		edits: []edit{{
			"chain/requests.go",
			"\tcase q.doubt && r.applied < last:\n",
			"\tcase q.doubt && r.applied < last && !OFF:\n",
		}},
	},
}
