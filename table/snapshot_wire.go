package table

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/chaintable/chaintable/chain"
)

// header says what the chunks must contain.
type header struct {
	format    uint64
	position  chain.Position
	keys      uint64
	sum       uint64
	sessions  uint64
	spans     uint64
	forgotten chain.Seq
}

func (s *Snapshot) appendHeader(b []byte) []byte {
	b = appendNumber(b, 1, snapshotFormat)
	b = appendNumber(b, 2, uint64(s.position.Seq))
	b = appendNumber(b, 3, uint64(s.position.Epoch))
	b = appendNumber(b, 4, s.length)
	b = appendFixed(b, 5, s.sum)
	b = appendNumber(b, 6, uint64(len(s.sessions)))
	b = appendNumber(b, 7, uint64(s.lost.len()))
	return appendNumber(b, 8, uint64(s.lost.forgotten))
}

func decodeHeader(b []byte) (h header, err error) {
	f := fields{b: b}
	for {
		more, err := f.next()
		if err != nil || !more {
			return h, err
		}
		if f.num == 5 {
			h.sum = f.n
			err = f.want(protowire.Fixed64Type)
		} else {
			var n uint64
			n, err = f.number(math.MaxUint64)
			switch f.num {
			case 1:
				h.format = n
			case 2:
				h.position.Seq = chain.Seq(n)
			case 3:
				h.position.Epoch = chain.Epoch(n)
			case 4:
				h.keys = n
			case 6:
				h.sessions = n
			case 7:
				h.spans = n
			case 8:
				h.forgotten = chain.Seq(n)
			default:
				err = f.unknown()
			}
		}
		if err != nil {
			return h, err
		}
	}
}

func appendItem(b []byte, n *node) []byte {
	key, value := n.split()
	p := Pair{key, value}
	b = protowire.AppendTag(b, sectionItems, protowire.BytesType)
	size := pairSize(len(key), len(value)) + 1 + protowire.SizeVarint(uint64(n.version))
	b = protowire.AppendVarint(b, uint64(size))
	b = appendPair(b, &p)
	return appendNumber(b, 3, uint64(n.version))
}

func decodeItem(b []byte) (p Pair, version chain.Seq, err error) {
	f := fields{b: b}
	for {
		more, err := f.next()
		if err != nil || !more {
			return p, version, err
		}
		switch f.num {
		case 1:
			p.Key, err = f.bs, f.want(protowire.BytesType)
		case 2:
			p.Value, err = f.bs, f.want(protowire.BytesType)
		case 3:
			var n uint64
			n, err = f.number(math.MaxUint64)
			version = chain.Seq(n)
		default:
			err = f.unknown()
		}
		if err != nil {
			return p, version, err
		}
	}
}

func appendSession(b []byte, s *session) []byte {
	b = appendNumber(b, 1, uint64(s.id))
	b = appendNumber(b, 2, uint64(s.used))
	b = appendNumber(b, 3, s.doneBelow)
	var one []byte
	for _, r := range s.results {
		one = appendStored(one[:0], r, s.found.by(r.number))
		b = appendBytes(b, 4, one)
	}
	return b
}

func appendStored(b []byte, r stored, steps []StepResult) []byte {
	b = appendNumber(b, 1, r.number)
	b = appendNumber(b, 2, uint64(r.code))
	b = appendNumber(b, 3, uint64(r.seq))
	b = appendNumber(b, 4, protowire.EncodeZigZag(r.count))
	return appendStepResults(b, steps)
}

func decodeSession(b []byte) (s session, err error) {
	f := fields{b: b}
	for {
		more, err := f.next(4)
		if err != nil || !more {
			return s, err
		}
		if f.num == 4 {
			if err = f.want(protowire.BytesType); err == nil {
				err = s.decodeStored(f.bs)
			}
			if len(s.results) > chain.MaxSessionResults {
				err = fmt.Errorf("more than %d results", chain.MaxSessionResults)
			}
		} else {
			var n uint64
			n, err = f.number(math.MaxUint64)
			switch f.num {
			case 1:
				s.id = chain.SessionID(n)
			case 2:
				s.used = chain.Seq(n)
			case 3:
				s.doneBelow = n
			default:
				err = f.unknown()
			}
		}
		if err != nil {
			return s, err
		}
	}
}

// decodeStored adds a result, of which nothing aliases b.
func (s *session) decodeStored(b []byte) error {
	var number uint64
	var r Result
	room := MaxResultBytes - s.found.size()
	f := fields{b: b}
	for {
		more, err := f.next(5)
		if err != nil {
			return err
		}
		if !more {
			r.Steps = ownSteps(r.Steps)
			s.store(number, r)
			return nil
		}
		if f.num == 5 {
			var step StepResult
			if err = f.want(protowire.BytesType); err == nil {
				step, err = decodeStepResult(f.bs)
			}
			if err != nil {
				return err
			}
			if len(r.Steps) == 0 {
				room -= txnBytes
			}
			if room -= stepBytes + int64(len(step.Value)); room < 0 {
				return fmt.Errorf("more than %d bytes of results", MaxResultBytes)
			}
			r.Steps = append(r.Steps, step)
			continue
		}
		n, err := f.number(math.MaxUint64)
		if err != nil {
			return err
		}
		switch f.num {
		case 1:
			number = n
		case 2:
			r.Code = Code(min(n, math.MaxUint8))
		case 3:
			r.Seq = chain.Seq(n)
		case 4:
			r.Count = protowire.DecodeZigZag(n)
		default:
			return f.unknown()
		}
	}
}

func appendSpan(b []byte, s span) []byte {
	b = appendNumber(b, 1, uint64(s.first))
	return appendNumber(b, 2, uint64(s.last))
}

func decodeSpan(b []byte) (s span, err error) {
	f := fields{b: b}
	for {
		more, err := f.next()
		if err != nil || !more {
			return s, err
		}
		n, err := f.number(math.MaxUint64)
		if err != nil {
			return s, err
		}
		switch f.num {
		case 1:
			s.first = chain.Seq(n)
		case 2:
			s.last = chain.Seq(n)
		default:
			return s, f.unknown()
		}
	}
}
