package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/peterh/liner"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Lines that are longer, in bytes, are not kept in the history: they are data.
const maxHistoryLine = 4096

// editor reads lines from a person, who can edit, complete and repeat them.
type editor struct {
	*liner.State
	history string // file; empty for none
}

func newEditor(a *app) *editor {
	e := &editor{State: liner.NewLiner(), history: historyPath()}
	e.SetCtrlCAborts(true)
	e.SetTabCompletionStyle(liner.TabPrints)
	e.SetWordCompleter(func(line string, pos int) (head string, completions []string, tail string) {
		return completeLine(a, line, pos)
	})
	if f, err := os.Open(e.history); err == nil {
		_, _ = e.ReadHistory(f) // what can be read of it
		_ = f.Close()
	}
	return e
}

// historyPath is the file with the history, in the user's folder for what programs remember; empty if there is none.
func historyPath() string {
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "chaintable", "history")
}

func (e *editor) next() (string, error) {
	line, err := e.Prompt(prompt)
	switch {
	case errors.Is(err, liner.ErrPromptAborted):
		return "", nil // Ctrl-C forgets the line
	case err != nil:
		return "", io.EOF
	case line != "" && len(line) < maxHistoryLine:
		e.AppendHistory(line)
	}
	return line, nil
}

// Close keeps the history, if that can be: values may be secret, so it is for the user alone.
func (e *editor) Close() error {
	if e.history != "" {
		_ = e.keep()
	}
	return e.State.Close()
}

func (e *editor) keep() error {
	var b bytes.Buffer
	if _, err := e.WriteHistory(&b); err != nil {
		return err
	}
	return writeHistory(e.history, b.Bytes())
}

func writeHistory(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return replaceFile(path, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
}

// completeLine completes the word before pos: a command, a flag, or what the command says; where it says nothing, the name of a file.
func completeLine(a *app, line string, pos int) (head string, completions []string, tail string) {
	runes := []rune(line)
	before, tail := string(runes[:pos]), string(runes[pos:])
	at := strings.LastIndexByte(before, ' ') + 1
	head, word := before[:at], before[at:]
	root := newRoot(&app{options: a.options, in: a.in, out: a.out, address: a.address, line: true}) // flags of this line hold for it alone
	args := strings.Fields(head)
	if len(args) == 0 {
		for _, c := range root.Commands() {
			if c.Name() != "completion" { // which is for shells
				completions = append(completions, c.Name())
			}
		}
		return head, fitting(completions, word), tail
	}
	args[0] = strings.ToLower(args[0])
	c, args, err := root.Find(args)
	if err != nil || c == root {
		return head, nil, tail
	}
	complete, flag := c.ValidArgsFunction, flagBefore(c, args)
	if flag != nil {
		complete, _ = c.GetFlagCompletionFunc(flag.Name)
	} else if c.ParseFlags(args) == nil {
		args = c.Flags().Args()
	}
	switch {
	case flag == nil && strings.HasPrefix(word, "-"):
		c.Flags().VisitAll(func(f *pflag.Flag) { completions = append(completions, "--"+f.Name) })
		c.InheritedFlags().VisitAll(func(f *pflag.Flag) { completions = append(completions, "--"+f.Name) })
	case flag == nil && len(args) == 0 && c.HasSubCommands():
		for _, sub := range c.Commands() {
			completions = append(completions, sub.Name())
		}
	case complete != nil:
		found, _ := complete(c, args, word)
		for _, f := range found {
			name, _, _ := strings.Cut(f, "\t") // what follows describes it
			completions = append(completions, name)
		}
	default:
		return head, files(word), tail
	}
	return head, fitting(completions, word), tail
}

// flagBefore is the flag whose value comes behind these words; nil for none.
func flagBefore(c *cobra.Command, words []string) *pflag.Flag {
	if len(words) == 0 {
		return nil
	}
	var f *pflag.Flag
	last := words[len(words)-1]
	if name, long := strings.CutPrefix(last, "--"); long {
		f = c.Flag(name)
	} else if short, ok := strings.CutPrefix(last, "-"); ok && len(short) == 1 {
		if f = c.Flags().ShorthandLookup(short); f == nil {
			f = c.InheritedFlags().ShorthandLookup(short)
		}
	}
	if f == nil || f.NoOptDefVal != "" {
		return nil
	}
	return f
}

// fitting are the words with the prefix, each with a space behind it.
func fitting(all []string, prefix string) (some []string) {
	for _, word := range all {
		if strings.HasPrefix(word, prefix) {
			some = append(some, word+" ")
		}
	}
	return some
}

// files are the names of files that begin so.
func files(prefix string) []string {
	found, _ := filepath.Glob(escapeGlob(prefix) + "*") // a bad pattern fits nothing
	for i, f := range found {
		if info, err := os.Stat(f); err == nil && info.IsDir() {
			found[i] += "/"
		}
		if strings.Contains(found[i], " ") {
			found[i] = strconv.Quote(found[i])
		}
	}
	return found
}

// escapeGlob is a pattern that fits the text alone.
func escapeGlob(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(text)
}
