package chain

// space is whose disk is full. A log only grows: while some member's disk has no room the head numbers no client's command, not even one that
// deletes, for that takes log as well. What the protocol itself needs goes on: a takeover, and barriers, of which a member has one under way. So
// reads go on, and nobody is removed. When the last disk has room again writes go on, too.
type space struct {
	full bool     // our own disk
	told MemberID // head: whose disk stops writes, as last told in the log; zero for none
}

// DiskSpace says whether there is no more room on the disk than the reserve. Only of changes it need be told.
type DiskSpace struct{ Full bool }

func (DiskSpace) input() {}

// diskSpace notes that our disk is full, or has room again.
func (r *Replica) diskSpace(in DiskSpace) {
	if in.Full == r.space.full {
		return
	}
	r.space.full = in.Full
	text := "there is space on this server's disk again"
	if in.Full {
		text = "no space on this server's disk"
	}
	r.out.News = append(r.out.News, News{Text: text, View: r.view.View})
}

// fullDisk is the first server, from us to the tail, whose disk is full; zero for none. A learner does not count: it is given up.
func (r *Replica) fullDisk() MemberID {
	switch {
	case r.space.full:
		return r.self.MemberID
	case r.isMember() && !r.isTail():
		return r.down.full
	}
	return MemberID{}
}

// addressOf is where a server of the view listens, empty for one that is not in it.
func (r *Replica) addressOf(id MemberID) string {
	m, _ := r.view.Find(id)
	return m.Address
}

// tellSpace has the head tell when writes stop for want of space, and when they go on. In a new epoch nothing is known until the successor has
// spoken.
func (r *Replica) tellSpace() {
	s := &r.space
	if !r.isHead() {
		s.told = MemberID{}
		return
	}
	full := r.fullDisk()
	if full == s.told || full == (MemberID{}) && !r.isTail() && !r.down.acked {
		return
	}
	s.told = full
	text := "writes go on: every disk has space"
	if full != (MemberID{}) {
		text = "no writes: no space on the disk of " + r.addressOf(full)
	}
	r.out.News = append(r.out.News, News{Text: text, View: r.view.View})
}
