// Package chaintable_test guards the house: rules about the source that no compiler checks. Each rule is a function
// over a tree of files, so that it can be shown one that breaks it.
package chaintable_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/chaintable/chaintable"

// rule tells what in the tree breaks it, one line each.
type rule func(house) []string

func TestHouse(t *testing.T) {
	h, err := open(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	if len(h.files) < 10 {
		t.Fatalf("found only %d Go files", len(h.files))
	}
	for name, rule := range map[string]rule{
		"imports point down":            importsPointDown,
		"the core is pure":              coreIsPure,
		"packages have a comment":       packagesHaveComments,
		"tests do not sleep":            testsDoNotSleep,
		"only main reads flags or ends": onlyMainEnds,
	} {
		t.Run(name, func(t *testing.T) {
			for _, broken := range rule(h) {
				t.Error(broken)
			}
		})
	}
}

// house is all Go files of the module.
type house struct {
	set   *token.FileSet
	files []file
}

type file struct {
	name string // "chain/view.go"
	dir  string // "chain"
	*ast.File
}

func (f file) test() bool { return strings.HasSuffix(f.name, "_test.go") }

func (f file) generated() bool { return ast.IsGenerated(f.File) }

// imports calls yield with each path imported and the name it has in the file.
func (f file) imports(yield func(importPath, name string)) {
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		yield(p, name)
	}
}

// name is how the file calls an imported package, or "".
func (f file) nameOf(importPath string) (name string) {
	f.imports(func(p, n string) {
		if p == importPath {
			name = n
		}
	})
	return name
}

func open(tree fs.FS) (house, error) {
	h := house{set: token.NewFileSet()}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(h.set, name, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		h.files = append(h.files, file{name: name, dir: path.Dir(name), File: parsed})
		return nil
	})
	return h, err
}

func (h house) at(n ast.Node) string {
	p := h.set.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// floors says which of our packages each may import, by folder; a folder stands for those in it too. Tests may look
// further, for they drive what they test. The first row that matches holds.
var floors = []struct {
	dir string
	may []string
}{
	{"chain", nil},
	{"table", []string{"chain"}},
	{"storage", []string{"chain", "table", "internal"}},
	{"link", []string{"chain", "table", "internal"}},
	{"coord", []string{"chain", "internal"}},
	{"replica", []string{"chain", "table", "link", "coord", "storage", "internal"}},
	{"server/servertest", []string{"chain", "table", "replica", "link", "coord", "server"}}, // what tests share
	{"server", []string{"chain", "table", "replica", "api", "internal"}},
	{"client", []string{"api", "coord", "internal"}},
	{"sim", []string{"chain", "table", "coord", "link", "storage", "client", "internal"}},
	{"internal/freeze", []string{"coord", "chain"}},
	{"internal", nil},
	{"api", nil},
	{"system_test", nil},
	{"cmd", []string{"chain", "table", "link", "coord", "storage", "replica", "server", "client", "api", "internal"}},
	{".", nil},
}

// importsPointDown is the house of design.md, section 1.
func importsPointDown(h house) (broken []string) {
	within := func(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }
	for _, f := range h.files {
		floor := slices.IndexFunc(floors, func(row struct {
			dir string
			may []string
		},
		) bool {
			return within(f.dir, row.dir)
		})
		if floor < 0 {
			broken = append(broken, f.name+": the folder has no place in the house: give it one in house_test.go")
			continue
		}
		if f.test() {
			continue
		}
		f.imports(func(p, _ string) {
			ours, ok := strings.CutPrefix(p, module+"/")
			if !ok || within(ours, floors[floor].dir) {
				return
			}
			if !slices.ContainsFunc(floors[floor].may, func(folder string) bool { return within(ours, folder) }) {
				broken = append(broken, fmt.Sprintf("%s imports %s: %s may not", f.name, ours, floors[floor].dir))
			}
		})
	}
	return broken
}

// pure is everything that chain and table may import. What is not here could do I/O, look at a clock, or differ
// from run to run.
var pure = map[string][]string{
	"chain": {
		"cmp", "container/heap", "encoding/binary", "errors", "fmt", "iter", "maps", "math", "math/bits", "slices", "sort",
		"strconv", "strings", "sync/atomic", "time", "unsafe",
	},
	"table": {
		"bytes", "cmp", "encoding/binary", "errors", "fmt", "hash", "hash/crc32", "io", "iter", "maps", "math", "math/bits",
		"runtime", "slices", "sort", "strconv", "strings", "sync", "sync/atomic", "unsafe",
		"github.com/cespare/xxhash/v2", "google.golang.org/protobuf/encoding/protowire", module + "/chain",
	},
}

// coreIsPure: chain and table import only what is pure, take nothing from time but its units, and chain starts no
// goroutine and has no channel.
func coreIsPure(h house) (broken []string) {
	for _, f := range h.files {
		allowed, core := pure[f.dir]
		if !core || f.test() {
			continue
		}
		f.imports(func(p, _ string) {
			if !slices.Contains(allowed, p) {
				broken = append(broken, fmt.Sprintf("%s imports %s, which is not in the list of what is pure", f.name, p))
			}
		})
		clock := f.nameOf("time")
		ast.Inspect(f.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && clock != "" && x.Name == clock && !unit(n.Sel.Name) {
					broken = append(broken, fmt.Sprintf("%s: time.%s: time comes in with Step", h.at(n), n.Sel.Name))
				}
			case *ast.GoStmt:
				broken = append(broken, h.at(n)+": a goroutine in the core")
			case *ast.ChanType:
				broken = append(broken, h.at(n)+": a channel in the core")
			}
			return true
		})
	}
	return broken
}

func unit(name string) bool {
	return slices.Contains([]string{"Duration", "Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour"}, name)
}

// packagesHaveComments: what a package is for is said once, in a comment before its name.
func packagesHaveComments(h house) (broken []string) {
	said := map[string]bool{} // by "dir name"
	for _, f := range h.files {
		key := f.dir + " " + f.Name.Name
		if f.test() && f.dir != "." {
			continue
		}
		starts := "Package " + f.Name.Name + " "
		if f.Name.Name == "main" {
			starts = strings.ToUpper(path.Base(f.dir)[:1]) + path.Base(f.dir)[1:] + " "
		}
		said[key] = said[key] || f.generated() || strings.HasPrefix(f.Doc.Text(), starts)
	}
	for key, ok := range said {
		if !ok {
			dir, name, _ := strings.Cut(key, " ")
			broken = append(broken, fmt.Sprintf("%s: no comment says what package %s is for", dir, name))
		}
	}
	return broken
}

// testsDoNotSleep: a test that sleeps is slow on every machine and wrong on a busy one. Within synctest.Test, time is
// not real; a helper for use in there says "bubble" or "virtual time" in its comment.
func testsDoNotSleep(h house) (broken []string) {
	for _, f := range h.files {
		clock, bubbles := f.nameOf("time"), f.nameOf("testing/synctest")
		if !f.test() || clock == "" {
			continue
		}
		is := func(n ast.Expr, pkg, name string) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || s.Sel.Name != name || pkg == "" {
				return false
			}
			x, ok := s.X.(*ast.Ident)
			return ok && x.Name == pkg
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if is(n.Fun, bubbles, "Test") {
					return false
				}
				if is(n.Fun, clock, "Sleep") {
					broken = append(broken, h.at(n)+": time.Sleep: wait for what the test is about, or use testing/synctest")
				}
			case *ast.FuncDecl:
				return !inBubble(n.Doc)
			case *ast.GenDecl:
				return !inBubble(n.Doc)
			}
			return true
		})
	}
	return broken
}

func inBubble(doc *ast.CommentGroup) bool {
	return strings.Contains(doc.Text(), "bubble") || strings.Contains(doc.Text(), "virtual time")
}

// onlyMainEnds: flags, environment, signals and the end of the process belong to cmd.
func onlyMainEnds(h house) (broken []string) {
	forbidden := map[string][]string{
		"os":        {"Exit", "Args", "Getenv", "LookupEnv", "Stdin"},
		"log":       {"Fatal", "Fatalf", "Fatalln"},
		"os/signal": {"Notify", "NotifyContext"},
	}
	for _, f := range h.files {
		if f.test() || f.Name.Name == "main" || f.dir == "internal/needs" {
			continue
		}
		f.imports(func(p, name string) {
			if p == "flag" {
				broken = append(broken, f.name+" imports flag")
			}
			ast.Inspect(f.File, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(forbidden[p], s.Sel.Name) {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == name {
						broken = append(broken, fmt.Sprintf("%s: %s.%s", h.at(n), name, s.Sel.Name))
					}
				}
				return true
			})
		})
	}
	return broken
}
