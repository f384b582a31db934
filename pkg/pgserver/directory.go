package pgserver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"go.uber.org/zap"
)

const (
	// systemDir holds the data of a root process whose own directory the
	// unprivileged user cannot reach, for example under a 0700 home.
	systemDir = "/var/lib/specter"

	// maxSocketPath is the shorter of what Linux (107) and macOS (103) take.
	maxSocketPath = 103
)

// directory is where the server keeps everything, and the user that owns it.
type directory struct {
	path  string // absolute, links resolved as far as it exists
	owner user
}

func (d directory) cluster() string { return filepath.Join(d.path, "cluster") }

// resolveDirectory decides where the data is without creating anything.
func resolveDirectory(wanted string, log *zap.Logger) (directory, error) {
	path, err := filepath.Abs(wanted)
	if err != nil {
		return directory{}, fmt.Errorf("resolving the data directory: %w", err)
	}
	path = resolveExisting(path)
	owner, err := chooseUser(filepath.Join(path, "cluster"))
	if err != nil {
		return directory{}, err
	}
	d := directory{path: path, owner: owner}
	if !owner.switched {
		return d, nil
	}
	moved := directory{path: filepath.Join(systemDir, shortHash(path)), owner: owner}
	if owner.canTraverse(nearestExisting(filepath.Dir(path))) && (d.clusterVersion() != 0 || moved.clusterVersion() == 0) {
		return d, nil
	}
	log.Info("the database is kept in a system directory because its user cannot reach the data directory",
		zap.String("user", owner.name), zap.String("directory", moved.path), zap.String("data_directory", path))
	return moved, nil
}

// clusterVersion is the major version that wrote the cluster; 0 when there is none.
func (d directory) clusterVersion() int {
	if d.path == "" {
		return 0
	}
	raw, err := os.ReadFile(filepath.Join(d.cluster(), "PG_VERSION"))
	if err != nil {
		return 0
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0
	}
	return major
}

// prepare makes the directory, private to the owner.
func (d directory) prepare() error {
	fail := func(err error) error {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err // the message names the directory once
		}
		return &DirectoryError{Directory: d.path, User: d.owner.name, Err: err}
	}
	// Parents must let the owner through; the directory itself is private.
	if err := os.MkdirAll(filepath.Dir(d.path), 0o755); err != nil { //nolint:gosec // meant to be passed through
		return fail(err)
	}
	if err := os.Mkdir(d.path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fail(err)
	}
	info, err := os.Lstat(d.path)
	if err != nil {
		return fail(err)
	}
	if !info.IsDir() {
		return fail(syscall.ENOTDIR)
	}
	if uid, _, ok := ownerOfInfo(info); ok && uid != d.owner.uid {
		if !d.owner.switched {
			return fail(fmt.Errorf("it belongs to user %s", nameOf(uid)))
		}
		if err := d.owner.take(d.path); err != nil {
			return fail(err)
		}
	}
	if err := os.Chmod(d.path, 0o700); err != nil { //nolint:gosec // a directory needs the x bit
		return fail(err)
	}
	if d.owner.switched && !d.owner.canTraverse(d.path) {
		return fail(syscall.EACCES)
	}
	return nil
}

// lock claims the directory for this process until it ends. The kernel drops the
// claim with the process, so a crash leaves none behind.
func (d directory) lock() (unlock func(), err error) {
	path := filepath.Join(d.path, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, &DirectoryError{Directory: d.path, User: d.owner.name, Err: err}
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &InUseError{Directory: d.path, PID: readPID(path)}
		}
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	// The number is for the message above; the lock itself is what counts.
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// socketDir makes the directory of the socket. When the data directory's path is
// too long for a socket, a private directory under the temporary one is used.
func (d directory) socketDir(wanted string) (string, error) {
	name := fmt.Sprintf(".s.PGSQL.%d", port)
	dir := orDefault(wanted, filepath.Join(d.path, "run"))
	if len(filepath.Join(dir, name)) > maxSocketPath {
		if wanted != "" {
			return "", &SocketPathError{Path: filepath.Join(dir, name), Max: maxSocketPath}
		}
		dir = filepath.Join("/tmp", "specter-postgres-"+shortHash(d.path))
	}
	fail := func(err error) error { return &DirectoryError{Directory: dir, User: d.owner.name, Err: err} }
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = d.owner.take(dir)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fail(err)
	}
	// Whoever may enter it may connect without a password: it must be a real
	// directory, the owner's, closed to everybody else.
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fail(err)
	}
	uid, _, ok := ownerOfInfo(info)
	if !info.IsDir() || !ok || uid != d.owner.uid || info.Mode().Perm()&0o077 != 0 {
		return "", fail(errors.New("it is not a private directory of that user"))
	}
	return dir, nil
}

func nearestExisting(path string) string {
	for {
		if _, err := os.Stat(path); err == nil {
			return path
		}
		parent := filepath.Dir(path)
		if parent == path {
			return path
		}
		path = parent
	}
}

func resolveExisting(path string) string {
	existing := nearestExisting(path)
	resolved, err := filepath.EvalSymlinks(existing)
	if err != nil {
		return path
	}
	rest, err := filepath.Rel(existing, path)
	if err != nil {
		return path
	}
	return filepath.Join(resolved, rest)
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}

func readPID(path string) int {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return 0
	}
	return pid
}
