package table

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/chaintable/chaintable/chain"
)

// Append appends the encoding of the command to dst. It does not validate.
func (c *Command) Append(dst []byte) []byte {
	dst = appendNumber(dst, 1, uint64(c.Op))
	for i := range c.Pairs {
		p := &c.Pairs[i]
		dst = protowire.AppendTag(dst, 2, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(pairSize(len(p.Key), len(p.Value))))
		dst = appendPair(dst, p)
	}
	for _, k := range c.Keys {
		dst = appendBytes(dst, 3, k)
	}
	dst = appendNumber(dst, 4, protowire.EncodeZigZag(c.Delta))
	dst = appendNumber(dst, 5, uint64(c.If))
	dst = appendNumber(dst, 6, uint64(c.Version))
	return c.appendTxn(dst)
}

func appendPair(dst []byte, p *Pair) []byte {
	if len(p.Key) > 0 {
		dst = appendBytes(dst, 1, p.Key)
	}
	if len(p.Value) > 0 {
		dst = appendBytes(dst, 2, p.Value)
	}
	return dst
}

func pairSize(key, value int) (n int) {
	if key > 0 {
		n += 1 + protowire.SizeBytes(key)
	}
	if value > 0 {
		n += 1 + protowire.SizeBytes(value)
	}
	return n
}

// DecodeCommand reads what Append has written, and refuses everything that is not a valid command within the limits.
// The keys and values alias b.
func DecodeCommand(b []byte) (Command, error) {
	var c Command
	if err := c.decode(b); err != nil {
		return Command{}, err
	}
	return c, nil
}

func (c *Command) decode(b []byte) error {
	if len(b) > MaxCommandBytes {
		return fmt.Errorf("table: command: %d bytes are more than %d", len(b), MaxCommandBytes)
	}
	if err := c.decodeFields(b); err != nil {
		return fmt.Errorf("table: command: %w", err)
	}
	return c.Validate()
}

func (c *Command) decodeFields(b []byte) error {
	f := fields{b: b}
	arguments := 0
	for {
		more, err := f.next(2, 3, 7, 8, 9)
		if err != nil || !more {
			return err
		}
		var n uint64
		switch f.num {
		case 1:
			n, err = f.number(math.MaxUint8)
			c.Op = Op(n)
		case 2:
			arguments += 2
			err = c.decodePair(&f)
		case 3:
			arguments++
			err = f.want(protowire.BytesType)
			c.Keys = append(c.Keys, f.bs)
		case 4:
			n, err = f.number(math.MaxUint64)
			c.Delta = protowire.DecodeZigZag(n)
		case 5:
			n, err = f.number(math.MaxUint8)
			c.If = Condition(n)
		case 6:
			n, err = f.number(math.MaxUint64)
			c.Version = chain.Seq(n)
		case 7:
			var compare Compare
			compare, err = decodeCompare(&f)
			arguments += compare.arguments()
			c.Compares = append(c.Compares, compare)
		case 8, 9:
			var step Step
			step, err = decodeStep(&f)
			arguments += step.arguments()
			if f.num == 8 {
				c.Then = append(c.Then, step)
			} else {
				c.Else = append(c.Else, step)
			}
		default:
			err = f.unknown()
		}
		if err != nil {
			return err
		}
		if arguments > MaxArguments {
			return fmt.Errorf("more than %d arguments", MaxArguments)
		}
	}
}

func (c *Command) decodePair(f *fields) error {
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	var p Pair
	pair := fields{b: f.bs}
	for {
		more, err := pair.next()
		if err != nil {
			return fmt.Errorf("pair: %w", err)
		}
		if !more {
			c.Pairs = append(c.Pairs, p)
			return nil
		}
		switch pair.num {
		case 1:
			p.Key = pair.bs
		case 2:
			p.Value = pair.bs
		default:
			return fmt.Errorf("pair: %w", pair.unknown())
		}
		if err := pair.want(protowire.BytesType); err != nil {
			return fmt.Errorf("pair: %w", err)
		}
	}
}
