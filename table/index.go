package table

import (
	"math/bits"
	"sync/atomic"
)

// groupLists is how many lists are copied together before one of them changes, where a snapshot holds them: 2 KiB.
const groupLists = 256

// index finds the node of a key: a hash table of linked lists that grows and shrinks by one list at a time (linear
// hashing; Litwin, VLDB '80), so that no write ever waits for a rehash.
//
// There is one writer at a time. Readers wait for nobody: they load a head and walk nodes that never change.
type index struct {
	seed  uint64
	start uint64 // never fewer lists than at the start
	dir   atomic.Pointer[directory]
	joins atomic.Uint64 // rises before and after two lists become one

	// What follows is the writer's.
	length     uint64 // number of keys
	generation uint64 // rises with each freeze; what is of an older generation is copied before it changes
	frozen     bool   // somebody holds dir as it is

	between func() // nil, but in tests: called between the steps in which lists are parted or joined
}

// directory is the lists of an index. Frozen, nothing reachable from it changes any more.
type directory struct {
	// lists is how many there are. It is stored after a new list was filled and before the old one is thinned out.
	lists       atomic.Uint64
	groups      []atomic.Pointer[group] // list i is in groups[i/groupLists]; nil: these lists are empty
	generations []uint64                // of each group; the writer's
}

type group [groupLists]atomic.Pointer[node]

func newIndex(seed uint64, lists int) *index {
	x := &index{seed: seed, start: uint64(lists)}
	x.clear()
	return x
}

// clear forgets all keys. Whoever reads the old directory goes on reading it.
func (x *index) clear() {
	x.dir.Store(newDirectory(x.start, (x.start+groupLists-1)/groupLists))
	x.length, x.frozen = 0, false
}

func newDirectory(lists, groups uint64) *directory {
	d := &directory{groups: make([]atomic.Pointer[group], groups), generations: make([]uint64, groups)}
	d.lists.Store(lists)
	return d
}

// copyWith is d with room for that many groups. The groups are shared.
func (d *directory) copyWith(groups int) *directory {
	c := newDirectory(d.lists.Load(), uint64(groups))
	for i := range d.groups {
		c.groups[i].Store(d.groups[i].Load())
	}
	copy(c.generations, d.generations)
	return c
}

// head is the first node of list i, or nil.
func (d *directory) head(i uint64) *node {
	if g := d.groups[i/groupLists].Load(); g != nil {
		return g[i%groupLists].Load()
	}
	return nil
}

// find is for a frozen directory.
func (d *directory) find(hash uint64, key []byte) *node {
	return d.head(address(hash, d.lists.Load())).find(key)
}

// address is the list for a hash among so many lists: its lowest bits, one fewer where that list does not exist yet.
func address(hash, lists uint64) uint64 {
	n := bits.Len64(lists - 1)
	i := hash & (1<<n - 1)
	if i >= lists {
		i &= 1<<(n-1) - 1
	}
	return i
}

func (x *index) hash(key []byte) uint64 { return seededHash(x.seed, key) }

// lookup is the node of the key, or nil. Any goroutine may call it. A hit always counts.
func (x *index) lookup(hash uint64, key []byte) *node {
	for {
		s := x.look()
		i := address(hash, s.lists)
		if n := s.dir.head(i).find(key); n != nil {
			return n
		}
		if x.whole(s, i) {
			return nil
		}
	}
}

// sight is what a reader sees of the index before it looks into a list.
type sight struct {
	joins, lists uint64
	dir          *directory
}

func (x *index) look() sight {
	joins, dir := x.joins.Load(), x.dir.Load()
	return sight{joins, dir.lists.Load(), dir}
}

// whole tells whether a head of list i that was loaded after the sight was that of the whole list.
//
// The list may have been parted meanwhile: 1. the new list is filled, 2. lists rises, 3. the old list is thinned out.
// That happens to a list once for each doubling of the table, so a reader begins anew only so often. Or it may have
// been joined to another: 1. that one gets both, 2. lists falls, 3. this one is emptied.
//
// While the table shrinks, both may happen, so that lists is as before and the list was not whole in between. Hence
// joins, which rises before and after 2: a reader that saw lists before 2 and an emptied list, or one that was parted
// again, sees the second rise; if a part is undone by a join, a reader that sees lists after 2 sees the first. A sight
// takes joins before lists, and whole after.
func (x *index) whole(s sight, i uint64) bool {
	lists := s.dir.lists.Load()
	return depth(i, lists) == depth(i, s.lists) && x.joins.Load() == s.joins && x.dir.Load() == s.dir
}

// freeze is the directory as it is now, for ever. It is called between two entries, never during one; it costs the
// next write a copy of the directory, and each group a copy at its next change.
func (x *index) freeze() *directory {
	x.frozen = true
	return x.dir.Load()
}

// own is the directory, which the writer may change.
func (x *index) own() *directory {
	d := x.dir.Load()
	if x.frozen {
		x.generation++
		d = d.copyWith(len(d.groups))
		x.dir.Store(d)
		x.frozen = false
	}
	return d
}

// set changes the head of list i of a directory that the writer owns.
func (x *index) set(d *directory, i uint64, head *node) {
	at := i / groupLists
	g := d.groups[at].Load()
	switch {
	case g == nil && head == nil:
		return
	case g == nil:
		g = new(group)
	case d.generations[at] != x.generation:
		old := g
		g = new(group)
		for j := range old {
			g[j].Store(old[j].Load())
		}
	default:
		g[i%groupLists].Store(head)
		return
	}
	g[i%groupLists].Store(head)
	d.generations[at] = x.generation
	d.groups[at].Store(g)
}

// put sets the key's value and returns the new node and the one it replaced, or nil.
func (x *index) put(hash uint64, new *node) (old *node) {
	d := x.own()
	i := address(hash, d.lists.Load())
	head := d.head(i)
	if old = head.find(new.key()); old != nil {
		x.set(d, i, head.replace(old, new))
		return old
	}
	new.next = head
	x.set(d, i, new)
	x.length++
	x.grow()
	return nil
}

// remove returns the removed node, or nil.
func (x *index) remove(hash uint64, key []byte) (old *node) {
	i := address(hash, x.dir.Load().lists.Load())
	if old = x.dir.Load().head(i).find(key); old == nil {
		return nil
	}
	d := x.own()
	x.set(d, i, d.head(i).replace(old, nil))
	x.length--
	x.shrink()
	return old
}

// grow parts one list where there are more keys than lists.
func (x *index) grow() {
	d := x.own()
	lists := d.lists.Load()
	if x.length <= lists {
		return
	}
	if lists/groupLists == uint64(len(d.groups)) {
		d = d.copyWith(2 * len(d.groups))
		x.dir.Store(d)
	}
	from := buddy(lists)
	stay, move := d.head(from).partition(func(n *node) bool {
		return address(x.hash(n.key()), lists+1) == lists
	})
	x.set(d, lists, move)
	x.step()
	d.lists.Store(lists + 1)
	x.step()
	if move != nil {
		x.set(d, from, stay)
	}
}

// shrink joins the last lists with those they were parted from, where there are fewer than half as many keys as lists.
// Two at a time, or the lists would lag behind the keys.
func (x *index) shrink() {
	for range 2 {
		d := x.own()
		lists := d.lists.Load()
		if lists <= x.start || x.length >= lists/2 {
			return
		}
		last := lists - 1
		if head := d.head(last); head != nil {
			x.set(d, buddy(last), d.head(buddy(last)).concat(head))
		}
		x.step()
		x.joins.Add(1)
		x.step()
		d.lists.Store(last)
		x.step()
		x.joins.Add(1)
		x.step()
		x.set(d, last, nil)
		if last%groupLists == 0 {
			d.groups[last/groupLists].Store(nil)
		}
	}
}

func (x *index) step() {
	if x.between != nil {
		x.between()
	}
}

// buddy is the list from which list i was parted: i without its highest bit.
func buddy(i uint64) uint64 { return i &^ (1 << (bits.Len64(i) - 1)) }
