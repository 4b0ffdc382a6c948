package replica

import (
	"golang.org/x/sys/unix"

	"github.com/chaintable/chaintable/chain"
)

// BootTime is the time since the machine started, suspension included (CLOCK_BOOTTIME): a lease must not outlive a night in
// which the machine slept.
func BootTime() chain.Time {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("replica: CLOCK_BOOTTIME: " + err.Error()) // every Linux since 2.6.39 has it
	}
	return chain.Time(ts.Nano())
}
