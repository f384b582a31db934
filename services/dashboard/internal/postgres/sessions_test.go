package postgres

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/plan"
	"github.com/draftlabs/specter/pkg/testkit"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/actor"
)

// A refresh that was under way when the session ended leaves nothing that opens the auth server.
func TestAnEndedSessionKeepsNoRefreshToken(t *testing.T) {
	t.Parallel()
	store, err := New(testkit.Postgres(t).Pool(t, "specter_dashboard"), outbox.New("dashboard"), "a secret key that only tests know, long enough")
	require.NoError(t, err)
	book, err := plan.Load("")
	require.NoError(t, err)
	free, _ := book.Find(plan.Free)
	s, now, user := Accounts{Store: store, Starting: free}, time.Now().UTC().Truncate(time.Microsecond), uuid.New()
	owner, err := s.AccountOf(t.Context(), account.Account{ID: uuid.New(), OwnerUserID: user, Email: "ann@example.test", CreatedAt: now})
	require.NoError(t, err)
	session := account.Session{ID: uuid.New(), AccountID: owner.ID, UserID: user, CSRFToken: "x", CreatedAt: now, ExpiresAt: now.Add(time.Hour), AccessExpiresAt: &now}
	require.NoError(t, s.AddSession(t.Context(), account.NewSession{Session: session, SecretHash: account.HashSecret("x"), RefreshToken: "first", Method: account.ByPassword}, 10))

	require.NoError(t, s.StoreRefresh(t.Context(), session, "second", now.Add(time.Hour)))
	token, err := s.RefreshToken(t.Context(), session)
	require.NoError(t, err)
	require.Equal(t, "second", token)
	require.NoError(t, s.EndSession(t.Context(), actor.User(owner.ID, user), session.ID, account.SignedOut, now))
	require.NoError(t, s.StoreRefresh(t.Context(), session, "third", now.Add(time.Hour)))
	token, err = s.RefreshToken(t.Context(), session)
	require.NoError(t, err)
	require.Empty(t, token)
}
