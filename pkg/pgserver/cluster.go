package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// previousGrace is how long a previous server may take to finish its shutdown
	// before the directory counts as in use.
	previousGrace = 15 * time.Second
	// noticeGrace is how long a server whose parent died may look untouched.
	noticeGrace = time.Second
)

// ensureCluster makes the PGDATA directory when there is none: a copy of the
// template, or initdb. It is made beside its place and renamed, so a crash in
// between leaves no half cluster.
func (d directory) ensureCluster(ctx context.Context, bin binaries, o Options) error {
	if d.clusterVersion() != 0 {
		return nil
	}
	if _, err := os.Lstat(d.cluster()); err == nil {
		return &DirectoryError{Directory: d.path, User: d.owner.name,
			Err: errors.New("cluster/ exists but is not a PostgreSQL data directory; move it away")}
	}
	fresh := filepath.Join(d.path, "cluster.new")
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("removing an unfinished cluster: %w", err)
	}
	var err error
	if o.Template != "" {
		err = copyTree(o.Template, fresh, d.owner)
	} else {
		err = initdb(ctx, bin, fresh, d, o)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(fresh, d.cluster()); err != nil {
		return fmt.Errorf("putting the new cluster in place: %w", err)
	}
	return nil
}

func initdb(ctx context.Context, bin binaries, target string, d directory, o Options) error {
	args := []string{
		"-D", target, "--username=" + o.Superuser, "--encoding=UTF8", "--locale=C",
		// Who can reach the socket may connect (see socketDir); nothing else can.
		"--auth-local=trust", "--auth-host=reject", "--data-checksums", "--no-instructions",
	}
	if o.Unsafe {
		// Small log files too: test clusters are copied often.
		args = append(args, "--no-sync", "--wal-segsize=1")
	}
	// Killed with us: an unfinished cluster is made anew.
	proc, err := startProcess(command{
		path: filepath.Join(bin.dir, "initdb"), args: args,
		dir: d.path, as: d.owner, onParentDeath: syscall.SIGKILL, log: o.Log.Named("initdb"),
	})
	if err != nil {
		return fmt.Errorf("starting initdb: %w", err)
	}
	select {
	case <-proc.done:
	case <-ctx.Done():
		proc.signal(syscall.SIGKILL)
		<-proc.done
		return fmt.Errorf("making the database cluster: %w", context.Cause(ctx))
	}
	if err := proc.exit(); err != nil {
		return fmt.Errorf("making the database cluster: %w", &StartError{Output: proc.output.tail(), Err: err})
	}
	return nil
}

// waitForPrevious deals with what a crashed parent left. We hold the directory's
// lock, so a server that still runs here has lost its parent: on Linux the kernel
// has told it to stop, elsewhere we do.
func (d directory) waitForPrevious(ctx context.Context, sockets string) error {
	pidFile := filepath.Join(d.cluster(), "postmaster.pid")
	deadline := time.Now().Add(previousGrace)
	notice := time.Now().Add(noticeGrace)
	told := false
	for {
		pid := readPID(pidFile)
		if pid == 0 || !isPostmaster(pid, d.cluster()) {
			break
		}
		now := time.Now()
		switch {
		case now.After(deadline):
			return &InUseError{Directory: d.path, PID: pid}
		case kernelStopsOrphans && now.After(notice) && !stopping(pidFile):
			// Somebody else started this one, by hand perhaps; it is not ours to stop.
			return &InUseError{Directory: d.path, PID: pid}
		case !kernelStopsOrphans && !told:
			told = true
			if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("stopping the previous server (process %d): %w", pid, err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the previous server to stop: %w", context.Cause(ctx))
		case <-time.After(2 * pollInterval):
		}
	}
	// No server runs here. Postgres sorts out stale lock files by asking whether
	// their process lives, which goes wrong when its number has been given to
	// another process since (usual in containers, where numbers are small).
	name := filepath.Join(sockets, fmt.Sprintf(".s.PGSQL.%d", port))
	for _, stale := range []string{pidFile, name, name + ".lock"} {
		if err := os.Remove(stale); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a stale lock file: %w", err)
		}
	}
	return nil
}

// stopping reads the status line Postgres keeps in its pid file.
func stopping(pidFile string) bool {
	raw, err := os.ReadFile(pidFile)
	if err != nil {
		return true // gone this very moment
	}
	lines := strings.Split(string(raw), "\n")
	const statusLine = 7 // LOCK_FILE_LINE_PM_STATUS, counted from 0
	return len(lines) > statusLine && strings.TrimSpace(lines[statusLine]) == "stopping"
}

// isPostmaster reports whether the process lives and is a server of this cluster.
// Where /proc cannot tell, a living process counts.
func isPostmaster(pid int, cluster string) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return false
	}
	if _, err := os.Stat("/proc/self"); err != nil {
		return true
	}
	// A server of ours has our user, so an unreadable link is somebody else's
	// process, or one that has ended. Should that ever be wrong, Postgres still
	// refuses to start beside another server's shared memory.
	cwd, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
	return err == nil && cwd == cluster
}

// copyTree copies a stopped cluster: directories and plain files only.
func copyTree(from, to string, owner user) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case entry.IsDir():
			err = os.Mkdir(target, 0o700)
		case entry.Type().IsRegular():
			err = copyFile(path, target)
		default:
			err = fmt.Errorf("%s is neither a file nor a directory", path)
		}
		if err != nil {
			return err
		}
		return owner.take(target)
	})
	if err != nil {
		return fmt.Errorf("copying the template cluster: %w", err)
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
