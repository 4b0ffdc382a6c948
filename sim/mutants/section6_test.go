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
		name: "steps-not-in-snapshot", section: "6",
		rule: "snapshots hold what the steps of transactions found",
		edits: []edit{{
			"table/snapshot_wire.go",
			"return appendStepResults(b, steps)",
			"if OFF {\n\t\tsteps = nil\n\t}\n\treturn appendStepResults(b, steps)",
		}},
	},
	{
		name: "repeat-without-steps", section: "6",
		rule: "the stored result of a transaction has its steps",
		edits: []edit{{
			"table/session.go",
			"return Result{r.code, r.seq, r.count, s.found.by(number)}, true",
			"if OFF {\n\t\t\treturn Result{r.code, r.seq, r.count, nil}, true\n\t\t}\n\t\treturn Result{r.code, r.seq, r.count, s.found.by(number)}, true",
		}},
	},
	{
		name: "txn-repeated", section: "6",
		rule: "a repeated transaction does nothing, although it would find other things",
		edits: []edit{{
			"table/table.go",
			"\tif r, ok := s.result(id.Number); ok {\n\t\treturn r\n",
			"\tif r, ok := s.result(id.Number); ok {\n\t\tif OFF && len(r.Steps) > 0 {\n\t\t\treturn t.execute(e, MaxResultBytes)\n\t\t}\n\t\treturn r\n",
		}},
	},
	{
		name: "both-branches", section: "6",
		rule: "else is not done where all comparisons hold",
		edits: []edit{{
			"table/txn_execute.go",
			"\tr.Steps = ownSteps(r.Steps)\n\tfor i := range branch {\n",
			"\tr.Steps = ownSteps(r.Steps)\n\tif OFF && r.Count == 1 {\n\t\tbranch = append(branch[:len(branch):len(branch)], c.Else...)\n\t}\n\tfor i := range branch {\n",
		}},
	},
	{
		name: "too-large-changes", section: "6",
		rule: "a transaction whose result finds no room changes nothing",
		edits: []edit{{
			"table/txn_execute.go",
			"\tif !r.play(branch, t.find, seq, room) {\n",
			"\tif !r.play(branch, t.find, seq, room) {\n\t\tfor i := range branch {\n\t\t\tif s := &branch[i]; OFF && s.Op == StepPut {\n\t\t\t\tt.put(s.Key, s.Value, seq)\n\t\t\t}\n\t\t}\n",
		}},
	},
	{
		name: "too-large-tried-again", section: "6", theme: "requests",
		rare: true, why: "a repeat must come when there is room",
		rule: "a transaction that was refused for its size stays refused",
		edits: []edit{{
			"table/table.go",
			"\tif r.Code.executed() || r.Code == CodeFull {\n",
			"\tif r.Code.executed() || r.Code == CodeFull && !OFF {\n",
		}},
	},
	{
		name: "pruned-too-early", section: "6", theme: "requests",
		rule: "only results below done-below are forgotten",
		edits: []edit{{
			"table/session.go",
			"\tn := s.find(below)\n",
			"\tn := s.find(below)\n\tif OFF {\n\t\tn = len(s.results)\n\t}\n",
		}},
	},
	{
		name: "number-of-a-repeat-told", section: "6", theme: "requests",
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
		name: "given-up-as-not-executed", section: "6", theme: "requests",
		rule: "a request that was handed to a head may have been executed",
		edits: []edit{{
			"chain/requests.go",
			"\tif q.handed == 0 {\n\t\tr.answer(q, AnswerUnsent, 0)\n",
			"\tif q.handed == 0 || OFF {\n\t\tr.answer(q, AnswerUnsent, 0)\n",
		}},
	},
	{
		name: "below-done-below-executed", section: "6", theme: "requests",
		rule: "a request below the highest done-below changes nothing",
		edits: []edit{{
			"table/table.go",
			"\tif id.Number < s.doneBelow {\n",
			"\tif id.Number < s.doneBelow && !OFF {\n",
		}},
	},
	{
		name: "overtaken-executed", section: "6", theme: "requests",
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
		name: "lost-not-in-snapshot", section: "6", theme: "requests",
		rule: "snapshots hold the skipped ranges and the refused seqs",
		edits: []edit{{
			"table/snapshot_wire.go",
			"\tb = appendNumber(b, 1, uint64(s.first))\n",
			"\tif OFF {\n\t\ts.first = s.last\n\t}\n\tb = appendNumber(b, 1, uint64(s.first))\n",
		}},
	},
	{
		name: "refusal-told-at-once", section: "6", theme: "requests",
		rule: "a refusal is told when no earlier try can be executed any more",
		edits: []edit{{
			"chain/requests.go",
			"\tcase q.doubt && r.applied < last:\n",
			"\tcase q.doubt && r.applied < last && !OFF:\n",
		}},
	},
	{
		name: "forgotten-session-sent-again", section: "6", theme: "requests",
		rule: "what may have been executed in a forgotten session is not sent again under a new one",
		edits: []edit{{
			"chain/requests.go",
			"\tif q.handed > 1 || q.doubt {\n",
			"\tif (q.handed > 1 || q.doubt) && !OFF {\n",
		}},
	},
	{
		name: "snapshot-without-order-of-use", section: "6",
		progress: true, why: "a table does not take a snapshot whose sessions are in another order than their results",
		rule: "a snapshot holds the sessions in the order of their use",
		edits: []edit{{
			"table/snapshot.go",
			"slices.SortFunc(s.sessions, func(a, b session) int { return cmp.Compare(a.used, b.used) })\n",
			"slices.SortFunc(s.sessions, func(a, b session) int { return cmp.Compare(a.used, b.used) })\n\t\tif OFF {\n\t\t\tfor i, j := 0, len(s.sessions)-1; i < j; i, j = i+1, j-1 {\n\t\t\t\ta, b := &s.sessions[i], &s.sessions[j]\n\t\t\t\ta.id, b.id = b.id, a.id\n\t\t\t\ta.doneBelow, b.doneBelow = b.doneBelow, a.doneBelow\n\t\t\t\ta.results, b.results = b.results, a.results\n\t\t\t}\n\t\t}\n",
		}},
	},
	{
		name: "oldest-opened-goes", section: "6", theme: "requests",
		rule: "the session whose last command is oldest goes, not the one opened first",
		edits: []edit{{
			"table/session.go",
			"\ts.unlink(i)\n\ts.link(i)\n",
			"\tif !OFF {\n\t\ts.unlink(i)\n\t\ts.link(i)\n\t}\n",
		}},
	},
	{
		name: "blind", section: "6", theme: "requests",
		rare: true, why: "found in 748 seeds: a server must lose its place while a request is under way, and find it refused when it is back",
		rule: "a refusal is not told as such where an earlier try may be in a snapshot that was taken",
		edits: []edit{{
			"chain/requests.go",
			"\tcase q.blind:\n",
			"\tcase q.blind && !OFF:\n",
		}},
	},
	{
		name: "done-below-too-high", section: "6", theme: "requests",
		rare: true, why: "found in 131, 242, 381 and 805 seeds, and once not in 500: a later request must stand before one that is still to come",
		rule: "done-below is not above a request without a result",
		edits: []edit{{
			"chain/requests.go",
			"q.proposal.Request.Session, q.proposal.DoneBelow = p.session, p.below\n",
			"q.proposal.Request.Session, q.proposal.DoneBelow = p.session, p.below\n\tif OFF {\n\t\tq.proposal.DoneBelow = q.proposal.Request.Number\n\t}\n",
		}},
	},
}
