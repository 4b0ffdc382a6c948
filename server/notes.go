package server

import (
	"log/slog"

	limited "github.com/chaintable/chaintable/internal/notes"
)

// notes are lines in the log that strangers can cause.
type notes struct {
	logger *slog.Logger
	limit  limited.Notes
}

// warn writes a line, unless one with this text, which is one of few, was written less than a second ago.
func (n *notes) warn(text string, args ...any) { n.limit.Warn(n.logger, text, args...) }
