package link

import "github.com/chaintable/chaintable/chain"

// EncodePayload and DecodePayload are the payload of a frame that carries an envelope, for tests that know nothing
// of this package's inside.
func EncodePayload(e chain.Envelope) []byte {
	f := frame{Envelope: e}
	body, payload := f.sizes()
	return appendFrame(nil, &f, body, payload)[headerBytes:]
}

// DecodePayload undoes EncodePayload.
func DecodePayload(b []byte) (chain.Envelope, error) {
	f, err := decodeFrame(b, false)
	return f.Envelope, err
}

// Samples has each message, with and without all its fields.
func Samples() []chain.Envelope { return samples() }
