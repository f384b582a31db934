package pg_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/pgserver"
	"github.com/draftlabs/specter/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

func TestAConnectionCarriesNothingToTheNextBorrower(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	pool := db.PoolOf(t, "specter_analyzer", 1)

	dirty := []string{
		`SET specter.account_id = '018f0000-0000-7000-8000-000000000001'`,
		`SET ROLE specter_dashboard`,
		`SET SESSION AUTHORIZATION specter_dashboard`,
		`SET search_path = pg_catalog`,
		`SET TIME ZONE 'Asia/Tokyo'`,
		`SELECT pg_advisory_lock(42)`,
		`LISTEN something`,
		`CREATE TEMP TABLE left_behind (n int)`,
		`PREPARE left_statement AS SELECT 1`,
	}
	for _, sql := range dirty {
		_, err := pool.Exec(t.Context(), sql)
		require.NoError(t, err, sql)

		var account, user, session, path, zone string
		var locks, channels, tables int
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT coalesce(current_setting('specter.account_id', true), ''), current_user::text, session_user::text,
			current_setting('search_path'), current_setting('timezone'),
			(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), (SELECT count(*) FROM pg_listening_channels()),
			(SELECT count(*) FROM pg_class WHERE relname = 'left_behind')`).
			Scan(&account, &user, &session, &path, &zone, &locks, &channels, &tables), sql)
		require.Empty(t, account, sql)
		require.Equal(t, "specter_analyzer", user, sql)
		require.Equal(t, "specter", session, sql)
		require.Equal(t, `"$user", public`, path, sql)
		require.Equal(t, "UTC", zone, sql)
		require.Zero(t, locks+channels+tables, sql)
	}
}

func TestRoleKeepsAServiceFromAnothersTables(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	_, err := db.Pool(t, "specter_analyzer").Exec(t.Context(), `INSERT INTO inbox_dashboard (consumer, event_id) VALUES ('x', gen_random_uuid())`)
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "42501", refused.Code)
}

func TestOpenWaitsForAServerThatIsStillStarting(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	url := server.url
	server.stop(t)

	opened := make(chan error, 1)
	go func() {
		pool, err := pg.Open(t.Context(), pg.Options{URL: url})
		if err == nil {
			pool.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	server.start(t)
	require.NoError(t, <-opened)
}

func TestOpenGivesUpWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := pg.Open(ctx, pg.Options{URL: "postgres://nobody@/nowhere?host=" + t.TempDir()})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestOpenDoesNotWaitForWhatWaitingCannotMend(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	for name, o := range map[string]pg.Options{
		"unknown role":     {URL: db.OwnerURL, Role: "specter_nobody"},
		"unknown database": {URL: strings.Replace(db.OwnerURL, "/"+db.Name+"?", "/nowhere?", 1)},
		"malformed URL":    {URL: "postgres://:not a url"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := pg.Open(ctx, o)
			require.Error(t, err)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
		})
	}
}

func TestConflictingTransactionsRunAgain(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	pool := db.Owner(t)
	_, err := pool.Exec(t.Context(), `CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL); INSERT INTO counters VALUES (1, 0), (2, 0)`)
	require.NoError(t, err)

	// Two orders of locking: deadlocks happen by the dozen.
	const each = 25
	var workers sync.WaitGroup
	for _, order := range [][]int{{1, 2}, {2, 1}} {
		workers.Go(func() {
			for range each {
				err := pg.InTx(t.Context(), pool, func(tx pgx.Tx) error {
					for _, id := range order {
						if _, err := tx.Exec(t.Context(), `SET LOCAL deadlock_timeout = '1ms'; UPDATE counters SET n = n + 1 WHERE id = `+string(rune('0'+id))); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	var a, b int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT sum(n) FILTER (WHERE id = 1), sum(n) FILTER (WHERE id = 2) FROM counters`).Scan(&a, &b))
	require.Equal(t, []int{2 * each, 2 * each}, []int{a, b})
}

func TestOtherErrorsRollBackAtOnce(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	pool := db.Owner(t)
	_, err := pool.Exec(t.Context(), `CREATE TABLE kept (n int)`)
	require.NoError(t, err)
	calls, wrong := 0, errors.New("wrong")
	err = pg.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		calls++
		_, err := tx.Exec(t.Context(), `INSERT INTO kept VALUES (1)`)
		require.NoError(t, err)
		return wrong
	})
	require.ErrorIs(t, err, wrong)
	require.Equal(t, 1, calls)
	var n int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM kept`).Scan(&n))
	require.Zero(t, n)
}

func TestEndlessConflictsAreBounded(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	calls := 0
	err := pg.InTx(t.Context(), db.Owner(t), func(tx pgx.Tx) error {
		calls++
		_, err := tx.Exec(t.Context(), `DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = 'serialization_failure'; END $$`)
		return err
	})
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 6, calls)
}

// stoppableServer is a server that a test takes away.
type stoppableServer struct {
	url     string
	dir     string
	running *pgserver.Server
}

func startServer(t *testing.T) *stoppableServer {
	t.Helper()
	s := &stoppableServer{dir: testkit.ShortDir(t)}
	s.start(t)
	t.Cleanup(func() { s.stop(t) })
	return s
}

func (s *stoppableServer) start(t *testing.T) {
	t.Helper()
	running, err := pgserver.Start(t.Context(), pgserver.Options{DataDir: s.dir, Unsafe: true, Log: zap.NewNop()})
	require.NoError(t, err)
	s.running = running
	s.url = running.URL()
}

func (s *stoppableServer) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(t, s.running.Stop(ctx))
}
