package chaintable_test

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestHouseSeesWhatIsBad shows each guard a tree that it must not let pass, and one that it must.
func TestHouseSeesWhatIsBad(t *testing.T) {
	imports := func(p string) string { return "package x\n\nimport _ \"" + p + "\"\n" }
	ours := func(p string) string { return imports(module + "/" + p) }
	for _, c := range []struct {
		name string
		rule rule
		file string
		text string
		want string // in what is said; empty where nothing must be
	}{
		{"chain imports table", importsPointDown, "chain/a.go", ours("table"), "chain may not"},
		{"table imports chain", importsPointDown, "table/a.go", ours("chain"), ""},
		{"table imports link", importsPointDown, "table/a.go", ours("link"), "table may not"},
		{"link imports its folder", importsPointDown, "link/a.go", ours("link/frame"), ""},
		{"link imports api", importsPointDown, "link/a.go", ours("api/link"), "link may not"},
		{"a test of link imports api", importsPointDown, "link/a_test.go", ours("api/link"), ""},
		{"server imports link", importsPointDown, "server/resp/a.go", ours("link"), "server may not"},
		{"name that only begins alike", importsPointDown, "server/a.go", ours("chainsaw"), "server may not"},
		{"a new folder", importsPointDown, "utils/a.go", ours("chain"), "no place"},

		{"chain reads files", coreIsPure, "chain/a.go", imports("os"), "imports os"},
		{"chain locks", coreIsPure, "chain/a.go", imports("sync"), "imports sync"},
		{"table rolls dice", coreIsPure, "table/a.go", imports("math/rand/v2"), "imports math/rand/v2"},
		{"a test of chain reads files", coreIsPure, "chain/a_test.go", imports("os"), ""},
		{"replica reads files", coreIsPure, "replica/a.go", imports("os"), ""},
		{"chain has a clock", coreIsPure, "chain/a.go", "package chain\n\nimport \"time\"\n\nvar t = time.Now()\n", "a.go:5: time.Now"},
		{"by another name", coreIsPure, "chain/a.go", "package chain\n\nimport t \"time\"\n\nvar _ = t.NewTimer\n", "time.NewTimer"},
		{"chain has durations", coreIsPure, "chain/a.go", "package chain\n\nimport \"time\"\n\nvar d time.Duration = time.Second\n", ""},
		{"chain starts a goroutine", coreIsPure, "chain/a.go", "package chain\n\nfunc f() { go f() }\n", "goroutine"},
		{"chain has a channel", coreIsPure, "chain/a.go", "package chain\n\nvar c chan int\n", "channel"},

		{"no comment", packagesHaveComments, "link/a.go", "package link\n", "package link"},
		{"comment on something else", packagesHaveComments, "link/a.go", "// A stray line.\npackage link\n", "package link"},
		{"comment", packagesHaveComments, "link/a.go", "// Package link joins.\npackage link\n", ""},
		{"main without comment", packagesHaveComments, "cmd/table-x/a.go", "package main\n", "package main"},
		{"main", packagesHaveComments, "cmd/table-x/a.go", "// Table-x is one.\npackage main\n", ""},

		{"sleep", testsDoNotSleep, "link/a_test.go", "package link\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n", "a_test.go:5: time.Sleep"},
		{"sleep, no test", testsDoNotSleep, "link/a.go", "package link\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n", ""},
		{"sleep by another name", testsDoNotSleep, "link/a_test.go", "package link\n\nimport t \"time\"\n\nfunc f() { t.Sleep(1) }\n", "time.Sleep"},
		{
			"sleep in a bubble", testsDoNotSleep, "link/a_test.go",
			"package link\n\nimport (\n\t\"testing/synctest\"\n\t\"time\"\n)\n\nfunc f() { synctest.Test(nil, func() { time.Sleep(1) }) }\n", "",
		},
		{
			"helper in a bubble", testsDoNotSleep, "link/a_test.go",
			"package link\n\nimport \"time\"\n\n// f is for use in a bubble.\nfunc f() { time.Sleep(1) }\n", "",
		},
		{
			"table of helpers in a bubble", testsDoNotSleep, "link/a_test.go",
			"package link\n\nimport \"time\"\n\n// fs take virtual time.\nvar fs = []func(){func() { time.Sleep(1) }}\n", "",
		},

		{"replica exits", onlyMainEnds, "replica/a.go", "package replica\n\nimport \"os\"\n\nfunc f() { os.Exit(1) }\n", "os.Exit"},
		{"server takes signals", onlyMainEnds, "server/a.go", "package server\n\nimport \"os/signal\"\n\nvar _ = signal.Notify\n", "signal.Notify"},
		{"server has flags", onlyMainEnds, "server/a.go", imports("flag"), "imports flag"},
		{"main exits", onlyMainEnds, "cmd/table-x/a.go", "package main\n\nimport \"os\"\n\nfunc f() { os.Exit(1) }\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := open(fstest.MapFS{c.file: {Data: []byte(c.text)}})
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(c.rule(h), "\n")
			if c.want == "" && got != "" {
				t.Errorf("said %q of what is good", got)
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("said %q, want something with %q", got, c.want)
			}
		})
	}
}
