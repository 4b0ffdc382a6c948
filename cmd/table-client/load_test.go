package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server"
	"github.com/chaintable/chaintable/server/servertest"
)

func writeFile(t *testing.T, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Each form of a line, and what is none.
func TestLoadLines(t *testing.T) {
	for name, c := range map[string]struct {
		form, text string
		want       string // number key=value, or what is bad
	}{
		"nothing":            {linesAuto, "", ""},
		"tabs":               {linesAuto, "k\tv\nl\t\n\t w\tx \r\nlast\tline", `1 k=v|2 l=|3 = w	x ` + "\r" + `|4 last=line`},
		"no tab":             {linesAuto, "k v\n", "1: no tab between key and value"},
		"empty lines":        {linesTSV, "\n \r\n\t\nk\tv\n\n", "3 =|4 k=v"},
		"a byte order mark":  {linesAuto, "\ufeff{\"key\":\"k\",\"value\":\"v\"}", "1 k=v"},
		"two of them":        {linesAuto, "\ufeff\ufeffk\tv\n\ufeffl\tw", "1 \ufeffk=v|2 \ufeffl=w"},
		"a brace, with tabs": {linesTSV, "{\tv\n", "1 {=v"},
		"lines":              {linesKeys, "a\tb\n\nc", "1 a\tb=1|3 c=3"},
		"JSON":               {linesAuto, `{"key":"k","value":"v\n\u0000"}` + "\n \n" + ` {"value_base64":"/w==","key_base64":"AAE="}`, "1 k=v\n\x00|3 \x00\x01=\xff"},
		"JSON of a dump":     {linesJSON, `{"key":"","value":"","version":7}`, "1 ="},
		"empty base64":       {linesJSON, `{"key_base64":"","value_base64":""}`, "1 ="},
		"U+FFFD":             {linesJSON, `{"key":"�","value":"\uFFFD"}`, "1 �=�"},
		"half a pair":        {linesJSON, `{"key":"k","value":"\ud83d"}`, "1: half of a surrogate pair"},
		"half a pair as key": {linesJSON, `{"key":"\ud83d","value":""}`, "1: half of a surrogate pair"},
		"no UTF-8":           {linesJSON, "{\"key\":\"k\",\"value\":\"\xff\"}", "1: no valid UTF-8: use key_base64"},
		"no key":             {linesJSON, `{"value":"v"}`, "1: want key or key_base64"},
		"two keys":           {linesJSON, `{"key":"k","key_base64":"AAE=","value":"v"}`, "1: want key or key_base64"},
		"no value":           {linesJSON, `{"key":"v"}`, "1: want value or value_base64"},
		"two values":         {linesJSON, `{"key":"k","value":"","value_base64":""}`, "1: want value or value_base64"},
		"another field":      {linesJSON, `{"key":"k","value":"v","ttl":1}`, `1: no JSON object with key and value: unknown field "ttl"`},
		"another type":       {linesJSON, `{"key":1,"value":"v"}`, "1: no JSON object with key and value: key is no text in quotes"},
		"another version":    {linesJSON, `{"key":"k","value":"v","version":"7"}`, "1: no JSON object with key and value: version is no whole number"},
		"base64 of what":     {linesJSON, `{"key":"k","value_base64":["a"]}`, "1: no JSON object with key and value: value_base64 is no base64 in quotes"},
		"JSON behind spaces": {linesAuto, "\n  \n {\"key\":\"k\",\"value\":\"v\"}\n\t\n", "3 k=v"},
		"JSON as tabs":       {linesTSV, "{\"key\":\"k\"}", "1: no tab between key and value: is it --format json?"},
		"no object":          {linesJSON, `7`, "1: no JSON object with key and value: it is a JSON number"},
		"an array":           {linesJSON, `[]`, "1: a JSON array: want an object on each line, as jq -c '.[]' makes them"},
		"an array, unsaid":   {linesAuto, "[\n{}]", "1: a JSON array: want an object"},
		"a bracket":          {linesAuto, "[\tv", "1 [=v"},
		"too early":          {linesJSON, `{"key":"k"`, "1: no JSON object with key and value: it ends too early"},
		"too late":           {linesJSON, `{"key":"k","value":"v"} x`, "1: something behind the JSON object"},
		"two objects":        {linesJSON, `{"key":"k","value":"v"}{}`, "1: something behind the JSON object"},
		"bad base64":         {linesJSON, `{"key":"k","value_base64":"?"}`, "1: no JSON object with key and value: what is in key_base64 or value_base64 is no base64"},
		"a key too long":     {linesTSV, strings.Repeat("k", 64<<10+1) + "\tv", "1: a key of 65537 bytes is too long: at most 65536"},
		"the longest":        {linesTSV, strings.Repeat("k", 64<<10) + "\t", "1 " + strings.Repeat("k", 64<<10) + "="},
		"a value too long":   {linesTSV, "k\t" + strings.Repeat("v", 16<<20+1), "1: a value of 16777217 bytes is too long: at most 16777216"},
		"a line too long":    {linesTSV, strings.Repeat("k", maxLoadLine+1) + "\na\tb", "1: longer than"},
	} {
		lines := make(chan loadLine)
		go newLineSource(strings.NewReader(c.text), c.form).send(t.Context(), 1, lines)
		var got []string
		for l := range lines {
			if l.bad != nil {
				got = append(got, fmt.Sprintf("%d: %v", l.number, l.bad))
			} else {
				got = append(got, fmt.Sprintf("%d %s=%s", l.number, l.key, l.value))
			}
		}
		if s := strings.Join(got, "|"); s != c.want && (!strings.Contains(c.want, ": ") || !strings.HasPrefix(s, c.want)) {
			t.Errorf("%s: got %.200q, want %.200q", name, s, c.want)
		}
	}
}

// Lines with one key take effect one after the other, and the others at the same time, no more than asked for.
func TestLoadOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		var file strings.Builder
		last := map[string]string{}
		for i := range 2000 {
			key, value := fmt.Sprint(random.IntN(20)), fmt.Sprint(i)
			fmt.Fprintf(&file, "%s\t%s\n", key, value)
			last[key] = value
		}
		l := newLoader(newApp(nil, io.Discard, io.Discard), loadOptions{form: linesAuto, parallel: 8, from: 1})
		var mu sync.Mutex
		table, under, most := map[string]string{}, 0, 0
		l.put = func(_ context.Context, key string, value []byte) error {
			mu.Lock()
			under++
			most = max(most, under)
			pause := time.Duration(random.IntN(1000)) * time.Microsecond
			mu.Unlock()
			time.Sleep(pause)
			mu.Lock()
			defer mu.Unlock()
			under--
			table[key] = string(value)
			return nil
		}
		if err := l.run(t.Context(), func() {}, strings.NewReader(file.String())); err != nil || l.written != 2000 {
			t.Errorf("%v, %d written", err, l.written)
		}
		for key, want := range last {
			if table[key] != want {
				t.Errorf("%s is %s, want %s", key, table[key], want)
			}
		}
		if most < 2 || most > 8 {
			t.Errorf("%d lines were under way", most)
		}
	})
}

// The rate is kept, also behind a pause that a server made.
func TestLoadRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(newApp(nil, io.Discard, io.Discard), loadOptions{form: linesKeys, rate: 100, parallel: 4, from: 1})
		began := time.Now()
		var begun []time.Duration
		l.put = func(context.Context, string, []byte) error {
			begun = append(begun, time.Since(began))
			if len(begun) == 100 {
				time.Sleep(3 * time.Second)
			}
			return nil
		}
		l.options.parallel = 1
		if err := l.run(t.Context(), func() {}, strings.NewReader(strings.Repeat("x\n", 300))); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 5850*time.Millisecond || took > 6100*time.Millisecond {
			t.Errorf("300 lines took %v with a pause of 3 s", took)
		}
		for i := 20; i < len(begun); i++ {
			if d := begun[i] - begun[i-20]; d < 85*time.Millisecond {
				t.Errorf("20 lines in %v", d)
			}
		}
	})
}

// What fails is said with its line, those under way are waited for, and none is begun behind it.
func TestLoadFails(t *testing.T) {
	outcomes := map[string]error{"bad": failf(codeFailed, "no"), "worse": failf(codeUncertain, "perhaps")}
	for name, c := range map[string]struct {
		text    string
		options loadOptions
		code    int
		written int
		notes   string
		says    string
	}{
		"a line":         {"a\t\nbad\t\nc\t\nd\t\n", loadOptions{parallel: 1}, 3, 1, "line 2: no\n", "All lines before 2 are in: go on with --from 2"},
		"several":        {"a\t\nbad\t\nworse\t\nd\t\n", loadOptions{parallel: 4}, 4, 2, "line 2: no\ntable-client: line 3: perhaps\n", "before 2 are in"},
		"a bad one":      {"a\t\nb\nc\t\n", loadOptions{parallel: 4}, 2, 1, "line 2: no tab", "before 2 are in"},
		"skipped, then":  {"a\t\nb\nbad\t\n", loadOptions{parallel: 1, skipBad: true}, 3, 1, "line 2: no tab", "before 3 are in: go on with --from 3"},
		"the first":      {"bad\t\na\t\n", loadOptions{parallel: 1}, 3, 0, "line 1: no\n", "Begin again: no line need be in"},
		"skipped":        {"a\t\nb\nc\t\n", loadOptions{parallel: 4, skipBad: true}, 0, 2, "line 2: no tab", ""},
		"from the third": {"bad\t\nworse\t\nc\t\nd\t\nbad\t\n", loadOptions{parallel: 4, from: 3}, 3, 2, "line 5: no\n", "before 5 are in"},
		"at the end":     {"a\t\nb\t\n", loadOptions{parallel: 4, from: 3}, 0, 0, "", ""},
		"behind the end": {"a\t\nb\t\n", loadOptions{parallel: 4, from: 4}, 2, 0, "", "--from 4: the file has 2 lines"},
	} {
		var notes bytes.Buffer
		c.options.form, c.options.from = linesAuto, max(c.options.from, 1)
		l := newLoader(newApp(nil, io.Discard, &notes), c.options)
		var together sync.WaitGroup // puts that wait for each other
		if strings.Contains(c.text, "worse") && c.options.from == 1 {
			together.Add(4)
		}
		l.put = func(_ context.Context, key string, _ []byte) error {
			if strings.Contains(c.text, "worse") && c.options.from == 1 {
				together.Done()
				together.Wait()
			}
			return outcomes[key]
		}
		err := l.run(t.Context(), func() {}, strings.NewReader(c.text))
		if codeOf(err) != c.code || l.written != c.written || !strings.Contains(notes.String(), c.notes) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: code %d, %d written, %v, noted %q", name, codeOf(err), l.written, err, notes.String())
		}
	}
	for from, says := range map[int]string{1: "before 2 are in", 3: "before 2 are in"} {
		l := newLoader(newApp(nil, io.Discard, io.Discard), loadOptions{form: linesAuto, parallel: 4, from: from})
		l.put = func(context.Context, string, []byte) error { return nil }
		broken := io.MultiReader(strings.NewReader("a\t\n"), &reader{errors.New("input/output error")})
		if err := l.run(t.Context(), func() {}, broken); codeOf(err) != 3 || !strings.Contains(err.Error(), says) {
			t.Errorf("a file that breaks off, from line %d: %v", from, err)
		}
	}
}

// A signal ends a load that passes over lines.
func TestLoadIsInterruptedBeforeItsLines(t *testing.T) {
	for name, line := range map[string]string{"empty": "\n", "skipped": "k\tv\n"} {
		l := newLoader(newApp(nil, io.Discard, io.Discard), loadOptions{form: linesAuto, parallel: 4, from: 1 << 60})
		ctx, cancel := context.WithCancel(t.Context())
		err := l.run(ctx, func() {}, &endless{line: line, after: 10, then: cancel})
		if codeOf(err) != 3 || !strings.Contains(err.Error(), "interrupted") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// endless repeats a line for ever. After some reads it calls then, once.
type endless struct {
	line  string
	after int
	then  func()
}

func (e *endless) Read(b []byte) (n int, _ error) {
	if e.after--; e.after == 0 {
		e.then()
	}
	for n < len(b)-len(e.line) {
		n += copy(b[n:], e.line)
	}
	return n, nil
}

type reader struct{ err error }

func (r *reader) Read([]byte) (int, error) { return 0, r.err }

// Every line is put, once, although the servers die one after the other and others take their place.
func TestLoadThroughFailovers(t *testing.T) {
	t.Parallel()
	chain := servertest.NewChain(t, 3, nil)
	var members []*servertest.Member
	start := func(address string) *servertest.Member {
		m := chain.Start(address)
		members = append(members, m)
		servertest.WaitFor(t, "it to be a member", m.Serving)
		return m
	}
	var addresses []string
	for range 3 {
		addresses = append(addresses, start("127.0.0.1:0").Address)
	}
	const n = 3000
	var file strings.Builder
	for i := range n {
		fmt.Fprintf(&file, "key %d\tvalue %d\n", i, i)
	}
	path := writeFile(t, file.String())
	ended := make(chan outcome, 1)
	go func() { ended <- call("", strings.Join(addresses, ","), "load", "--rate", "400", path) }()
	for i, m := range members[:3] {
		servertest.WaitFor(t, "lines", func() bool { return members[len(members)-1].Status().Keys > (i+1)*500 })
		m.Kill(t)
		start(m.Address)
	}
	o := <-ended
	if o.code != 0 || o.err != "" || !strings.HasPrefix(o.out, "3000 lines in ") {
		t.Errorf("%+v", o)
	}
	o = call("", addresses[0], "dump", "-", "--format", "tsv")
	got := map[string]string{}
	for line := range strings.Lines(o.out) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		got[key] = value
	}
	for i := range n {
		if key := fmt.Sprintf("key %d", i); got[key] != fmt.Sprintf("value %d", i) {
			t.Errorf("%s is %q", key, got[key])
		}
	}
	if len(got) != n {
		t.Errorf("%d keys", len(got))
	}
}

// counted lets so many writes through, and gives no answer to any behind them.
type counted struct {
	server.Backend
	left atomic.Int64
}

func (c *counted) Write(ctx context.Context, calls []*replica.Call) {
	if c.left.Add(-1) < 0 && !calls[0].Open {
		between{c.Backend, func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("%w: no answer", replica.ErrUncertain)
		}}.Write(ctx, calls)
		return
	}
	c.Backend.Write(ctx, calls)
}

// Lines of which nobody knows are told, and the exit code is 4.
func TestLoadIsUncertain(t *testing.T) {
	t.Parallel()
	address := single(t, func(b server.Backend) server.Backend {
		c := &counted{Backend: b}
		c.left.Store(10)
		return c
	})
	path := writeFile(t, strings.Repeat("k\tv\n", 100))
	o := call("", "--timeout", "1s", address, "load", path)
	if o.code != 4 || !strings.HasPrefix(o.out, "9 lines in ") || !strings.Contains(o.err, "line 10: "+address) ||
		!strings.Contains(o.err, "may or may not have been executed") || !strings.Contains(o.err, "All lines before 10 are in: go on with --from 10") {
		t.Errorf("%+v", o)
	}
}

// Ctrl-C ends a load when those lines are in that are under way, and says how to go on.
func TestLoadIsInterrupted(t *testing.T) {
	t.Parallel()
	members, all := startChain(t)
	c := exec.Command("table-client", all, "load", "-")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(in, "a\t1\nb\t2\nc\t3\n")
	servertest.WaitFor(t, "three lines", func() bool { return members[0].Status().Keys == 3 })
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err = c.Wait()
	if c.ProcessState.ExitCode() != 3 || !strings.HasPrefix(out.String(), "3 lines in ") || !strings.Contains(errs.String(), "interrupted. All lines before 4 are in: go on with --from 4") {
		t.Errorf("%v, printed %q, %q", err, out.String(), errs.String())
	}
}
