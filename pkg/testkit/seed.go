package testkit

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/tenant"
)

// Tenant is a complete account to work with.
type Tenant struct {
	AccountID uuid.UUID
	UserID    uuid.UUID
	Email     string
	ProductID uuid.UUID
	// ContextID is the product's default context.
	ContextID uuid.UUID
	KeyID     uuid.UUID
	// Key is the ingest key as a product sends it, KeyHash what the database has.
	Key     string
	KeyHash []byte
	// Token is an access token with every scope given to SeedTenant.
	Token   string
	TokenID uuid.UUID
}

// Seed changes what SeedTenant inserts.
type Seed struct {
	Email         string
	ProductName   string
	TimeZone      string // "" = UTC
	ContextName   string
	PositiveTypes []string // nil = purchase
	NegativeTypes []string // nil = js_error, rage_click
	TokenScopes   []string // nil = {"*"}
}

// SeedTenant inserts an account with a product, its default context, an ingest key
// and an access token, through the writer's role and row-level security.
func SeedTenant(t testing.TB, db *DB, seed ...Seed) Tenant {
	t.Helper()
	var s Seed
	if len(seed) > 0 {
		s = seed[0]
	}
	out := Tenant{
		AccountID: newID(t), UserID: newID(t), ProductID: newID(t), ContextID: newID(t), KeyID: newID(t), TokenID: newID(t),
		Key: apikey.New("spk_"), Token: apikey.New("spt_"),
	}
	out.Email = s.Email
	if out.Email == "" {
		out.Email = fmt.Sprintf("owner-%s@example.test", out.UserID)
	}
	out.KeyHash = apikey.Hash(out.Key)

	pool := db.PoolOf(t, "specter_dashboard", 1)
	defer pool.Close()
	err := tenant.Tx(context.Background(), pool, out.AccountID, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`INSERT INTO accounts (id, owner_user_id, email) VALUES ($1, $2, $3)`, out.AccountID, out.UserID, out.Email)
		b.Queue(`INSERT INTO products (id, account_id, name, time_zone) VALUES ($1, $2, $3, $4)`,
			out.ProductID, out.AccountID, or(s.ProductName, "Test shop"), or(s.TimeZone, "UTC"))
		b.Queue(`INSERT INTO contexts (id, account_id, product_id, name, positive_types, negative_types, is_default) VALUES ($1, $2, $3, $4, $5, $6, true)`,
			out.ContextID, out.AccountID, out.ProductID, or(s.ContextName, "Everything"),
			orList(s.PositiveTypes, "purchase"), orList(s.NegativeTypes, "js_error", "rage_click"))
		b.Queue(`INSERT INTO api_keys (id, account_id, product_id, name, key_hash, key_sealed, hint) VALUES ($1, $2, $3, 'Test key', $4, '\x', $5)`,
			out.KeyID, out.AccountID, out.ProductID, out.KeyHash, apikey.Display(out.Key))
		b.Queue(`INSERT INTO access_tokens (id, account_id, name, token_hash, hint, scopes) VALUES ($1, $2, 'Test token', $3, $4, $5)`,
			out.TokenID, out.AccountID, apikey.Hash(out.Token), apikey.Display(out.Token), orList(s.TokenScopes, "*"))
		return tx.SendBatch(context.Background(), b).Close()
	})
	if err != nil {
		t.Fatalf("seeding a tenant: %v", err)
	}
	return out
}

func newID(t testing.TB) uuid.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatalf("making an id: %v", err)
	}
	return id
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func orList(s []string, otherwise ...string) []string {
	if s == nil {
		return otherwise
	}
	return s
}
