package mutants

// tables is how the members compare their tables, and what becomes of one that differs.
var tables = []mutant{
	{
		name: "last-sum-wins", section: "3", theme: "rot",
		rule: "the sum that most members hold is right",
		edits: []edit{{
			"chain/digest.go",
			"held[s.Sum] == most })\n",
			"held[s.Sum] == most })\n\tif OFF {\n\t\ti = len(sums) - 1\n\t}\n",
		}},
	},
	{
		name: "taught-have-a-say", section: "3", theme: "rot",
		rule: "who only learned its table has no say",
		edits: []edit{{
			"chain/digest.go",
			"return s.Known && !s.Learned }\n",
			"return s.Known && (!s.Learned || OFF) }\n",
		}},
	},
	{
		name: "differs-and-reads", section: "3", theme: "rot",
		rule: "who differs gives up its lease at once",
		edits: []edit{{
			"chain/digest.go",
			"\tr.leave.leaseGiven, r.leave.ready = true, true\n",
			"\tr.leave.leaseGiven, r.leave.ready = !OFF, true\n",
		}},
	},
	{
		name: "differs-and-applies", section: "3", theme: "rot",
		rule: "who differs tells no results any more",
		edits: []edit{{
			"chain/commit.go",
			"\tif r.digest.err != nil {\n",
			"\tif r.digest.err != nil && !OFF {\n",
		}},
	},
	{
		name: "nobody-is-asked", section: "3", theme: "rot", progress: true, why: "what goes wrong is that a table which is wrong stays",
		rule: "the head has the tables compared",
		edits: []edit{{
			"chain/digest.go",
			"\tcase r.isHead():\n",
			"\tcase r.isHead() && OFF:\n\tcase r.isHead():\n",
		}},
	},
}

// fullDisks is what a chain does while a disk is full.
var fullDisks = []mutant{
	{
		name: "full-for-ever", section: "3", theme: "space", progress: true, why: "a chain that takes no writes says nothing wrong",
		rule: "writes go on when the last disk that was full has room again",
		edits: []edit{{
			"chain/down.go",
			"\td.acked, d.full = true, m.Full\n",
			"\tif d.acked = true; m.Full != (MemberID{}) || !OFF {\n\t\td.full = m.Full\n\t}\n",
		}},
	},
	{
		name: "room-is-not-told", section: "3", theme: "space", progress: true, why: "likewise",
		rule: "an Ack goes out when nothing has changed but whose disk is full",
		edits: []edit{{
			"chain/up.go",
			" || a.Full != last.Full\n",
			" || a.Full != last.Full && !OFF\n",
		}},
	},
}
