package needs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chaintable/chaintable/internal/needs"
)

// recorder is a test whose end can be looked at.
type recorder struct {
	testing.TB
	outcome string
}

type ended struct{}

func (*recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.outcome = "fail: " + fmt.Sprintf(format, args...)
	panic(ended{})
}

func outcome(f func(testing.TB)) (o string) {
	r := &recorder{outcome: "pass"}
	defer func() {
		if _, ok := recover().(ended); ok {
			o = r.outcome
		}
	}()
	f(r)
	return r.outcome
}

func TestNeeds(t *testing.T) {
	here, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	for _, c := range []struct {
		name string
		need func(testing.TB)
		want string // how the outcome begins
	}{
		{"program there", func(tb testing.TB) { needs.Program(tb, here) }, "pass"},
		{"program missing", func(tb testing.TB) { needs.Program(tb, nowhere) }, "fail"},
		{"file there", func(tb testing.TB) { needs.File(tb, here) }, "pass"},
		{"file missing", func(tb testing.TB) { needs.File(tb, nowhere) }, "fail"},
		{"module missing", func(tb testing.TB) { needs.Python(tb, "no_such_module") }, "fail"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := outcome(c.need); got[:4] != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
