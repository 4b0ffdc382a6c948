package needs

import "syscall"

// DieWithParent is nothing here.
func DieWithParent() *syscall.SysProcAttr { return nil }
