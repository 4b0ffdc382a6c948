package chaintable_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// TestDocs keeps what the documents name: the files and tests that they point to are there.
func TestDocs(t *testing.T) {
	broken, err := docsPointNowhere(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range broken {
		t.Error(b)
	}
}

func TestDocsSeesWhatIsBad(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"link":               {"see [it](docs/there.md#part) and [that](https://example.com/x.md)", ""},
		"link to nowhere":    {"see [it](docs/gone.md)", "docs/gone.md"},
		"file":               {"in `chain/a.go`, `chain` and `chain/`", ""},
		"file that has gone": {"in `chain/gone.go`", "chain/gone.go"},
		"test":               {"`TestThere` shows it", ""},
		"test that has gone": {"`TestGone` shows it", "TestGone"},
		"fuzz target":        {"`FuzzGone` shows it", "FuzzGone"},
		"code":               {"`go run ./cmd/x` and `a/b` of anything", ""},
	} {
		t.Run(name, func(t *testing.T) {
			broken, err := docsPointNowhere(fstest.MapFS{
				"README.md":       {Data: []byte(c.text)},
				"docs/there.md":   {},
				"chain/a.go":      {Data: []byte("package chain\n")},
				"chain/a_test.go": {Data: []byte("package chain\n\nfunc TestThere() {}\n")},
			})
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(broken, "\n")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("said %q, want something with %q", got, c.want)
			}
		})
	}
}

var (
	docLink = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	docFile = regexp.MustCompile("`([\\w.-]+(?:/[\\w.-]+)*\\.(?:go|md|proto|txt))`")
	docTest = regexp.MustCompile("`((?:Test|Fuzz|Benchmark|Example)[A-Z]\\w*)`")
	defined = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w+)\(`)
)

// docsPointNowhere lists what README.md and docs/ name, and what is not there.
func docsPointNowhere(tree fs.FS) (broken []string, err error) {
	docs, tests := map[string]string{}, map[string]bool{}
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".md" && !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		data, err := fs.ReadFile(tree, name)
		if path.Ext(name) == ".md" {
			docs[name] = string(data)
		}
		for _, found := range defined.FindAllSubmatch(data, -1) {
			tests[string(found[1])] = true
		}
		return err
	})
	exists := func(name string) bool {
		_, err := fs.Stat(tree, name)
		return err == nil
	}
	for doc, text := range docs {
		for _, found := range docLink.FindAllStringSubmatch(text, -1) {
			if to := found[1]; !strings.Contains(to, "://") && !exists(path.Join(path.Dir(doc), to)) {
				broken = append(broken, fmt.Sprintf("%s: link to %s, which is not there", doc, to))
			}
		}
		for _, found := range docFile.FindAllStringSubmatch(text, -1) {
			if name := found[1]; strings.Contains(name, "/") && !exists(name) && !exists(path.Join(path.Dir(doc), name)) {
				broken = append(broken, fmt.Sprintf("%s: %s, which is not there", doc, name))
			}
		}
		for _, found := range docTest.FindAllStringSubmatch(text, -1) {
			if !tests[found[1]] {
				broken = append(broken, fmt.Sprintf("%s: %s, which is not there", doc, found[1]))
			}
		}
	}
	return broken, err
}
