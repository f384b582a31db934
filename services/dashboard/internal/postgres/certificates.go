package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/tenant"
)

// Certificates reads the ledger of deleted accounts, which retention writes.
type Certificates struct{ *Store }

// Document is a certificate as it was signed.
func (s Certificates) Document(ctx context.Context, id string) (document string, err error) {
	err = tenant.LookupTx(ctx, s.db, tenant.Lookup{Certificate: id}, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT document FROM deletion_certificates WHERE id = $1`, id).Scan(&document)
	})
	if errors.Is(err, pgx.ErrNoRows) || errors.Is(err, tenant.ErrNoLookup) {
		return "", fault.New(fault.NotFound, "not_found", "There is no such certificate. It is made when everything is gone.")
	}
	return document, wrap(err, "reading a certificate")
}

// Keys are those that certificates were signed with.
func (s Certificates) Keys(ctx context.Context) ([][]byte, error) {
	rows, err := s.db.Query(ctx, `SELECT * FROM specter_certificate_keys()`)
	if err != nil {
		return nil, fmt.Errorf("reading the keys of certificates: %w", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	return keys, wrap(err, "reading the keys of certificates")
}
