package schema

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/timer"
)

//go:embed migrations/*.sql
var files embed.FS

//go:embed supabase.sql
var supabaseSQL string

const (
	// lockID is the advisory lock migrators queue on ("specter" in ASCII).
	lockID int64 = 0x73706563746572
	// lockPoll is how often a waiting migrator asks again. It asks instead of
	// waiting inside Postgres, where it would hold a snapshot that an index built
	// concurrently waits for.
	lockPoll = 50 * time.Millisecond
)

// TimerServices have timers, each in its schema river_<service>.
func TimerServices() []string {
	return []string{"analyzer", "proposal", "verifier", "notifier", "retention", "dashboard"}
}

// Up brings the database to Version. ownerURL's login owns the tables; it must be
// allowed to create roles and schemas. Any number of processes may call it at
// once: one migrates, the others wait and find it done.
func Up(ctx context.Context, ownerURL string) error {
	db, err := pg.Open(ctx, pg.Options{URL: ownerURL, AppName: "specter migrate", MaxConns: 4})
	if err != nil {
		return err
	}
	defer db.Close()

	unlock, err := lock(ctx, db)
	if err != nil {
		return err
	}
	defer unlock()

	if err := migrate(ctx, db, files); err != nil {
		return err
	}
	for _, service := range TimerServices() {
		if err := timer.Migrate(ctx, db, service); err != nil {
			return err
		}
	}
	if _, err := db.Exec(ctx, supabaseSQL); err != nil {
		return fmt.Errorf("closing the tables to Supabase's API: %w", err)
	}
	return nil
}

// Version is the number of the newest migration in this build.
func Version() int64 {
	newest := int64(0)
	for _, name := range fileNames() {
		if v, err := goose.NumericComponent(name); err == nil {
			newest = max(newest, v)
		}
	}
	return newest
}

// Applied is the number of the newest migration before which the database lacks
// none: Version when it is up to date, 0 when it has nothing.
func Applied(ctx context.Context, db *pgxpool.Pool) (int64, error) {
	provider, closeSQL, err := newProvider(db, files)
	if err != nil {
		return 0, err
	}
	defer closeSQL()
	migrations, err := provider.Status(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the database's version: %w", err)
	}
	version := int64(0)
	for _, m := range migrations { // in the order of their numbers
		if m.State != goose.StateApplied {
			break
		}
		version = m.Source.Version
	}
	return version, nil
}

// Fingerprint changes whenever Up would build something else.
func Fingerprint() string {
	sum := sha256.New()
	for _, name := range fileNames() {
		body, err := files.ReadFile("migrations/" + name)
		if err != nil {
			panic(err) // embedded: it is there or the program does not build
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(body), body)
	}
	fmt.Fprintln(sum, supabaseSQL, strings.Join(TimerServices(), ","), timer.Fingerprint())
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// Row is what EnsurePartitions needs of a pool, a connection or a transaction.
type Row interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// EnsurePartitions makes the missing partitions for signals of from … to and
// returns how many it made. The database bounds the range to what the retention
// policy keeps. Roles: analyzer and retention.
func EnsurePartitions(ctx context.Context, db Row, from, to time.Time) (int, error) {
	var created int
	if err := db.QueryRow(ctx, `SELECT specter_ensure_partitions($1, $2)`, from, to).Scan(&created); err != nil {
		return 0, fmt.Errorf("making partitions: %w", err)
	}
	return created, nil
}

// migrate applies what the database lacks of set.
func migrate(ctx context.Context, db *pgxpool.Pool, set fs.FS) error {
	provider, closeSQL, err := newProvider(db, set)
	if err != nil {
		return err
	}
	defer closeSQL()
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	return nil
}

func newProvider(db *pgxpool.Pool, set fs.FS) (*goose.Provider, func(), error) {
	sub, err := fs.Sub(set, "migrations")
	if err != nil {
		return nil, nil, fmt.Errorf("opening the embedded migrations: %w", err)
	}
	sqlDB := stdlib.OpenDBFromPool(db)
	// A release may add a migration whose number lies below the last one, which is the local auth
	// server's: a database that has that one must still get it.
	provider, err := goose.NewProvider(goose.DialectPostgres, sqlDB, sub, goose.WithAllowOutofOrder(true))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("reading the embedded migrations: %w", err), sqlDB.Close())
	}
	// The pool stays open: it is the caller's.
	return provider, func() { _ = sqlDB.Close() }, nil
}

func lock(ctx context.Context, db *pgxpool.Pool) (unlock func(), err error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("taking the migration lock: %w", err)
	}
	for {
		var got bool
		if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, lockID).Scan(&got); err != nil {
			conn.Release()
			return nil, fmt.Errorf("taking the migration lock: %w", err)
		}
		if got {
			// The pool unlocks a connection that is released.
			return conn.Release, nil
		}
		select {
		case <-ctx.Done():
			conn.Release()
			return nil, fmt.Errorf("waiting for another migration: %w", context.Cause(ctx))
		case <-time.After(lockPoll):
		}
	}
}

func fileNames() []string {
	entries, err := files.ReadDir("migrations")
	if err != nil {
		panic(err) // embedded: it is there or the program does not build
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}
