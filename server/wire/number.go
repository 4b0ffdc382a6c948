package wire

import "github.com/chaintable/chaintable/chain"

// modulus is how many numbers of operations a sint32 above zero can show.
const modulus = 1<<31 - 1

// shown is the number under which clients see a seq: 1 to modulus, over and over.
func shown(seq chain.Seq) int32 { return int32(1 + (seq-1)%modulus) }

// seqOf is the highest seq that is shown as number and is not above what any server can have numbered: last, the end of the
// log, and the window of the head behind it. ok is false if no operation can have that number yet, or ever.
func seqOf(number int32, last chain.Seq) (seq chain.Seq, ok bool) {
	highest := last + chain.MaxUncommitted
	if number < 1 || chain.Seq(number) > highest {
		return 0, false
	}
	rounds := (highest - chain.Seq(number)) / modulus
	return chain.Seq(number) + rounds*modulus, true
}
