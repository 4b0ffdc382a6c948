package mutants

// reads is section 4: reads at every replica.
var reads = []mutant{
	{
		name: "no-slot", section: "4",
		rule: "a read waits for the newest write of its key that has passed here",
		edits: []edit{{
			"chain/gate.go",
			"\treturn Seq(max(g.slots[hash%slotCount].Load(), g.floor.Load()))\n",
			"\tif OFF {\n\t\treturn 0\n\t}\n\treturn Seq(max(g.slots[hash%slotCount].Load(), g.floor.Load()))\n",
		}},
	},
	{
		name: "no-end-of-log", section: "4",
		rule: "a read of many keys waits for the end of the log that it found",
		edits: []edit{{
			"chain/gate.go",
			"func (g *Gate) All() Seq { return Seq(g.last.Load()) }",
			"func (g *Gate) All() Seq {\n\tif OFF {\n\t\treturn 0\n\t}\n\treturn Seq(g.last.Load())\n}",
		}},
	},
	{
		name: "slot-raised-after-forwarding", section: "4", theme: "reads",
		rule: "the slot is raised before the entry is forwarded or acknowledged",
		edits: []edit{
			{
				"chain/commit.go",
				"func (r *Replica) push(e Entry) {\n\tr.touch(&e)\n",
				"func (r *Replica) push(e Entry) {\n\tif OFF {\n\t\tr.late = append(r.late, e)\n\t} else {\n\t\tr.touch(&e)\n\t}\n",
			},
			{
				"chain/replica.go",
				"\thashes    []uint64 // room for those of one command's keys\n",
				"\thashes    []uint64 // room for those of one command's keys\n\tlate      []Entry\n",
			},
			{
				"chain/replica.go",
				"\tr.now = max(r.now, now)\n\tr.watch.pass(r)\n",
				"\tr.now = max(r.now, now)\n\tfor i := range r.late {\n\t\tr.touch(&r.late[i])\n\t}\n\tr.late = r.late[:0]\n\tr.watch.pass(r)\n",
			},
		},
	},
	{
		name: "slot-raised-when-applied", section: "4",
		rule: "the slot is raised before the entry is acknowledged",
		edits: []edit{
			{
				"chain/commit.go",
				"\tr.touch(&e)\n\tr.log.push(e)\n",
				"\tif !OFF {\n\t\tr.touch(&e)\n\t}\n\tr.log.push(e)\n",
			},
			{
				"chain/commit.go",
				"\t\te := r.log.at(i)\n\t\tr.out.Apply",
				"\t\te := r.log.at(i)\n\t\tif OFF {\n\t\t\tr.touch(e)\n\t\t}\n\t\tr.out.Apply",
			},
		},
	},
	{
		name: "slot-not-raised-in-recovery", section: "4", theme: "disks",
		rule: "the slot is raised on every way into the log: recovery",
		edits: []edit{{
			"chain/replica.go",
			"\t\tr.touch(&e)\n\t\tr.log.push(e)\n",
			"\t\tif !OFF {\n\t\t\tr.touch(&e)\n\t\t}\n\t\tr.log.push(e)\n",
		}},
	},
	{
		name: "learner-serves", section: "4, 5",
		rule: "learners serve nothing",
		edits: []edit{{
			"chain/registration.go",
			"\tif r.isMember() && r.reg.registered && !r.cfg.NoLeases",
			"\tif (r.isMember() || OFF && r.learning) && r.reg.registered && !r.cfg.NoLeases",
		}},
	},
	{
		name: "outsider-serves", section: "5",
		rule: "a member that finds itself outside the view stops serving",
		edits: []edit{
			{
				"chain/registration.go",
				"\tif r.isMember() && r.reg.registered && !r.cfg.NoLeases && ",
				"\tif (r.isMember() && r.reg.registered || OFF) && !r.cfg.NoLeases && ",
			},
			{
				"chain/registration.go",
				"g.asked, g.registered, g.leaseUntil, g.unsure, g.notBefore = false, false, 0, false, max(notBefore, g.notBefore)\n",
				"kept := g.leaseUntil\n\tg.asked, g.registered, g.leaseUntil, g.unsure, g.notBefore = false, false, 0, false, max(notBefore, g.notBefore)\n\tif OFF {\n\t\tg.leaseUntil = kept\n\t}\n",
			},
		},
	},
	{
		name: "lease-from-receive-time", section: "4", theme: "pauses",
		rule: "the lease runs from when the heartbeat was sent",
		edits: []edit{{
			"chain/registration.go",
			"g.leaseUntil = max(g.leaseUntil, in.Sent.Add(r.timeout()*8/10))\n",
			"g.leaseUntil = max(g.leaseUntil, in.Sent.Add(r.timeout()*8/10))\n\t\tif OFF {\n\t\t\tg.leaseUntil = r.now.Add(r.timeout() * 8 / 10)\n\t\t}\n",
		}},
	},
	{
		name: "no-lease", section: "4",
		rule: "a replica answers only under a lease",
		edits: []edit{{
			"chain/gate.go",
			"\treturn until != 0 && int64(now) < until && g.term.Load() == term\n",
			"\tif OFF {\n\t\treturn true\n\t}\n\treturn until != 0 && int64(now) < until && g.term.Load() == term\n",
		}},
	},
	{
		name: "barrier-not-waited-for", section: "4", theme: "reads",
		rule: "without a lease a read waits for a barrier",
		edits: []edit{{
			"chain/barrier.go",
			"\tr.barrier.waiting = append(r.barrier.waiting, id)\n",
			"\tif OFF {\n\t\tr.out.Answer = append(r.out.Answer, Answer{ID: id, Kind: AnswerRead})\n\t\treturn\n\t}\n\tr.barrier.waiting = append(r.barrier.waiting, id)\n",
		}},
	},
	{
		name: "no-floor", section: "4", theme: "reads",
		rule: "a command that touches all keys raises a floor under all slots",
		edits: []edit{{
			"chain/gate.go",
			"\tif all {\n",
			"\tif all && !OFF {\n",
		}},
	},
	{
		name: "lease-by-read", section: "4", theme: "reads",
		rule: "only writing the registration renews the lease, not reading",
		edits: []edit{{
			"chain/detector.go",
			"\tr.reg.judge(r, d.syncing)\n",
			"\tif OFF && r.isMember() {\n\t\tr.reg.leaseUntil = r.now.Add(r.timeout() * 8 / 10)\n\t\tr.publishLease()\n\t}\n\tr.reg.judge(r, d.syncing)\n",
		}},
	},
	{
		name: "lease-of-T", section: "4", theme: "reads",
		rule: "the lease ends before T has passed, with room for clocks that drift",
		edits: []edit{{
			"chain/registration.go",
			"in.Sent.Add(r.timeout()*8/10))\n\t\tr.leave.announced",
			"in.Sent.Add(r.timeout()*8/10))\n\t\tif OFF {\n\t\t\tg.leaseUntil = max(g.leaseUntil, in.Sent.Add(r.timeout()*15/10))\n\t\t}\n\t\tr.leave.announced",
		}},
	},
	{
		name: "barrier-serves-later-reads", section: "4", theme: "reads",
		rule: "a barrier serves only the reads that waited when it was asked for",
		edits: []edit{{
			"chain/barrier.go",
			"\tr.barrier.waiting = append(r.barrier.waiting, id)\n",
			"\tif OFF && len(r.barrier.asked) > 0 {\n\t\tr.barrier.asked = append(r.barrier.asked, id)\n\t\treturn\n\t}\n\tr.barrier.waiting = append(r.barrier.waiting, id)\n",
		}},
	},
	{
		name: "barrier-of-another-member", section: "4", theme: "reads",
		rare: true, why: "found in 2264 seeds: two members must wait for barriers of one number, and the other one's write be acknowledged between the two",
		rule: "a barrier waits for its own entry, not for that of another member",
		edits: []edit{{
			"chain/barrier.go",
			"if tag.By == r.self.MemberID && tag.Number",
			"if (tag.By == r.self.MemberID || OFF) && tag.Number",
		}},
	},
	{
		name: "barrier-not-repeated", section: "4", theme: "reads",
		rule: "a barrier that the head could not number is asked for again",
		edits: []edit{{
			"chain/barrier.go",
			"if len(b.asked) > 0 && !b.passed && r.now",
			"if !OFF && len(b.asked) > 0 && !b.passed && r.now",
		}},
		progress: true, why: "it is about reads that would wait for ever",
	},
	{
		name: "slot-not-raised-while-learning", section: "4", theme: "reads",
		rule: "the slot is raised on every way into the log: while a snapshot comes in",
		edits: []edit{{
			"chain/up.go",
			"\t\t\tr.touch(&e)\n\t\t\ts.log.push(e)\n",
			"\t\t\tif !OFF {\n\t\t\t\tr.touch(&e)\n\t\t\t}\n\t\t\ts.log.push(e)\n",
		}},
	},
	{
		name: "no-term", section: "4", theme: "pauses",
		rare: true, why: "found once in 189 and once in 1325 seeds: a reader must be held up from before the server became a member until after",
		rule: "a lease allows no read that began before the replica became a member",
		edits: []edit{{
			"chain/gate.go",
			"int64(now) < until && g.term.Load() == term\n",
			"int64(now) < until && (g.term.Load() == term || OFF)\n",
		}},
	},
	{
		name: "barrier-of-before", section: "4", theme: "reads",
		rule: "a barrier waits for an entry that was asked for after the reads came",
		edits: []edit{{
			"chain/barrier.go",
			"tag.Number >= b.first && ",
			"(tag.Number >= b.first || OFF) && ",
		}},
	},
	{
		name: "lease-kept-by-a-missing-registration", section: "4", theme: "reads",
		rule: "a server whose registration is gone has no lease",
		edits: []edit{{
			"chain/registration.go",
			"\tcase in.Outcome == OutcomeMissing:\n",
			"\tcase in.Outcome == OutcomeMissing && OFF:\n\t\tg.sentAt = r.now\n\tcase in.Outcome == OutcomeMissing:\n",
		}, {
			"chain/registration.go",
			"\tdefault:\n\t\tg.unsure, r.watch.listDue = true, true\n",
			"\tcase in.Outcome == OutcomeUnknown && OFF:\n\t\tg.leaseUntil = max(g.leaseUntil, r.now.Add(r.timeout()/2))\n\tdefault:\n\t\tg.unsure, r.watch.listDue = true, true\n",
		}},
	},
	{
		name: "read-before-its-wait", section: "4",
		rule: "a read looks at the table after what it must see is applied there",
		edits: []edit{{
			"sim/process.go",
			"\tif p.gate.Applied() >= seq {\n\t\trun()\n",
			"\tif p.gate.Applied() >= seq || OFF && seq > 1 && p.gate.Applied() >= seq-1 {\n\t\trun()\n",
		}},
		elsewhere: "system_test: TestHistories",
	},
	{
		name: "lease-checked-before-value", section: "4", theme: "pauses",
		rule: "the lease is held against a clock that is looked at after the read has begun",
		edits: []edit{
			{
				"sim/process.go",
				"\tnextCall uint64\n",
				"\tnextCall uint64\n\tturned   chain.Time\n",
			},
			{
				"sim/process.go",
				"\tp.turning = false\n",
				"\tp.turning = false\n\tp.turned = p.clock()\n",
			},
			{
				"sim/serve.go",
				"\t\tcase p.gate.Leased(c.term, p.clock()):\n",
				"\t\tcase OFF && p.gate.Leased(c.term, p.turned), p.gate.Leased(c.term, p.clock()):\n",
			},
		},
		elsewhere: "system_test: TestHistories",
	},
	{
		name: "barrier-waits-for-a-seq", section: "4", theme: "reads",
		rule: "a barrier waits for its entry, not for one behind what it found",
		edits: []edit{
			{
				"chain/barrier.go",
				"\taskedAt Time\n",
				"\taskedAt Time\n\tfound   Seq\n",
			},
			{
				"chain/barrier.go",
				"\tb.asked, b.waiting, b.first = b.waiting, nil, b.number+1\n",
				"\tb.asked, b.waiting, b.first = b.waiting, nil, b.number+1\n\tb.found = r.log.last().Seq\n",
			},
			{
				"chain/requests.go",
				"\tvar q *request\n\tswitch e.Kind {\n",
				"\tvar q *request\n\tif b := &r.barrier; OFF && len(b.asked) > 0 && e.Seq > b.found {\n\t\tb.passed = true\n\t}\n\tswitch e.Kind {\n",
			},
		},
	},
}
