package schema

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
)

// The local auth server's migration has the highest number; later releases add theirs below it.
func TestADatabaseGetsAMigrationNumberedBelowItsNewest(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	owner := db.Owner(t)
	provider, closeSQL, err := newProvider(owner)
	require.NoError(t, err)
	defer closeSQL()
	const limits = 20
	_, err = provider.ApplyVersion(t.Context(), limits, false)
	require.NoError(t, err)
	column := func() (there bool) {
		require.NoError(t, owner.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM information_schema.columns WHERE table_name = 'accounts' AND column_name = 'monthly_signal_limit')`).Scan(&there))
		return there
	}
	require.False(t, column())
	require.NoError(t, Up(t.Context(), db.OwnerURL))
	require.True(t, column())
}
