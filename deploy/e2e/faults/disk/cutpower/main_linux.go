// Command cutpower takes the power from the ext4 file system mounted at the directory given. It is a
// program because the system call needs root, and the tests that want it may not be root.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// noLogFlush of EXT4_IOC_SHUTDOWN: not even the journal is written out.
const (
	ext4Shutdown = 0x8004587d // _IOR('X', 125, __u32)
	noLogFlush   = 2
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: cutpower <mounted directory>")
	}
	dir, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.IoctlSetPointerInt(int(dir.Fd()), ext4Shutdown, noLogFlush)
}
