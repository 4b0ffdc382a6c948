package mutants

// normal is section 3: how a write runs down the chain.
var normal = []mutant{
	{
		name: "commit-before-stable", section: "3, 4",
		rule: "the tail commits up to its stable, not its log",
		edits: []edit{{
			"chain/commit.go",
			"\tlimit := r.stable()\n",
			"\tlimit := r.stable()\n\tif OFF {\n\t\tlimit = r.log.last().Seq\n\t}\n",
		}},
	},
	{
		name: "stable-without-predecessor", section: "3, 3",
		rule: "stable is not above the predecessor's",
		edits: []edit{{
			"chain/commit.go",
			"\treturn max(r.committed, min(r.durable, r.up.stable))\n",
			"\tif OFF {\n\t\treturn max(r.committed, r.durable)\n\t}\n\treturn max(r.committed, min(r.durable, r.up.stable))\n",
		}},
	},
	{
		name: "stable-without-own-disk", section: "3, 3",
		rule: "stable is not above what is durable here",
		edits: []edit{{
			"chain/commit.go",
			"\treturn max(r.committed, min(r.durable, r.up.stable))\n",
			"\tif OFF {\n\t\treturn max(r.committed, min(r.log.last().Seq, r.up.stable))\n\t}\n\treturn max(r.committed, min(r.durable, r.up.stable))\n",
		}},
	},
	{
		name: "head-stable-before-disk", section: "3, 3",
		rule: "the head counts as stable only what is on its disk",
		edits: []edit{{
			"chain/commit.go",
			"\t\treturn max(r.committed, r.durable)\n",
			"\t\tif OFF {\n\t\t\treturn r.log.last().Seq\n\t\t}\n\t\treturn max(r.committed, r.durable)\n",
		}},
	},
	{
		name: "durable-is-committed", section: "3, 4",
		rule: "only the tail's word commits, not what the successor has on disk",
		edits: []edit{{
			"chain/down.go",
			"\tr.commit(m.Committed)\n}\n\n// linkReset",
			"\tif OFF {\n\t\tr.commit(min(m.Durable, last))\n\t}\n\tr.commit(m.Committed)\n}\n\n// linkReset",
		}},
	},
	{
		name: "applied-before-committed", section: "3, 5",
		rule: "only what is committed is applied",
		edits: []edit{{
			"chain/commit.go",
			"\tif r.applying >= r.committed || r.applying > r.applied {\n\t\treturn\n\t}\n\tfrom, to := r.log.after(r.applying), r.log.after(r.committed)\n",
			"\tif r.applying >= max(r.committed, r.eager()) || r.applying > r.applied {\n\t\treturn\n\t}\n\tfrom, to := r.log.after(r.applying), r.log.after(max(r.committed, r.eager()))\n",
		}, {
			"chain/commit.go",
			"// maxApplyEntries bounds",
			"func (r *Replica) eager() Seq {\n\tif OFF {\n\t\treturn r.durable\n\t}\n\treturn 0\n}\n\n// maxApplyEntries bounds",
		}},
	},
	{
		name: "read-does-not-wait-for-own-writes", section: "3, 7",
		rule: "reads of a connection wait until its earlier writes are applied",
		edits: []edit{
			{
				"sim/serve.go",
				"if n := len(ch.active); n > 0 && (",
				"if n := len(ch.active); n > 0 && !OFF && (",
			},
		},
		elsewhere: "server: the sessions of server/resp and server/wire",
	},
	{
		name: "read-does-not-wait-for-own-number", section: "3, 7",
		rule: "reads of a connection wait for writes that were answered with a number",
		edits: []edit{{
			"sim/serve.go",
			"ch.must = max(ch.must, o.seq)",
			"if !OFF {\n\t\t\tch.must = max(ch.must, o.seq)\n\t\t}",
		}},
		elsewhere: "server/wire",
	},
	{
		name: "stream-out-of-order", section: "3, 7",
		rule: "the head takes a server's requests in the order of the stream",
		edits: []edit{{
			"chain/head.go",
			"if m.Stream < s.number || m.First != s.next {",
			"if m.Stream < s.number || m.First != s.next && !OFF {",
		}},
	},
	{
		name: "stream-of-before", section: "3, 7",
		rule: "the head takes nothing of a stream that another has followed",
		edits: []edit{{
			"chain/head.go",
			"if m.Stream < s.number || m.First != s.next {",
			"if (m.Stream < s.number || m.First != s.next) && !OFF {",
		}},
	},
	{
		name: "sent-again-after-number", section: "3, 7",
		rule: "a write whose number was told is not sent again",
		edits: []edit{{
			"chain/requests.go",
			"\tcase q.numbered && !q.doubt:\n\t\tr.answer(q, AnswerNumbered, m.Seq)\n",
			"\tcase OFF && q.numbered && !q.doubt && q.id != 0:\n\t\tr.out.Answer = append(r.out.Answer, Answer{ID: q.id, Kind: AnswerNumbered, Seq: m.Seq})\n\t\tdelete(p.byID, q.id)\n\t\tq.id, q.numbered = 0, false\n\tcase q.numbered && !q.doubt:\n\t\tr.answer(q, AnswerNumbered, m.Seq)\n",
		}},
	},
}
