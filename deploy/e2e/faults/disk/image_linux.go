package disk

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Image is a mounted file system in a file.
type Image struct {
	Mount string // where it is mounted

	file    string
	mounted bool
}

// New makes and mounts an image of size bytes, and unmounts it after the test.
func New(t testing.TB, size int64) *Image {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test needs root: it mounts a disk image to cut its power (run it as root, with loop devices)")
	}
	dir := t.TempDir()
	i := &Image{Mount: filepath.Join(dir, "mounted"), file: filepath.Join(dir, "disk-0.img")}
	if err := os.Mkdir(i.Mount, 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(i.file)
	if err == nil {
		err = file.Truncate(size)
	}
	if err != nil {
		t.Fatalf("making a disk image: %v", err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs.ext4", "-q", "-F", i.file)
	t.Cleanup(func() {
		if i.mounted {
			i.unmount(t)
		}
	})
	i.mount(t)
	return i
}

// Sync writes out what is cached, as happens by itself after half a minute.
func (i *Image) Sync(t testing.TB) {
	t.Helper()
	run(t, "sync", "-f", i.Mount)
}

// noLogFlush of EXT4_IOC_SHUTDOWN: not even the journal is written out.
const (
	ext4Shutdown = 0x8004587d // _IOR('X', 125, __u32)
	noLogFlush   = 2
)

// CutPower takes the power away: nothing that is not on the disk at this moment
// will ever get there, and whoever writes gets an error. The image is copied as it
// is. Call Restore when nothing uses the disk any more.
func (i *Image) CutPower(t testing.TB) {
	t.Helper()
	dir, err := os.Open(i.Mount)
	if err == nil {
		// Copying the image of a mounted file system that still works would mix moments.
		err = unix.IoctlSetPointerInt(int(dir.Fd()), ext4Shutdown, noLogFlush)
		_ = dir.Close()
	}
	if err != nil {
		t.Fatalf("cutting the power of %s: %v", i.Mount, err)
	}
	run(t, "cp", "--sparse=always", i.file, i.file+".cut")
}

// Restore mounts what the disk held when its power was cut.
func (i *Image) Restore(t testing.TB) {
	t.Helper()
	i.unmount(t)
	if err := os.Rename(i.file+".cut", i.file); err != nil {
		t.Fatalf("restoring the disk: %v", err)
	}
	i.mount(t)
}

// Fill writes a file that leaves about free bytes, and returns what removes it.
func (i *Image) Fill(t testing.TB, free int64) (release func()) {
	t.Helper()
	var fs unix.Statfs_t
	if err := unix.Statfs(i.Mount, &fs); err != nil {
		t.Fatalf("looking at %s: %v", i.Mount, err)
	}
	file, err := os.Create(filepath.Join(i.Mount, "ballast"))
	if err == nil {
		err = unix.Fallocate(int(file.Fd()), 0, 0, int64(fs.Bavail)*fs.Bsize-free)
	}
	if err != nil {
		t.Fatalf("filling %s: %v", i.Mount, err)
	}
	return func() {
		if err := os.Remove(file.Name()); err != nil {
			t.Fatalf("freeing space on %s: %v", i.Mount, err)
		}
		_ = file.Close()
	}
}

func (i *Image) mount(t testing.TB) {
	t.Helper()
	run(t, "mount", "-o", "loop", i.file, i.Mount)
	i.mounted = true
}

func (i *Image) unmount(t testing.TB) {
	t.Helper()
	run(t, "umount", i.Mount)
	i.mounted = false
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("%s %v: %w: %s (this test needs mount, mkfs.ext4 and loop devices)", name, args, err, out))
	}
}
