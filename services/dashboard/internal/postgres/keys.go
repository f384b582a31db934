package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/tenant"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/keyuse"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
	"github.com/draftlabs/specter/services/dashboard/internal/product"
	"github.com/draftlabs/specter/services/dashboard/internal/roll"
)

// AddKey keeps an ingest key and tells the gateway.
func (s Products) AddKey(ctx context.Context, a actor.Actor, k product.Key) (product.Key, error) {
	var out product.Key
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		if _, err := q.LockProduct(ctx, k.ProductID); err != nil {
			return found(err)
		}
		var err error
		out, err = once(ctx, q, s.Store, a.Account, k.CreatedAt, func() (product.Key, error) {
			n, err := q.CountKeys(ctx, db.CountKeysParams{ProductID: k.ProductID, Now: k.CreatedAt})
			if err != nil {
				return k, err
			}
			if n >= product.MaxKeys {
				return k, product.ErrLimit("active keys", product.MaxKeys)
			}
			return s.insertKey(ctx, tx, q, a, k, keyOrigin{})
		})
		return err
	})
	return out, wrap(err, "creating the ingest key")
}

// keyOrigin is what a key was rolled from; empty for one that was made by itself.
type keyOrigin struct{ chain, from *uuid.UUID }

func (s Products) insertKey(ctx context.Context, tx pgx.Tx, q *db.Queries, a actor.Actor, k product.Key, o keyOrigin) (product.Key, error) {
	row, err := q.InsertKey(ctx, db.InsertKeyParams{
		ID: k.ID, AccountID: a.Account, ProductID: k.ProductID, Name: k.Name, KeyHash: apikey.Hash(k.Text), KeySealed: s.keys.Seal([]byte(k.Text)),
		Hint: k.Hint, AllowedOrigins: k.AllowedOrigins, AllowWithoutOrigin: k.AllowWithoutOrigin, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, ChainID: o.chain,
	})
	if err != nil {
		return k, err
	}
	if err := s.publishKey(ctx, tx, a.Account, row); err != nil {
		return k, err
	}
	detail := keyDetail(k)
	if o.from != nil {
		detail["rolled_from"] = o.from
	}
	return k, audit(ctx, q, change{actor: a, at: k.CreatedAt, action: "key.created", subject: "key", id: k.ID, detail: detail})
}

// keyDetail is what the audit log keeps of a key: never its text.
func keyDetail(k product.Key) map[string]any {
	out := map[string]any{"name": k.Name, "product_id": k.ProductID, "allowed_origins": k.AllowedOrigins, "allow_without_origin": k.AllowWithoutOrigin}
	if k.ExpiresAt != nil {
		out["expires_at"] = k.ExpiresAt
	}
	return out
}

// UpdateKey edits an ingest key and tells the gateway.
func (s Products) UpdateKey(ctx context.Context, a actor.Actor, productID, id uuid.UUID, at time.Time, edit func(*product.Key) error) (product.Key, error) {
	var out product.Key
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		row, err := q.LockKey(ctx, db.LockKeyParams{ID: id, ProductID: productID})
		if err != nil {
			return found(err)
		}
		k := s.toKey(row)
		if err := edit(&k); err != nil {
			return err
		}
		if out, err = s.writeKey(ctx, tx, q, a, k); err != nil {
			return err
		}
		return audit(ctx, q, change{actor: a, at: at, action: "key.updated", subject: "key", id: id, detail: keyDetail(k)})
	})
	return out, wrap(err, "updating the ingest key")
}

// writeKey writes what may change of a key whose row is held.
func (s Products) writeKey(ctx context.Context, tx pgx.Tx, q *db.Queries, a actor.Actor, k product.Key) (product.Key, error) {
	row, err := q.UpdateKey(ctx, db.UpdateKeyParams{
		ID: k.ID, Name: k.Name, AllowedOrigins: k.AllowedOrigins, AllowWithoutOrigin: k.AllowWithoutOrigin,
		ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt, ReplacedBy: k.ReplacedBy,
	})
	if err != nil {
		return k, err
	}
	return s.toKey(row), s.publishKey(ctx, tx, a.Account, row)
}

// RollKey puts a key in another's place and tells the gateway of both.
func (s Products) RollKey(
	ctx context.Context, a actor.Actor, productID, id uuid.UUID, at time.Time, roll func(old product.Key, beside int) (product.RolledKey, error),
) (product.RolledKey, error) {
	var out product.RolledKey
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		// The product's row first, as whoever makes a key: two that roll keys of one chain count one after the other.
		if _, err := q.LockProduct(ctx, productID); err != nil {
			return found(err)
		}
		row, err := q.LockKey(ctx, db.LockKeyParams{ID: id, ProductID: productID})
		if err != nil {
			return found(err)
		}
		out, err = once(ctx, q, s.Store, a.Account, at, func() (product.RolledKey, error) { return s.rollKey(ctx, tx, q, a, row, at, roll) })
		return err
	})
	return out, wrap(err, "rolling the ingest key")
}

func (s Products) rollKey(
	ctx context.Context, tx pgx.Tx, q *db.Queries, a actor.Actor, row db.ApiKey, at time.Time, roll func(old product.Key, beside int) (product.RolledKey, error),
) (product.RolledKey, error) {
	chain := chainOf(row.ID, row.ChainID)
	beside, err := q.KeysBeside(ctx, db.KeysBesideParams{ProductID: row.ProductID, ID: row.ID, ChainID: chain, Now: at})
	if err != nil {
		return product.RolledKey{}, err
	}
	out, err := roll(s.toKey(row), int(beside))
	if err != nil {
		return out, err
	}
	if out.Previous, err = s.writeKey(ctx, tx, q, a, out.Previous); err != nil {
		return out, err
	}
	detail := keyDetail(out.Previous)
	detail["replaced_by"] = out.Key.ID
	if err := audit(ctx, q, change{actor: a, at: at, action: "key.rolled", subject: "key", id: row.ID, detail: detail}); err != nil {
		return out, err
	}
	out.Key, err = s.insertKey(ctx, tx, q, a, out.Key, keyOrigin{chain: &chain, from: &row.ID})
	return out, err
}

// chainOf is the chain of a row: its own until it was rolled to.
func chainOf(id uuid.UUID, chain *uuid.UUID) uuid.UUID {
	if chain != nil {
		return *chain
	}
	return id
}

// RevokeKey ends an ingest key and tells the gateway; doing it again changes nothing.
func (s Products) RevokeKey(ctx context.Context, a actor.Actor, productID, id uuid.UUID, at time.Time) error {
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		row, err := q.LockKey(ctx, db.LockKeyParams{ID: id, ProductID: productID})
		if err != nil {
			return found(err)
		}
		k := s.toKey(row)
		if k.RevokedAt != nil {
			return nil
		}
		k.RevokedAt = &at
		if _, err := s.writeKey(ctx, tx, q, a, k); err != nil {
			return err
		}
		return audit(ctx, q, change{actor: a, at: at, action: "key.revoked", subject: "key", id: id, detail: keyDetail(k)})
	})
	return wrap(err, "revoking the ingest key")
}

// Keys lists a product's ingest keys.
func (s Products) Keys(ctx context.Context, accountID, productID uuid.UUID, r page.Request) (page.Of[product.Key], error) {
	var out []product.Key
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.Product(ctx, productID); err != nil {
			return found(err)
		}
		rows, err := q.ListKeys(ctx, db.ListKeysParams{ProductID: productID, BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()})
		out = mapped(rows, s.toKey)
		return err
	})
	return page.Cut(out, r, func(k product.Key) page.Cursor { return page.AtID(k.CreatedAt, k.ID) }), wrap(err, "listing ingest keys")
}

func (s Products) toKey(row db.ApiKey) product.Key {
	k := product.Key{
		Life: roll.Life{CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt, RevokedAt: row.RevokedAt, ReplacedBy: row.ReplacedBy},
		ID:   row.ID, ProductID: row.ProductID, Name: row.Name, Hint: row.Hint, AllowedOrigins: row.AllowedOrigins, AllowWithoutOrigin: row.AllowWithoutOrigin,
		LastUsedAt: row.LastUsedAt, Version: int(row.Version),
	}
	if row.RevokedAt == nil {
		// A key sealed with an older secret key still works; it just cannot be shown again.
		if text, err := s.keys.Open(row.KeySealed); err == nil {
			k.Text = string(text)
		}
	}
	return k
}

// KeyUses is the keyuse.Store.
type KeyUses struct{ *Store }

var _ keyuse.Store = KeyUses{}

// Record notes when keys were used last, account by account, in one transaction.
func (s KeyUses) Record(ctx context.Context, uses []keyuse.Use) error {
	// In one order, so that two dashboards do not wait for each other.
	uses = slices.SortedFunc(slices.Values(uses), func(a, b keyuse.Use) int {
		if c := slices.Compare(a.Account[:], b.Account[:]); c != 0 {
			return c
		}
		return slices.Compare(a.Key[:], b.Key[:])
	})
	err := pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		q, entered := db.New(tx), uuid.Nil
		for _, u := range uses {
			if u.Account != entered {
				if err := tenant.Enter(ctx, tx, u.Account); err != nil {
					return err
				}
				entered = u.Account
			}
			if err := q.TouchKey(ctx, db.TouchKeyParams{ID: u.Key, At: u.At}); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "noting the use of ingest keys")
}
