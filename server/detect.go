package server

import (
	"bytes"
	"io"
	"net"
	"time"
	"unicode/utf8"
)

// protocol is what a connection speaks.
type protocol uint8

const (
	unknown  protocol = iota // more bytes are needed
	garbage                  // nothing we know
	seed                     // server/wire
	redis                    // server/resp
	links                    // another server
	relayed                  // a client, through another server
	http1                    // server/web
	tls                      // a TLS handshake
	http2                    // HTTP/2 with prior knowledge, as gRPC begins
	silently                 // closed by the peer before it said anything, or by us
)

// The first bytes that decide.
const (
	seedByte  = 0x08
	respByte  = '*'
	tlsByte   = 0x16
	linkMagic = "\xCAchain\x01"
	http2Line = "PRI * HTTP/2.0"

	// maxLine is how long a first line may be, its end included.
	maxLine = 8 << 10
)

// detectTimeout is how long a connection has to tell its protocol from its first byte on.
const detectTimeout = 10 * time.Second

// decide tells what a connection speaks that begins with first.
func decide(first []byte) protocol {
	if len(first) == 0 {
		return unknown
	}
	switch first[0] {
	case seedByte:
		return seed
	case respByte:
		return redis
	case tlsByte:
		return tls
	case linkMagic[0]:
		switch n := min(len(first), len(linkMagic)); {
		case string(first[:n]) == linkMagic[:n] && n == len(linkMagic):
			return links
		case string(first[:n]) == relayMagic[:n] && n == len(relayMagic):
			return relayed
		case n < len(linkMagic) && string(first[:n]) == linkMagic[:n]:
			return unknown
		}
		return garbage
	}
	return decideLine(first)
}

// decideLine tells the protocols apart that begin with a line of text.
func decideLine(first []byte) protocol {
	end := bytes.IndexByte(first[:min(len(first), maxLine)], '\n')
	line := first
	if end >= 0 {
		line = bytes.TrimSuffix(first[:end], []byte{'\r'})
	} else {
		line = bytes.TrimSuffix(line, []byte{'\r'}) // its line end may be on its way
	}
	if first[0] >= utf8.RuneSelf || bytes.ContainsFunc(line, isControl) {
		return garbage
	}
	switch {
	case end < 0 && len(first) >= maxLine:
		return garbage
	case end < 0:
		return unknown
	case string(line) == http2Line:
		return http2
	case bytes.HasSuffix(line, []byte(" HTTP/1.1")), bytes.HasSuffix(line, []byte(" HTTP/1.0")):
		return http1
	case !utf8.Valid(line):
		return garbage
	}
	return redis
}

// isControl tells what is not in a printable line. Bytes that are no UTF-8 are looked at when the line is whole.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }

// detect reads until it is clear what the connection speaks. Of other servers exactly the magic is read, of others first is what was read
// beyond nothing. The first byte may take its time.
func detect(conn net.Conn) (p protocol, first []byte, err error) {
	first = make([]byte, 1)
	if _, err := io.ReadFull(conn, first); err != nil {
		return silently, nil, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(detectTimeout)); err != nil {
		return silently, nil, err
	}
	for p = decide(first); p == unknown; p = decide(first) {
		want := 512
		if first[0] == linkMagic[0] {
			want = len(linkMagic) - len(first)
		}
		var n int
		buf := append(first, make([]byte, min(want, maxLine-len(first)))...)
		n, err = conn.Read(buf[len(first):])
		first = buf[:len(first)+n]
		if n == 0 && err != nil {
			return garbage, first, err
		}
	}
	return p, first, conn.SetReadDeadline(time.Time{})
}

// prefixed is a connection of which something has been read already.
type prefixed struct {
	net.Conn
	first []byte
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.first) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.first)
	p.first = p.first[n:]
	return n, nil
}
