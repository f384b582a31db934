//go:build !linux

package pgserver

import "syscall"

// kernelStopsOrphans is false where no parent-death signal exists: there the next
// Start stops a server that outlived its parent.
const kernelStopsOrphans = false

func setParentDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}
