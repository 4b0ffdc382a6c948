package needs

import "syscall"

// dieWithParent has a process that is started with it killed when the test's process dies without cleaning up.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
