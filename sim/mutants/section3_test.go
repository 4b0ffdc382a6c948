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
		elsewhere: "server/wire: TestReadsWaitForWrites",
	},
	{
		name: "stream-out-of-order", section: "3, 7", theme: "plain",
		rare: true, why: "found in 688 to 2926 seeds: something must be lost before its sender knows of it",
		rule: "the head takes a server's requests in the order of the stream",
		edits: []edit{{
			"chain/head.go",
			"if m.Stream < s.number || m.First != s.next {",
			"if m.Stream < s.number || m.First != s.next && !OFF {",
		}},
	},
	{
		name: "sent-again-after-number", section: "3, 7", theme: "heads",
		rule: "a write whose number was told is not sent again",
		edits: []edit{{
			"chain/requests.go",
			"\tcase q.numbered && !q.doubt:\n\t\tr.answer(q, AnswerNumbered, m.Seq)\n",
			"\tcase OFF && q.numbered && !q.doubt && q.id != 0:\n\t\tr.out.Answer = append(r.out.Answer, Answer{ID: q.id, Kind: AnswerNumbered, Seq: m.Seq})\n\t\tdelete(p.byID, q.id)\n\t\tq.id, q.numbered = 0, false\n\tcase q.numbered && !q.doubt:\n\t\tr.answer(q, AnswerNumbered, m.Seq)\n",
		}},
	},
	{
		name: "memory-unbounded", section: "3, 6",
		rule: "the head refuses what would take the table past its bound",
		edits: []edit{{
			"chain/head.go",
			"if r.cfg.MaxMemory > 0 && grow > 0 && ",
			"if !OFF && r.cfg.MaxMemory > 0 && grow > 0 && ",
		}},
	},
	{
		name: "forwarded-to-a-stale-head", section: "3, 7", theme: "requests",
		rule: "who is not head in the epoch of a request takes none",
		edits: []edit{
			{
				"chain/head.go",
				"\tto, ok := r.view.Find(from)\n\tif !ok || !r.isHead() {\n\t\treturn\n\t}\n",
				"\tto, ok := r.view.Find(from)\n\tif OFF && ok && !r.isHead() {\n\t\tr.sendTo(r.view.Head(), m)\n\t\treturn\n\t}\n\tif !ok || !r.isHead() {\n\t\treturn\n\t}\n",
			},
			{
				"chain/requests.go",
				"\t\tr.sendTo(r.view.Head(), Propose{",
				"\t\tto := r.view.Head()\n\t\tif OFF {\n\t\t\tto = r.view.Members[(r.index+1)%len(r.view.Members)]\n\t\t}\n\t\tr.sendTo(to, Propose{",
			},
		},
	},
	{
		name: "append-of-another-epoch", section: "3",
		rule: "an Append of another epoch is dropped (as one of another predecessor, of another link, and behind another entry)",
		edits: []edit{{
			"chain/replica.go",
			"func (r *Replica) receive(env Envelope) {\n",
			"func (r *Replica) receive(env Envelope) {\n\tif m, ok := env.Message.(Append); ok && OFF && env.Epoch < r.view.Epoch && env.Chain == r.view.Chain && env.To == r.self.MemberID && (r.index > 0 || r.learning) && r.learn.staging == nil && len(m.Entries) > 0 && m.Entries[0].Seq > r.log.last().Seq {\n\t\tfor _, e := range m.Entries {\n\t\t\tr.push(e)\n\t\t}\n\t\tr.up.stable = max(r.up.stable, m.Stable)\n\t\tr.commit(m.Committed)\n\t\treturn\n\t}\n",
		}},
	},
	{
		name: "ack-of-another-epoch", section: "3", theme: "disks",
		rare: true, why: "found in 453 and 1264 seeds, and twice not in 800: an Ack must be on its way while the view changes",
		rule: "an Ack of another epoch is dropped (as one of another successor, and of another link)",
		edits: []edit{{
			"chain/replica.go",
			"func (r *Replica) receive(env Envelope) {\n",
			"func (r *Replica) receive(env Envelope) {\n\tif m, ok := env.Message.(Ack); ok && OFF && env.Epoch < r.view.Epoch && env.Chain == r.view.Chain && env.To == r.self.MemberID && r.index >= 0 {\n\t\tto, _ := r.view.successor(r.self.MemberID)\n\t\tm.Link = r.down.link\n\t\tr.ack(to.MemberID, m)\n\t\treturn\n\t}\n",
		}},
	},
	{
		name: "acknowledged-in-another-epoch", section: "3",
		rule: "what a successor acknowledged in another epoch does not count",
		edits: []edit{{
			"chain/down.go",
			"{ *d = downstream{link: d.link} }",
			"{\n\twas := *d\n\t*d = downstream{link: d.link}\n\tif OFF {\n\t\td.acked, d.durable = was.acked, was.durable\n\t}\n}",
		}},
	},
	{
		name: "link-of-another-epoch", section: "3",
		rule: "a link belongs to its epoch",
		edits: []edit{{
			"chain/down.go",
			"{ *d = downstream{link: d.link} }",
			"{\n\twas := *d\n\t*d = downstream{link: d.link}\n\tif OFF {\n\t\td.up, d.sent = was.up, was.sent\n\t}\n}",
		}},
		progress: true, why: "a new successor takes nothing before it was greeted",
	},
	{
		name: "welcome-of-another-link", section: "3", theme: "plain",
		rare: true, why: "found in 1324 seeds: a Welcome must come after the next Hello has gone",
		rule: "a Welcome counts only for the link that was last offered",
		edits: []edit{{
			"chain/down.go",
			"to.MemberID != from || m.Link != d.link || d.up",
			"to.MemberID != from || m.Link != d.link && !OFF || d.up",
		}},
	},
	{
		name: "marks-not-told-again", section: "3",
		progress: true, why: "what was lost with a connection is said by nobody until there is traffic",
		rule: "after a Welcome stable and committed are told again",
		edits: []edit{{
			"chain/down.go",
			"\td.stable, d.committed = 0, 0 // to",
			"\tif !OFF {\n\t\td.stable, d.committed = 0, 0\n\t} // to",
		}},
	},
	{
		name: "ack-not-repeated", section: "3",
		progress: true, why: "what was lost with a connection is said by nobody until there is traffic",
		rule: "after a connection broke the Ack is sent again",
		edits: []edit{{
			"chain/down.go",
			"\t\tr.up.ackDue = true\n",
			"\t\tr.up.ackDue = r.up.ackDue || !OFF\n",
		}},
	},
	{
		name: "older-hello-taken", section: "3",
		progress: true, why: "what comes on the link that the predecessor believes in is dropped, and nothing else is said",
		rule: "a Hello of an older link is dropped",
		edits: []edit{{
			"chain/up.go",
			"pred.MemberID != from || m.Link < r.up.link {",
			"pred.MemberID != from || m.Link < r.up.link && !OFF {",
		}},
	},
	{
		name: "welcome-before-hello", section: "3",
		rare: true, why: "found in some 9000 seeds: a Welcome must come late, right after its connection broke, and name what the log no longer holds",
		rule: "a Welcome counts only after the Hello of its link",
		edits: []edit{{
			"chain/down.go",
			"|| d.up || d.helloAt == 0 {",
			"|| d.up || d.helloAt == 0 && !OFF {",
		}},
	},
	{
		name: "entry-before-ignored", section: "3, 2", theme: "requests",
		rule: "a successor takes an Append only behind the entry that it followed",
		edits: []edit{{
			"chain/up.go",
			"\tif m.Prev != r.log.last() {\n",
			"\tif m.Prev != r.log.last() && !(OFF && (len(m.Entries) == 0 || m.Entries[0].Seq > r.log.last().Seq)) {\n",
		}},
	},
	{
		name: "memory-under-way-not-counted", section: "3, 6", theme: "requests",
		rare: true, why: "found in 39, 413 and 635 seeds, and once not in 3000: the table must be filled by what is under way",
		rule: "what is numbered and not yet applied counts against the bound of the table",
		edits: []edit{{
			"chain/head.go",
			"\tif bytes > 0 {\n\t\th.growth =",
			"\tif bytes > 0 && !OFF {\n\t\th.growth =",
		}},
	},
	{
		name: "not-sent-again", section: "3, 7", theme: "requests",
		rare: true, why: "found in 9 to 2686 seeds; what is lost is mostly never answered, which is not wrong",
		rule: "at a change of head a server sends again what it has not seen applied",
		edits: []edit{{
			"chain/requests.go",
			"p.index, p.cursor, p.underWay, p.pausedTo, p.refused = 0, 0, 0, 0, nil\n",
			"keep := p.cursor\n\tp.index, p.cursor, p.underWay, p.pausedTo, p.refused = 0, 0, 0, 0, nil\n\tif OFF {\n\t\tp.cursor = keep\n\t}\n",
		}},
	},
	{
		name: "hello-of-another-epoch", section: "3", theme: "joins", rare: true, why: "one run in some two thousand shows it",
		rule: "a Hello of another epoch is dropped (as one of another predecessor)",
		edits: []edit{{
			"chain/replica.go",
			"func (r *Replica) receive(env Envelope) {\n",
			"func (r *Replica) receive(env Envelope) {\n\tif m, ok := env.Message.(Hello); ok && OFF && env.Epoch < r.view.Epoch && env.Chain == r.view.Chain && env.To == r.self.MemberID && r.learning {\n\t\tif r.learn.from != env.From {\n\t\t\tr.forget(env.From)\n\t\t}\n\t\tr.up.link = max(r.up.link, m.Link)\n\t\treturn\n\t}\n",
		}},
	},
	{
		name: "recovered-as-committed", section: "3",
		rule: "what a server finds on its disk need not be committed",
		edits: []edit{{
			"chain/replica.go",
			"\tr.commit(rec.Committed)\n",
			"\tif OFF {\n\t\tr.commit(r.durable)\n\t}\n\tr.commit(rec.Committed)\n",
		}},
	},
	{
		name: "tail-says-too-much", section: "3, 4",
		rule: "committed does not run ahead of the tail's own",
		edits: []edit{{
			"chain/down.go",
			"Stable: stable, Committed: r.committed})\n",
			"Stable: stable, Committed: r.sure()})\n",
		}, {
			"chain/down.go",
			"// welcome goes on where",
			"func (r *Replica) sure() Seq {\n\tif OFF {\n\t\treturn r.stable()\n\t}\n\treturn r.committed\n}\n\n// welcome goes on where",
		}},
	},
	{
		name: "busy-stream-goes-on", section: "3, 7", theme: "heads",
		rule: "what comes behind a request that the head refused as busy must not overtake it",
		edits: []edit{{
			"chain/head.go",
			"\t\t\ts.next = math.MaxUint64 // what follows must not overtake it\n\t\t\treturn\n",
			"\t\t\tif OFF {\n\t\t\t\ts.next++\n\t\t\t\tcontinue\n\t\t\t}\n\t\t\ts.next = math.MaxUint64 // what follows must not overtake it\n\t\t\treturn\n",
		}},
	},
	{
		name: "disk-of-before-the-cut", section: "3, 3", theme: "disks",
		rule: "what a disk reports of a log that was cut since does not count",
		edits: []edit{{
			"chain/commit.go",
			"\tif in.Cuts == r.cuts && in.Seq",
			"\tif (in.Cuts == r.cuts || OFF) && in.Seq",
		}},
	},
}
