package table

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/chaintable/chaintable/chain"
)

// AppendEntry appends the encoding of the entry to dst, for chain.Config.Encode. It does not look at e.Encoded.
func AppendEntry(dst []byte, e *chain.Entry) []byte {
	dst = appendNumber(dst, 1, uint64(e.Seq))
	dst = appendNumber(dst, 2, uint64(e.Epoch))
	dst = appendNumber(dst, 3, uint64(e.Kind))
	dst = appendNumber(dst, 4, uint64(e.Request.Session))
	dst = appendNumber(dst, 5, e.Request.Number)
	dst = appendNumber(dst, 6, e.DoneBelow)
	if len(e.Command) > 0 {
		dst = appendBytes(dst, 7, e.Command)
	}
	dst = appendNumber(dst, 8, uint64(e.Skipped))
	dst = appendFixed(dst, 9, uint64(e.Tag.By.Node))
	dst = appendNumber(dst, 10, uint64(e.Tag.By.Incarnation))
	return appendNumber(dst, 11, e.Tag.Number)
}

// DecodeEntry reads what AppendEntry has written. Encoded is b; Command aliases it, and may be anything: whether it
// is a command that the table takes, Table.Apply decides.
func DecodeEntry(b []byte) (chain.Entry, error) {
	e := chain.Entry{Encoded: b}
	if err := decodeEntry(b, &e); err != nil {
		return chain.Entry{}, fmt.Errorf("table: entry: %w", err)
	}
	return e, nil
}

func decodeEntry(b []byte, e *chain.Entry) error {
	f := fields{b: b}
	for {
		more, err := f.next()
		if err != nil {
			return err
		}
		if !more {
			return checkEntry(e)
		}
		switch f.num {
		case 7:
			err = f.want(protowire.BytesType)
			e.Command = f.bs
		case 9:
			err = f.want(protowire.Fixed64Type)
			e.Tag.By.Node = chain.NodeID(f.n)
		default:
			err = decodeEntryNumber(&f, e)
		}
		if err != nil {
			return err
		}
	}
}

func decodeEntryNumber(f *fields, e *chain.Entry) error {
	n, err := f.number(math.MaxUint64)
	if err != nil {
		return err
	}
	switch f.num {
	case 1:
		e.Seq = chain.Seq(n)
	case 2:
		e.Epoch = chain.Epoch(n)
	case 3:
		if n > math.MaxUint8 {
			return fmt.Errorf("unknown kind %d", n)
		}
		e.Kind = chain.Kind(n)
	case 4:
		e.Request.Session = chain.SessionID(n)
	case 5:
		e.Request.Number = n
	case 6:
		e.DoneBelow = n
	case 8:
		e.Skipped = chain.Seq(n)
	case 10:
		e.Tag.By.Incarnation = chain.Incarnation(n)
	case 11:
		e.Tag.Number = n
	default:
		return f.unknown()
	}
	return nil
}

func checkEntry(e *chain.Entry) error {
	switch {
	case e.Seq == 0:
		return errors.New("no seq")
	case e.Epoch == 0:
		return errors.New("no epoch")
	case e.Kind < chain.KindCommand || e.Kind > chain.KindSession:
		return fmt.Errorf("unknown kind %d", e.Kind)
	case e.Skipped > e.Seq:
		return fmt.Errorf("skipped %d is above seq %d", e.Skipped, e.Seq)
	}
	return nil
}
