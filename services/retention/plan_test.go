package retention_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/retention"
)

// An account loses what its plan does not keep, and no other account anything.
func TestAPlanKeepsSignalsForAsLongAsItSays(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	short, long := testkit.SeedTenant(t, s.db), testkit.SeedTenant(t, s.db)
	now := time.Now().UTC()
	var edge time.Time
	require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT ($1::timestamptz AT TIME ZONE 'UTC' - interval '3 months') AT TIME ZONE 'UTC'`, now).Scan(&edge))
	kept, old := edge.AddDate(0, 0, 1), edge.AddDate(0, 0, -1)
	_, err := s.owner.Exec(t.Context(), `SELECT specter_ensure_partitions($1, $2)`, now.AddDate(0, -5, 0), now)
	require.NoError(t, err)
	require.NoError(t, pgx.BeginFunc(t.Context(), s.owner, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `UPDATE accounts SET retention_months = CASE id WHEN $1 THEN 3 ELSE 24 END`, short.AccountID); err != nil {
			return err
		}
		for _, who := range []testkit.Tenant{short, long} {
			for _, at := range []time.Time{kept, old} {
				hour := at.Truncate(time.Hour)
				for sql, args := range map[string][]any{
					`INSERT INTO signal_blocks (account_id, product_id, context_id, block_id, first_at, last_at, n, types, ids, at_us, delay_us, type_nos, sessions, session_nos, flags, payloads) VALUES ($1, $2, $3, gen_random_uuid(), $4, $4, 1, '{a}', ARRAY[gen_random_uuid()], '{0}', '{0}', '{1}', '{}', '{0}', '{0}', '[{}]')`: {who.AccountID, who.ProductID, who.ContextID, at},
					`INSERT INTO rollup_hourly (account_id, product_id, context_id, type, hour, n) VALUES ($1, $2, $3, 'a', $4, 1)`:                                          {who.AccountID, who.ProductID, who.ContextID, hour},
					`INSERT INTO rollup_dimension_hourly (account_id, product_id, context_id, dimension, type, value, hour, n) VALUES ($1, $2, $3, 'path', 'a', '/', $4, 1)`: {who.AccountID, who.ProductID, who.ContextID, hour},
					`INSERT INTO imported_ids (account_id, id, occurred_at) VALUES ($1, gen_random_uuid(), $2)`:                                                              {who.AccountID, at},
				} {
					if _, err := tx.Exec(t.Context(), sql, args...); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}))
	rows := func(who testkit.Tenant) (n int) {
		require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM signal_blocks WHERE account_id = $1) + (SELECT count(*) FROM rollup_hourly WHERE account_id = $1)
			+ (SELECT count(*) FROM rollup_dimension_hourly WHERE account_id = $1) + (SELECT count(*) FROM imported_ids WHERE account_id = $1)`, who.AccountID).Scan(&n))
		return n
	}
	pool := s.db.Pool(t, "specter_retention")
	want := map[string]int64{"signal_blocks": 1, "rollup_hourly": 1, "rollup_dimension_hourly": 1, "imported_ids": 1, "rollup_funnel_hourly": 0, "session_samples": 0}

	// What a larger plan kept goes when its time is over.
	keep := func(until time.Time) {
		require.NoError(t, pgx.BeginFunc(t.Context(), s.owner, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE accounts SET kept_months = 12, kept_until = $2 WHERE id = $1`, short.AccountID, until)
			return err
		}))
	}
	keep(now.Add(time.Hour))
	preview, err := retention.Purge(t.Context(), pool, config.Source{}, true, time.Now)
	require.NoError(t, err)
	require.Zero(t, preview.PlanAccounts)
	keep(now)

	preview, err = retention.Purge(t.Context(), pool, config.Source{}, true, time.Now)
	require.NoError(t, err)
	require.True(t, preview.DryRun)
	require.Equal(t, 1, preview.PlanAccounts)
	require.Equal(t, want, preview.PlanRows)
	require.Equal(t, 8, rows(short), "nothing is removed")
	reports, err := retention.Reports(t.Context(), pool, 5)
	require.NoError(t, err)
	require.Empty(t, reports)

	done, err := retention.Purge(t.Context(), pool, config.Source{}, false, time.Now)
	require.NoError(t, err)
	require.Equal(t, want, done.PlanRows)
	require.Equal(t, 4, rows(short))
	require.Equal(t, 8, rows(long))
	reports, err = retention.Reports(t.Context(), pool, 5)
	require.NoError(t, err)
	require.Len(t, reports, 1)
	require.Equal(t, want, reports[0].Report.PlanRows)

	// Where the instance keeps less than the plan, that counts, to the day: also in a month that stays.
	inTwoMonths := config.Source{"SPECTER_RETENTION_MONTHS": "2"}
	preview, err = retention.Purge(t.Context(), pool, inTwoMonths, true, time.Now)
	require.NoError(t, err)
	require.Zero(t, preview.PlanAccounts)
	younger := now.AddDate(0, -2, 0).AddDate(0, 0, -1)
	require.NoError(t, pgx.BeginFunc(t.Context(), s.owner, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO rollup_hourly (account_id, product_id, context_id, type, hour, n) VALUES ($1, $2, $3, 'a', $4, 1), ($1, $2, $3, 'a', $5, 1)`,
			long.AccountID, long.ProductID, long.ContextID, younger.Truncate(time.Hour), now.AddDate(0, -1, 0).Truncate(time.Hour))
		return err
	}))
	_, err = retention.Purge(t.Context(), pool, inTwoMonths, false, time.Now)
	require.NoError(t, err)
	var left int
	require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT count(*) FROM rollup_hourly WHERE account_id = $1`, long.AccountID).Scan(&left))
	require.Equal(t, 1, left, "what is younger")
	require.Equal(t, 1, rows(short), "the id of an import, which has an age of its own")
}
