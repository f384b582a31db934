package schema_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
)

// A vacuum cuts an empty table's file to nothing and leaves its indexes' pages with all that was in them.
func TestATableIsScrubbedWhoseFileAVacuumHasEmptied(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	pool := db.Owner(t)
	_, err := pool.Exec(t.Context(), `CREATE TABLE left_behind (note text PRIMARY KEY)`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `INSERT INTO left_behind VALUES ('canary-of-an-account')`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `DELETE FROM left_behind`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `VACUUM left_behind`)
	require.NoError(t, err)

	file := func() []byte {
		var text []byte
		_, err := pool.Exec(t.Context(), `CHECKPOINT`)
		require.NoError(t, err)
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT pg_read_binary_file(pg_relation_filepath('left_behind_pkey'))`).Scan(&text))
		return text
	}
	var size int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT pg_relation_size('left_behind')`).Scan(&size))
	require.Zero(t, size)
	require.True(t, bytes.Contains(file(), []byte("canary-of-an-account")))

	var remains int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT specter_scrub_table('left_behind', 1 << 20)`).Scan(&remains))
	require.Zero(t, remains)
	require.False(t, bytes.Contains(file(), []byte("canary-of-an-account")))
}
