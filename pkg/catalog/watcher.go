package catalog

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/telemetry"
)

const (
	keyPrefix     = "key."
	productPrefix = "product."
	accountPrefix = "account."

	checkEvery   = 5 * time.Second
	checkTimeout = 3 * time.Second
	retryEvery   = 500 * time.Millisecond
	// behindFor is how long the copy may trail the bucket before the watch is taken for lost and
	// built anew.
	behindFor = 3 * checkEvery
)

// CompleteName is the bucket's key of the note that every account's entries have been written since
// the bucket was made. A gateway that knew another bucket before goes on serving what it knew until
// then.
const CompleteName = "complete"

// KeyName is the bucket's key of an ingest key, by the SHA-256 of the key.
func KeyName(keyHash []byte) string { return keyPrefix + hex.EncodeToString(keyHash) }

// ProductName is the bucket's key of a product.
func ProductName(id uuid.UUID) string { return productPrefix + id.String() }

// AccountName is the bucket's key of an account.
func AccountName(id uuid.UUID) string { return accountPrefix + id.String() }

// Watcher keeps the copy. Its lookups are safe for concurrent use, take no lock, and answer nothing
// before Run is ready. What they return is shared: do not change it.
type Watcher struct {
	bus *bus.Bus
	log *zap.Logger
	now func() time.Time

	entries atomic.Pointer[entries]
	lost    bool         // the broker has lost what the copy has; touched by Run only
	fresh   atomic.Int64 // unix nanoseconds of the last moment the copy was known to be complete
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

// Resolve finds what an ingest key allows, by the SHA-256 of the key. It allocates nothing.
func (w *Watcher) Resolve(hash [hashSize]byte) (*Grant, bool) {
	key, ok := w.entries.Load().keys.get(hash)
	if !ok {
		return nil, false
	}
	return key.grant, true
}

// Complete reports whether a key that Resolve does not know does not exist: false before the bucket
// has been read, while nothing has ever been written to it, and after it was lost until it is complete
// again.
func (w *Watcher) Complete() bool { return w.entries.Load().certain.Load() }

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
		switch err := w.watch(ctx, func() { once.Do(ready) }); {
		case ctx.Err() != nil:
		case errors.Is(err, errLost):
			w.lost = true
			w.entries.Load().certain.Store(false)
			w.log.Warn("the broker has lost the catalogue; the last known state is served until the dashboard has made it anew")
		case errors.Is(err, errFound):
			w.lost = false
			w.log.Info("the catalogue is complete again")
		case err != nil:
			w.log.Warn("watching the catalogue was interrupted; the last known state is served", zap.Error(err))
			pause(ctx, retryEvery)
		}
	}
	return nil
}

var (
	errLost  = errors.New("the bucket is not the one that was known")
	errFound = errors.New("the bucket is complete again")
)

// watch brings a copy up to what the bucket has, shows it then, and keeps it current until the watch is
// lost:
//
//	            nothing missing               noted as complete
//	a new copy ─────────────────▶ shown   lost ────────────────▶ a new copy
//	     │      entries are missing        ▲
//	     └─────────────────────────────────┘
//
// A new copy is what notices entries that were deleted while nobody watched. When the bucket was lost the
// old copy stays instead, and takes what is written now.
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

	next, before := newEntries(), w.entries.Load()
	if w.lost {
		next = before
		next.startOver()
	}
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
				if !w.lost {
					if next.lacks(before) {
						return errLost
					}
					next.finish()
					next.certain.Store(next.revision > 0)
					w.entries.Store(next)
				}
				shown, caughtUp = true, w.now()
				w.confirm()
				complete()
			default:
				w.apply(next, update)
				if w.lost && next.noted {
					return errFound
				}
				next.certain.Store(shown && !w.lost)
			}
		case <-back:
			return errors.New("the connection was lost and is back")
		case <-check.C:
			switch current, err := w.current(ctx, next); {
			case err != nil:
				// The broker is away; the connection brings the watch back.
			case current && shown:
				caughtUp = w.now()
				w.confirm()
			case w.now().Sub(caughtUp) > behindFor && shown:
				return errors.New("the copy stays behind the bucket")
			}
		}
	}
}

// confirm notes that the copy is complete, unless it is that of a bucket that is no more.
func (w *Watcher) confirm() {
	if !w.lost {
		w.fresh.Store(w.now().UnixNano())
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
	state := stream.CachedInfo().State
	if state.Msgs == 0 || e.revision >= state.LastSeq {
		return true, nil
	}
	// The newest write may be one that was erased: a deleted account leaves no marker behind.
	newest, err := stream.GetLastMsgForSubject(ctx, event.CatalogSubject(">"))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the newest entry of bucket %s: %w", event.CatalogBucket, err)
	}
	return e.revision >= newest.Sequence, nil
}

func (w *Watcher) apply(e *entries, update jetstream.KeyValueEntry) {
	e.revision = max(e.revision, update.Revision())
	gone := update.Operation() != jetstream.KeyValuePut
	if err := e.apply(update.Key(), update.Value(), gone); err != nil {
		w.log.Error("unreadable catalogue entry", zap.Int("bytes", len(update.Value())), zap.Error(err))
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
