package chaintable_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chaintable/chaintable/internal/needs"
)

// TestGeneratedIsFresh makes the code of api/*.proto anew and compares it with what is committed.
func TestGeneratedIsFresh(t *testing.T) {
	needs.Program(t, "protoc")
	made := t.TempDir()
	if out, err := exec.Command("api/generate", made).CombinedOutput(); err != nil {
		t.Fatalf("api/generate: %v\n%s", err, out)
	}
	if entries, err := os.ReadDir(made); err != nil || len(entries) == 0 {
		t.Fatalf("nothing was generated: %v", err)
	}
	for _, stale := range compareGenerated(t, os.DirFS("api"), os.DirFS(made)) {
		t.Errorf("%s: run `make generate`", stale)
	}
}

func TestGeneratedIsFreshSeesWhatIsStale(t *testing.T) {
	tree := func(files ...string) fs.FS {
		fsys := fstest.MapFS{}
		for i := 0; i < len(files); i += 2 {
			fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
		}
		return fsys
	}
	for name, c := range map[string]struct {
		committed, made fs.FS
		want            string
	}{
		"same":            {tree("a.pb.go", "x"), tree("a.pb.go", "x"), ""},
		"other protoc":    {tree("a.pb.go", "// \tprotoc v3\nx"), tree("a.pb.go", "// \tprotoc v4\nx"), ""},
		"changed":         {tree("a.pb.go", "x"), tree("a.pb.go", "y"), "api/a.pb.go is not"},
		"not committed":   {tree(), tree("a.pb.go", "x"), "api/a.pb.go is not"},
		"has no proto":    {tree("a.pb.go", "x", "b/old.pb.go", "x"), tree("a.pb.go", "x"), "api/b/old.pb.go comes from no"},
		"beside the code": {tree("a.pb.go", "x", "a.proto", "p"), tree("a.pb.go", "x"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(compareGenerated(t, c.committed, c.made), "\n")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("said %q, want something with %q", got, c.want)
			}
		})
	}
}

// protocLine names the release of protoc, which is the machine's and makes no difference in the code.
var protocLine = regexp.MustCompile(`(?m)^// \s*protoc .*$`)

func compareGenerated(t *testing.T, committed, made fs.FS) (stale []string) {
	t.Helper()
	list := func(fsys fs.FS) map[string][]byte {
		files := map[string][]byte{}
		err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".pb.go") {
				return err
			}
			data, err := fs.ReadFile(fsys, name)
			files[name] = protocLine.ReplaceAll(data, nil)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	have, want := list(committed), list(made)
	for name, data := range want {
		if !bytes.Equal(have[name], data) || have[name] == nil {
			stale = append(stale, fmt.Sprintf("api/%s is not what its .proto file gives", name))
		}
	}
	for name := range have {
		if want[name] == nil {
			stale = append(stale, fmt.Sprintf("api/%s comes from no .proto file", name))
		}
	}
	return stale
}
