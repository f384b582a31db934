package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
	"github.com/draftlabs/specter/services/analyzer/internal/postgres"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// One analysis of a context at a time; who comes during a long one does not wait for its end.
func TestNobodyWaitsForAWalk(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	who := testkit.SeedTenant(t, db)
	again := func(context.Context, pgx.Tx, signal.Area, time.Time, time.Time) error { return nil }
	store := postgres.NewAnalyses(db.Pool(t, "specter_analyzer"), outbox.New("analyzer"), time.Now, again)
	begun, end, walked := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		walked <- store.InContext(t.Context(), who.AccountID, who.ContextID, func(analysis.Work) error {
			close(begun)
			<-end
			return nil
		})
	}()
	<-begun
	nobody := func(analysis.Work) error { t.Error("two at a time"); return nil }
	require.ErrorContains(t, store.InContext(t.Context(), who.AccountID, who.ContextID, nobody), "locking the context")
	close(end)
	require.NoError(t, <-walked)
	alone := false
	require.NoError(t, store.InContext(t.Context(), who.AccountID, who.ContextID, func(analysis.Work) error { alone = true; return nil }))
	require.True(t, alone)
}
