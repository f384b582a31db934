package parts

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/pgserver"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/pkg/testkit/program"
)

// Database is a private Postgres of the test's own that syncs as in production,
// and can be crashed and started again.
type Database struct {
	options pgserver.Options
	server  *pgserver.Server
}

// StartDatabase starts an empty database and stops it after the test.
func StartDatabase(t testing.TB) *Database {
	t.Helper()
	return start(t, pgserver.Options{})
}

// StartMigratedDatabase is StartDatabase with this version's schema.
func StartMigratedDatabase(t testing.TB) *Database {
	t.Helper()
	cluster, database := testkit.MigratedCluster(t)
	return start(t, pgserver.Options{Template: cluster, Database: database})
}

func start(t testing.TB, o pgserver.Options) *Database {
	t.Helper()
	// Unix socket paths must stay short, which t.TempDir does not promise.
	dir, err := os.MkdirTemp("", "sp-")
	if err == nil {
		err = os.Chmod(dir, 0o755) // Postgres's own user must get through
	}
	if err != nil {
		t.Fatalf("making a directory for the database: %v", err)
	}
	o.DataDir, o.Log = filepath.Join(dir, "pg"), zap.NewNop()
	d := &Database{options: o}
	t.Cleanup(func() {
		d.stop()
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing the database: %v", err)
		}
	})
	d.Start(t)
	return d
}

// URL connects as the owner of everything; it stays the same across a crash.
func (d *Database) URL() string { return d.server.URL() }

// Start brings the database up, after a crash by replaying its log.
func (d *Database) Start(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), program.StartTimeout)
	defer cancel()
	server, err := pgserver.Start(ctx, d.options)
	if err != nil {
		t.Fatalf("starting the database: %v", err)
	}
	d.server = server
}

// Crash is `pg_ctl stop -m immediate`: sessions are cut, nothing is flushed, and
// the next start has to recover.
func (d *Database) Crash(t testing.TB) {
	t.Helper()
	cluster := d.server.Cluster()
	cmd := exec.Command(filepath.Join(d.Programs(t), "pg_ctl"), "stop", "-m", "immediate", "-w", "-D", cluster)
	cmd.Dir = cluster
	cmd.SysProcAttr = ownerOf(t, cluster)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("pg_ctl stop -m immediate: %v: %s", err, out)
	}
	<-d.server.Done()
	d.stop()
}

// Programs is the directory of the server's own programs, pg_ctl and pg_dump among them.
func (d *Database) Programs(t testing.TB) string {
	t.Helper()
	// Postgres notes how it was started: the program's path comes first.
	raw, err := os.ReadFile(filepath.Join(d.server.Cluster(), "postmaster.opts"))
	if err != nil {
		t.Fatalf("finding the database's programs: %v", err)
	}
	postgres, _, _ := strings.Cut(string(raw), " ")
	return filepath.Dir(postgres)
}

// ownerOf runs a command as the directory's owner: pg_ctl refuses root.
func ownerOf(t testing.TB, dir string) *syscall.SysProcAttr {
	t.Helper()
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatalf("finding the database's owner: %v", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Getuid() != 0 {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
}

// stop releases the directory; after a crash there is no process left to complain.
func (d *Database) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), program.StopTimeout)
	defer cancel()
	_ = d.server.Stop(ctx)
}
