package workload

import "context"

// Target is a store under load. All methods are called concurrently. What they do ends with ctx.
type Target interface {
	// Get reads a key. That there is none is no error.
	Get(ctx context.Context, key string) (found bool, err error)
	// Set sets a key, whether it exists or not. The value must not be changed, and not be kept.
	Set(ctx context.Context, key string, value []byte) error
	// Scan reads several keys, and tells how many of them there are.
	Scan(ctx context.Context, keys []string) (found int, err error)
	// Modify reads a key and replaces its value, if nobody else has meanwhile; otherwise it begins again. It tells how often it did.
	Modify(ctx context.Context, key string, value []byte) (conflicts int, err error)
	// Delete removes a key. That there is none is no error.
	Delete(ctx context.Context, key string) error
	// MayHaveHappened tells of an error whether what failed may have taken effect nevertheless.
	MayHaveHappened(err error) bool
}

// Kind is what a request does.
type Kind uint8

// The kinds.
const (
	Get Kind = iota
	Set
	Insert // a Set of the next new key
	Scan
	Modify
	kinds
)

func (k Kind) String() string { return [kinds]string{"get", "set", "insert", "scan", "modify"}[k] }
