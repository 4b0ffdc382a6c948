package notes_test

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chaintable/chaintable/internal/notes"
)

// One line a second and text; the next says how many there would have been.
func TestWarn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		}))
		var n notes.Notes
		for i := range 100 {
			n.Warn(logger, "closed", "n", i)
		}
		n.Warn(logger, "refused")
		time.Sleep(999 * time.Millisecond)
		n.Warn(logger, "closed", "n", 100)
		time.Sleep(time.Millisecond)
		n.Warn(logger, "closed", "n", 101)
		time.Sleep(time.Second)
		n.Warn(logger, "closed", "n", 102)
		want := "level=WARN msg=closed n=0\nlevel=WARN msg=refused\nlevel=WARN msg=closed n=101 suppressed=100\nlevel=WARN msg=closed n=102\n"
		if log.String() != want {
			t.Errorf("got\n%swant\n%s", log.String(), want)
		}
	})
}
