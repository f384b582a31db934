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

	file     string
	cutpower string // program
	mounted  bool
}

// New makes and mounts an image of size bytes, and unmounts it after the test.
func New(t testing.TB, size int64) *Image {
	t.Helper()
	dir := t.TempDir()
	i := &Image{Mount: filepath.Join(dir, "mounted"), file: filepath.Join(dir, "disk-0.img"), cutpower: filepath.Join(dir, "cutpower")}
	run(t, "go", "build", "-o", i.cutpower, "github.com/draftlabs/specter/deploy/e2e/faults/disk/cutpower")
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
	// What runs on the disk runs as whoever runs the test.
	run(t, mkfs(), "-q", "-F", "-E", fmt.Sprintf("root_owner=%d:%d", os.Getuid(), os.Getgid()), i.file)
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

// CutPower takes the power away: nothing that is not on the disk at this moment
// will ever get there, and whoever writes gets an error. The image is copied as it
// is. Call Restore when nothing uses the disk any more.
func (i *Image) CutPower(t testing.TB) {
	t.Helper()
	// Copying the image of a mounted file system that still works would mix moments.
	asRoot(t, i.cutpower, i.Mount)
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
	asRoot(t, "mount", "-o", "loop", i.file, i.Mount)
	i.mounted = true
}

func (i *Image) unmount(t testing.TB) {
	t.Helper()
	asRoot(t, "umount", i.Mount)
	i.mounted = false
}

// mkfs is not on everybody's PATH.
func mkfs() string {
	const name = "mkfs.ext4"
	if _, err := exec.LookPath(name); err != nil {
		return "/sbin/" + name
	}
	return name
}

// asRoot runs a command as root, through sudo for everybody else.
func asRoot(t testing.TB, name string, args ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		name, args = "sudo", append([]string{name}, args...)
	}
	run(t, name, args...)
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("%s %v: %w: %s (this test mounts disk images: it needs mkfs.ext4, loop devices, and root or sudo)", name, args, err, out))
	}
}
