package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/chaintable/chaintable/chain"
)

// settle is how long after the first server has told of a view the others may tell of it, too.
const settle = 40 * time.Millisecond

// reporter tells people of each change of the view once. Every server tells of it, and those that were away know less about
// why; so a change waits a moment until the best account has come.
type reporter struct {
	fleet *fleet

	view    chain.View // the last that was told
	pending map[chain.Epoch]account
	said    map[string]bool // other news of this view
}

// account is what servers have told of one view.
type account struct {
	chain.News
	at time.Time // when the first told
}

// take notes what a server tells, and returns what is to be said at once.
func (r *reporter) take(n chain.News, now time.Time) (line string) {
	if n.Text != chain.ViewChanged {
		line = r.named(strings.TrimSuffix(n.Text+": "+n.Cause, ": "))
		if r.said[line] {
			return ""
		}
		if r.said == nil || len(r.said) > 1000 {
			r.said = map[string]bool{}
		}
		r.said[line] = true
		return line
	}
	if n.View.Epoch <= r.view.Epoch {
		return "" // told already; epochs rise even when a chain begins anew
	}
	if r.pending == nil {
		r.pending = map[chain.Epoch]account{}
	}
	known, ok := r.pending[n.View.Epoch]
	if !ok {
		known.at = now
	}
	if !ok || better(n, known.News) {
		known.News = n
	}
	r.pending[n.View.Epoch] = known
	return ""
}

// better tells whether a says more about a change than b.
func better(a, b chain.News) bool {
	vague := func(n chain.News) int {
		if strings.HasPrefix(n.Cause, "epochs ") || strings.HasPrefix(n.Cause, "found ") {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(vague(b), vague(a)), cmp.Compare(a.Took, b.Took)) > 0
}

// ripe is what is to be said now, a line for each view, oldest first.
func (r *reporter) ripe(now time.Time) (lines []string) {
	for _, epoch := range slices.Sorted(maps.Keys(r.pending)) {
		a := r.pending[epoch]
		if now.Sub(a.at) < settle {
			break // and so the order is kept
		}
		delete(r.pending, epoch)
		lines = append(lines, r.line(a))
		r.view = a.View
		clear(r.said)
	}
	return lines
}

// line is a change of the view in one line.
func (r *reporter) line(a account) string {
	return fmt.Sprintf("epoch %d: %s  (%s)", a.View.Epoch, r.order(a.View), r.cause(a))
}

// order is a view in words: "1 head, 2 middle, 3 tail".
func (r *reporter) order(v chain.View) string {
	var words []string
	for i, m := range v.Members {
		role := "middle"
		switch {
		case len(v.Members) == 1:
			role = "single"
		case i == 0:
			role = "head"
		case i == len(v.Members)-1:
			role = "tail"
		}
		words = append(words, r.fleet.name(m)+" "+role)
	}
	if v.Learner != (chain.Member{}) {
		words = append(words, r.fleet.name(v.Learner)+" learner")
	}
	return strings.Join(words, ", ")
}

// cause says why the view changed, and how long that had lasted: what the person at the prompt did, or what the
// servers tell.
func (r *reporter) cause(a account) string {
	var why []string
	for _, old := range r.view.Members {
		if a.View.Chain != r.view.Chain {
			break // they all went, and it is not their going that changed the view
		}
		if l := r.fleet.lives[old.Node]; l != nil && l.state != running && a.View.Index(old.MemberID) < 0 {
			why = append(why, fmt.Sprintf("%s removed, %s after it was %s", r.fleet.title(old), shortly(a.at.Sub(l.since)), l.state))
		}
	}
	if why == nil {
		text := r.named(a.Cause)
		if a.Took > 0 {
			text += ", took " + shortly(a.Took)
		}
		why = append(why, text)
	}
	return strings.Join(why, "; ")
}

// named is text with addresses replaced by what people call the servers.
func (r *reporter) named(text string) string {
	for _, m := range r.fleet.members {
		text = strings.ReplaceAll(text, m.address, fmt.Sprintf("server %d", m.number))
	}
	return text
}

// shortly is a duration with as many digits as anybody reads.
func shortly(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}
