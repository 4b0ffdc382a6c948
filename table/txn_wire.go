package table

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/chaintable/chaintable/chain"
)

// appendTxn appends the fields of a command that only an OpTxn has.
func (c *Command) appendTxn(dst []byte) []byte {
	for i := range c.Compares {
		p := &c.Compares[i]
		dst = protowire.AppendTag(dst, 7, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(p.size()))
		dst = p.append(dst)
	}
	dst = appendSteps(dst, 8, c.Then)
	return appendSteps(dst, 9, c.Else)
}

func (c *Compare) append(dst []byte) []byte {
	if len(c.Key) > 0 {
		dst = appendBytes(dst, 1, c.Key)
	}
	dst = appendNumber(dst, 2, uint64(c.Target))
	dst = appendNumber(dst, 3, uint64(c.Relation))
	dst = appendNumber(dst, 4, uint64(c.Version))
	if len(c.Value) > 0 {
		dst = appendBytes(dst, 5, c.Value)
	}
	return appendNumber(dst, 6, protowire.EncodeBool(c.Exists))
}

func (c *Compare) size() int {
	return pairSize(len(c.Key), len(c.Value)) + numberSize(uint64(c.Target)) + numberSize(uint64(c.Relation)) +
		numberSize(uint64(c.Version)) + numberSize(protowire.EncodeBool(c.Exists))
}

func appendSteps(dst []byte, num protowire.Number, branch []Step) []byte {
	for i := range branch {
		s := &branch[i]
		dst = protowire.AppendTag(dst, num, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(numberSize(uint64(s.Op))+pairSize(len(s.Key), len(s.Value))))
		dst = appendNumber(dst, 1, uint64(s.Op))
		if len(s.Key) > 0 {
			dst = appendBytes(dst, 2, s.Key)
		}
		if len(s.Value) > 0 {
			dst = appendBytes(dst, 3, s.Value)
		}
	}
	return dst
}

// numberSize is how many bytes appendNumber appends for a field below 16.
func numberSize(v uint64) int {
	if v == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(v)
}

// decodeCompare reads the comparison in the current field. It is checked at once: what is not valid fills no memory.
func decodeCompare(f *fields) (c Compare, err error) {
	if err := f.want(protowire.BytesType); err != nil {
		return c, err
	}
	in := fields{b: f.bs}
	for {
		more, err := in.next()
		if err != nil {
			return c, fmt.Errorf("compare: %w", err)
		}
		if !more {
			break
		}
		var n uint64
		switch in.num {
		case 1:
			c.Key, err = in.bs, in.want(protowire.BytesType)
		case 2:
			n, err = in.number(math.MaxUint8)
			c.Target = CompareTarget(n)
		case 3:
			n, err = in.number(math.MaxUint8)
			c.Relation = Relation(n)
		case 4:
			n, err = in.number(math.MaxUint64)
			c.Version = chain.Seq(n)
		case 5:
			c.Value, err = in.bs, in.want(protowire.BytesType)
		case 6:
			n, err = in.number(1)
			c.Exists = n == 1
		default:
			err = in.unknown()
		}
		if err != nil {
			return c, fmt.Errorf("compare: %w", err)
		}
	}
	if err := c.validate(); err != nil {
		return c, fmt.Errorf("compare: %w", err)
	}
	return c, nil
}

// decodeStep reads the step in the current field, and checks it at once, too.
func decodeStep(f *fields) (s Step, err error) {
	if err := f.want(protowire.BytesType); err != nil {
		return s, err
	}
	in := fields{b: f.bs}
	for {
		more, err := in.next()
		if err != nil {
			return s, fmt.Errorf("step: %w", err)
		}
		if !more {
			break
		}
		var n uint64
		switch in.num {
		case 1:
			n, err = in.number(math.MaxUint8)
			s.Op = StepOp(n)
		case 2:
			s.Key, err = in.bs, in.want(protowire.BytesType)
		case 3:
			s.Value, err = in.bs, in.want(protowire.BytesType)
		default:
			err = in.unknown()
		}
		if err != nil {
			return s, fmt.Errorf("step: %w", err)
		}
	}
	if err := s.validate(); err != nil {
		return s, fmt.Errorf("step: %w", err)
	}
	return s, nil
}

// appendStepResults appends those of a stored result.
func appendStepResults(b []byte, steps []StepResult) []byte {
	for i := range steps {
		s := &steps[i]
		b = protowire.AppendTag(b, 5, protowire.BytesType)
		size := numberSize(protowire.EncodeBool(s.Found)) + pairSize(0, len(s.Value)) + numberSize(uint64(s.Version))
		b = protowire.AppendVarint(b, uint64(size))
		b = appendNumber(b, 1, protowire.EncodeBool(s.Found))
		if len(s.Value) > 0 {
			b = appendBytes(b, 2, s.Value)
		}
		b = appendNumber(b, 3, uint64(s.Version))
	}
	return b
}

func decodeStepResult(b []byte) (s StepResult, err error) {
	f := fields{b: b}
	for {
		more, err := f.next()
		if err != nil || !more {
			return s, err
		}
		var n uint64
		switch f.num {
		case 1:
			n, err = f.number(1)
			s.Found = n == 1
		case 2:
			s.Value, err = f.bs, f.want(protowire.BytesType)
		case 3:
			n, err = f.number(math.MaxUint64)
			s.Version = chain.Seq(n)
		default:
			err = f.unknown()
		}
		if err != nil {
			return s, err
		}
	}
}
