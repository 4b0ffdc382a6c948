package main

import (
	"strings"
	"testing"
)

func TestReadLines(t *testing.T) {
	long := strings.Repeat("x", 3*maxLine)
	in := "status\n\nkill 1\r\n" + long + "\nlast"
	var got []string
	for line := range readLines(t.Context(), strings.NewReader(in)) {
		got = append(got, strings.TrimSpace(line))
	}
	want := []string{"status", "", "kill 1", long[:maxLine], "last"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("read %d lines: %.100q", len(got), got)
	}
}

func TestConsole(t *testing.T) {
	var out strings.Builder
	c := newConsole(strings.NewReader(""), &out)
	c.printf("a line")
	c.end()
	if out.String() != "a line\n" {
		t.Errorf("printed %q where no terminal is", out.String())
	}
	out.Reset()
	c.terminal = true
	c.printf("a line")
	if want := "\r\x1b[Ka line\n" + prompt; out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
	out.Reset()
	c.deaf("bye")
	c.printf("a line")
	if want := "\r\x1b[Kbye\na line\n"; out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}
