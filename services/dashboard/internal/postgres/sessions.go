package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/tenant"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// AddSession keeps a session's hash and its sealed refresh token, and ends the oldest sessions of more than limit.
func (s Accounts) AddSession(ctx context.Context, n account.NewSession, limit int) error {
	err := s.in(ctx, n.AccountID, func(_ pgx.Tx, q *db.Queries) error {
		// Two sign-ins at once must not both count without the other.
		if _, err := q.LockAccount(ctx, n.AccountID); err != nil {
			return found(err)
		}
		if err := s.insertSession(ctx, q, n); err != nil {
			return err
		}
		ended, err := q.EndOldestSessions(ctx, db.EndOldestSessionsParams{Now: &n.CreatedAt, Keep: int32(limit)})
		if err != nil {
			return err
		}
		for _, id := range ended {
			if err := auditEnding(ctx, q, actor.Service(n.AccountID), id, account.EndedByLimit, n.CreatedAt); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "beginning the session")
}

// ReplaceSessions ends every session of the account for n, in which the password was changed.
func (s Accounts) ReplaceSessions(ctx context.Context, n account.NewSession) error {
	a := actor.User(n.AccountID, n.UserID)
	err := s.in(ctx, n.AccountID, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.RevokeAllSessions(ctx, db.RevokeAllSessionsParams{Now: &n.CreatedAt}); err != nil {
			return err
		}
		if err := audit(ctx, q, change{actor: a, at: n.CreatedAt, action: "password.changed", subject: "account", id: n.AccountID}); err != nil {
			return err
		}
		return s.insertSession(ctx, q, n)
	})
	return wrap(err, "beginning a session with the new password")
}

func (s Accounts) insertSession(ctx context.Context, q *db.Queries, n account.NewSession) error {
	err := q.InsertSession(ctx, db.InsertSessionParams{
		ID: n.ID, AccountID: n.AccountID, UserID: n.UserID, SessionHash: n.SecretHash, CsrfToken: n.CSRFToken,
		RefreshTokenSealed: s.sealRefresh(n.RefreshToken), AccessExpiresAt: n.AccessExpiresAt, UserAgent: n.UserAgent, CreatedAt: n.CreatedAt,
		ExpiresAt: n.ExpiresAt, MaySetPasswordUntil: n.MaySetPasswordUntil,
	})
	if err != nil {
		return err
	}
	return audit(ctx, q, change{
		actor: actor.User(n.AccountID, n.UserID), at: n.CreatedAt, action: "session.started", subject: "session", id: n.ID,
		detail: map[string]any{"method": n.Method},
	})
}

func (s Accounts) sealRefresh(token string) []byte {
	if token == "" {
		return nil
	}
	return s.refresh.Seal([]byte(token))
}

// openRefresh returns "" for a token that cannot be opened any more (the secret key was changed):
// the session then runs on until its own end.
func (s Accounts) openRefresh(sealedToken []byte) string {
	text, err := s.refresh.Open(sealedToken)
	if err != nil {
		return ""
	}
	return string(text)
}

// SessionBySecret finds a session and its account before the account is known.
func (s Accounts) SessionBySecret(ctx context.Context, secretHash []byte) (account.Session, account.Account, error) {
	var session account.Session
	var owner account.Account
	err := tenant.LookupTx(ctx, s.db, tenant.Lookup{SessionHash: secretHash}, func(tx pgx.Tx) error {
		q := db.New(tx)
		row, err := q.SessionByHash(ctx, secretHash)
		if err != nil {
			return found(err)
		}
		session = toSession(row)
		owner, err = s.owner(ctx, tx, q, row.AccountID)
		return err
	})
	return session, owner, wrap(err, "looking the session up")
}

func toSession(row db.WebSession) account.Session {
	return account.Session{
		ID: row.ID, AccountID: row.AccountID, UserID: row.UserID, CSRFToken: row.CsrfToken, UserAgent: row.UserAgent, CreatedAt: row.CreatedAt,
		LastSeenAt: row.LastSeenAt, ExpiresAt: row.ExpiresAt, AccessExpiresAt: row.AccessExpiresAt, RevokedAt: row.RevokedAt,
		MaySetPasswordUntil: row.MaySetPasswordUntil,
	}
}

// TouchSession notes that a session was used.
func (s Accounts) TouchSession(ctx context.Context, n account.Session, at time.Time) error {
	err := s.in(ctx, n.AccountID, func(_ pgx.Tx, q *db.Queries) error {
		return q.TouchSession(ctx, db.TouchSessionParams{ID: n.ID, LastSeenAt: at})
	})
	return wrap(err, "noting the session's use")
}

// LeaseRefresh hands the refresh token to one caller at a time.
func (s Accounts) LeaseRefresh(ctx context.Context, n account.Session, now, until time.Time) (string, error) {
	var token string
	err := s.in(ctx, n.AccountID, func(_ pgx.Tx, q *db.Queries) error {
		sealedToken, err := q.LeaseRefresh(ctx, db.LeaseRefreshParams{ID: n.ID, Now: now, LeaseUntil: until})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		token = s.openRefresh(sealedToken)
		return err
	})
	return token, wrap(err, "leasing the refresh")
}

// StoreRefresh keeps the next refresh token.
func (s Accounts) StoreRefresh(ctx context.Context, n account.Session, refreshToken string, accessExpiresAt time.Time) error {
	err := s.in(ctx, n.AccountID, func(_ pgx.Tx, q *db.Queries) error {
		return q.StoreRefresh(ctx, db.StoreRefreshParams{ID: n.ID, RefreshTokenSealed: s.sealRefresh(refreshToken), AccessExpiresAt: &accessExpiresAt})
	})
	return wrap(err, "keeping the refresh token")
}

// RefreshToken reads a session's refresh token, "" when it has none.
func (s Accounts) RefreshToken(ctx context.Context, n account.Session) (string, error) {
	var token string
	err := s.in(ctx, n.AccountID, func(_ pgx.Tx, q *db.Queries) error {
		sealedToken, err := q.SessionSecret(ctx, n.ID)
		token = s.openRefresh(sealedToken)
		return found(err)
	})
	return token, wrap(err, "reading the refresh token")
}

// EndSession ends one session; ending it again changes nothing.
func (s Accounts) EndSession(ctx context.Context, a actor.Actor, id uuid.UUID, why account.Ending, at time.Time) error {
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.SessionSecret(ctx, id); err != nil {
			return found(err)
		}
		n, err := q.RevokeSession(ctx, db.RevokeSessionParams{ID: id, RevokedAt: &at})
		if err != nil || n == 0 {
			return err
		}
		return auditEnding(ctx, q, a, id, why, at)
	})
	return wrap(err, "ending the session")
}

func auditEnding(ctx context.Context, q *db.Queries, a actor.Actor, id uuid.UUID, why account.Ending, at time.Time) error {
	return audit(ctx, q, change{actor: a, at: at, action: "session.ended", subject: "session", id: id, detail: map[string]any{"why": why}})
}

// EndSessions ends every session of the account but keep.
func (s Accounts) EndSessions(ctx context.Context, a actor.Actor, keep uuid.UUID, at time.Time) error {
	action, kept := "session.all_ended", (*uuid.UUID)(nil)
	if keep != uuid.Nil {
		action, kept = "session.others_ended", &keep
	}
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		n, err := q.RevokeAllSessions(ctx, db.RevokeAllSessionsParams{Now: &at, Keep: kept})
		if err != nil {
			return err
		}
		return audit(ctx, q, change{actor: a, at: at, action: action, subject: "account", id: a.Account, detail: map[string]any{"sessions": n}})
	})
	return wrap(err, "ending sessions")
}

// Sessions lists the account's sessions that are still good: not over, and seen since then.
func (s Accounts) Sessions(ctx context.Context, accountID uuid.UUID, now, seenSince time.Time, r page.Request) (page.Of[account.Session], error) {
	var out []account.Session
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		rows, err := q.ListSessions(ctx, db.ListSessionsParams{Now: now, SeenSince: seenSince, BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()})
		out = mapped(rows, toSession)
		return err
	})
	return page.Cut(out, r, func(n account.Session) page.Cursor { return page.AtID(n.CreatedAt, n.ID) }), wrap(err, "listing sessions")
}
