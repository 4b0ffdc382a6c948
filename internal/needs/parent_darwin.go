package needs

import "syscall"

// dieWithParent is nothing here.
func dieWithParent() *syscall.SysProcAttr { return nil }
