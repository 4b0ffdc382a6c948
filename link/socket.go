package link

import (
	"net"
	"time"
)

// dialer makes connections that notice a peer which has gone without a word: nothing that is sent stays
// unacknowledged for longer than timeout, and a silent connection is asked twice within it.
func dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{
		Timeout: timeout,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable:   true,
			Idle:     timeout / 2,
			Interval: timeout / 4,
			Count:    2,
		},
		Control: control(timeout),
	}
}
