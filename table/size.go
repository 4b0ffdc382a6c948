package table

// What things cost in memory, as Table.Bytes counts it. It depends on what the table holds and not on how it came
// there, nor on the number of lists: equal replicas are equally large.
const (
	nodeBytes    = 32  // a node, but for its data
	headBytes    = 8   // its share of the heads of lists: there are about as many lists as keys
	sessionBytes = 120 // a session and its place in the map
	resultBytes  = 48  // a stored result, and the room that slices leave for the next
	txnBytes     = 64  // what more that of a transaction takes
	stepBytes    = 40  // what a step of it found, but for the value
	spanBytes    = 16  // a range of lost numbers
)

// entryBytes is the memory that a key with its value costs. Go's allocator rounds up: to 16 bytes for what is small,
// by about an eighth for the rest, and to 8 KiB beyond 32 KiB.
func entryBytes(key, value int) int64 {
	n := int64(uvarintLen(uint64(key)) + key + value)
	switch {
	case n <= 256:
		n = (n + 15) &^ 15
	case n <= 32<<10:
		n += n / 16
	default:
		n = (n + 8<<10 - 1) &^ (8<<10 - 1)
	}
	return nodeBytes + headBytes + n
}

func (n *node) bytes() int64 {
	key, value := n.split()
	return entryBytes(len(key), len(value))
}
