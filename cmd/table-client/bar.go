package main

import (
	"fmt"

	"github.com/schollz/progressbar/v3"
)

// bar shows progress, where somebody watches. A nil bar shows nothing.
type bar struct{ *progressbar.ProgressBar }

// newBar is for a total, -1 for an unknown one; nil if nobody watches.
func (a *app) newBar(total int64, bytes bool) *bar {
	if !a.out.watched {
		return nil
	}
	return &bar{progressbar.NewOptions64(
		total, progressbar.OptionSetWriter(a.out.notes), progressbar.OptionShowBytes(bytes), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(30), progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true),
	)}
}

// show shows how much of the total is done.
func (b *bar) show(done int64, count int) {
	if b == nil {
		return
	}
	b.Describe(fmt.Sprintf("%d", count))
	_ = b.Set64(done) // what cannot be shown is not missed
}

// clear takes the bar away.
func (b *bar) clear() {
	if b != nil {
		_ = b.Clear()
	}
}
