package catalog

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/telemetry"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
)

const (
	keyPrefix     = "key."
	productPrefix = "product."

	checkEvery   = 5 * time.Second
	checkTimeout = 3 * time.Second
	retryEvery   = 500 * time.Millisecond
	// behindFor is how long the copy may trail the bucket before the watch is taken for lost and
	// built anew.
	behindFor = 3 * checkEvery
)

// KeyName is the bucket's key of an ingest key, by the SHA-256 of the key.
func KeyName(keyHash []byte) string { return keyPrefix + hex.EncodeToString(keyHash) }

// ProductName is the bucket's key of a product.
func ProductName(id uuid.UUID) string { return productPrefix + id.String() }

// Watcher keeps the copy. Its lookups are safe for concurrent use, lock-free but for a map read,
// and answer nothing before Run is ready. What they return is shared: do not change it.
type Watcher struct {
	bus *bus.Bus
	log *zap.Logger
	now func() time.Time

	entries atomic.Pointer[entries]
	fresh   atomic.Int64 // unix nanoseconds of the last moment the copy was known to be complete
}

type entries struct {
	mu       sync.RWMutex
	keys     map[string]*catalogv1.Key // by hex hash
	products map[string]*catalogv1.Product
	revision uint64
}

// NewWatcher prepares a watcher; nothing is read before Run.
func NewWatcher(b *bus.Bus, log *zap.Logger, now func() time.Time) *Watcher {
	w := &Watcher{bus: b, log: log.Named("catalog"), now: now}
	w.entries.Store(newEntries())
	telemetry.MustRegister(b.Registerer(), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "specter_catalog_staleness_seconds",
		Help: "Time since the copy of the catalogue was last known to be complete; -1 before the first time.",
	}, func() float64 {
		if age, known := w.Staleness(); known {
			return age.Seconds()
		}
		return -1
	}))
	return w
}

func newEntries() *entries {
	return &entries{keys: map[string]*catalogv1.Key{}, products: map[string]*catalogv1.Product{}}
}

// Key finds an ingest key by the SHA-256 of the key.
func (w *Watcher) Key(hash []byte) (*catalogv1.Key, bool) {
	e := w.entries.Load()
	e.mu.RLock()
	defer e.mu.RUnlock()
	key, ok := e.keys[hex.EncodeToString(hash)]
	return key, ok
}

// Product finds a product.
func (w *Watcher) Product(id uuid.UUID) (*catalogv1.Product, bool) {
	e := w.entries.Load()
	e.mu.RLock()
	defer e.mu.RUnlock()
	product, ok := e.products[id.String()]
	return product, ok
}

// Staleness is the time since the copy was last known to be complete; known is false before the
// first time.
func (w *Watcher) Staleness() (age time.Duration, known bool) {
	at := w.fresh.Load()
	if at == 0 {
		return 0, false
	}
	return max(0, w.now().Sub(time.Unix(0, at))), true
}

// Run keeps the copy current until ctx is done. It is ready when the whole bucket has been read.
func (w *Watcher) Run(ctx context.Context, ready func()) error {
	var once sync.Once
	for ctx.Err() == nil {
		err := w.watch(ctx, func() { once.Do(ready) })
		if err != nil && ctx.Err() == nil {
			w.log.Warn("watching the catalogue was interrupted; the last known state is served", zap.Error(err))
			pause(ctx, retryEvery)
		}
	}
	return nil
}

// watch builds a new copy, shows it once it is complete, and updates it until the watch is lost.
// Building anew is what notices entries deleted while nobody watched.
func (w *Watcher) watch(ctx context.Context, complete func()) error {
	bucket, err := w.bus.JetStream().KeyValue(ctx, event.CatalogBucket)
	if err != nil {
		return fmt.Errorf("opening bucket %s: %w", event.CatalogBucket, err)
	}
	updates, err := bucket.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("watching bucket %s: %w", event.CatalogBucket, err)
	}
	defer func() { _ = updates.Stop() }() // fails only when the connection is gone, and the watch with it

	// After a lost connection the watch would find out by itself, but only by missing heartbeats.
	back := w.bus.Conn().StatusChanged(nats.CONNECTED)
	defer w.bus.Conn().RemoveStatusListener(back)

	next := newEntries()
	check := time.NewTicker(checkEvery)
	defer check.Stop()
	shown, caughtUp := false, w.now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case update, open := <-updates.Updates():
			switch {
			case !open:
				return errors.New("the watch ended")
			case update == nil: // all that was there when the watch began
				w.entries.Store(next)
				w.fresh.Store(w.now().UnixNano())
				shown, caughtUp = true, w.now()
				complete()
			default:
				w.apply(next, update)
			}
		case <-back:
			return errors.New("the connection was lost and is back")
		case <-check.C:
			switch current, err := w.current(ctx, next); {
			case err != nil:
				// The broker is away; the connection brings the watch back.
			case current && shown:
				caughtUp = w.now()
				w.fresh.Store(caughtUp.UnixNano())
			case w.now().Sub(caughtUp) > behindFor && shown:
				return errors.New("the copy stays behind the bucket")
			}
		}
	}
}

// current reports whether e has seen the newest write of the bucket.
func (w *Watcher) current(ctx context.Context, e *entries) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	stream, err := w.bus.JetStream().Stream(ctx, "KV_"+event.CatalogBucket)
	if err != nil {
		return false, fmt.Errorf("reading the state of bucket %s: %w", event.CatalogBucket, err)
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	state := stream.CachedInfo().State
	return state.Msgs == 0 || e.revision >= state.LastSeq, nil
}

func (w *Watcher) apply(e *entries, update jetstream.KeyValueEntry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.revision = max(e.revision, update.Revision())
	name, gone := update.Key(), update.Operation() != jetstream.KeyValuePut
	if hash, ok := strings.CutPrefix(name, keyPrefix); ok {
		set(w.log, e.keys, hash, &catalogv1.Key{}, update.Value(), gone)
	} else if id, ok := strings.CutPrefix(name, productPrefix); ok {
		set(w.log, e.products, id, &catalogv1.Product{}, update.Value(), gone)
	}
}

// set decodes value into entry. One that cannot be read is dropped: a key that may have been
// revoked must not go on working.
func set[M proto.Message](log *zap.Logger, in map[string]M, name string, entry M, value []byte, gone bool) {
	if gone {
		delete(in, name)
		return
	}
	if err := proto.Unmarshal(value, entry); err != nil {
		log.Error("unreadable catalogue entry", zap.Int("bytes", len(value)), zap.Error(err))
		delete(in, name)
		return
	}
	in[name] = entry
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
