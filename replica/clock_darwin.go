package replica

import (
	"golang.org/x/sys/unix"

	"github.com/chaintable/chaintable/chain"
)

// BootTime is the time since the machine started, suspension included: CLOCK_MONOTONIC on macOS counts it.
func BootTime() chain.Time {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("replica: CLOCK_MONOTONIC: " + err.Error())
	}
	return chain.Time(ts.Nano())
}
