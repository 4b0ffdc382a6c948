package system_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chaintable/chaintable/internal/needs"
)

// diskFaults are system calls of a server that fail from some moment on. Path is for which file, when says with which call of each thread that begins.
var diskFaults = []struct {
	name, call, failure, path, when string
	says                            string
}{
	{"a sync of the log", "fdatasync", "EIO", laterSegment, "1+", "input/output error"},
	{"a write to the log", "pwrite64", "EIO", laterSegment, "1+", "input/output error"},
	{"a new name of a segment", "renameat", "EIO", laterSegment, "1+", "input/output error"},
	{"a file for the next segment", "openat", "EIO", "spare", "1+", "input/output error"},
	{"room that there was", "pwrite64", "ENOSPC", laterSegment, "1+", "no space left on device"}, // as where files are never overwritten in place
}

// laterSegment is a segment that will be there some time later.
const laterSegment = "log-*"

// TestDiskFaults has system calls fail, in one server of three, under load. It ends, and says why; the others go on, and when it is started again it has everything:
// from its own disk, but for what it has missed.
func TestDiskFaults(t *testing.T) {
	needs.Program(t, "strace")
	d := newDurable(t, 3, "--segment-size", "64KiB")
	l := startLoad(t, d.addresses, func(l *load) { l.pad = strings.Repeat(" ", 4000) })
	for n, which := range rand.Perm(len(diskFaults))[:min(*faultsFlag, len(diskFaults))] {
		fault, i := diskFaults[which], n%3
		s := d.running[i]
		d.awaitPublished()
		d.retire(s)
		if s.signal(syscall.SIGTERM); s.exit() != 0 {
			t.Fatalf("%s ends with %d", s.address, s.ProcessState.ExitCode())
		}
		if err := os.Remove(filepath.Join(d.dirs[i], "spare")); err != nil { // so that one is made
			t.Fatal(err)
		}
		s = d.beginUnder(i, inject(d.dirs[i], fault.path, fault.call, fault.failure, fault.when))
		waitFor(t, fault.name+" to fail, or a member", func() bool { return !s.running() || s.serving() })
		if n%2 == 1 {
			d.makeHead(s)
		}
		waitFor(t, fault.name+" to fail", func() bool { return !s.running() })
		said := s.expect(0, `level=ERROR msg=halted error="(the disk has failed, and the server ends; .* `+fault.says+`)"`)[1]
		if s.exit() != 1 {
			t.Errorf("%s ends with %d", s.address, s.ProcessState.ExitCode())
		}
		l.flow(30)
		d.begin(i)
		s = d.running[i]
		s.expect(0, "msg=recovered")
		d.admit(s)
		l.verify(s)
		t.Logf("%s: longest time without a write %v: %s", fault.name, l.lap().Round(time.Millisecond), said)
	}
	l.end()
	l.noRefusals()
	for _, s := range d.running {
		l.verify(s)
		if strings.Contains(s.log(), "cannot be used") {
			t.Errorf("%s gives up what it had", s.address)
		}
	}
	t.Log(l)
}

// beginUnder starts the server of a place by a command that runs another.
func (d *durable) beginUnder(i int, within []string) *server {
	d.t.Helper()
	d.running[i] = d.startWithin(within, "0", d.connect, d.flags(i)...)
	return d.running[i]
}

// makeHead has an operator move the head, unless the server has ended by then.
func (d *durable) makeHead(s *server) {
	d.t.Helper()
	order := startClient(d.t, strings.Join(d.addresses(), ","), "--timeout", "10s", "members", "head", s.address)
	if printed, code := order.wait(); code != 0 && s.running() {
		d.t.Errorf("table-client members head: exit code %d: %s", code, printed)
	}
}

// inject is the command that runs another, whose calls fail for a file of the directory.
func inject(dir, file, call, failure, when string) []string {
	if file == laterSegment {
		logs, _ := filepath.Glob(filepath.Join(dir, "log-*")) // the pattern is right
		last := strings.TrimPrefix(filepath.Base(slices.Max(logs)), "log-")
		n, _ := strconv.ParseUint(last, 16, 64)
		file = fmt.Sprintf("log-%016x", n+4)
	}
	return []string{
		"strace", "--daemonize", "--follow-forks", "--quiet=all", "--output=/dev/null",
		"--trace-path=" + filepath.Join(dir, file), "--inject=" + call + ":error=" + failure + ":when=" + when,
	}
}
