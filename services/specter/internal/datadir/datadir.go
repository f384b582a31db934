package datadir

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	lockFile    = "specter.lock"
	secretsFile = "secrets.json"
)

// Dir is a data directory claimed by this process.
type Dir struct {
	path string
	lock *os.File
}

// Secrets are made once and stay: changing one would log everybody out or make sealed
// columns unreadable.
type Secrets struct {
	JWTSecret string `json:"jwt_secret"` // signs the local auth server's access tokens (HS256)
	SecretKey string `json:"secret_key"` // seals secrets in the database; 32 bytes, base64
}

// InUseError says that another process has claimed the directory.
type InUseError struct {
	Path string
	PID  int // 0 when the file does not say
}

func (e *InUseError) Error() string {
	who := "another process"
	stop := "stop it"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
		stop = fmt.Sprintf("stop it with `kill %d`", e.PID)
	}
	return fmt.Sprintf("%s is running on the data directory %s: %s, or choose another directory with SPECTER_DATA_DIR", who, e.Path, stop)
}

// Claim makes the directory when it is missing and claims it until Release or the end of
// the process, however that ends.
func Claim(path string) (*Dir, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("resolving the data directory %s: %w", path, err)
	}
	unusable := func(err error) error {
		var pathError *fs.PathError
		if errors.As(err, &pathError) {
			err = pathError.Err // the message names the path once
		}
		return fmt.Errorf("cannot write to the data directory %s (%w): give this user the right to it, or choose another directory with SPECTER_DATA_DIR", absolute, err)
	}
	// Others may pass through but not look around: the database's unprivileged user has
	// its directory inside.
	if err := os.MkdirAll(filepath.Dir(absolute), 0o755); err != nil { //nolint:gosec // G301: the unprivileged user must pass
		return nil, unusable(err)
	}
	if err := os.Mkdir(absolute, 0o711); err != nil && !errors.Is(err, fs.ErrExist) { //nolint:gosec // G301: as above
		return nil, unusable(err)
	}
	lock, err := os.OpenFile(filepath.Join(absolute, lockFile), os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // G302: it holds a process id, for everybody who wants to know
	if err != nil {
		return nil, unusable(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		inUse := &InUseError{Path: absolute, PID: readPID(lock)}
		return nil, errors.Join(inUse, lock.Close())
	}
	if err := writePID(lock, os.Getpid()); err != nil {
		return nil, errors.Join(unusable(err), lock.Close())
	}
	return &Dir{path: absolute, lock: lock}, nil
}

// Holder returns the process that has claimed the directory at path, 0 when none has.
func Holder(path string) (int, error) {
	lock, err := os.Open(filepath.Join(path, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading the lock of %s: %w", path, err)
	}
	defer lock.Close()
	// A shared lock is refused exactly while somebody holds the exclusive one.
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err == nil {
		return 0, nil
	}
	return readPID(lock), nil
}

// Path returns the absolute path of a file in the directory.
func (d *Dir) Path(parts ...string) string {
	return filepath.Join(append([]string{d.path}, parts...)...)
}

// Release gives the directory up.
func (d *Dir) Release() error {
	// The lock file stays: removing it would let two processes hold two files of one name.
	if err := d.lock.Truncate(0); err != nil {
		return errors.Join(err, d.lock.Close())
	}
	return d.lock.Close()
}

// Secrets returns the directory's secrets, making them at the first call.
func (d *Dir) Secrets() (Secrets, error) {
	var secrets Secrets
	switch err := d.ReadJSON(secretsFile, &secrets); {
	case err == nil && secrets.JWTSecret != "" && secrets.SecretKey != "":
		return secrets, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return Secrets{}, fmt.Errorf("reading %s: %w", d.Path(secretsFile), err)
	}
	secrets = Secrets{JWTSecret: randomKey(), SecretKey: randomKey()}
	if err := d.WriteJSON(secretsFile, secrets); err != nil {
		return Secrets{}, fmt.Errorf("keeping the secrets: %w", err)
	}
	return secrets, nil
}

// ReadJSON reads a file of the directory; fs.ErrNotExist when it is missing.
func (d *Dir) ReadJSON(name string, into any) error {
	text, err := os.ReadFile(d.Path(name))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// WriteJSON writes a file of the directory as WriteFile does.
func (d *Dir) WriteJSON(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(d.Path(name), append(text, '\n'))
}

// WriteFile replaces a private file (0600) as a whole: after a crash it holds the old or
// the new text, never a part.
func WriteFile(path string, text []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil //nolint:nilerr // the file is in place; only the proof that its name is on disk is missing
	}
	_ = parent.Sync() // some file systems refuse to sync a directory
	return parent.Close()
}

func randomKey() string {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	return base64.StdEncoding.EncodeToString(key[:])
}

func writePID(lock *os.File, pid int) error {
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err := lock.WriteAt([]byte(strconv.Itoa(pid)+"\n"), 0)
	return err
}

func readPID(lock *os.File) int {
	text := make([]byte, 32)
	n, _ := lock.ReadAt(text, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return 0
	}
	return pid
}

// ReadSecrets reads the secrets of a directory that another process may have claimed.
func ReadSecrets(dir string) (secrets Secrets, err error) {
	text, err := os.ReadFile(filepath.Join(dir, secretsFile))
	if err != nil {
		return secrets, err
	}
	return secrets, json.Unmarshal(text, &secrets)
}
