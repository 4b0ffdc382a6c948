package mutants

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is one rule broken.
type mutant struct {
	name    string
	section string // of design.md
	rule    string // what is broken, in words
	edits   []edit

	// theme is the kind of runs that are hunted: plain, or one of sim.Themes; none: all.
	theme string
	// progress marks a rule whose sole purpose is that the chain gets on: then a cluster that does not come to rest counts.
	progress bool
	// rare is one for which there is not the time in every test: it is hunted when it is named, and with -rare.
	rare bool
	// seeds is how many may be needed, where the default is too few.
	seeds int
	why   string // of progress, rare or seeds
	// elsewhere names the test of the real counterpart, where the rule lives in the runtime and the simulator has a stand-in
	// for it.
	elsewhere string
}

// edit replaces old, which occurs once in the file, by new. In new, the word OFF stands for "this mutant is switched on".
type edit struct{ file, old, new string }

// change is an edit, less what old and new have in common at both ends: so edits of one line are often apart.
type change struct {
	from, to int // in the file
	text     string
}

// program is one build with as many mutants in it as go together.
type program struct {
	changes map[string][]change // by file, relative to the root
	path    string              // of the binary
}

// switchName is the environment variable that says which mutant is on.
const switchName = "CHAINTABLE_MUTANT"

// find is where an edit applies, as the mutant with that number.
func (e edit) find(source []byte, number int) (change, error) {
	text := string(source)
	if n := strings.Count(text, e.old); n != 1 {
		return change{}, fmt.Errorf("%s: %q occurs %d times, want once", e.file, e.old, n)
	}
	from := strings.Index(text, e.old)
	fresh := strings.ReplaceAll(e.new, "OFF", fmt.Sprintf("mutantOn(%d)", number))
	head := 0
	for head < min(len(e.old), len(fresh)) && e.old[head] == fresh[head] {
		head++
	}
	tail := 0
	for tail < min(len(e.old), len(fresh))-head && e.old[len(e.old)-1-tail] == fresh[len(fresh)-1-tail] {
		tail++
	}
	return change{from + head, from + len(e.old) - tail, fresh[head : len(fresh)-tail]}, nil
}

// clashes tells whether two changes cannot both be made. What is inserted at one place goes in one after the other.
func (c change) clashes(d change) bool { return c.from < d.to && d.from < c.to }

// plan puts mutants into programs, each into the first that has room. at[i] is the program of ms[i], whose number is i+1.
func plan(root string, ms []mutant) (programs []*program, at []*program, err error) {
	sources := make(map[string][]byte)
	for i, m := range ms {
		mine := make(map[string][]change)
		for _, e := range m.edits {
			if sources[e.file] == nil {
				if sources[e.file], err = os.ReadFile(filepath.Join(root, e.file)); err != nil {
					return nil, nil, err
				}
			}
			c, err := e.find(sources[e.file], i+1)
			if err != nil {
				return nil, nil, fmt.Errorf("mutant %s: %w", m.name, err)
			}
			mine[e.file] = append(mine[e.file], c)
		}
		var p *program
		if k := slices.IndexFunc(programs, func(p *program) bool { return p.takes(mine) }); k >= 0 {
			p = programs[k]
		} else {
			p = &program{changes: make(map[string][]change)}
			programs = append(programs, p)
		}
		for file, cs := range mine {
			p.changes[file] = append(p.changes[file], cs...)
		}
		at = append(at, p)
	}
	return programs, at, nil
}

func (p *program) takes(mine map[string][]change) bool {
	for file, cs := range mine {
		for _, c := range cs {
			if slices.ContainsFunc(p.changes[file], c.clashes) {
				return false
			}
		}
	}
	return true
}

// switchFile is what each changed package gets: which mutant is on.
const switchFile = `package %s

import (
	"os"
	"strconv"
)

var mutant, _ = strconv.Atoi(os.Getenv(%q))

func mutantOn(n int) bool { return n == mutant }
`

// build compiles sim/hunt with the changes, in a folder of its own.
func (p *program) build(root, dir string) error {
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	put := func(name, text string) error {
		at := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		overlay.Replace[filepath.Join(root, name)] = at
		return os.WriteFile(at, []byte(text), 0o644)
	}
	for file, changes := range p.changes {
		source, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return err
		}
		slices.SortStableFunc(changes, func(a, b change) int { return a.from - b.from })
		var b strings.Builder
		at := 0
		for _, c := range changes {
			b.Write(source[at:c.from])
			b.WriteString(c.text)
			at = c.to
		}
		b.Write(source[at:])
		if err := put(file, b.String()); err != nil {
			return err
		}
		pkg := filepath.Dir(file)
		if err := put(pkg+"/mutant_switch.go", fmt.Sprintf(switchFile, filepath.Base(pkg), switchName)); err != nil {
			return err
		}
	}
	spec, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, spec, 0o644); err != nil {
		return err
	}
	p.path = filepath.Join(dir, "hunt")
	cmd := exec.Command("go", "build", "-trimpath", "-overlay", file, "-o", p.path, "./sim/hunt")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}
