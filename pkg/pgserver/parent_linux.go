package pgserver

import "syscall"

// kernelStopsOrphans: a server whose parent died has been sent SIGINT.
const kernelStopsOrphans = true

func setParentDeathSignal(attr *syscall.SysProcAttr, s syscall.Signal) { attr.Pdeathsig = s }
