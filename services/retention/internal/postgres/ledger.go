package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/services/retention/internal/postgres/db"
)

// ErrNoCertificate means that the ledger has none of that id.
var ErrNoCertificate = errors.New("there is no certificate of that id")

// Ledger is the database's part of the ledger, for the operator.
type Ledger struct{ pool *pgxpool.Pool }

// NewLedger reads in pool, which has retention's role.
func NewLedger(pool *pgxpool.Pool) Ledger { return Ledger{pool: pool} }

// OnTheirWay lists deletions that are not done, account by account.
func (l Ledger) OnTheirWay(ctx context.Context) (all []db.DeletionsOnTheirWayRow, err error) {
	accounts, err := l.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	for _, account := range accounts {
		err := tenant.Tx(ctx, l.pool, account, func(tx pgx.Tx) error {
			rows, err := db.New(tx).DeletionsOnTheirWay(ctx, account)
			all = append(all, rows...)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("listing deletions: %w", err)
		}
	}
	return all, nil
}

// Documents lists all certificates, oldest first.
func (l Ledger) Documents(ctx context.Context) ([][]byte, error) {
	texts, err := db.New(l.pool).Certificates(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing certificates: %w", err)
	}
	out := make([][]byte, len(texts))
	for i, text := range texts {
		out[i] = []byte(text)
	}
	return out, nil
}

// Document reads one certificate.
func (l Ledger) Document(ctx context.Context, id string) ([]byte, error) {
	text, err := db.New(l.pool).CertificateDocument(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNoCertificate
	}
	if err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	return []byte(text), nil
}

// Keep puts a certificate into the ledger, if it is not there.
func (l Ledger) Keep(ctx context.Context, c erasure.Certificate, document, key []byte) error {
	err := db.New(l.pool).InsertCertificate(ctx, db.InsertCertificateParams{
		ID: c.ID, Salt: c.Subject.Salt, AccountHash: c.Subject.Hash, Document: string(document), PublicKey: key, CompletedAt: c.CompletedAt,
	})
	if err != nil {
		return fmt.Errorf("keeping a certificate: %w", err)
	}
	return nil
}

// Keys are those that the ledger's certificates were signed with.
func (l Ledger) Keys(ctx context.Context) ([][]byte, error) {
	keys, err := db.New(l.pool).CertificateKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the keys of certificates: %w", err)
	}
	return keys, nil
}

// Accounts lists the ids of all accounts.
func (l Ledger) Accounts(ctx context.Context) (all []uuid.UUID, err error) {
	const page = 1000
	for after := uuid.Nil; ; {
		ids, err := accountIDs(ctx, l.pool, after, page)
		if err != nil {
			return nil, err
		}
		all = append(all, ids...)
		if len(ids) < page {
			return all, nil
		}
		after = ids[len(ids)-1]
	}
}
