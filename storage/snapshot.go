package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

const (
	snapshotPrefix = "table-"
	snapshotMagic  = "chaintbl"
	snapshotFormat = 1
	snapshotHeader = 48
	blockHeader    = 12

	// maxBlock is more than table.Snapshot makes a chunk. Nothing of a file is believed beyond it.
	maxBlock = table.MaxValueBytes + table.MaxKeyBytes + 1<<20
	// chunkBytes is about how much of the table a block holds.
	chunkBytes = 256 << 10
)

// snapshotName is that of the file with the table at a seq.
func snapshotName(generation uint64, seq chain.Seq) string {
	return fmt.Sprintf("%s%016x-%016x", snapshotPrefix, generation, uint64(seq))
}

// parseSnapshot is what a snapshot's name says.
func parseSnapshot(name string) (generation uint64, seq chain.Seq, ok bool) {
	if !strings.HasPrefix(name, snapshotPrefix) {
		return 0, 0, false
	}
	var n uint64
	if _, err := fmt.Sscanf(name[len(snapshotPrefix):], "%016x-%016x", &generation, &n); err != nil {
		return 0, 0, false
	}
	seq = chain.Seq(n)
	return generation, seq, snapshotName(generation, seq) == name
}

// Origin says of what a snapshot is.
type Origin struct {
	Chain    chain.ID
	Position chain.Position // the last entry in it
}

// SnapshotWriter writes a table in the format of a snapshot's file, which is that of a backup too. It is for one goroutine.
type SnapshotWriter struct {
	to     io.Writer
	zip    *zstd.Encoder
	crc    uint32 // of the block before
	blocks uint64
	bytes  uint64
	buf    []byte
}

// NewSnapshotWriter begins a file.
func NewSnapshotWriter(to io.Writer, o Origin) (*SnapshotWriter, error) {
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	w := &SnapshotWriter{to: to, zip: zip}
	b := make([]byte, snapshotHeader)
	copy(b, snapshotMagic)
	binary.LittleEndian.PutUint32(b[8:], snapshotFormat)
	binary.LittleEndian.PutUint64(b[16:], uint64(o.Chain))
	binary.LittleEndian.PutUint64(b[24:], uint64(o.Position.Seq))
	binary.LittleEndian.PutUint64(b[32:], uint64(o.Position.Epoch))
	w.crc = crc32.Checksum(b[:snapshotHeader-4], castagnoli)
	binary.LittleEndian.PutUint32(b[snapshotHeader-4:], w.crc)
	return w, w.write(b)
}

func (w *SnapshotWriter) write(b []byte) error {
	n, err := w.to.Write(b)
	w.bytes += uint64(n)
	return err
}

// Add writes the next chunk of the table, as table.Snapshot.Chunk makes them. It keeps nothing of it.
func (w *SnapshotWriter) Add(chunk []byte) error {
	if len(chunk) == 0 || len(chunk) > maxBlock {
		return fmt.Errorf("storage: snapshot: a chunk of %d bytes", len(chunk))
	}
	return w.block(chunk)
}

func (w *SnapshotWriter) block(chunk []byte) error {
	b := append(w.buf[:0], zeros[:blockHeader]...)
	b = w.zip.EncodeAll(chunk, b)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-blockHeader))
	binary.LittleEndian.PutUint32(b[8:], uint32(len(chunk)))
	w.crc = crc32.Update(w.crc, castagnoli, b[4:])
	binary.LittleEndian.PutUint32(b, w.crc)
	w.blocks++
	if w.buf = b; cap(b) > 4*chunkBytes {
		w.buf = nil
	}
	return w.write(b)
}

// Finish writes the end, behind the last chunk.
func (w *SnapshotWriter) Finish() error {
	b := binary.LittleEndian.AppendUint64(make([]byte, blockHeader), w.blocks)
	w.crc = crc32.Update(w.crc, castagnoli, b[4:])
	binary.LittleEndian.PutUint32(b, w.crc)
	return w.write(b)
}

// Bytes is how many were written.
func (w *SnapshotWriter) Bytes() uint64 { return w.bytes }

// ReadSnapshot makes a table of what a SnapshotWriter has written. It says of bytes that are not such that they are damaged. Progress is told how
// many bytes there were so far, and ends it with an error; it may be nil.
func ReadSnapshot(from io.Reader, c table.Config, progress func(bytes int64) error) (*table.Table, Origin, error) {
	r, to := &snapshotReader{from: from}, table.NewRestorer(c)
	o, err := r.all(to.Add, progress)
	if err != nil {
		return nil, o, err
	}
	t, err := to.Finish()
	if err == nil && t.Position() != o.Position {
		err = fmt.Errorf("the table is of %v, not %v", t.Position(), o.Position)
	}
	if err != nil {
		return nil, o, r.damaged(err)
	}
	return t, o, nil
}

// CheckSnapshot reads what a SnapshotWriter has written and compares the checksums, without making a table of it.
func CheckSnapshot(from io.Reader) (Origin, error) {
	r := &snapshotReader{from: from}
	return r.all(func([]byte) error { return nil }, nil)
}

// all gives each chunk to take, in order, while the next ones are read.
func (r *snapshotReader) all(take func(chunk []byte) error, progress func(bytes int64) error) (Origin, error) {
	o, err := r.header()
	if err != nil {
		return o, r.damaged(err)
	}
	chunks := make(chan []byte, 4)
	stop := make(chan struct{})
	var failed error
	go func() {
		defer close(chunks)
		failed = r.read(chunks, stop)
	}()
	bytes := int64(0)
	var stopped error
	for chunk := range chunks {
		if err != nil || stopped != nil {
			continue
		}
		err = take(chunk)
		if bytes += int64(len(chunk)); progress != nil {
			stopped = progress(bytes)
		}
		if err != nil || stopped != nil {
			close(stop)
		}
	}
	if stopped != nil {
		return o, stopped
	}
	if err = errors.Join(failed, err); err != nil {
		return o, r.damaged(err)
	}
	return o, nil
}

type snapshotReader struct {
	from io.Reader
	crc  uint32
	at   int64
}

// damaged is the error of a file that cannot be read to its end.
func (r *snapshotReader) damaged(err error) error {
	if isDamage(err) || errors.Is(err, ErrFormat) {
		return err
	}
	return &DamageError{Offset: r.at, What: err.Error()}
}

func (r *snapshotReader) fill(b []byte) error {
	n, err := io.ReadFull(r.from, b)
	r.at += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the end is missing")
	}
	return err
}

func (r *snapshotReader) header() (o Origin, err error) {
	b := make([]byte, snapshotHeader)
	if err := r.fill(b); err != nil {
		return o, err
	}
	r.crc = crc32.Checksum(b[:snapshotHeader-4], castagnoli)
	switch format := binary.LittleEndian.Uint32(b[8:]); {
	case string(b[:8]) != snapshotMagic:
		return o, errors.New("this is no snapshot of a table")
	case r.crc != binary.LittleEndian.Uint32(b[snapshotHeader-4:]):
		return o, errors.New("the header does not have its checksum")
	case format != snapshotFormat:
		return o, errFormat(uint64(format), snapshotFormat)
	}
	return Origin{
		Chain:    chainOf(b),
		Position: chain.Position{Seq: chain.Seq(binary.LittleEndian.Uint64(b[24:])), Epoch: chain.Epoch(binary.LittleEndian.Uint64(b[32:]))},
	}, nil
}

// chainOf is the chain that a header names.
func chainOf(header []byte) chain.ID { return chain.ID(binary.LittleEndian.Uint64(header[16:])) }

// read passes on the chunks of all blocks, until the end or a stop.
func (r *snapshotReader) read(chunks chan<- []byte, stop <-chan struct{}) error {
	unzip, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock))
	if err != nil {
		return err
	}
	defer unzip.Close()
	for blocks := uint64(0); ; blocks++ {
		h := make([]byte, blockHeader)
		if err := r.fill(h); err != nil {
			return err
		}
		length, size := binary.LittleEndian.Uint32(h[4:]), binary.LittleEndian.Uint32(h[8:])
		if length == 0 {
			return r.finish(h, blocks)
		}
		if length > maxBlock+maxBlock/8 || size > maxBlock {
			return fmt.Errorf("a block of %d bytes", max(length, size))
		}
		b := make([]byte, length)
		if err := r.fill(b); err != nil {
			return err
		}
		r.crc = crc32.Update(crc32.Update(r.crc, castagnoli, h[4:]), castagnoli, b)
		if r.crc != binary.LittleEndian.Uint32(h) {
			return errors.New("a block does not have its checksum")
		}
		chunk, err := unzip.DecodeAll(b, make([]byte, 0, size))
		if err == nil && len(chunk) != int(size) {
			err = fmt.Errorf("a block has %d bytes instead of %d", len(chunk), size)
		}
		if err != nil {
			return err
		}
		select {
		case chunks <- chunk:
		case <-stop:
			return nil
		}
	}
}

// finish checks the end, whose first bytes are a header.
func (r *snapshotReader) finish(h []byte, blocks uint64) error {
	b := make([]byte, 8)
	if err := r.fill(b); err != nil {
		return err
	}
	crc := crc32.Update(crc32.Update(r.crc, castagnoli, h[4:]), castagnoli, b)
	if crc != binary.LittleEndian.Uint32(h) || blocks != binary.LittleEndian.Uint64(b) {
		return errors.New("the end does not have its checksum")
	}
	if n, err := r.from.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the end")
	}
	return nil
}
