package catalog

import (
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/origin"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
)

// hashSize is that of SHA-256.
const hashSize = 32

// Grant is what an ingest key allows, put together from the key's, its product's and its account's
// entries when one of them arrives. It is shared and never changes: a change makes a new one.
type Grant struct {
	AccountID uuid.UUID
	ProductID uuid.UUID
	KeyID     uuid.UUID // uuid.Nil when its entry names none

	ExpiresAt  time.Time // of the key; zero is never
	Revoked    bool      // the key was
	Closed     bool      // the product or its account takes no signals any more
	Incomplete bool      // the product's entry has not arrived yet: worth a retry

	Origins       origin.Set             // of the pages that may use the key
	NeedsOrigin   bool                   // requests that name no origin may not use it
	RatePerSecond int                    // signals of the product; 0: the gateway's default
	MonthlyLimit  int64                  // signals of the account in a calendar month (UTC), with its grace; 0: unlimited
	Contexts      map[uuid.UUID]struct{} // of the product

	Use *Use // of the key, whatever becomes of its product and account
}

// Expired tells whether the key has ended by itself.
func (g *Grant) Expired(at time.Time) bool { return !g.ExpiresAt.IsZero() && !at.Before(g.ExpiresAt) }

// HasContext reports whether the context belongs to the product.
func (g *Grant) HasContext(id uuid.UUID) bool {
	_, ok := g.Contexts[id]
	return ok
}

// entries is one complete copy of the bucket. One goroutine writes; anybody reads once it is shown.
type entries struct {
	keys     *table[[hashSize]byte, *keyEntry]
	products *table[uuid.UUID, *productEntry]
	accounts *table[uuid.UUID, *catalogv1.Account]

	// Whose grants a changed entry touches. Only the writer uses these.
	ofProduct map[uuid.UUID]map[[hashSize]byte]struct{}
	ofAccount map[uuid.UUID]map[[hashSize]byte]struct{}

	// Only the writer uses these.
	revision uint64 // of the newest write seen; 0 = there never was any
	noted    bool   // the bucket has been noted as complete
	complete bool   // grants are built as entries arrive, not all at once at the end

	certain atomic.Bool // a key that is not here does not exist
}

type keyEntry struct {
	account, product, id uuid.UUID
	revoked, needsOrigin bool
	expiresAt            time.Time
	origins              origin.Set
	use                  *Use
	grant                *Grant
}

type productEntry struct {
	message  *catalogv1.Product
	account  uuid.UUID
	contexts map[uuid.UUID]struct{}
}

func newEntries() *entries {
	return &entries{
		keys:      newTable[[hashSize]byte, *keyEntry](func(h [hashSize]byte) uint16 { return uint16(h[0]) | uint16(h[1])<<8 }),
		products:  newTable[uuid.UUID, *productEntry](shardOfID),
		accounts:  newTable[uuid.UUID, *catalogv1.Account](shardOfID),
		ofProduct: map[uuid.UUID]map[[hashSize]byte]struct{}{},
		ofAccount: map[uuid.UUID]map[[hashSize]byte]struct{}{},
	}
}

// shardOfID uses the end of an id: the beginning of a UUIDv7 is the time.
func shardOfID(id uuid.UUID) uint16 { return uint16(id[14]) | uint16(id[15])<<8 }

// finish builds every grant; from now on others may read.
func (e *entries) finish() {
	e.keys.each(func(_ [hashSize]byte, key *keyEntry) { key.grant = e.grant(key) })
	e.keys.freeze()
	e.products.freeze()
	e.accounts.freeze()
	e.complete = true
}

// lacks reports whether entries of a copy before are missing in a new one because the broker has lost them,
// and not because somebody has deleted them: then the bucket would go on counting its writes, and keep the
// note that it was complete.
func (e *entries) lacks(before *entries) bool {
	return !e.noted && (before.noted || e.revision < before.revision)
}

// startOver makes a copy of a lost bucket that of another, which has written nothing yet.
func (e *entries) startOver() { e.revision, e.noted = 0, false }

// apply takes one write of the bucket. An entry that cannot be read is treated as deleted, and
// reported: a key that may have been revoked must not go on working in its old form.
func (e *entries) apply(name string, value []byte, gone bool) error {
	switch {
	case strings.HasPrefix(name, keyPrefix):
		return e.applyKey(name[len(keyPrefix):], value, gone)
	case strings.HasPrefix(name, productPrefix):
		return e.applyProduct(name[len(productPrefix):], value, gone)
	case strings.HasPrefix(name, accountPrefix):
		return e.applyAccount(name[len(accountPrefix):], value, gone)
	case name == CompleteName:
		e.noted = !gone
		return nil
	default:
		return nil // an entry of a newer release
	}
}

func (e *entries) applyKey(name string, value []byte, gone bool) error {
	var hash [hashSize]byte
	if n, err := hex.Decode(hash[:], []byte(name)); len(name) != 2*hashSize || err != nil || n != hashSize {
		return fmt.Errorf("an ingest key's entry has a name of %d characters that is no SHA-256", len(name))
	}
	if before, ok := e.keys.get(hash); ok {
		unlink(e.ofProduct, before.product, hash)
		unlink(e.ofAccount, before.account, hash)
	}
	if gone {
		e.keys.delete(hash)
		return nil
	}
	key, err := decodeKey(value)
	if err != nil {
		e.keys.delete(hash)
		return err
	}
	link(e.ofProduct, key.product, hash)
	link(e.ofAccount, key.account, hash)
	if e.complete {
		key.grant = e.grant(key)
	}
	e.keys.set(hash, key)
	return nil
}

func decodeKey(value []byte) (*keyEntry, error) {
	var message catalogv1.Key
	if err := proto.Unmarshal(value, &message); err != nil {
		return nil, fmt.Errorf("decoding an ingest key's entry: %w", err)
	}
	key := &keyEntry{
		revoked: message.GetRevoked(), origins: origin.NewSet(message.GetAllowedOrigins()), use: new(Use),
	}
	key.needsOrigin = key.origins.Restricted() && message.GetRefuseWithoutOrigin()
	if at := message.GetExpiresAt(); at != 0 {
		key.expiresAt = time.UnixMilli(at)
	}
	var err error
	if key.account, err = uuid.Parse(message.GetAccountId()); err != nil {
		return nil, fmt.Errorf("reading the account of an ingest key's entry: %w", err)
	}
	if key.product, err = uuid.Parse(message.GetProductId()); err != nil {
		return nil, fmt.Errorf("reading the product of an ingest key's entry: %w", err)
	}
	key.id, _ = uuid.Parse(message.GetKeyId()) // nothing is granted by it
	return key, nil
}

func (e *entries) applyProduct(name string, value []byte, gone bool) error {
	id, err := uuid.Parse(name)
	if err != nil {
		return fmt.Errorf("reading the name of a product's entry: %w", err)
	}
	defer func() { e.rebuild(e.ofProduct[id]) }()
	if gone {
		e.products.delete(id)
		return nil
	}
	product := &productEntry{message: &catalogv1.Product{}}
	if err := decodeProduct(product, value); err != nil {
		e.products.delete(id)
		return err
	}
	e.products.set(id, product)
	return nil
}

func decodeProduct(p *productEntry, value []byte) error {
	if err := proto.Unmarshal(value, p.message); err != nil {
		return fmt.Errorf("decoding a product's entry: %w", err)
	}
	var err error
	if p.account, err = uuid.Parse(p.message.GetAccountId()); err != nil {
		return fmt.Errorf("reading the account of a product's entry: %w", err)
	}
	p.contexts = make(map[uuid.UUID]struct{}, len(p.message.GetContextIds()))
	for _, text := range p.message.GetContextIds() {
		id, err := uuid.Parse(text)
		if err != nil {
			return fmt.Errorf("reading the contexts of a product's entry: %w", err)
		}
		p.contexts[id] = struct{}{}
	}
	return nil
}

func (e *entries) applyAccount(name string, value []byte, gone bool) error {
	id, err := uuid.Parse(name)
	if err != nil {
		return fmt.Errorf("reading the name of an account's entry: %w", err)
	}
	defer func() { e.rebuild(e.ofAccount[id]) }()
	if gone {
		e.accounts.delete(id)
		return nil
	}
	account := &catalogv1.Account{}
	if err := proto.Unmarshal(value, account); err != nil {
		e.accounts.delete(id)
		return fmt.Errorf("decoding an account's entry: %w", err)
	}
	e.accounts.set(id, account)
	return nil
}

// rebuild makes the grants of hashes anew.
func (e *entries) rebuild(hashes map[[hashSize]byte]struct{}) {
	if !e.complete {
		return
	}
	for hash := range hashes {
		before, ok := e.keys.get(hash)
		if !ok {
			continue
		}
		after := *before
		after.grant = e.grant(&after)
		e.keys.set(hash, &after)
	}
}

func (e *entries) grant(key *keyEntry) *Grant {
	g := &Grant{
		AccountID: key.account, ProductID: key.product, KeyID: key.id,
		Revoked: key.revoked, ExpiresAt: key.expiresAt, Origins: key.origins, NeedsOrigin: key.needsOrigin, Use: key.use,
	}
	if account, ok := e.accounts.get(key.account); ok {
		g.Closed = account.GetClosed()
		if limit := account.GetMonthlySignalLimit(); limit > 0 {
			g.MonthlyLimit = limit + max(0, account.GetMonthlySignalGrace())
		}
	}
	product, ok := e.products.get(key.product)
	if !ok || product.account != key.account {
		g.Incomplete = true
		return g
	}
	g.Closed = g.Closed || product.message.GetClosed()
	g.RatePerSecond = int(product.message.GetRateLimitPerSecond())
	g.Contexts = product.contexts
	return g
}

func link(in map[uuid.UUID]map[[hashSize]byte]struct{}, id uuid.UUID, hash [hashSize]byte) {
	of, ok := in[id]
	if !ok {
		of = make(map[[hashSize]byte]struct{}, 1)
		in[id] = of
	}
	of[hash] = struct{}{}
}

func unlink(in map[uuid.UUID]map[[hashSize]byte]struct{}, id uuid.UUID, hash [hashSize]byte) {
	delete(in[id], hash)
	if len(in[id]) == 0 {
		delete(in, id)
	}
}
