package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/tenant"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
	"github.com/draftlabs/specter/services/dashboard/internal/roll"
)

// AddToken keeps a token's hash.
func (s Accounts) AddToken(ctx context.Context, a actor.Actor, t account.Token, hash []byte, limit int) (account.Token, error) {
	var out account.Token
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		if err := lockTokens(ctx, q, a); err != nil {
			return err
		}
		n, err := q.CountTokens(ctx, t.CreatedAt)
		if err != nil {
			return err
		}
		if n >= int64(limit) {
			return fault.Newf(fault.Conflict, "limit_reached", "There are already %d access tokens.", limit)
		}
		out, err = insertToken(ctx, q, a, t, hash, nil, nil)
		return err
	})
	return out, wrap(err, "creating the access token")
}

// lockTokens lets one at a time make tokens of an account, so that they count one after the other. Who was revoked while
// waiting makes none any more: nobody would end it.
func lockTokens(ctx context.Context, q *db.Queries, a actor.Actor) error {
	if _, err := q.LockAccount(ctx, a.Account); err != nil {
		return found(err)
	}
	revoked, err := q.ActorRevoked(ctx, a.Name)
	if err == nil && revoked {
		err = account.ErrTokenRevoked
	}
	return err
}

func insertToken(ctx context.Context, q *db.Queries, a actor.Actor, t account.Token, hash []byte, chain, from *uuid.UUID) (account.Token, error) {
	scopes := make([]string, len(t.Scopes))
	for i, scope := range t.Scopes {
		scopes[i] = string(scope)
	}
	row, err := q.InsertToken(ctx, db.InsertTokenParams{
		ID: t.ID, AccountID: a.Account, Name: t.Name, TokenHash: hash, Hint: t.Hint, Scopes: scopes, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, ChainID: chain,
	})
	if err != nil {
		return t, err
	}
	detail := tokenDetail(t)
	if from != nil {
		detail["rolled_from"] = from
	}
	return toToken(row), audit(ctx, q, change{actor: a, at: t.CreatedAt, action: "token.created", subject: "token", id: t.ID, detail: detail})
}

// tokenDetail is what the audit log keeps of a token.
func tokenDetail(t account.Token) map[string]any {
	out := map[string]any{"name": t.Name, "scopes": t.Scopes}
	if t.ExpiresAt != nil {
		out["expires_at"] = t.ExpiresAt
	}
	return out
}

// TokenByHash finds a token and its account before the account is known.
func (s Accounts) TokenByHash(ctx context.Context, hash []byte) (account.Token, account.Account, error) {
	var token account.Token
	var owner account.Account
	err := tenant.LookupTx(ctx, s.db, tenant.Lookup{TokenHash: hash}, func(tx pgx.Tx) error {
		q := db.New(tx)
		row, err := q.TokenByHash(ctx, hash)
		if err != nil {
			return found(err)
		}
		token = toToken(row)
		owner, err = s.owner(ctx, tx, q, row.AccountID)
		return err
	})
	return token, owner, wrap(err, "looking the access token up")
}

// TouchToken notes that a token was used.
func (s Accounts) TouchToken(ctx context.Context, t account.Token, at time.Time) error {
	err := s.in(ctx, t.AccountID, func(_ pgx.Tx, q *db.Queries) error {
		return q.TouchToken(ctx, db.TouchTokenParams{ID: t.ID, LastUsedAt: &at})
	})
	return wrap(err, "noting the access token's use")
}

// RollToken puts a token in another's place.
func (s Accounts) RollToken(
	ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, hash []byte, roll func(old account.Token, beside int) (account.RolledToken, error),
) (account.RolledToken, error) {
	var out account.RolledToken
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		if err := lockTokens(ctx, q, a); err != nil {
			return err
		}
		row, err := q.LockToken(ctx, id)
		if err != nil {
			return found(err)
		}
		chain := chainOf(row.ID, row.ChainID)
		beside, err := q.TokensBeside(ctx, db.TokensBesideParams{ID: id, ChainID: chain, Now: at})
		if err != nil {
			return err
		}
		if out, err = roll(toToken(row), int(beside)); err != nil {
			return err
		}
		if out.Previous, err = endToken(ctx, q, out.Previous); err != nil {
			return err
		}
		detail := tokenDetail(out.Previous)
		detail["replaced_by"] = out.Token.ID
		if err := audit(ctx, q, change{actor: a, at: at, action: "token.rolled", subject: "token", id: id, detail: detail}); err != nil {
			return err
		}
		// Who ends another's at once does not trust what that has made. A program that renews its own goes on with it.
		if out.Previous.RevokedAt != nil && a.Name != "token:"+id.String() {
			if err := revokeWith(ctx, q, a, id, at); err != nil {
				return err
			}
		}
		out.Token, err = insertToken(ctx, q, a, out.Token, hash, &chain, &row.ID)
		return err
	})
	return out, wrap(err, "rolling the access token")
}

// endToken writes how the life of a token whose row is held ends.
func endToken(ctx context.Context, q *db.Queries, t account.Token) (account.Token, error) {
	row, err := q.EndToken(ctx, db.EndTokenParams{ID: t.ID, ExpiresAt: t.ExpiresAt, RevokedAt: t.RevokedAt, ReplacedBy: t.ReplacedBy})
	return toToken(row), err
}

// RevokeToken ends a token and what it made; doing it again changes nothing.
func (s Accounts) RevokeToken(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time) error {
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		// The account's row first: what is being made meanwhile is there by now, or will not be made.
		if _, err := q.LockAccount(ctx, a.Account); err != nil {
			return found(err)
		}
		if _, err := q.LockToken(ctx, id); err != nil {
			return found(err)
		}
		return revokeWith(ctx, q, a, id, at)
	})
	return wrap(err, "revoking the access token")
}

// revokeWith ends what is good yet of a token and of what it made.
func revokeWith(ctx context.Context, q *db.Queries, a actor.Actor, id uuid.UUID, at time.Time) error {
	rows, err := q.RevokeTokens(ctx, db.RevokeTokensParams{ID: id, Actor: a.Name, Now: at})
	if err != nil {
		return err
	}
	for _, row := range rows {
		detail := tokenDetail(toToken(row))
		if row.ID != id {
			detail["revoked_with"] = id
		}
		if err := audit(ctx, q, change{actor: a, at: at, action: "token.revoked", subject: "token", id: row.ID, detail: detail}); err != nil {
			return err
		}
	}
	return nil
}

// Tokens lists the account's tokens.
func (s Accounts) Tokens(ctx context.Context, accountID uuid.UUID, r page.Request) (page.Of[account.Token], error) {
	var out []account.Token
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		rows, err := q.ListTokens(ctx, db.ListTokensParams{BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()})
		out = mapped(rows, toToken)
		return err
	})
	return page.Cut(out, r, func(t account.Token) page.Cursor { return page.AtID(t.CreatedAt, t.ID) }), wrap(err, "listing access tokens")
}

func toToken(row db.AccessToken) account.Token {
	out := account.Token{
		Life: roll.Life{CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt, RevokedAt: row.RevokedAt, ReplacedBy: row.ReplacedBy},
		ID:   row.ID, AccountID: row.AccountID, Name: row.Name, Hint: row.Hint, LastUsedAt: row.LastUsedAt,
	}
	for _, scope := range row.Scopes {
		out.Scopes = append(out.Scopes, account.Scope(scope))
	}
	return out
}
