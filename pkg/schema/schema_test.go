package schema_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/schema"
	"github.com/draftlabs/specter/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

func TestMigratingTwiceAndAtOnceChangesNothing(t *testing.T) {
	t.Parallel()
	db := testkit.EmptyPostgres(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	var migrators sync.WaitGroup
	for range 4 {
		migrators.Go(func() {
			if err := schema.Up(ctx, db.OwnerURL); err != nil {
				t.Error(err)
			}
		})
	}
	migrators.Wait()
	require.NoError(t, schema.Up(ctx, db.OwnerURL))

	owner := db.Owner(t)
	applied, err := schema.Applied(ctx, owner)
	require.NoError(t, err)
	require.Equal(t, schema.Version(), applied)
	require.EqualValues(t, 91, schema.Version())

	var timers int
	require.NoError(t, owner.QueryRow(ctx, `SELECT count(*) FROM pg_tables WHERE tablename = 'river_job' AND tableowner = replace(schemaname, 'river_', 'specter_')`).Scan(&timers))
	require.Equal(t, len(schema.TimerServices()), timers)
}

func TestAppliedIsZeroBeforeTheFirstMigration(t *testing.T) {
	t.Parallel()
	db := testkit.EmptyPostgres(t)
	applied, err := schema.Applied(t.Context(), db.Owner(t))
	require.NoError(t, err)
	require.Zero(t, applied)
}

func TestPartitionsAreMadeAheadOnce(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	pool := db.Pool(t, "specter_analyzer")
	now := time.Now()
	first, err := schema.EnsurePartitions(t.Context(), pool, now.AddDate(0, -6, 0), now.AddDate(0, 2, 0))
	require.NoError(t, err)
	require.Positive(t, first)
	again, err := schema.EnsurePartitions(t.Context(), pool, now.AddDate(0, -6, 0), now.AddDate(0, 2, 0))
	require.NoError(t, err)
	require.Zero(t, again)

	_, err = schema.EnsurePartitions(t.Context(), db.Pool(t, "specter_notifier"), now, now)
	require.Error(t, err, "only the services that need it may")
}

// The rules of docs/adr: one writer a table, row-level security enabled and forced.
func TestEveryTableNamesItsWriterAndForcesRowLevelSecurity(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	rows, err := db.Owner(t).Query(t.Context(), `
		SELECT n.nspname || '.' || c.relname, c.relrowsecurity AND c.relforcerowsecurity, coalesce(obj_description(c.oid), '')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname IN ('public', 'auth_local') AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'goose_db_version'`)
	require.NoError(t, err)
	defer rows.Close()
	tables := 0
	for rows.Next() {
		var name, comment string
		var forced bool
		require.NoError(t, rows.Scan(&name, &forced, &comment))
		require.True(t, forced, "%s must enable and force row-level security", name)
		require.Regexp(t, `^writer: [a-z]+\. `, comment, name)
		tables++
	}
	require.NoError(t, rows.Err())
	require.Greater(t, tables, 30)
}
