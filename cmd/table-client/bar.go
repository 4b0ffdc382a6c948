package main

import (
	"github.com/schollz/progressbar/v3"
)

// bar shows progress, where somebody watches. A nil bar shows nothing.
type bar struct {
	*progressbar.ProgressBar
	what string // it counts
}

// newBar is for a total, -1 for an unknown one; nil if nobody watches.
func (a *app) newBar(total int64, what string) *bar {
	if !a.out.watched {
		return nil
	}
	return &bar{progressbar.NewOptions64(
		total, progressbar.OptionSetWriter(a.out.notes), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(30), progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true),
	), what}
}

// show shows how much of the total is done, and how many that is of what it counts.
func (b *bar) show(done int64, n uint64) {
	if b == nil {
		return
	}
	b.Describe(count(n, b.what))
	_ = b.Set64(done) // what cannot be shown is not missed
}

// clear takes the bar away.
func (b *bar) clear() {
	if b != nil {
		_ = b.Clear()
	}
}
