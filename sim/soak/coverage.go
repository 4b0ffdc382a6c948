package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/tools/cover"
)

const module = "github.com/chaintable/chaintable/"

// soakCovered has a process of its own make the runs, built with the coverage of package chain, and tells it.
func soakCovered() (verdict string) {
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		return failed + err.Error()
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	verdict, err = runCovered(dir)
	if err != nil {
		return failed + err.Error()
	}
	took := time.Since(began)
	unexpected, err := printCoverage(dir)
	switch {
	case err != nil:
		return failed + err.Error()
	case unexpected > 0 && strings.HasPrefix(verdict, passed) && took >= fullTime:
		return fmt.Sprintf("%sno run failed, but %d branches of package chain that should be taken were not (sim/soak/untaken.txt): %s",
			failed, unexpected, strings.TrimPrefix(verdict, passed))
	}
	return verdict
}

// fullTime is how long it may take until all branches have been taken: after less, nobody is blamed.
const fullTime = 20 * time.Minute

// runCovered builds this program with coverage into dir, runs it, passes on what it prints, and returns the last line.
func runCovered(dir string) (verdict string, err error) {
	program := filepath.Join(dir, "soak")
	// Without the main package in the list, nothing is written at the end.
	build := exec.Command("go", "build", "-cover", "-coverpkg="+module+"chain,"+module+"sim/soak", "-o", program, module+"sim/soak")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build %ssim/soak: %w", module, err)
	}
	run := exec.Command(program, append(slices.Clone(os.Args[1:]), "-plain")...)
	run.Env = append(os.Environ(), "GOCOVERDIR="+dir)
	run.Stderr = os.Stderr
	out, err := run.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := run.Start(); err != nil {
		return "", err
	}
	verdict, err = passOn(os.Stdout, out)
	if ended := run.Wait(); err == nil && ended != nil && !strings.HasPrefix(verdict, failed) {
		err = ended
	}
	return verdict, err
}

// passOn copies all lines but the last, and returns that.
func passOn(to io.Writer, from io.Reader) (last string, err error) {
	lines := bufio.NewReader(from)
	for first := true; ; first = false {
		line, err := lines.ReadString('\n')
		if line != "" {
			if !first {
				fmt.Fprintln(to, last)
			}
			last = strings.TrimSuffix(line, "\n")
		}
		switch err {
		case nil:
		case io.EOF:
			return last, nil
		default:
			return last, err
		}
	}
}

// untaken lists the branches that no run takes, or hardly any, each as printCoverage prints it, and why.
//
//go:embed untaken.txt
var untaken string

// printCoverage tells how many of the branches of each file have been taken, and which have not. A branch is a block of statements that
// run together; blocks without statements do not count. It counts those that should have been.
func printCoverage(dir string) (unexpected int, err error) {
	profiles, err := readCoverage(dir)
	if err != nil {
		return 0, err
	}
	expected := make(map[string]bool) // whether the branch is there
	for line := range strings.Lines(untaken) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			expected[line] = false
		}
	}
	var never []string
	fmt.Println("branches of package chain:")
	for _, p := range profiles {
		if path.Dir(p.FileName) != module+"chain" {
			continue
		}
		source, err := os.ReadFile(strings.TrimPrefix(p.FileName, module))
		if err != nil {
			return 0, fmt.Errorf("run it at the root of the repository: %w", err)
		}
		lines := strings.Split(string(source), "\n")
		taken, all := 0, 0
		for _, b := range p.Blocks {
			if b.NumStmt == 0 {
				continue
			}
			all++
			what := path.Base(p.FileName) + ": " + function(lines, b) + ": " + show(lines, b)
			if _, ok := expected[what]; ok {
				expected[what] = true
			} else if b.Count == 0 {
				never = append(never, fmt.Sprintf("  line %d of %s", b.StartLine, what))
			}
			if b.Count > 0 {
				taken++
			}
		}
		fmt.Printf("  %-16s %3d of %3d taken\n", path.Base(p.FileName), taken, all)
	}
	for what, there := range expected {
		if !there {
			return 0, fmt.Errorf("sim/soak/untaken.txt names a branch that is not there: %s", what)
		}
	}
	fmt.Printf("%d need not be taken (sim/soak/untaken.txt says why); of the others these %d were not:\n", len(expected), len(never))
	for _, n := range never {
		fmt.Println(n)
	}
	return len(never), nil
}

// function is the name of the function that a block is in.
func function(lines []string, b cover.ProfileBlock) string {
	for i := b.StartLine - 1; i >= 0; i-- {
		if text, ok := strings.CutPrefix(lines[i], "func "); ok {
			if _, method, ok := strings.Cut(text, ") "); ok && text[0] == '(' {
				text = method
			}
			name, _, _ := strings.Cut(text, "(")
			return name
		}
	}
	return "?"
}

// show is the beginning of a block: what stands before its brace, and the first line behind it.
func show(lines []string, b cover.ProfileBlock) string {
	text := strings.TrimSpace(lines[b.StartLine-1])
	if b.EndLine > b.StartLine && (strings.HasSuffix(text, "{") || strings.HasSuffix(text, ":")) {
		text += " " + strings.TrimSpace(lines[b.StartLine])
	}
	return text
}

// readCoverage reads what the process wrote at its end.
func readCoverage(dir string) ([]*cover.Profile, error) {
	profile := filepath.Join(dir, "profile")
	if out, err := exec.Command("go", "tool", "covdata", "textfmt", "-i", dir, "-o", profile).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go tool covdata: %w: %s", err, bytes.TrimSpace(out))
	}
	profiles, err := cover.ParseProfiles(profile)
	slices.SortFunc(profiles, func(a, b *cover.Profile) int { return strings.Compare(a.FileName, b.FileName) })
	return profiles, err
}
