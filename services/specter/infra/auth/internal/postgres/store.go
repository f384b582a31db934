package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/services/specter/infra/auth/internal/identity"
)

// usedTokensKept is how long exchanged tokens stay, to recognise their second use.
const usedTokensKept = 7 * 24 * time.Hour

// userQuery reads users; a condition follows.
const userQuery = `SELECT u.id, u.email, u.password_hash, u.user_metadata, coalesce(u.email_confirmed_at, u.created_at), u.created_at, u.updated_at, u.last_sign_in_at,
	coalesce((SELECT c.new_email FROM auth_local.email_changes c WHERE c.user_id = u.id), '') FROM auth_local.users u`

// Store implements what the auth server needs.
type Store struct{ db *pgxpool.Pool }

// New uses a pool of role specter_auth. Borrowed.
func New(db *pgxpool.Pool) *Store { return &Store{db: db} }

// Ready tells whether the database answers.
func (s *Store) Ready(ctx context.Context) error { return s.db.Ping(ctx) }

// UserByEmail finds a user by lower-case address.
func (s *Store) UserByEmail(ctx context.Context, email string) (identity.User, error) {
	return s.user(ctx, s.db, userQuery+` WHERE u.email = $1`, email)
}

// UserOfSession finds the user of a session that still exists.
func (s *Store) UserOfSession(ctx context.Context, session, user uuid.UUID) (identity.User, error) {
	return s.user(ctx, s.db, userQuery+` JOIN auth_local.sessions s ON s.user_id = u.id WHERE s.id = $1 AND u.id = $2`, session, user)
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func (s *Store) user(ctx context.Context, q querier, sql string, args ...any) (identity.User, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return identity.User{}, fmt.Errorf("reading a user: %w", err)
	}
	u, err := pgx.CollectExactlyOneRow(rows, scanUser)
	if err != nil {
		return identity.User{}, notFound(err, "reading a user")
	}
	return u, nil
}

func scanUser(row pgx.CollectableRow) (u identity.User, err error) {
	err = row.Scan(&u.ID, &u.Email, &u.PasswordHash, &u.Metadata, &u.ConfirmedAt, &u.CreatedAt, &u.UpdatedAt, &u.LastSignInAt, &u.NewEmail)
	return u, err
}

// UserByID finds a user.
func (s *Store) UserByID(ctx context.Context, id uuid.UUID) (identity.User, error) {
	return s.user(ctx, s.db, userQuery+` WHERE u.id = $1`, id)
}

// Users lists users, the newest first, and counts all.
func (s *Store) Users(ctx context.Context, offset, limit int) (users []identity.User, total int, err error) {
	if err := s.db.QueryRow(ctx, `SELECT count(*) FROM auth_local.users`).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("counting users: %w", err)
	}
	rows, err := s.db.Query(ctx, userQuery+` ORDER BY u.created_at DESC, u.id OFFSET $1 LIMIT $2`, offset, limit)
	if err != nil {
		return nil, 0, fmt.Errorf("listing users: %w", err)
	}
	if users, err = pgx.CollectRows(rows, scanUser); err != nil {
		return nil, 0, fmt.Errorf("listing users: %w", err)
	}
	return users, total, nil
}

// AddUser adds a user whose address is known to be theirs. A sign-up of the address ends.
func (s *Store) AddUser(ctx context.Context, u identity.User) error {
	return pg.InTx(ctx, s.db, func(tx pgx.Tx) error { return addUser(ctx, tx, u) })
}

// CreateUser adds a user together with the first session.
func (s *Store) CreateUser(ctx context.Context, u identity.User, first identity.Session, tokenHash []byte) error {
	return pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		if err := addUser(ctx, tx, u); err != nil {
			return err
		}
		return insertSession(ctx, tx, first, tokenHash)
	})
}

func addUser(ctx context.Context, tx pgx.Tx, u identity.User) error {
	_, err := tx.Exec(ctx, `INSERT INTO auth_local.users (id, email, password_hash, user_metadata, email_confirmed_at, created_at, updated_at, last_sign_in_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6, $7)`, u.ID, u.Email, u.PasswordHash, u.Metadata, u.ConfirmedAt, u.CreatedAt, u.LastSignInAt)
	if err != nil {
		return taken(err, "adding a user")
	}
	return forgetAddress(ctx, tx, u.Email)
}

// forgetAddress ends the sign-up of an address, with its link.
func forgetAddress(ctx context.Context, tx pgx.Tx, email string) error {
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM auth_local.sign_ups WHERE email = $1`, email)
	b.Queue(`DELETE FROM auth_local.links WHERE email = $1 AND kind = $2`, email, identity.ForSignUp)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("forgetting a sign-up: %w", err)
	}
	return nil
}

// SignIn adds a session and forgets the user's sessions idle since idleSince.
func (s *Store) SignIn(ctx context.Context, session identity.Session, tokenHash []byte, idleSince time.Time) error {
	return pg.InTx(ctx, s.db, func(tx pgx.Tx) error { return signIn(ctx, tx, session, tokenHash, idleSince) })
}

func signIn(ctx context.Context, tx pgx.Tx, session identity.Session, tokenHash []byte, idleSince time.Time) error {
	tag, err := tx.Exec(ctx, `UPDATE auth_local.users SET last_sign_in_at = $2 WHERE id = $1`, session.UserID, session.CreatedAt)
	if err != nil {
		return fmt.Errorf("noting the sign-in: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return identity.ErrNotFound
	}
	if _, err := tx.Exec(ctx, `DELETE FROM auth_local.sessions WHERE user_id = $1 AND refreshed_at < $2`, session.UserID, idleSince); err != nil {
		return fmt.Errorf("forgetting idle sessions: %w", err)
	}
	return insertSession(ctx, tx, session, tokenHash)
}

func insertSession(ctx context.Context, tx pgx.Tx, s identity.Session, tokenHash []byte) error {
	if _, err := tx.Exec(ctx, `INSERT INTO auth_local.sessions (id, user_id, method, created_at, refreshed_at) VALUES ($1, $2, $3, $4, $4)`, s.ID, s.UserID, s.Method, s.CreatedAt); err != nil {
		return fmt.Errorf("adding a session: %w", err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO auth_local.refresh_tokens (token_hash, session_id, created_at) VALUES ($1, $2, $3)`, tokenHash, s.ID, s.CreatedAt); err != nil {
		return fmt.Errorf("adding a refresh token: %w", err)
	}
	return nil
}

// Exchange swaps a refresh token for its successor and returns its session.
func (s *Store) Exchange(ctx context.Context, x identity.Exchange) (session identity.Session, user identity.User, err error) {
	reused := false
	err = pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		reused = false
		var usedAt *time.Time
		var refreshedAt time.Time
		// The session's row is the lock: exchanges of one family queue here.
		err := tx.QueryRow(ctx, `SELECT s.id, s.user_id, s.method, s.created_at, s.refreshed_at FROM auth_local.sessions s
			WHERE s.id = (SELECT session_id FROM auth_local.refresh_tokens WHERE token_hash = $1) FOR UPDATE`, x.TokenHash).
			Scan(&session.ID, &session.UserID, &session.Method, &session.CreatedAt, &refreshedAt)
		if err != nil {
			return notFound(err, "reading a refresh token")
		}
		if err := tx.QueryRow(ctx, `SELECT used_at FROM auth_local.refresh_tokens WHERE token_hash = $1`, x.TokenHash).Scan(&usedAt); err != nil {
			return notFound(err, "reading a refresh token")
		}
		if x.At.Sub(refreshedAt) > x.IdleLimit {
			return identity.ErrExpired
		}
		if usedAt == nil {
			if err := exchange(ctx, tx, session.ID, x); err != nil {
				return err
			}
		} else {
			again, err := lostAnswer(ctx, tx, *usedAt, x)
			if err != nil {
				return err
			}
			if !again {
				reused = true // committed: the family ends, whatever the caller does
				_, err := tx.Exec(ctx, `DELETE FROM auth_local.sessions WHERE id = $1`, session.ID)
				return err
			}
		}
		user, err = s.user(ctx, tx, userQuery+` WHERE u.id = $1`, session.UserID)
		return err
	})
	if err == nil && reused {
		err = identity.ErrReused
	}
	return session, user, err
}

func exchange(ctx context.Context, tx pgx.Tx, session uuid.UUID, x identity.Exchange) error {
	b := &pgx.Batch{}
	b.Queue(`UPDATE auth_local.refresh_tokens SET used_at = $2 WHERE token_hash = $1`, x.TokenHash, x.At)
	b.Queue(`INSERT INTO auth_local.refresh_tokens (token_hash, session_id, created_at) VALUES ($1, $2, $3)`, x.NextHash, session, x.At)
	b.Queue(`UPDATE auth_local.sessions SET refreshed_at = $2 WHERE id = $1`, session, x.At)
	b.Queue(`DELETE FROM auth_local.refresh_tokens WHERE session_id = $1 AND used_at < $2`, session, x.At.Add(-usedTokensKept))
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("exchanging a refresh token: %w", err)
	}
	return nil
}

// lostAnswer reports whether a repeated exchange is the same holder asking again.
func lostAnswer(ctx context.Context, tx pgx.Tx, usedAt time.Time, x identity.Exchange) (bool, error) {
	if x.At.Sub(usedAt) > x.Again {
		return false, nil
	}
	var unused bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM auth_local.refresh_tokens WHERE token_hash = $1 AND used_at IS NULL)`, x.NextHash).Scan(&unused)
	if err != nil {
		return false, fmt.Errorf("reading a refresh token's successor: %w", err)
	}
	return unused, nil
}

// SignOut ends one session, all of a user's (session is the zero id), or all but
// one (keep).
func (s *Store) SignOut(ctx context.Context, user, session, keep uuid.UUID) error {
	_, err := s.db.Exec(ctx, `DELETE FROM auth_local.sessions WHERE user_id = $1 AND ($2 = '00000000-0000-0000-0000-000000000000'::uuid OR id = $2) AND id <> $3`, user, session, keep)
	if err != nil {
		return fmt.Errorf("ending sessions: %w", err)
	}
	return nil
}

// UpdateUser changes a user. A new password ends every session but keep, and whatever somebody began
// without knowing it: links, exchange codes and a change of address, as by Supabase.
func (s *Store) UpdateUser(ctx context.Context, id, keep uuid.UUID, c identity.Change) (u identity.User, err error) {
	err = pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE auth_local.users SET email = coalesce($2, email), password_hash = coalesce($3, password_hash),
			user_metadata = user_metadata || coalesce($4::jsonb, '{}'), updated_at = $5 WHERE id = $1`, id, c.Email, c.PasswordHash, c.Metadata, c.At)
		if err != nil {
			return taken(err, "changing a user")
		}
		if c.PasswordHash != nil {
			if _, err := tx.Exec(ctx, `DELETE FROM auth_local.sessions WHERE user_id = $1 AND id <> $2`, id, keep); err != nil {
				return fmt.Errorf("ending other sessions: %w", err)
			}
			b := &pgx.Batch{}
			for _, table := range []string{"links", "email_changes", "exchange_codes"} {
				b.Queue(`DELETE FROM auth_local.`+table+` WHERE user_id = $1`, id)
			}
			if err := tx.SendBatch(ctx, b).Close(); err != nil {
				return fmt.Errorf("ending what began with the old password: %w", err)
			}
		}
		u, err = s.user(ctx, tx, userQuery+` WHERE u.id = $1`, id)
		return err
	})
	return u, err
}

// DeleteUser removes a user and everything of theirs, and returns the addresses that were theirs
// or were to be.
func (s *Store) DeleteUser(ctx context.Context, id uuid.UUID) (addresses []string, err error) {
	err = pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		u, err := s.user(ctx, tx, userQuery+` WHERE u.id = $1 FOR UPDATE`, id)
		if err != nil {
			return err
		}
		addresses = []string{u.Email}
		if u.NewEmail != "" {
			addresses = append(addresses, u.NewEmail)
		}
		if err := forgetAddress(ctx, tx, u.Email); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM auth_local.users WHERE id = $1`, id); err != nil {
			return fmt.Errorf("deleting a user: %w", err)
		}
		return nil
	})
	return addresses, err
}

func notFound(err error, doing string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return identity.ErrNotFound
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func taken(err error, doing string) error {
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == "23505" && e.ConstraintName == "users_email_key" {
		return identity.ErrEmailTaken
	}
	return fmt.Errorf("%s: %w", doing, err)
}
