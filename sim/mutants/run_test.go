package mutants

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	only  = flag.String("mutant", "", "hunt this one only, and tell the story of the seed that finds it")
	from  = flag.Uint64("from", 1, "the first seed")
	bound = flag.Int("bound", 5000, "how many seeds a mutant may need, where it has no bound of its own")
	lines = flag.Int("lines", 220, "how many events are told")
	rare  = flag.Bool("rare", false, "hunt those, too, that need many seeds")
	trail = flag.Bool("trail", false, "tell each find at once, too")
	keep  = flag.String("keep", "", "a folder in which the programs are kept")
)

const (
	// controlSeeds is how many of the first seeds must be clean where nothing is broken, beside all those that found a mutant.
	controlSeeds = 50
	// processes is how many hunt at a time.
	processes = 2
	// huntTime is how long one may hunt: a broken rule can make a run endless.
	huntTime = 3 * time.Minute
)

// all is every mutant, in the order of the sections.
func all() []mutant {
	return slices.Concat(numbering, normal, tables, fullDisks, reads, views, joins, restarts, operators, once, disks, clients)
}

// TestMutants hunts every mutant, and demands that each is found, and that nothing is found where nothing is broken.
func TestMutants(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	ms := all()
	if *only != "" {
		if ms = slices.DeleteFunc(ms, func(m mutant) bool { return !regexp.MustCompile("^(" + *only + ")$").MatchString(m.name) }); len(ms) == 0 {
			t.Fatalf("there is no mutant %q", *only)
		}
	}
	if *only == "" && !*rare {
		ms = slices.DeleteFunc(ms, func(m mutant) bool { return m.rare })
	}
	began := time.Now()
	programs, at, err := plan(root, ms)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range programs {
		dir := t.TempDir()
		if *keep != "" {
			dir = filepath.Join(*keep, strconv.Itoa(i))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.build(root, dir); err != nil {
			t.Fatal(err)
		}
	}
	built := time.Since(began)
	finds := huntAll(t, ms, at)
	t.Logf("%d mutants in %d programs, built in %.1fs, hunted in %.1fs\n%s", len(ms), len(programs), built.Seconds(),
		time.Since(began).Seconds()-built.Seconds(), table(ms, finds))
	for i, m := range ms {
		f := finds[i]
		if (m.seeds != 0 || m.progress || m.rare) != (m.why != "") {
			t.Errorf("%s: why does it need more than others, or none: %q", m.name, m.why)
		}
		switch {
		case f.err != nil:
			t.Errorf("%s: %v", m.name, f.err)
		case f.seed != 0 && !slices.Contains(checkers, f.checker) && !(m.progress && f.checker == "run"):
			t.Errorf("%s: found by no checker, but by the simulator's own %s: %s", m.name, f.checker, f.complaint)
		case f.seed == 0:
			t.Errorf("%s: not found in %d seeds: %s", m.name, m.bound(), m.rule)
		case *only != "" && len(ms) == 1:
			t.Logf("again: go test ./sim/mutants -v -mutant '%s' -from %d\n%s", m.name, f.seed, story(at[i], i+1, f.seed, m.progress))
		}
	}
	control(t, programs, at, finds)
}

// checkers are those that read only histories, logs and views. A cluster that does not come to rest (run) is seen from outside, too, but says
// less.
var checkers = []string{"log", "disk", "view", "registration", "tables", "ops", "model", "porcupine"}

// find is how a hunt ended.
type find struct {
	seed      uint64 // zero: not found
	needed    int    // seeds, until then
	checker   string // that found it
	complaint string
	took      time.Duration
	err       error
}

func (m *mutant) bound() int { return cmp.Or(m.seeds, *bound) }

// huntAll hunts the mutants, several at a time.
func huntAll(t *testing.T, ms []mutant, at []*program) []find {
	finds := make([]find, len(ms))
	next := make(chan int)
	var wg sync.WaitGroup
	for range processes {
		wg.Go(func() {
			for i := range next {
				m := &ms[i]
				began := time.Now()
				args := []string{"-outside", "-seed", strconv.FormatUint(*from, 10), "-seeds", strconv.Itoa(m.bound())}
				if !m.progress {
					args = append(args, "-safety")
				}
				if m.theme != "" {
					args = append(args, "-theme", m.theme)
				}
				finds[i] = run(t.Context(), at[i], i+1, args...)
				finds[i].took = time.Since(began)
				if *trail {
					t.Log(strings.TrimSpace(row(m, finds[i])) + " " + finds[i].said())
				}
			}
		})
	}
	for i := range ms {
		next <- i
	}
	close(next)
	wg.Wait()
	return finds
}

// run runs a program with one mutant on, zero for none.
func run(ctx context.Context, p *program, number int, args ...string) find {
	ctx, cancel := context.WithTimeout(ctx, huntTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", switchName, number))
	out, err := cmd.Output()
	text := string(out)
	var f find
	switch {
	case strings.HasPrefix(text, "clean"):
	case strings.HasPrefix(text, "seed "):
		head, complaint, _ := strings.Cut(text, ": ")
		f.complaint = strings.TrimSpace(complaint)
		_, f.err = fmt.Sscanf(head, "seed %d, number %d, by %s", &f.seed, &f.needed, &f.checker)
	default:
		f.err = fmt.Errorf("hunt ends with %w: %.2000s", err, text)
	}
	return f
}

// control demands that the seeds that found something find nothing where nothing is broken.
func control(t *testing.T, programs, at []*program, finds []find) {
	var wg sync.WaitGroup
	for _, p := range programs {
		args := []string{"-outside"}
		for s := range uint64(controlSeeds) {
			args = append(args, strconv.FormatUint(s+1, 10))
		}
		for i, f := range finds {
			if at[i] == p && f.seed > controlSeeds {
				args = append(args, strconv.FormatUint(f.seed, 10))
			}
		}
		wg.Go(func() {
			if f := run(t.Context(), p, 0, args...); f.err != nil || f.seed != 0 {
				t.Errorf("control: nothing is broken, and seed %d complains: %s %v", f.seed, f.complaint, f.err)
			}
		})
	}
	wg.Wait()
}

// story is the last events before the failure.
func story(p *program, number int, seed uint64, progress bool) string {
	args := []string{"-outside", "-tell", strconv.Itoa(*lines)}
	if !progress {
		args = append(args, "-safety")
	}
	return run(context.Background(), p, number, append(args, strconv.FormatUint(seed, 10))...).complaint
}

var (
	digits = regexp.MustCompile(`[0-9a-f]{16}`)
	when   = regexp.MustCompile(`^sim: at [^:]*: `)
)

// table is what has been found, one line each.
func table(ms []mutant, finds []find) string {
	var b strings.Builder
	fmt.Fprintf(&b, format, "mutant", "sec.", "runs", "seeds", "time", "found by", "rule")
	for i := range ms {
		b.WriteString(row(&ms[i], finds[i]))
	}
	return b.String()
}

const format = "%-37s %-4s %-8s %5s %6s  %-12s  %s\n"

func row(m *mutant, f find) string {
	seeds, by, rule := "-", "NOT FOUND", m.rule
	switch {
	case f.err != nil:
		by = f.err.Error()
	case f.seed != 0:
		seeds, by = strconv.Itoa(f.needed), f.checker
	}
	if m.elsewhere != "" {
		rule += " (the real one: " + m.elsewhere + ")"
	}
	return fmt.Sprintf(format, m.name, m.section, cmp.Or(m.theme, "all"), seeds, fmt.Sprintf("%.1fs", f.took.Seconds()), by, rule)
}

// said is what was found wrong, in a line without what differs from seed to seed.
func (f find) said() string {
	text, _, _ := strings.Cut(when.ReplaceAllString(digits.ReplaceAllString(f.complaint, "#"), ""), "\n")
	return text
}
