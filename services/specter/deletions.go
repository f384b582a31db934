package specter

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/services/dashboard"
	"github.com/draftlabs/specter/services/retention"
	"github.com/draftlabs/specter/services/specter/internal/datadir"
)

// Deletions are those on their way, and the certificates of those that are done.
type Deletions struct {
	OnTheirWay   []retention.OnItsWay  `json:"on_their_way"`
	Certificates []erasure.Certificate `json:"certificates"`
	Documents    [][]byte              `json:"-"`
}

// ListDeletions reads the ledger of the operator's database.
func ListDeletions(ctx context.Context, src config.Source) (out Deletions, err error) {
	err = operateAs(ctx, src, retentionName, func(db *pgxpool.Pool) error {
		if out.OnTheirWay, out.Documents, err = retention.Deletions(ctx, db); err != nil {
			return err
		}
		for _, document := range out.Documents {
			c, _, err := erasure.Verify(document)
			if err != nil {
				return err
			}
			out.Certificates = append(out.Certificates, c)
		}
		return nil
	})
	return out, err
}

// ShowDeletion reads one certificate; retention.ErrNoCertificate when there is none.
func ShowDeletion(ctx context.Context, src config.Source, id string) (document []byte, err error) {
	err = operateAs(ctx, src, retentionName, func(db *pgxpool.Pool) error {
		document, err = retention.Certificate(ctx, db, id)
		return err
	})
	return document, err
}

// Replayed says what ReplayDeletions found.
type Replayed struct {
	retention.Brought
	Again int `json:"deleted_again"` // accounts whose deletion begins at once
}

// ReplayDeletions deletes again what a restored backup has brought back, by a ledger that was kept outside it.
func ReplayDeletions(ctx context.Context, src config.Source, ledger []byte) (out Replayed, err error) {
	key, err := secretKey(src)
	if err != nil {
		return out, err
	}
	err = operateAs(ctx, src, retentionName, func(db *pgxpool.Pool) error {
		out.Brought, err = retention.BroughtBack(ctx, db, ledger, key)
		return err
	})
	if err != nil || len(out.Accounts) == 0 {
		return out, err
	}
	return out, operate(ctx, src, func(db *pgxpool.Pool) error {
		for _, account := range out.Accounts {
			_, err := dashboard.CloseAccount(ctx, db, account, 0, time.Now())
			if known := fault.As(err); known != nil && known.Kind == fault.Conflict {
				continue // the backup knew that it was to be deleted, and goes on with it
			}
			if err != nil {
				return err
			}
			out.Again++
		}
		return nil
	})
}

// DeleteAccount schedules the deletion of the account with this e-mail address, as its owner would; it tells when
// everything goes.
func DeleteAccount(ctx context.Context, src config.Source, email string, grace time.Duration) (purge time.Time, err error) {
	err = operate(ctx, src, func(db *pgxpool.Pool) error {
		id, err := dashboard.FindAccount(ctx, db, email)
		if err == nil {
			purge, err = dashboard.CloseAccount(ctx, db, id, grace, time.Now())
		}
		return err
	})
	return purge, err
}

// DeletionGrace is how long the deletion of an account can be cancelled under these settings.
func DeletionGrace(src config.Source) (time.Duration, error) {
	grace, err := dashboard.DeletionGrace(src)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return grace, nil
}

// CancelDeletion opens a closed account again, while its purge has not begun.
func CancelDeletion(ctx context.Context, src config.Source, email string) error {
	return operate(ctx, src, func(db *pgxpool.Pool) error {
		id, err := dashboard.FindAccount(ctx, db, email)
		if err != nil {
			return err
		}
		return dashboard.ReopenAccount(ctx, db, id, time.Now())
	})
}

// secretKey is the operator's, or the data directory's.
func secretKey(src config.Source) (string, error) {
	own, _, err := load(src)
	if err != nil || own.SecretKey != "" {
		return own.SecretKey, err
	}
	secrets, err := datadir.ReadSecrets(own.DataDir)
	if err != nil {
		return "", fmt.Errorf("%w: SPECTER_SECRET_KEY is not set: %w", ErrSettings, err)
	}
	return secrets.SecretKey, nil
}
