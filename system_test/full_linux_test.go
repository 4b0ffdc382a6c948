package system_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	chaintable "github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/internal/needs"
)

const (
	smallDisk = 24 << 20 // bytes of a file system that is filled
	smallRoom = 2 << 20  // of it are free when the load begins
)

// TestDiskFills has one of three servers keep its data on a small disk, which something else has nearly filled. The chain refuses writes when it is full, and answers
// reads; when there is room again it goes on, and nobody was started anew. What was acknowledged is there, also when all are started from their disks.
func TestDiskFills(t *testing.T) {
	small := newMount(t, smallDisk)
	d := newDurable(t, 2, "--segment-size", "256KiB")
	d.dirs = append(d.dirs, filepath.Join(small.path, "data"))
	d.running = append(d.running, nil)
	full := d.beginUnder(2, small.enter())
	d.admit(full)
	filler := small.outside("filler")
	if err := os.WriteFile(filler, make([]byte, small.free(t)-smallRoom), 0o600); err != nil {
		t.Fatal(err)
	}
	l := startLoad(t, d.addresses, func(l *load) { l.pad = strings.Repeat(" ", 8000) })
	for _, s := range d.running {
		d.awaitReadOnly(l, s, full)
	}
	by, err := chaintable.Open(chaintable.Config{Servers: d.addresses()})
	if err != nil {
		t.Fatal(err)
	}
	defer by.Close()
	if _, err := by.Put(t.Context(), "full", nil); !errors.Is(err, chaintable.ErrDisk) {
		t.Errorf("the Go client says %v", err)
	}
	read := l.read.Load()
	waitFor(t, "reads", func() bool { return l.read.Load() > read+100 })
	mark := full.mark()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	full.expect(mark, "there is space on this server's disk again")
	l.flow(200)
	l.end()
	l.onlyReadOnly(full)
	for _, s := range d.running {
		l.verify(s)
	}
	d.killAll()
	d.begin(0)
	d.begin(1)
	d.beginUnder(2, small.enter())
	for _, s := range d.running {
		d.admit(s)
		l.verify(s)
	}
	t.Log(l)
}

// mount is a file system in memory, in a mount namespace. Being in a user namespace as well, it needs no root.
type mount struct {
	path string // within the namespace
	pid  int    // of a process that keeps it
}

// newMount makes a file system of so many bytes, which ends with the test.
func newMount(t *testing.T, bytes int64) *mount {
	t.Helper()
	needs.Program(t, "nsenter")
	keeper := exec.Command("sleep", "infinity")
	keeper.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	if err := keeper.Start(); err != nil {
		t.Fatalf("%v (where user namespaces are not allowed, .ci/needs says how to allow them)", err)
	}
	m := &mount{path: t.TempDir(), pid: keeper.Process.Pid}
	t.Cleanup(func() {
		_ = keeper.Process.Kill()
		_ = keeper.Wait() // it was killed
	})
	words := append(m.enter(), "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", bytes), "tmpfs", m.path)
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return m
}

// enter is the command that runs another in the namespace.
func (m *mount) enter() []string {
	return []string{"nsenter", fmt.Sprintf("--target=%d", m.pid), "--user", "--mount", "--preserve-credentials"}
}

// outside is by which path a file is reached from outside of the namespace.
func (m *mount) outside(name string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", m.pid), m.path, name)
}

// free is how many bytes have room.
func (m *mount) free(t *testing.T) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(m.outside(""), &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// awaitReadOnly waits until a server refuses writes because the disk of one is full, and sees that it serves reads all the same.
func (d *durable) awaitReadOnly(l *load, at, full *server) {
	d.t.Helper()
	c, err := connect(at.listens)
	if err != nil {
		d.t.Fatal(err)
	}
	defer c.Close()
	waitFor(d.t, at.address+" to refuse writes", func() bool {
		_, err := c.do(clientTimeout, "SET", "full", "")
		if refused, ok := errors.AsType[refusal](err); ok && readOnly(full, string(refused)) {
			return true
		}
		if err != nil {
			d.t.Fatal(err)
		}
		return false
	})
	if !at.serving() {
		d.t.Errorf("%s serves no longer", at.address)
	}
	l.verify(at)
}

// readOnly tells whether an error says that the disk of that server is full.
func readOnly(full *server, text string) bool {
	return text == "READONLY no space on the disk of "+full.address+": not executed"
}

// onlyReadOnly fails the test if a client got any error but that the disk of that server is full.
func (l *load) onlyReadOnly(full *server) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.refusals {
		if _, text, _ := strings.Cut(r, "the server says "); !readOnly(full, text) {
			l.t.Error("a client got an error: ", r)
		}
	}
	if len(l.refusals) == 0 {
		l.t.Error("no write of the load was refused")
	}
	l.t.Logf("%d writes refused, longest time without one that was not %v", len(l.refusals), l.gap.Round(time.Millisecond))
}
