package tenant

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/draftlabs/specter/pkg/pg"
)

// ErrNoAccount is returned instead of entering the zero account. Nothing has
// been read or written then.
var ErrNoAccount = errors.New("no account given")

// ErrNoLookup is returned by LookupTx when nothing to look up was given.
var ErrNoLookup = errors.New("nothing to look up given")

// Tx runs fn in a transaction that sees and writes the rows of account only.
// Like pg.InTx it runs fn again after a serialization failure or a deadlock.
func Tx(ctx context.Context, db *pgxpool.Pool, account uuid.UUID, fn func(pgx.Tx) error) error {
	if account == uuid.Nil {
		return ErrNoAccount
	}
	// A UUID prints as hexadecimal digits and dashes, so it needs no quoting, and
	// entering the tenant costs no round trip of its own.
	begin := "BEGIN; SELECT set_config('specter.account_id', '" + account.String() + "', true)"
	return pg.InTxOptions(ctx, db, pgx.TxOptions{BeginQuery: begin}, fn)
}

// Enter switches the tenant inside a running transaction, for work that spans
// accounts, such as one message holding signals of many. What was read before
// stays in the caller's hands; from here on only account's rows are visible.
func Enter(ctx context.Context, tx pgx.Tx, account uuid.UUID) error {
	if account == uuid.Nil {
		return ErrNoAccount
	}
	if _, err := tx.Exec(ctx, enterSQL, account.String()); err != nil {
		return fmt.Errorf("entering the account: %w", err)
	}
	return nil
}

// enterSQL switches the tenant until the transaction ends.
const enterSQL = `SELECT set_config('specter.account_id', $1, true)`

// QueueEnter is Enter as the next statement of a batch sent inside a transaction: those
// queued after it see account's rows, without a round trip of their own.
func QueueEnter(round *pgx.Batch, account uuid.UUID) error {
	if account == uuid.Nil {
		return ErrNoAccount
	}
	round.Queue(enterSQL, account.String())
	return nil
}

// Lookup names the one row that tells which account a caller belongs to. Set one
// field; hashes are SHA-256 of the secret, never the secret.
type Lookup struct {
	TokenHash   []byte
	SessionHash []byte
	KeyHash     []byte
	ShareHash   []byte
	UserID      uuid.UUID
	HookProduct uuid.UUID // whose deploy hook a delivery names in its address
	Customer    string    // of Stripe, whom its webhooks name
	BillingDue  time.Time // shows every account whose payments are to be looked at by then
	Certificate string    // the id of a deletion's certificate: letters and digits
	PurgesDue   time.Time // shows every deletion whose purge is due by then
}

// LookupTx runs fn before the account is known. Row-level security shows fn
// exactly the row that matches l (an access token, a web session, an API key, a
// deploy hook, a link to a proof page, a customer, a deletion's certificate, the accounts of a user, or what
// is due) and nothing else.
func LookupTx(ctx context.Context, db *pgxpool.Pool, l Lookup, fn func(pgx.Tx) error) error {
	settings := l.settings()
	if len(settings) == 0 {
		return ErrNoLookup
	}
	begin := "BEGIN; SELECT " + strings.Join(settings, ", ")
	return pg.InTxOptions(ctx, db, pgx.TxOptions{BeginQuery: begin}, fn)
}

func (l Lookup) settings() []string {
	var calls []string
	set := func(name, value string) {
		// Values are hexadecimal, a UUID or a time: nothing in them needs quoting.
		calls = append(calls, "set_config('specter."+name+"', '"+value+"', true)")
	}
	if len(l.TokenHash) > 0 {
		set("token_hash", hex.EncodeToString(l.TokenHash))
	}
	if len(l.SessionHash) > 0 {
		set("session_hash", hex.EncodeToString(l.SessionHash))
	}
	if len(l.KeyHash) > 0 {
		set("key_hash", hex.EncodeToString(l.KeyHash))
	}
	if len(l.ShareHash) > 0 {
		set("share_hash", hex.EncodeToString(l.ShareHash))
	}
	if l.UserID != uuid.Nil {
		set("user_id", l.UserID.String())
	}
	if l.HookProduct != uuid.Nil {
		set("hook_product", l.HookProduct.String())
	}
	if l.Customer != "" {
		set("billing_customer", hex.EncodeToString([]byte(l.Customer)))
	}
	if !l.BillingDue.IsZero() {
		set("billing_due", l.BillingDue.UTC().Format(time.RFC3339Nano))
	}
	if isPlain(l.Certificate) {
		set("certificate", l.Certificate)
	}
	if !l.PurgesDue.IsZero() {
		set("purges_due", l.PurgesDue.UTC().Format(time.RFC3339Nano))
	}
	return calls
}

// isPlain reports whether a text is made of letters and digits, so that it needs no quoting.
func isPlain(s string) bool {
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return s != ""
}
