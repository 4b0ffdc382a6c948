package mutants

// clients is section 6 as clients keep it: client/retry, and the stand-in of package client in sim/library.go.
var clients = []mutant{
	{
		name: "client-retries-under-a-new-number", section: "6", theme: "libraries",
		rule: "all tries of a request have the same number",
		edits: []edit{{
			"sim/library.go",
			"\tt.trying, t.server = true, next.Server\n",
			"\tt.trying, t.server = true, next.Server\n\tif OFF && o.tries > 0 && t.session != nil {\n\t\tt.number(o)\n\t}\n",
		}},
		elsewhere: "client",
	},
	{
		name: "client-repeats-in-another-session", section: "6", theme: "libraries",
		rule: "what may have been executed in a forgotten session is not sent again in a new one",
		edits: []edit{{
			"sim/library.go",
			"\t\tl.sessions.Give(s, proof(what, out), out.kind == gotForgotten, l.w.now)\n",
			"\t\tl.sessions.Give(s, proof(what, out), out.kind == gotForgotten, l.w.now)\n\t\tif OFF && out.kind == gotForgotten && o == t.op {\n\t\t\tt.take()\n\t\t\treturn\n\t\t}\n",
		}},
		elsewhere: "client",
	},
	{
		name: "client-takes-silence-for-a-refusal", section: "6", theme: "libraries",
		rule: "a try without an answer may have happened",
		edits: []edit{{
			"client/retry/request.go",
			"\t\tif r.write {\n",
			"\t\tif r.write && !OFF {\n",
		}},
	},
	{
		name: "client-forgets-earlier-tries", section: "6", theme: "libraries",
		rule: "a try that did not happen says nothing of those before it",
		edits: []edit{{
			"client/retry/request.go",
			"\tcase Unserved:\n",
			"\tcase Unserved:\n\t\tif OFF {\n\t\t\tr.outcome = DidNotHappen\n\t\t}\n",
		}},
	},
	{
		name: "client-knows-forgotten-as-refused", section: "6", theme: "libraries",
		rule: "what became of a request in a forgotten session is unknown",
		edits: []edit{{
			"client/retry/request.go",
			"\tcase Forgotten:\n\t\tr.outcome = MayHaveHappened\n",
			"\tcase Forgotten:\n\t\tr.outcome = MayHaveHappened\n\t\tif OFF {\n\t\t\tr.outcome = DidNotHappen\n\t\t}\n",
		}},
	},
	{
		name: "client-ends-with-the-first-refusal", section: "6", theme: "libraries",
		rule: "a request that one server does not serve is tried elsewhere",
		edits: []edit{{
			"client/retry/request.go",
			"\tcase Unserved:\n\t\treturn true\n",
			"\tcase Unserved:\n\t\treturn !OFF\n",
		}},
	},
	{
		name: "client-leaves-doubt", section: "6", theme: "libraries",
		rule: "the next write uses the session that is in doubt",
		edits: []edit{{
			"client/retry/sessions.go",
			"\tcase len(p.doubtful) > 0:\n",
			"\tcase len(p.doubtful) > 0 && !OFF:\n",
		}},
	},
	{
		name: "client-does-not-wait-for-doubt", section: "6", theme: "libraries",
		rule: "no write begins while the doubt of a session is being settled",
		edits: []edit{{
			"client/retry/sessions.go",
			"\tcase p.settling > 0:\n",
			"\tcase p.settling > 0 && !OFF:\n",
		}},
	},
	{
		name: "client-settles-one-doubt-of-several", section: "6", theme: "libraries",
		rule: "a write that settles a doubt begins when there is no other",
		edits: []edit{{
			"client/retry/sessions.go",
			"\t\tif len(p.doubtful)+p.settling > 1 {\n",
			"\t\tif len(p.doubtful)+p.settling > 1 && !OFF {\n",
		}},
	},
	{
		name: "client-settles-by-a-refusal", section: "6", theme: "libraries",
		rare: true, why: "found in 270 and 3118 seeds: two writes at once must follow one that never happened in the session in doubt",
		rule: "only a request that was executed settles the doubt of its session",
		edits: []edit{{
			"client/retry/sessions.go",
			"\tswitch outcome {\n\tcase Happened:\n",
			"\tif OFF && outcome == DidNotHappen {\n\t\ts.doubt = false\n\t}\n\tswitch outcome {\n\tcase Happened:\n",
		}},
	},
	{
		name: "client-asks-for-the-number-of-a-repeat", section: "6", theme: "libraries",
		rule: "a write that may have happened is not asked for its number again",
		edits: []edit{{
			"sim/library.go",
			"\to.repeat = t.request.Outcome() != retry.DidNotHappen\n",
			"\to.repeat = t.request.Outcome() != retry.DidNotHappen && !OFF\n",
		}},
		elsewhere: "client",
	},
	{
		name: "client-needs-its-result-no-more", section: "6", theme: "libraries",
		rule: "done-below is not above the request that is under way",
		edits: []edit{{
			"sim/library.go",
			"\to.number = t.session.Begin()\n",
			"\to.number = t.session.Begin()\n\tif OFF {\n\t\tdefer func() { o.session.next++ }()\n\t}\n",
		}},
		elsewhere: "client",
	},
	{
		name: "client-shares-a-session", section: "6", theme: "libraries",
		rule: "a session has one request under way at a time",
		edits: []edit{{
			"client/retry/sessions.go",
			"\t\tp.idle = p.idle[:len(p.idle)-1]\n",
			"\t\tif !OFF {\n\t\t\tp.idle = p.idle[:len(p.idle)-1]\n\t\t}\n",
		}},
	},
	{
		name: "client-keeps-to-its-seeds", section: "6", theme: "libraries",
		progress: true, why: "whoever is asked, the answer is right",
		rule: "a client follows the view",
		edits: []edit{{
			"client/retry/servers.go",
			"\tif len(v.Members) == 0 || ",
			"\tif OFF || len(v.Members) == 0 || ",
		}},
	},
	{
		name: "client-never-leaves-its-chain", section: "6", theme: "libraries",
		progress: true, why: "a chain that is gone answers nobody",
		rule: "a client follows another chain when its own is gone",
		edits: []edit{{
			"client/retry/servers.go",
			"\tv.Members = slices.Clone(v.Members)\n",
			"\tif OFF && len(s.view.Members) > 0 && v.Chain != s.view.Chain {\n\t\treturn false\n\t}\n\tv.Members = slices.Clone(v.Members)\n",
		}},
	},
	{
		name: "client-asks-one-server-only", section: "6", theme: "libraries",
		progress: true, why: "whoever is asked, the answer is right",
		rule: "a request goes round all servers, and anew with each view",
		edits: []edit{
			{
				"client/retry/request.go",
				"\tt.Server, r.round = r.round[0], r.round[1:]\n",
				"\tt.Server = r.round[0]\n\tif !OFF {\n\t\tr.round = r.round[1:]\n\t}\n",
			},
			{
				"client/retry/request.go",
				"{ r.round = nil }",
				"{\n\tif !OFF {\n\t\tr.round = nil\n\t}\n}",
			},
		},
	},
}
