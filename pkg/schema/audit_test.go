package schema_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/schema"
	"github.com/draftlabs/specter/pkg/testkit"
)

// What was logged before there were chains stands in one afterwards, each account in its own, by the hands of an owner
// whom row-level security binds.
func TestEarlierAuditEntriesGetTheirChain(t *testing.T) {
	t.Parallel()
	db := testkit.EmptyPostgres(t)
	owner, err := pg.Open(t.Context(), pg.Options{URL: plainOwner(t, db)})
	require.NoError(t, err)
	defer owner.Close()
	require.NoError(t, schema.Migrate(t.Context(), owner, func(name string) bool { return !strings.HasPrefix(name, "00063") && name < "00064" }))
	super := db.Owner(t)
	one, two := uuid.New(), uuid.New()
	for _, account := range []uuid.UUID{one, two, one, two, one} {
		_, err := super.Exec(t.Context(), `INSERT INTO audit_log (account_id, actor, action, subject_type, detail) VALUES ($1, 'user:x', 'thing.done', 'thing', '{"n": 1}')`, account)
		require.NoError(t, err)
	}
	require.NoError(t, schema.Migrate(t.Context(), owner, func(name string) bool { return name < "00064" }))
	_, err = super.Exec(t.Context(), `INSERT INTO audit_log (account_id, actor, action, subject_type) VALUES ($1, 'user:x', 'thing.done', 'thing')`, one)
	require.NoError(t, err)

	var entries, linked, sound int
	require.NoError(t, super.QueryRow(t.Context(), `
		SELECT count(*), count(*) FILTER (WHERE prev_hash = before), count(*) FILTER (WHERE hash = specter_audit_hash(l) AND seq = place) FROM (
			SELECT a AS l, a.seq, a.hash, a.prev_hash, coalesce(lag(a.hash) OVER w, decode(repeat('00', 32), 'hex')) AS before, row_number() OVER w AS place
			FROM audit_log a WINDOW w AS (PARTITION BY a.account_id ORDER BY a.id)) AS chained`).Scan(&entries, &linked, &sound))
	require.Equal(t, []int{6, 6, 6}, []int{entries, linked, sound})
}
