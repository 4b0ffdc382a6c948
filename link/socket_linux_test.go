package link

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A peer that vanishes without a word is noticed by the kernel, in the timeout and not in a quarter of an hour.
func TestDialledConnectionsHaveAUserTimeout(t *testing.T) {
	conn, err := NewTCP(TCPConfig{Timeout: 1234 * time.Millisecond}).config.Dial(t.Context(), realScene().mute(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ level, option, want int }{
		"user timeout in ms": {unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 1234},
		"keep-alive":         {unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		"no delay":           {unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
	} {
		var got int
		var failed error
		if err := raw.Control(func(fd uintptr) { got, failed = unix.GetsockoptInt(int(fd), c.level, c.option) }); err != nil {
			t.Fatal(err)
		}
		if failed != nil || got != c.want {
			t.Errorf("%s is %d, %v; want %d", name, got, failed, c.want)
		}
	}
}
