package pgserver

import (
	"fmt"
	"slices"
	"strings"
)

// BinariesError means that no usable PostgreSQL was found. Nothing was created.
type BinariesError struct {
	// Searched are the directories looked into.
	Searched []string
	// Reason says what was wrong with the best candidate, if there was one.
	Reason string
}

func (e *BinariesError) Error() string {
	msg := "PostgreSQL 15 or newer was not found"
	if e.Reason != "" {
		msg += " (" + e.Reason + ")"
	}
	return msg + ": install it (apt-get install postgresql, or brew install postgresql@17), " +
		"or set SPECTER_POSTGRES_BIN to the directory of initdb, or SPECTER_DATABASE_URL to a running server"
}

// VersionError means that the data was written by another major version.
// The data is untouched.
type VersionError struct {
	Directory string
	Need      int   // the major version that wrote the data
	Found     []int // the installed ones
}

func (e *VersionError) Error() string {
	found := make([]string, len(e.Found))
	for i, v := range e.Found {
		found[i] = fmt.Sprint(v)
	}
	return fmt.Sprintf("the data in %s was written by PostgreSQL %d but only %s is installed: "+
		"apt-get install postgresql-%d, or set SPECTER_POSTGRES_BIN to its bin directory",
		e.Directory, e.Need, strings.Join(found, ", "), e.Need)
}

// DirectoryError means that the data directory cannot be used by the user that
// has to run Postgres.
type DirectoryError struct {
	Directory string
	User      string
	Err       error
}

func (e *DirectoryError) Error() string {
	return fmt.Sprintf("user %s cannot keep a database in %s (%v): make it writable for that user, or choose another SPECTER_DATA_DIR",
		e.User, e.Directory, e.Err)
}

func (e *DirectoryError) Unwrap() error { return e.Err }

// InUseError means that another live process owns the data directory. Nothing was
// changed.
type InUseError struct {
	Directory string
	PID       int // 0 when unknown
}

func (e *InUseError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("%s is in use by %s: stop it first, or choose another SPECTER_DATA_DIR", e.Directory, who)
}

// SocketPathError means that the socket's path does not fit into the kernel's
// address structure.
type SocketPathError struct {
	Path string
	Max  int
}

func (e *SocketPathError) Error() string {
	return fmt.Sprintf("the socket path %s has %d bytes, more than the %d an operating system takes: choose a shorter SPECTER_DATA_DIR",
		e.Path, len(e.Path), e.Max)
}

// StartError means that Postgres ended instead of starting; Output is the end of
// what it said.
type StartError struct {
	Output []string
	Err    error
}

func (e *StartError) Error() string {
	return fmt.Sprintf("PostgreSQL did not start (%v)%s", e.Err, lastWords(e.Output))
}

// lastWords of a server, to follow what became of it.
func lastWords(output []string) string {
	if len(output) == 0 {
		return ""
	}
	return ": " + strings.Join(output[max(0, len(output)-3):], " / ")
}

func (e *StartError) Unwrap() error { return e.Err }

// orphansLeft reports that sessions of an earlier server still run.
func (e *StartError) orphansLeft() bool {
	return slices.ContainsFunc(e.Output, func(line string) bool {
		return strings.Contains(line, "pre-existing shared memory block")
	})
}
