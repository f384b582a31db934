package pgserver

import (
	"errors"
	"fmt"
	"os"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// user is who runs Postgres.
type user struct {
	name     string
	uid, gid int
	switched bool // not the user of this process, which then is root
}

// chooseUser returns this process's user, or for root (which Postgres refuses) the
// owner of an existing cluster, else postgres, else nobody.
func chooseUser(cluster string) (user, error) {
	if uid := os.Geteuid(); uid != 0 {
		return user{name: nameOf(uid), uid: uid, gid: os.Getegid()}, nil
	}
	if uid, gid, ok := ownerOf(cluster); ok && uid != 0 {
		return user{name: nameOf(uid), uid: uid, gid: gid, switched: true}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := osuser.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err := errors.Join(err1, err2); err != nil {
			return user{}, fmt.Errorf("reading user %s: %w", name, err)
		}
		return user{name: name, uid: uid, gid: gid, switched: true}, nil
	}
	return user{}, errors.New("PostgreSQL does not run as root and there is no user postgres or nobody: run as another user")
}

// credential is nil when no switch is needed.
func (u user) credential() *syscall.Credential {
	if !u.switched {
		return nil
	}
	return &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.gid)}
}

// take hands a file or directory we made to the user.
func (u user) take(path string) error {
	if !u.switched {
		return nil
	}
	return os.Lchown(path, u.uid, u.gid)
}

// canTraverse reports whether the user may enter dir and all its parents, by their
// permission bits.
func (u user) canTraverse(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return false
		}
		uid, gid, ok := ownerOfInfo(info)
		need := os.FileMode(0o001)
		switch {
		case ok && uid == u.uid:
			need = 0o100
		case ok && gid == u.gid:
			need = 0o010
		}
		if info.Mode().Perm()&need == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}

func nameOf(uid int) string {
	if u, err := osuser.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

func ownerOf(path string) (uid, gid int, ok bool) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, 0, false
	}
	return ownerOfInfo(info)
}

func ownerOfInfo(info os.FileInfo) (uid, gid int, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(st.Uid), int(st.Gid), true
}
