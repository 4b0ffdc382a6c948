package storage

import (
	"fmt"
	"testing"

	"github.com/chaintable/chaintable/chain"
)

// TestRecoverCutAndAgain has a log that was cut below where the snapshot was made later, and that holds the same entries again, or others in their
// place: nothing of that is damage.
func TestRecoverCutAndAgain(t *testing.T) {
	for _, epoch := range []chain.Epoch{1, 2} {
		t.Run(fmt.Sprintf("epoch %d", epoch), func(t *testing.T) {
			dir, err := newVFSDir(newMem(t))
			if err != nil {
				t.Fatal(err)
			}
			s, _ := reopen(t, dir)
			h := &history{t: t, store: s, states: []state{{chain: testChain}}, epoch: 1}
			for _, step := range []func() error{
				func() error { return s.Adopt(testChain, 1) },
				func() error { return h.append(20, 10, 10) },
				h.sync,
				func() error { h.cut(10); h.epoch = epoch; return h.append(6, 10, 13) },
				func() error { return h.checkpoint(13) },
				h.sync,
				s.Close,
			} {
				if err := step(); err != nil {
					t.Fatal(err)
				}
			}
			s, rec := reopen(t, dir)
			defer s.Close()
			if rec.Doubt != nil {
				t.Fatal(rec.Doubt)
			}
			if last, digest := content(rec); last != h.last() || digest != digestOf(h.now().entries) {
				t.Errorf("recovered %v %v, want %v", last, digest, h.last())
			}
		})
	}
}
