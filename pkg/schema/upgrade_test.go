package schema_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/schema"
	"github.com/draftlabs/specter/pkg/testkit"
)

// A database of an earlier version, which has a later number already, is brought up to
// date, and the signals it holds read as they did.
func TestAnEarlierDatabaseIsBroughtUpToDateWithItsSignals(t *testing.T) {
	t.Parallel()
	db := testkit.EmptyPostgres(t)
	owner := db.Owner(t)
	require.NoError(t, schema.Migrate(t.Context(), owner, func(name string) bool {
		// 00020 to 00022 stand on nothing from 00010 on.
		return name < "00010" || "00020" < name && name < "00023" || name > "00090"
	}))
	applied, err := schema.Applied(t.Context(), owner)
	require.NoError(t, err)
	require.EqualValues(t, 8, applied, "90 is there, but not all before it")

	account, product, contextID := uuid.New(), uuid.New(), uuid.New()
	at := time.Now().UTC().Truncate(time.Hour)
	insert := func(types []string, n int, document string) {
		_, err := owner.Exec(t.Context(), `INSERT INTO signal_blocks (account_id, product_id, context_id, block_id, first_at, last_at, n, types, signals) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			account, product, contextID, uuid.New(), at, at.Add(time.Minute), n, types, document)
		require.NoError(t, err)
	}
	stamp := func(d time.Duration) string { return at.Add(d).Format(time.RFC3339Nano) }
	insert([]string{"js_error", "page_view"}, 3, `[`+
		`{"id":"018f0000-0000-7000-8000-000000000001","client_id":"018f0000-0000-7000-8000-0000000000c1","type":"page_view","payload":{"a":[1, 2],"b":null},"at":"`+stamp(0)+`","received_at":"`+stamp(1500*time.Microsecond)+`","session_id":"s2","source":"script"},`+
		`{"id":"018f0000-0000-7000-8000-000000000002","type":"js_error","payload":{},"at":"`+stamp(2*time.Second)+`","received_at":"`+stamp(time.Second)+`","source":"webhook","time_mark":"clamped_old","imported":true},`+
		`{"id":"018f0000-0000-7000-8000-000000000003","type":"page_view","payload":{"x":"é"},"at":"`+stamp(time.Minute)+`","received_at":"`+stamp(time.Hour)+`","session_id":"s1","source":"rest","time_mark":"received"}]`)
	insert([]string{"a"}, 1, `[{"id":"018f0000-0000-7000-8000-000000000004","type":"a","payload":{},"at":"`+stamp(0)+`","received_at":"`+stamp(0)+`","source":"sdk"}]`)

	read := func() (rows []string) {
		found, err := owner.Query(t.Context(), `SELECT concat_ws('|', account_id, product_id, context_id, block_id, id, client_id, type, payload, occurred_at, received_at,
			session_id, source, time_mark, imported, block_first_at, block_last_at) FROM signals ORDER BY id`)
		require.NoError(t, err)
		defer found.Close()
		for found.Next() {
			var row string
			require.NoError(t, found.Scan(&row))
			rows = append(rows, row)
		}
		require.NoError(t, found.Err())
		return rows
	}
	before := read()
	require.Len(t, before, 4)
	require.NoError(t, schema.Up(t.Context(), db.OwnerURL))
	require.Equal(t, before, read())
	applied, err = schema.Applied(t.Context(), owner)
	require.NoError(t, err)
	require.Equal(t, schema.Version(), applied)
}

// New partitions of the rollups have room for updates on their pages.
func TestRollupPartitionsHaveRoom(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	var full int
	require.NoError(t, db.Owner(t).QueryRow(t.Context(), `SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent IN ('rollup_hourly'::regclass, 'rollup_dimension_hourly'::regclass) AND c.relkind = 'r' AND NOT coalesce('fillfactor=50' = ANY (c.reloptions), false)`).Scan(&full))
	require.Zero(t, full)
	_, err := schema.EnsurePartitions(t.Context(), db.Pool(t, "specter_analyzer"), time.Now().AddDate(0, -12, 0), time.Now())
	require.NoError(t, err)
	require.NoError(t, db.Owner(t).QueryRow(t.Context(), `SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent IN ('rollup_hourly'::regclass, 'rollup_dimension_hourly'::regclass) AND c.relkind = 'r' AND NOT coalesce('fillfactor=50' = ANY (c.reloptions), false)`).Scan(&full))
	require.Zero(t, full)
}
