package needs

import "syscall"

// DieWithParent has a process that is started with it killed when the test's process dies without cleaning up.
func DieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
