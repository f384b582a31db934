package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/pg"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
	"github.com/draftlabs/specter/services/dashboard/internal/rebuild"
)

// The gateway's catalogue is written through the outbox in the transaction that changes the key,
// product or account (ADR 6). The caller holds the row's lock, so that the entries of one row leave
// in the order of its changes.

func (s *Store) publishAccount(ctx context.Context, tx pgx.Tx, row db.Account) error {
	value, err := proto.Marshal(&catalogv1.Account{
		AccountId: row.ID.String(), MonthlySignalLimit: row.MonthlySignalLimit, MonthlySignalGrace: row.MonthlySignalGrace, Closed: row.ClosedAt != nil, Plan: row.Plan,
	})
	if err != nil {
		return fmt.Errorf("encoding the account's catalogue entry: %w", err)
	}
	return s.outbox.PutKV(ctx, tx, catalog.AccountName(row.ID), value)
}

func (s *Store) publishProduct(ctx context.Context, tx pgx.Tx, q *db.Queries, accountID, id uuid.UUID, closed bool) error {
	contexts, err := q.ContextIDs(ctx, id)
	if err != nil {
		return fmt.Errorf("reading the product's contexts: %w", err)
	}
	entry := &catalogv1.Product{ProductId: id.String(), AccountId: accountID.String(), Closed: closed}
	for _, c := range contexts {
		if c.IsDefault {
			entry.DefaultContextId = c.ID.String()
		}
		entry.ContextIds = append(entry.ContextIds, c.ID.String())
	}
	value, err := proto.Marshal(entry)
	if err != nil {
		return fmt.Errorf("encoding the product's catalogue entry: %w", err)
	}
	return s.outbox.PutKV(ctx, tx, catalog.ProductName(id), value)
}

// publishProducts writes every product's catalogue entry again, open or closed.
func (s *Store) publishProducts(ctx context.Context, tx pgx.Tx, q *db.Queries, accountID uuid.UUID, closed bool) error {
	ids, err := q.AllProductIDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.publishProduct(ctx, tx, q, accountID, id, closed); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) publishKey(ctx context.Context, tx pgx.Tx, accountID uuid.UUID, k db.ApiKey) error {
	entry := &catalogv1.Key{
		KeyId: k.ID.String(), AccountId: accountID.String(), ProductId: k.ProductID.String(), AllowedOrigins: k.AllowedOrigins, Revoked: k.RevokedAt != nil,
		RefuseWithoutOrigin: !k.AllowWithoutOrigin,
	}
	if k.ExpiresAt != nil {
		entry.ExpiresAt = k.ExpiresAt.UnixMilli()
	}
	value, err := proto.Marshal(entry)
	if err != nil {
		return fmt.Errorf("encoding the key's catalogue entry: %w", err)
	}
	return s.outbox.PutKV(ctx, tx, catalog.KeyName(k.KeyHash), value)
}

// AccountByEmail finds the one account with this e-mail address.
func (s *Store) AccountByEmail(ctx context.Context, email string) (uuid.UUID, error) {
	ids, err := db.New(s.db).AccountsByEmail(ctx, email)
	switch {
	case err != nil:
		return uuid.Nil, fmt.Errorf("finding the account: %w", err)
	case len(ids) == 0:
		return uuid.Nil, fault.New(fault.NotFound, "not_found", "No account has this e-mail address.")
	case len(ids) > 1:
		return uuid.Nil, fault.Newf(fault.Conflict, "conflict", "%d accounts have this e-mail address.", len(ids))
	}
	return ids[0], nil
}

// Accounts lists ids of accounts in their order.
func (s *Store) Accounts(ctx context.Context, after uuid.UUID, n int) ([]uuid.UUID, error) {
	ids, err := db.New(s.db).AccountIDs(ctx, db.AccountIDsParams{AfterID: after, RowLimit: int32(n)})
	if err != nil {
		return nil, fmt.Errorf("listing the accounts: %w", err)
	}
	return ids, nil
}

// Catalog is the rebuild.Source.
type Catalog struct{ *Store }

var _ rebuild.Source = Catalog{}

// Publish writes every entry of an account into the outbox. It locks the rows they come from: a
// change that is under way is published before or after, never in between.
func (s Catalog) Publish(ctx context.Context, accountID uuid.UUID) ([]string, error) {
	var names []string
	err := s.in(ctx, accountID, func(tx pgx.Tx, q *db.Queries) error {
		names = names[:0]
		row, err := q.LockAccount(ctx, accountID)
		if err != nil {
			return found(err)
		}
		// What retention has taken out of the catalogue must not come back.
		if gone, err := q.PurgeBegun(ctx, accountID); err != nil || gone {
			return err
		}
		if err := s.publishAccount(ctx, tx, row); err != nil {
			return err
		}
		names = append(names, catalog.AccountName(accountID))
		products, err := q.LockProducts(ctx)
		if err != nil {
			return fmt.Errorf("reading the products: %w", err)
		}
		for _, id := range products {
			if err := s.publishProduct(ctx, tx, q, accountID, id, row.ClosedAt != nil); err != nil {
				return err
			}
			names = append(names, catalog.ProductName(id))
		}
		keys, err := q.LockKeys(ctx)
		if err != nil {
			return fmt.Errorf("reading the keys: %w", err)
		}
		for _, key := range keys {
			if err := s.publishKey(ctx, tx, accountID, key); err != nil {
				return err
			}
			names = append(names, catalog.KeyName(key.KeyHash))
		}
		return nil
	})
	if fault.Is(err, fault.NotFound) { // deleted meanwhile
		return nil, nil
	}
	return names, wrap(err, "publishing the account's catalogue entries")
}

// Waiting tells how many rows the outbox holds up to a position, and the newest position.
func (s Catalog) Waiting(ctx context.Context, upTo int64) (n, newest int64, err error) {
	err = pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE seq <= $1), coalesce(max(seq), 0) FROM outbox_dashboard`, upTo).Scan(&n, &newest)
	})
	return n, newest, wrap(err, "looking at the outbox")
}
