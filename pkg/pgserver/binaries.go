package pgserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// versionTimeout bounds asking a program for its version.
const versionTimeout = 10 * time.Second

// oldestMajor is the oldest version the migrations run on (security_invoker views).
const oldestMajor = 15

// binaries are one installation of PostgreSQL.
type binaries struct {
	dir   string
	major int
}

// Installed is the major version Start would use for a new directory.
func Installed(binDir string) (int, error) {
	owner, err := chooseUser("")
	if err != nil {
		return 0, err
	}
	b, err := findBinaries(binDir, directory{owner: owner})
	return b.major, err
}

// findBinaries picks the installation that wrote the data in dir, or the first one
// found when there is no data yet.
func findBinaries(binDir string, dir directory) (binaries, error) {
	searched := []string{binDir}
	if binDir == "" {
		searched = candidateDirs()
	}
	need := dir.clusterVersion()
	missing := &BinariesError{Searched: searched}
	var found []int
	for _, candidate := range searched {
		b, err := inspect(candidate, dir.owner)
		if err != nil {
			if binDir != "" || fileExists(filepath.Join(candidate, "initdb")) {
				missing.Reason = err.Error()
			}
			continue
		}
		if need == 0 || need == b.major {
			return b, nil
		}
		found = append(found, b.major)
	}
	if len(found) > 0 {
		return binaries{}, &VersionError{Directory: dir.path, Need: need, Found: found}
	}
	return binaries{}, missing
}

// candidateDirs lists PATH's installation, then the usual places, newest first.
func candidateDirs() []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		// /usr/local/bin often holds links; initdb's neighbours and the share
		// directory are beside the real file.
		if target, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(target))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                   // PGDG packages for RHEL, Fedora
		"/usr/libexec/postgresql*",           // Alpine
		"/opt/homebrew/opt/postgresql@*/bin", // Homebrew, Apple silicon
		"/usr/local/opt/postgresql@*/bin",    // Homebrew, Intel
		"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			continue // the patterns are constants; none is malformed
		}
		slices.SortFunc(matches, func(a, b string) int { return versionInPath(b) - versionInPath(a) })
		dirs = append(dirs, matches...)
	}
	return slices.Compact(dirs)
}

var firstNumber = regexp.MustCompile(`[0-9]+`)

func versionInPath(path string) int {
	n, err := strconv.Atoi(firstNumber.FindString(path))
	if err != nil {
		return 0
	}
	return n
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) ([0-9]+)`)

func inspect(dir string, as user) (binaries, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return binaries{}, err
	}
	for _, name := range []string{"initdb", "postgres"} {
		if !fileExists(filepath.Join(dir, name)) {
			return binaries{}, fmt.Errorf("%s has no %s", dir, name)
		}
	}
	if as.switched && !as.canTraverse(dir) {
		return binaries{}, fmt.Errorf("user %s cannot enter %s", as.name, dir)
	}
	ctx, cancel := context.WithTimeout(context.Background(), versionTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, fmt.Errorf("running %s/postgres --version: %w", dir, err)
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return binaries{}, fmt.Errorf("%s/postgres does not say its version", dir)
	}
	major, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return binaries{}, fmt.Errorf("reading the version of %s/postgres: %w", dir, err)
	}
	if major < oldestMajor {
		return binaries{}, fmt.Errorf("%s is version %d", dir, major)
	}
	return binaries{dir: dir, major: major}, nil
}

func fileExists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}
