package schema_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/schema"
	"github.com/draftlabs/specter/pkg/testkit"
)

// The local auth server's migration has the highest number; later releases add theirs below it.
func TestADatabaseGetsAMigrationNumberedBelowItsNewest(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	owner := db.Owner(t)
	column := func() (there bool) {
		require.NoError(t, owner.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM information_schema.columns WHERE table_name = 'accounts' AND column_name = 'monthly_signal_limit')`).Scan(&there))
		return there
	}
	sqlDB := stdlib.OpenDBFromPool(owner)
	defer func() { require.NoError(t, sqlDB.Close()) }()
	provider, err := goose.NewProvider(goose.DialectPostgres, sqlDB, os.DirFS("migrations"))
	require.NoError(t, err)
	const limits = 20
	_, err = provider.ApplyVersion(t.Context(), limits, false)
	require.NoError(t, err)
	require.False(t, column())

	require.NoError(t, schema.Up(t.Context(), db.OwnerURL))
	require.True(t, column())
}
