package table

import "math/bits"

// Scan returns some of the keys and a cursor to go on with; it begins and ends with 0. It returns every key that is
// there from the first call to the last, exactly once however the table grows or shrinks in between; a key that comes
// or goes meanwhile may be returned or not. Any cursor is a valid one. count, 10 if it is not positive, is how many
// keys are wanted: there may be fewer, even none, or somewhat more. The keys are shared: do not change them.
//
// A list holds the keys whose hashes end in certain bits. Read backwards, these are the first bits of a number, and a
// list is an interval: parting it halves the interval, joining two restores it. The cursor is the end, read backwards,
// of the intervals that have been returned, which means the same whatever the number of lists. (Redis calls this a
// reverse binary cursor.)
func (t *Table) Scan(cursor uint64, count int) (keys [][]byte, next uint64) {
	if count <= 0 {
		count = 10
	}
	at := bits.Reverse64(cursor)
	// Ten empty lists for each key wanted: a nearly empty table must not hold up a call.
	for visits := 0; visits/10 < count && len(keys) < count; visits++ {
		head, end := t.index.interval(at)
		for n := head; n != nil; n = n.next {
			key := n.key()
			// One that is beyond the end stands in this list only because it is being parted or joined.
			if h := bits.Reverse64(t.index.hash(key)); h >= at && h <= end-1 {
				keys = append(keys, key)
			}
		}
		if end == 0 {
			return keys, 0
		}
		at = end
	}
	return keys, bits.Reverse64(at)
}

// interval is the list that holds the hashes which, read backwards, are near at, and the end of its interval; 0 is
// the end of all. Any goroutine may call it.
func (x *index) interval(at uint64) (head *node, end uint64) {
	for {
		s := x.look()
		i := address(bits.Reverse64(at), s.lists)
		head = s.dir.head(i)
		if x.whole(s, i) {
			return head, (at | (1<<(64-depth(i, s.lists)) - 1)) + 1
		}
	}
}

// depth is how many of the lowest bits of a hash decide that it belongs to list i.
func depth(i, lists uint64) int {
	n := bits.Len64(lists - 1)
	if n == 0 {
		return 0
	}
	if half := uint64(1) << (n - 1); i < half && i+half >= lists {
		return n - 1
	}
	return n
}
