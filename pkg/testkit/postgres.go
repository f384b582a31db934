package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/pgserver"
	"github.com/draftlabs/specter/pkg/schema"
)

const (
	templateDB = "specter_template"
	// workPrefix names the directories of running test servers.
	workPrefix = "specter-testkit-"
	// diskRoot is short enough for sockets and reachable by Postgres's user.
	diskRoot = "/tmp"
	// memoryRoot makes copying the template, some hundred files, twenty times faster
	// where there is room: 30 ms in place of 550 ms here.
	memoryRoot = "/dev/shm"
	memoryRoom = 2 << 30

	startTimeout = 2 * time.Minute
	stopTimeout  = 20 * time.Second
	keptClusters = 4
)

// DB is a test's own migrated database.
type DB struct {
	Name string
	// OwnerURL connects as the owner of all tables, for migrations and for looking
	// behind row-level security. Services get Pool.
	OwnerURL string
}

// Postgres creates a migrated database for this test and drops it afterwards.
func Postgres(t testing.TB) *DB {
	t.Helper()
	return clone(t, templateDB)
}

// EmptyPostgres is Postgres without the schema, for tests of migrations.
func EmptyPostgres(t testing.TB) *DB {
	t.Helper()
	return clone(t, "template1")
}

func clone(t testing.TB, template string) *DB {
	t.Helper()
	s := shared.start(t)
	name := fmt.Sprintf("test_%d", shared.clones.Add(1))
	adminExec(t, s, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, template))
	t.Cleanup(func() { adminExec(t, s, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)) })
	return &DB{Name: name, OwnerURL: s.DatabaseURL(name)}
}

// Pool opens a pool with a service's role, as the service has it in production.
func (d *DB) Pool(t testing.TB, role string) *pgxpool.Pool {
	t.Helper()
	return d.PoolOf(t, role, 0)
}

// PoolOf is Pool with a number of connections, for tests of a starved pool.
func (d *DB) PoolOf(t testing.TB, role string, conns int32) *pgxpool.Pool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	pool, err := pg.Open(ctx, pg.Options{URL: d.OwnerURL, Role: role, AppName: t.Name(), MaxConns: conns})
	if err != nil {
		t.Fatalf("opening a pool as %q: %v", role, err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Owner opens a pool as the owner of all tables. It is a superuser here, so
// row-level security does not apply to it.
func (d *DB) Owner(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return d.Pool(t, "")
}

// MigratedCluster is a stopped cluster, not to be changed, that holds a migrated
// database: what a pgserver of a test's own starts from in place of initdb.
func MigratedCluster(t testing.TB) (dir, database string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	dir, err := cachedCluster(ctx)
	if err != nil {
		t.Fatalf("tests need a real PostgreSQL: %v", err)
	}
	return dir, templateDB
}

// ShortDir is a directory that every user can reach and whose path leaves room for
// a socket, for tests that run a pgserver of their own; t.TempDir is neither.
func ShortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(diskRoot, "specter-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatalf("making a directory: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing %s: %v", dir, err)
		}
	})
	return dir
}

func adminExec(t testing.TB, s *pgserver.Server, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DatabaseURL("postgres"))
	if err != nil {
		t.Fatalf("connecting to the test server: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// shared is the one server of this test process. A global, because tests of a
// package share nothing else.
var shared processServer

type processServer struct {
	mu     sync.Mutex
	server *pgserver.Server
	dir    string
	err    error
	clones atomic.Int64
}

func (p *processServer) start(t testing.TB) *pgserver.Server {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil && p.err == nil {
		p.dir, p.server, p.err = startServer()
	}
	if p.err != nil {
		t.Fatalf("tests need a real PostgreSQL: %v", p.err)
	}
	return p.server
}

// stop ends the server, if one was started, and removes its files.
func (p *processServer) stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := errors.Join(p.server.Stop(ctx), os.RemoveAll(p.dir))
	p.server = nil
	return err
}

func startServer() (dir string, _ *pgserver.Server, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	removeAbandoned()
	template, err := cachedCluster(ctx)
	if err != nil {
		return "", nil, err
	}
	return startIn(ctx, template)
}

func startIn(ctx context.Context, template string) (dir string, s *pgserver.Server, err error) {
	dir, err = os.MkdirTemp(workRoot(), workPrefix)
	if err == nil {
		err = os.Chmod(dir, 0o755) // Postgres's user must get through; pg/ below is private
	}
	if err != nil {
		return "", nil, err
	}
	s, err = pgserver.Start(ctx, pgserver.Options{
		DataDir:  filepath.Join(dir, "pg"),
		Template: template,
		Settings: map[string]string{"max_connections": "400", "max_wal_size": "128MB"},
		Unsafe:   true,
		Log:      zap.NewNop(),
	})
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, s, nil
}

// workRoot is where this process's server lives.
func workRoot() string {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memoryRoot, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < memoryRoom {
		return diskRoot
	}
	return memoryRoot
}

// cachedCluster is a stopped cluster that holds the migrated template database. It
// is kept between runs, by PostgreSQL version and fingerprint of the schema.
func cachedCluster(ctx context.Context) (string, error) {
	major, err := pgserver.Installed("")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir() // no HOME, as in some CI containers
	}
	cache = filepath.Join(cache, "specter-testkit")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	ready := filepath.Join(cache, fmt.Sprintf("%d-%s", major, schema.Fingerprint()))
	if isDir(ready) {
		return ready, nil
	}

	// The packages' test processes start together: one builds, the others wait.
	unlock, err := lockFile(ctx, filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if isDir(ready) {
		return ready, nil
	}
	unfinished := filepath.Join(cache, "unfinished")
	if err := os.RemoveAll(unfinished); err != nil {
		return "", err
	}
	if err := buildCluster(ctx, unfinished); err != nil {
		return "", err
	}
	if err := os.Rename(unfinished, ready); err != nil {
		return "", err
	}
	return ready, removeOldest(cache)
}

func buildCluster(ctx context.Context, target string) (err error) {
	dir, s, err := startIn(ctx, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	err = migrateTemplate(ctx, s)
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := errors.Join(err, s.Stop(stopCtx)); err != nil {
		return err
	}
	return os.CopyFS(target, os.DirFS(s.Cluster()))
}

func migrateTemplate(ctx context.Context, s *pgserver.Server) error {
	conn, err := pgx.Connect(ctx, s.DatabaseURL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+templateDB); err != nil {
		return err
	}
	return schema.Up(ctx, s.DatabaseURL(templateDB))
}

// removeAbandoned removes the files of test processes that ended without NoLeaks;
// their servers ended with them. A server that runs holds its directory's lock.
func removeAbandoned() {
	const settled = time.Minute // younger ones may be about to take the lock
	var dirs []string
	for _, root := range []string{diskRoot, memoryRoot} {
		found, err := filepath.Glob(filepath.Join(root, workPrefix+"*"))
		if err != nil {
			return
		}
		dirs = append(dirs, found...)
	}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < settled {
			continue
		}
		f, err := os.Open(filepath.Join(dir, "pg", "lock"))
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				_ = os.RemoveAll(dir)
			}
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(dir) // best effort; the next run tries again
		}
		f.Close()
	}
}

func removeOldest(cache string) error {
	clusters, err := filepath.Glob(filepath.Join(cache, "*-*"))
	if err != nil {
		return err
	}
	slices.SortFunc(clusters, func(a, b string) int { return modTime(b).Compare(modTime(a)) })
	for _, old := range clusters[min(keptClusters, len(clusters)):] {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	return nil
}

func modTime(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("waiting for another test process to build the template: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
