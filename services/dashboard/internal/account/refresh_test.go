package account

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// leftBehind is an auth server and a store whose visitor leaves while the auth server trades the refresh token.
type leftBehind struct {
	AuthServer
	Store
	leave   context.CancelFunc
	session Session
	kept    string
}

func (l *leftBehind) SessionBySecret(context.Context, []byte) (Session, Account, error) {
	return l.session, Account{ID: l.session.AccountID, Email: "ann@example.test"}, nil
}

func (l *leftBehind) LeaseRefresh(context.Context, Session, time.Time, time.Time) (string, error) {
	return "first", nil
}

func (l *leftBehind) RefreshToken(context.Context, Session) (string, error) { return "first", nil }

func (l *leftBehind) Refresh(ctx context.Context, token string) (Identity, error) {
	l.leave()
	if err := ctx.Err(); err != nil {
		return Identity{}, err // and the token is used up all the same
	}
	return Identity{UserID: l.session.UserID, Email: "ann@example.test", RefreshToken: "after " + token}, nil
}

func (l *leftBehind) StoreRefresh(ctx context.Context, _ Session, token string, _ time.Time) error {
	l.kept = token
	return ctx.Err()
}

func TestAVisitorWhoLeavesDoesNotLoseTheNextRefreshToken(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	over := now.Add(-time.Second)
	for name, use := range map[string]func(context.Context, *Service, Session) error{
		"a request": func(ctx context.Context, s *Service, _ Session) error {
			_, err := s.BySession(ctx, "secret")
			return err
		},
		"a proof": func(ctx context.Context, s *Service, session Session) error {
			_, err := s.again(ctx, session)
			return err
		},
	} {
		ctx, leave := context.WithCancel(t.Context())
		l := &leftBehind{leave: leave, session: Session{
			ID: uuid.New(), AccountID: uuid.New(), UserID: uuid.New(), LastSeenAt: now, ExpiresAt: now.Add(time.Hour), AccessExpiresAt: &over,
		}}
		s, err := New(l, l, Options{SecretKey: testKey, SessionIdle: time.Hour, Now: func() time.Time { return now }})
		require.NoError(t, err)
		require.NoError(t, use(ctx, s, l.session), name)
		require.Equal(t, "after first", l.kept, name)
	}
}
