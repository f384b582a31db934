package postgres

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/services/specter/infra/auth/internal/identity"
)

// PutSignUp keeps a sign-up and its link in place of an earlier one of the same address. The work
// is the same whether there is a user of that address or not.
func (s *Store) PutSignUp(ctx context.Context, u identity.SignUp, link identity.Link) error {
	return pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO auth_local.sign_ups (email, user_id, password_hash, user_metadata, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash, user_metadata = excluded.user_metadata, expires_at = excluded.expires_at`,
			u.Email, u.UserID, u.PasswordHash, u.Metadata, u.CreatedAt, u.ExpiresAt)
		if err != nil {
			return fmt.Errorf("keeping a sign-up: %w", err)
		}
		return putLink(ctx, tx, link)
	})
}

// RenewSignUp keeps a new link in place of the one of a sign-up that still waits, which loses its
// password and waits as long as the link.
func (s *Store) RenewSignUp(ctx context.Context, link identity.Link) error {
	return pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE auth_local.sign_ups SET password_hash = '', expires_at = $3 WHERE email = $1 AND expires_at > $2`, link.Email, link.CreatedAt, link.ExpiresAt)
		if err != nil {
			return fmt.Errorf("renewing a sign-up: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return identity.ErrNotFound
		}
		return putLink(ctx, tx, link)
	})
}

// PutLink keeps a link in place of an earlier one of the same kind, address and user.
func (s *Store) PutLink(ctx context.Context, link identity.Link) error {
	return pg.InTx(ctx, s.db, func(tx pgx.Tx) error { return putLink(ctx, tx, link) })
}

func putLink(ctx context.Context, tx pgx.Tx, l identity.Link) error {
	_, err := tx.Exec(ctx, `INSERT INTO auth_local.links (token_hash, kind, email, user_id, code_hash, code_challenge, created_at, expires_at)
		VALUES ($1, $2, $3, nullif($4, '00000000-0000-0000-0000-000000000000'::uuid), $5, $6, $7, $8)
		ON CONFLICT (email, kind, user_id) DO UPDATE SET token_hash = excluded.token_hash, code_hash = excluded.code_hash, tries = 0,
			code_challenge = excluded.code_challenge, created_at = excluded.created_at, expires_at = excluded.expires_at`,
		l.TokenHash, l.Kind, l.Email, l.UserID, l.CodeHash, l.Challenge, l.CreatedAt, l.ExpiresAt)
	if err != nil {
		return fmt.Errorf("keeping a link: %w", err)
	}
	return nil
}

// PutEmailChange keeps a change of address with its links. Asking again for the same address keeps
// what was confirmed; another address begins anew.
func (s *Store) PutEmailChange(ctx context.Context, c identity.EmailChange, links ...identity.Link) error {
	return pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`DELETE FROM auth_local.links l USING auth_local.email_changes c
			WHERE l.user_id = $1 AND l.kind = $2 AND c.user_id = $1 AND c.new_email <> $3`, c.UserID, identity.ForEmailChange, c.NewEmail)
		b.Queue(`INSERT INTO auth_local.email_changes AS c (user_id, new_email, current_confirmed, new_confirmed, created_at, expires_at) VALUES ($1, $2, false, false, $3, $4)
			ON CONFLICT (user_id) DO UPDATE SET new_email = excluded.new_email, created_at = excluded.created_at, expires_at = excluded.expires_at,
				current_confirmed = c.current_confirmed AND c.new_email = excluded.new_email AND c.expires_at > excluded.created_at,
				new_confirmed = c.new_confirmed AND c.new_email = excluded.new_email AND c.expires_at > excluded.created_at`,
			c.UserID, c.NewEmail, c.CreatedAt, c.ExpiresAt)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return fmt.Errorf("keeping a change of address: %w", err)
		}
		for _, link := range links {
			if err := putLink(ctx, tx, link); err != nil {
				return err
			}
		}
		return nil
	})
}

// Verify uses a link up and does what it is for. A wrong code counts against the code.
func (s *Store) Verify(ctx context.Context, v identity.Verification) (done identity.Verified, err error) {
	missed := false
	err = pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		done, missed = identity.Verified{}, false
		link, err := takeLink(ctx, tx, v)
		if errors.Is(err, identity.ErrNotFound) && v.TokenHash == nil {
			missed = true // committed: the tries are counted
			return nil
		}
		if err != nil {
			return err
		}
		if done.User, done.Partial, err = s.act(ctx, tx, link, v.At); err != nil || done.Partial {
			return err
		}
		if link.Challenge != "" && v.Exchange != nil {
			done.Exchanged = true
			return putExchangeCode(ctx, tx, *v.Exchange, link.Challenge, done.User.ID)
		}
		v.Session.UserID = done.User.ID
		done.User.LastSignInAt = &v.Session.CreatedAt
		return signIn(ctx, tx, v.Session, v.RefreshHash, v.IdleSince)
	})
	if err == nil && missed {
		err = identity.ErrNotFound
	}
	return done, err
}

const linkColumns = `kind, email, coalesce(user_id, '00000000-0000-0000-0000-000000000000'::uuid), token_hash, code_hash, code_challenge`

func scanLink(row pgx.CollectableRow) (l identity.Link, err error) {
	err = row.Scan(&l.Kind, &l.Email, &l.UserID, &l.TokenHash, &l.CodeHash, &l.Challenge)
	return l, err
}

// takeLink removes the link that the token or the code opens.
func takeLink(ctx context.Context, tx pgx.Tx, v identity.Verification) (identity.Link, error) {
	token := v.TokenHash
	if token == nil {
		var err error
		if token, err = tokenOfCode(ctx, tx, v); err != nil {
			return identity.Link{}, err
		}
	}
	rows, err := tx.Query(ctx, `DELETE FROM auth_local.links WHERE token_hash = $1 AND kind = ANY($2) AND expires_at > $3 RETURNING `+linkColumns, token, v.Kinds, v.At)
	if err != nil {
		return identity.Link{}, fmt.Errorf("using a link: %w", err)
	}
	link, err := pgx.CollectExactlyOneRow(rows, scanLink)
	if err != nil {
		return identity.Link{}, notFound(err, "using a link")
	}
	return link, nil
}

// tokenOfCode finds the link of an address whose code this is.
func tokenOfCode(ctx context.Context, tx pgx.Tx, v identity.Verification) ([]byte, error) {
	rows, err := tx.Query(ctx, `SELECT `+linkColumns+` FROM auth_local.links WHERE email = $1 AND kind = ANY($2) AND expires_at > $3 AND tries < $4 FOR UPDATE`,
		v.Email, v.Kinds, v.At, v.MaxTries)
	if err != nil {
		return nil, fmt.Errorf("trying a code: %w", err)
	}
	links, err := pgx.CollectRows(rows, scanLink)
	if err != nil {
		return nil, fmt.Errorf("trying a code: %w", err)
	}
	for _, link := range links {
		if subtle.ConstantTimeCompare(link.CodeHash, v.CodeHash) == 1 {
			return link.TokenHash, nil
		}
	}
	// Without waiting for the disk, so that the time does not tell whether there was a link.
	b := &pgx.Batch{}
	b.Queue(`SET LOCAL synchronous_commit = off`)
	b.Queue(`UPDATE auth_local.links SET tries = tries + 1 WHERE email = $1 AND kind = ANY($2)`, v.Email, v.Kinds)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("counting a wrong code: %w", err)
	}
	return nil, identity.ErrNotFound
}

// act does what the link is for.
func (s *Store) act(ctx context.Context, tx pgx.Tx, link identity.Link, at time.Time) (u identity.User, partial bool, err error) {
	switch link.Kind {
	case identity.ForSignUp:
		u, err = s.confirm(ctx, tx, link, at)
		return u, false, err
	case identity.ForEmailChange:
		return s.confirmChange(ctx, tx, link, at)
	default:
		// A link outlives neither its user nor the address it was mailed to.
		u, err = s.user(ctx, tx, userQuery+` WHERE u.id = $1 AND u.email = $2`, link.UserID, link.Email)
		return u, false, err
	}
}

// confirm makes the user of a sign-up. An address that somebody has by now makes none.
func (s *Store) confirm(ctx context.Context, tx pgx.Tx, link identity.Link, at time.Time) (identity.User, error) {
	var id uuid.UUID
	err := tx.QueryRow(ctx, `WITH taken AS (DELETE FROM auth_local.sign_ups WHERE email = $1 AND expires_at > $2 RETURNING user_id, email, password_hash, user_metadata, created_at)
		INSERT INTO auth_local.users (id, email, password_hash, user_metadata, email_confirmed_at, created_at, updated_at)
		SELECT user_id, email, password_hash, user_metadata, $2, created_at, $2 FROM taken ON CONFLICT DO NOTHING RETURNING id`, link.Email, at).Scan(&id)
	if err != nil {
		return identity.User{}, notFound(err, "confirming a sign-up")
	}
	return s.user(ctx, tx, userQuery+` WHERE u.id = $1`, id)
}

// confirmChange notes that one of the two addresses agrees and, when both do, changes it. Links
// mailed to the old address end.
func (s *Store) confirmChange(ctx context.Context, tx pgx.Tx, link identity.Link, at time.Time) (identity.User, bool, error) {
	var newEmail string
	var both bool
	err := tx.QueryRow(ctx, `UPDATE auth_local.email_changes c SET current_confirmed = c.current_confirmed OR u.email = $2, new_confirmed = c.new_confirmed OR c.new_email = $2
		FROM auth_local.users u WHERE c.user_id = $1 AND u.id = $1 AND $2 IN (u.email, c.new_email) AND c.expires_at > $3
		RETURNING c.new_email, c.current_confirmed AND c.new_confirmed`, link.UserID, link.Email, at).Scan(&newEmail, &both)
	if err != nil {
		return identity.User{}, false, notFound(err, "confirming a change of address")
	}
	if !both {
		return identity.User{}, true, nil
	}
	if _, err := tx.Exec(ctx, `UPDATE auth_local.users SET email = $2, email_confirmed_at = $3, updated_at = $3 WHERE id = $1`, link.UserID, newEmail, at); err != nil {
		return identity.User{}, false, taken(err, "changing an address")
	}
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM auth_local.email_changes WHERE user_id = $1`, link.UserID)
	b.Queue(`DELETE FROM auth_local.links WHERE user_id = $1`, link.UserID)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return identity.User{}, false, fmt.Errorf("changing an address: %w", err)
	}
	if err := forgetAddress(ctx, tx, newEmail); err != nil {
		return identity.User{}, false, err
	}
	u, err := s.user(ctx, tx, userQuery+` WHERE u.id = $1`, link.UserID)
	return u, false, err
}

func putExchangeCode(ctx context.Context, tx pgx.Tx, c identity.ExchangeCode, challenge string, user uuid.UUID) error {
	_, err := tx.Exec(ctx, `INSERT INTO auth_local.exchange_codes (code_hash, user_id, code_challenge, expires_at) VALUES ($1, $2, $3, $4)`, c.Hash, user, challenge, c.ExpiresAt)
	if err != nil {
		return fmt.Errorf("keeping an exchange code: %w", err)
	}
	return nil
}

// TradeCode uses an exchange code up and begins the session when the challenge is the code's.
func (s *Store) TradeCode(ctx context.Context, codeHash []byte, challenge string, session identity.Session, tokenHash []byte, idleSince time.Time) (u identity.User, err error) {
	wrong := false
	err = pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		wrong = false
		var kept string
		err := tx.QueryRow(ctx, `DELETE FROM auth_local.exchange_codes WHERE code_hash = $1 AND expires_at > $2 RETURNING user_id, code_challenge`, codeHash, session.CreatedAt).
			Scan(&session.UserID, &kept)
		if err != nil {
			return notFound(err, "using an exchange code")
		}
		if wrong = subtle.ConstantTimeCompare([]byte(kept), []byte(challenge)) != 1; wrong {
			return nil // committed: the code is gone
		}
		if err := signIn(ctx, tx, session, tokenHash, idleSince); err != nil {
			return err
		}
		u, err = s.user(ctx, tx, userQuery+` WHERE u.id = $1`, session.UserID)
		return err
	})
	if err == nil && wrong {
		err = identity.ErrVerifier
	}
	return u, err
}

// Purge forgets what has expired.
func (s *Store) Purge(ctx context.Context, now, idleSince time.Time) error {
	b := &pgx.Batch{}
	for _, table := range []string{"links", "sign_ups", "email_changes", "exchange_codes"} {
		b.Queue(`DELETE FROM auth_local.`+table+` WHERE expires_at <= $1`, now)
	}
	b.Queue(`DELETE FROM auth_local.sessions WHERE refreshed_at < $1`, idleSince)
	if err := s.db.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("forgetting what has expired: %w", err)
	}
	return nil
}
