package freeze

import (
	"net"
	"syscall"
	"testing"
	"testing/synctest"
)

// ready is a descriptor that is ready at once.
type ready struct{ syscall.RawConn }

func (ready) Read(do func(uintptr) bool) error {
	for !do(0) {
	}
	return nil
}

// A descriptor that becomes ready in a pause is left alone until the pause ends.
func TestRawPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Freezer
		near, far := net.Pipe()
		defer far.Close()
		c, err := f.conn(near)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		calls := 0
		raw := rawConn{RawConn: ready{}, conn: c.(*conn)}
		done := make(chan error, 1)
		go func() {
			done <- raw.Read(func(uintptr) bool {
				if calls++; calls == 1 {
					f.Pause() // in the middle, as the signal would come
				}
				return calls == 2
			})
		}()
		synctest.Wait()
		if calls != 1 {
			t.Errorf("%d calls before Resume, want 1", calls)
		}
		f.Resume()
		if err := <-done; err != nil || calls != 2 {
			t.Errorf("%d calls: %v", calls, err)
		}
	})
}
