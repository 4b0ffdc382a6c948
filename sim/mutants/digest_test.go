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
