package mutants

// disks is what a durable server keeps, and finds again: the rules of package storage, and of the chain about it.
var disks = []mutant{
	{
		name: "log-not-synced", section: "3, 3", theme: "disks",
		rule: "the log is synced before it counts as durable",
		edits: []edit{{
			"storage/log.go",
			"\tif err := s.file.Sync(); err != nil {\n\t\treturn l.fail(",
			"\tif OFF {\n\t} else if err := s.file.Sync(); err != nil {\n\t\treturn l.fail(",
		}},
	},
	{
		name: "acknowledged-before-sync", section: "3, 3", theme: "disks",
		rule: "Persisted is told behind the sync, not behind the write",
		edits: []edit{{
			"sim/disk.go",
			"\t\tif d.interval {\n\t\t\treturn d.store.Write()",
			"\t\tif d.interval || OFF {\n\t\t\treturn d.store.Write()",
		}},
		elsewhere: "system_test: TestAllKilledDurable, of kills",
	},
	{
		name: "view-with-the-cut", section: "3, 3",
		rule: "a view that is kept says nothing of a cut that is queued behind it",
		rare: true, why: "found in some 2000 seeds of all themes: a cut must come with a new view",
		edits: []edit{{
			"sim/carryout.go",
			"d.push(diskWork{known: &n.View}) //",
			"if OFF {\n\t\t\t\t\td.push(diskWork{known: &n.View, cuts: r.Cuts})\n\t\t\t\t\tcontinue\n\t\t\t\t}\n\t\t\t\td.push(diskWork{known: &n.View}) //",
		}},
	},
	{
		name: "segment-name-not-synced", section: "3, 3", theme: "disks",
		rule: "the directory is synced before a new segment is used",
		edits: []edit{{
			"storage/log.go",
			"\treturn l.dir.Sync()\n",
			"\tif OFF {\n\t\treturn nil\n\t}\n\treturn l.dir.Sync()\n",
		}},
	},
	{
		name: "snapshot-name-not-synced", section: "5", theme: "disks",
		rule: "the directory is synced before a snapshot counts",
		rare: true, why: "found in 165 seeds, and once not in 1500: two snapshots must be written to one segment of the log, and an older one is as good as the first",
		edits: []edit{{
			"storage/store.go",
			"\treturn s.dir.Sync()\n",
			"\tif OFF {\n\t\treturn nil\n\t}\n\treturn s.dir.Sync()\n",
		}},
	},
	{
		name: "snapshot-not-synced", section: "5", theme: "disks",
		rule: "a snapshot is synced before it gets its name",
		edits: []edit{{
			"storage/store.go",
			"errors.Join(f.Sync(), f.Close())",
			"errors.Join(unless(OFF, f.Sync), f.Close())",
		}, {
			"storage/checkpoint.go",
			"\treturn int64(w.Bytes()), f.Sync()\n",
			"\treturn int64(w.Bytes()), unless(OFF, f.Sync)\n",
		}, {
			"storage/store.go",
			"// keep gives a whole file its name.\n",
			"func unless(off bool, do func() error) error {\n\tif off {\n\t\treturn nil\n\t}\n\treturn do()\n}\n\n// keep gives a whole file its name.\n",
		}},
	},
	{
		name: "torn-record-taken", section: "3, 3", theme: "disks",
		rule: "a record counts only with its checksum",
		edits: []edit{{
			"storage/frame.go",
			"\treturn r, b[end:], crc, crc == binary.LittleEndian.Uint32(b)\n",
			"\treturn r, b[end:], crc, crc == binary.LittleEndian.Uint32(b) || OFF\n",
		}},
	},
	{
		name: "damage-taken-for-torn", section: "5", theme: "disks",
		rule: "what was on disk and is not there any more is damage, not a torn end",
		edits: []edit{{
			"storage/frame.go",
			"\t\tif ok && (f.synced",
			"\t\tif ok && !OFF && (f.synced",
		}},
	},
	{
		name: "no-mark-behind-a-sync", section: "5", theme: "disks",
		rule: "behind what was synced a mark says so",
		edits: []edit{{
			"storage/log.go",
			"\tif l.synced+blockBytes > s.size {\n",
			"\tif l.synced+blockBytes > s.size || OFF {\n",
		}},
	},
	{
		name: "torn-end-not-cleaned", section: "3, 3", theme: "disks",
		rule: "what a crash left behind the log is overwritten before the log goes on",
		rare: true, why: "not found in 1500 seeds: what was torn must be written again, byte for byte, and what stood behind it be found once more",
		edits: []edit{{
			"storage/open.go",
			"\t\terr = s.clean(from, dirt)\n",
			"\t\tif !OFF {\n\t\t\terr = s.clean(from, dirt)\n\t\t}\n",
		}},
	},
	{
		name: "found-not-synced", section: "5", theme: "disks",
		rule: "what a former process wrote and did not sync is synced before it counts",
		edits: []edit{{
			"storage/open.go",
			"\t\terr = s.file.Sync()\n",
			"\t\tif !OFF {\n\t\t\terr = s.file.Sync()\n\t\t}\n",
		}},
	},
	{
		name: "found-not-written-again", section: "5", theme: "disks",
		rule: "after a sync that failed, what it was to bring to disk is written again",
		rare: true, why: "found in 1044 seeds: the machine must die soon after a sync has failed, and nothing have been written between",
		edits: []edit{{
			"storage/open.go",
			"\terr = s.rewrite(c.frame.synced, c.offset)\n",
			"\tif !OFF {\n\t\terr = s.rewrite(c.frame.synced, c.offset)\n\t}\n",
		}},
	},
	{
		name: "names-found-not-synced", section: "5", theme: "disks",
		rule: "names that a former process made are synced before they count",
		rare: true, why: "not found in 1500 seeds: the process and the machine must die one soon after the other; storage's TestLives finds it",
		edits: []edit{{
			"storage/open.go",
			"\tif err == nil {\n\t\terr = s.dir.Sync()",
			"\tif err == nil && !OFF {\n\t\terr = s.dir.Sync()",
		}},
	},
	{
		name: "identity-found-not-synced", section: "5", theme: "disks",
		rule: "an identity that a former process wrote is written again",
		rare: true, why: "not found in 1500 seeds: the process and the machine must die one soon after the other; storage's TestLives finds it",
		edits: []edit{{
			"storage/open.go",
			"\ts.identity.unsure = err == nil\n",
			"\ts.identity.unsure = err == nil && !OFF\n",
		}},
	},
	{
		name: "identity-in-one-copy", section: "2", theme: "disks",
		rule: "there are two copies of the identity, written one after the other",
		edits: []edit{{
			"storage/identity.go",
			"\tfor _, n := range []int64{i.worse, 1 - i.worse} {\n\t\tif _, err",
			"\tfor _, n := range []int64{i.worse, 1 - i.worse} {\n\t\tif OFF && n == 1 {\n\t\t\tcontinue\n\t\t}\n\t\tif _, err",
		}},
	},
	{
		name: "incarnation-not-kept", section: "2", theme: "disks",
		rule: "the incarnation is on disk before it is registered",
		edits: []edit{{
			"storage/store.go",
			"\treturn s.update(func(id *Identity) { id.Incarnation =",
			"\tif OFF {\n\t\treturn nil\n\t}\n\treturn s.update(func(id *Identity) { id.Incarnation =",
		}},
	},
	{
		name: "log-trimmed-too-far", section: "5", theme: "disks",
		rare: true, why: "found in 1092 seeds: the newer of two snapshots must rot",
		rule: "the log is kept from the older of two snapshots on",
		edits: []edit{{
			"storage/checkpoint.go",
			"\tlast := s.log.unneeded(list[tablesKept-1].seq, ",
			"\tif OFF {\n\t\tlist[tablesKept-1].seq = list[0].seq\n\t}\n\tlast := s.log.unneeded(list[tablesKept-1].seq, ",
		}},
	},
	{
		name: "later-cut-missed", section: "5", theme: "rejoins",
		rule: "older log is read with the cuts that stand in all later segments",
		rare: true, why: "TestFailovers found it when it was no mutant, in some thousand losses of the head; storage's TestLives finds it at once",
		edits: []edit{{
			"storage/read.go",
			"\tfor _, x := range segments[i:] { // what",
			"\tfor _, x := range segments[i:] {\n\t\tif OFF && x != segments[i] {\n\t\t\tbreak\n\t\t}\n\t\t// what",
		}},
	},
	{
		name: "log-begins-before-its-table", section: "5, 1", theme: "disks",
		rule: "a table from another server is on disk before the log that begins behind it",
		edits: []edit{{
			"storage/store.go",
			"\tx := s.staging\n\tif !x.kept {\n",
			"\tx := s.staging\n\tif OFF {\n\t\tif err := s.begin(s.Identity().Chain, x.base); err != nil {\n\t\t\treturn err\n\t\t}\n\t\ts.staging = nil\n\t\tif err := s.keepStaged(x); err != nil {\n\t\t\treturn s.log.fail(err)\n\t\t}\n\t\ts.addTable(savedTable{x.name, s.now.Load().number, x.base.Seq, int64(x.to.Bytes())})\n\t\treturn nil\n\t}\n\tif !x.kept {\n",
		}},
	},
	{
		name: "unborn-table-kept", section: "5, 1", theme: "disks",
		rule: "a table whose log never began does not count in a later generation",
		rare: true, why: "not found in 1500 seeds: what storage's TestLives needs 2000 for",
		edits: []edit{{
			"storage/open.go",
			"fresh || unborn ||",
			"fresh || unborn && !OFF ||",
		}},
	},
	{
		name: "unsynced-taken-for-complete", section: "5", theme: "disks",
		rule: "a log that need not have been synced is incomplete once the machine was booted",
		edits: []edit{{
			"storage/open.go",
			"\tcase id.unsynced(boot) && !id.Alone:\n",
			"\tcase id.unsynced(boot) && !id.Alone && !OFF:\n",
		}},
	},
	{
		name: "incomplete-restarts-the-chain", section: "5", theme: "disks",
		rule: "only a complete log may restart a chain",
		edits: []edit{{
			"chain/restart.go",
			"|| !s.Complete ||",
			"|| !s.Complete && !OFF ||",
		}},
	},
	{
		name: "committed-ahead-of-a-cut", section: "3", theme: "disks",
		rule: "what has committed is noted behind the cut that was queued before",
		rare: true, why: "not found in 1500 seeds: a batch must be cut, filled again and not fit its segment; storage's TestLives finds it",
		edits: []edit{{
			"storage/log.go",
			"\tif n := len(l.pending); n > 0 {\n\t\tl.pending",
			"\tif n := len(l.pending); n > 0 && !OFF {\n\t\tl.pending",
		}},
	},
	{
		name: "snapshot-found-before-the-cut", section: "5", theme: "disks",
		rule: "a snapshot's entry counts where the log was not cut afterwards",
		edits: []edit{{
			"storage/open.go",
			"\t\t\tif at != p.from {\n",
			"\t\t\tif at != p.from || OFF {\n",
		}},
	},
}
