package retention

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/services/retention/internal/ledger"
	"github.com/draftlabs/specter/services/retention/internal/postgres"
)

// OnItsWay is a deletion that is scheduled or at work.
type OnItsWay struct {
	Certificate string    `json:"certificate"` // its id
	RequestedAt time.Time `json:"requested_at"`
	PurgeAt     time.Time `json:"purge_at"`
	Begun       bool      `json:"begun"`
}

// Deletions lists those on their way, the next one first, and the certificates of those that are done, oldest first.
func Deletions(ctx context.Context, db *pgxpool.Pool) ([]OnItsWay, [][]byte, error) {
	store := postgres.NewLedger(db)
	scheduled, err := store.OnTheirWay(ctx)
	if err != nil {
		return nil, nil, err
	}
	out := make([]OnItsWay, len(scheduled))
	for i, d := range scheduled {
		out[i] = OnItsWay{Certificate: d.CertificateID, RequestedAt: d.RequestedAt, PurgeAt: d.PurgeAt, Begun: d.Begun}
	}
	done, err := store.Documents(ctx)
	return out, done, err
}

// Certificate reads one certificate; ErrNoCertificate when the ledger has none of that id.
func Certificate(ctx context.Context, db *pgxpool.Pool, id string) ([]byte, error) {
	return postgres.NewLedger(db).Document(ctx, id)
}

// ErrNoCertificate means that the ledger has none of that id.
var ErrNoCertificate = postgres.ErrNoCertificate

// Brought is what a ledger finds in a database that was restored.
type Brought struct {
	Certificates int         `json:"certificates"` // in the ledger
	Unreadable   int         `json:"unreadable"`   // lines of it that are no certificate
	Accounts     []uuid.UUID `json:"-"`            // that were deleted and are there again
}

// BroughtBack compares a ledger with the accounts there are, and puts certificates that the database has lost
// into it again.
func BroughtBack(ctx context.Context, db *pgxpool.Pool, text []byte, secretKey string) (Brought, error) {
	signer, err := erasure.NewSigner(secretKey)
	if err != nil {
		return Brought{}, err
	}
	documents, torn := ledger.Read(text)
	out := Brought{Certificates: len(documents), Unreadable: torn}
	store := postgres.NewLedger(db)
	known, err := store.Keys(ctx)
	if err != nil {
		return out, err
	}
	known = append(known, signer.PublicKey())
	var subjects []erasure.Subject
	for _, document := range documents {
		c, key, err := erasure.Verify(document)
		if err != nil {
			return out, err
		}
		if !slices.ContainsFunc(known, func(k []byte) bool { return bytes.Equal(k, key) }) {
			return out, fmt.Errorf("the certificate %s was signed with a key that is not this Specter's: is SPECTER_SECRET_KEY the one it ran with?", c.ID)
		}
		if err := store.Keep(ctx, c, document, key); err != nil {
			return out, err
		}
		subjects = append(subjects, c.Subject)
	}
	accounts, err := store.Accounts(ctx)
	if err != nil {
		return out, err
	}
	for _, account := range accounts {
		if slices.ContainsFunc(subjects, func(s erasure.Subject) bool { return s.Is(account) }) {
			out.Accounts = append(out.Accounts, account)
		}
	}
	return out, nil
}
