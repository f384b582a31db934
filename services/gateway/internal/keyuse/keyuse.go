package keyuse

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/telemetry"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

const (
	flushEvery  = 2 * time.Second
	flushTime   = time.Second // publishing may take, each time
	maxKeys     = 32768       // kept between two flushes, some 3 MiB
	usesMessage = 8192        // in one message, some 400 KiB
)

// Recorder collects uses and publishes them while Run runs. Note is safe for concurrent use.
type Recorder struct {
	bus     *bus.Bus
	log     *zap.Logger
	now     func() time.Time
	every   time.Duration
	dropped prometheus.Counter

	mu      sync.Mutex
	pending map[uuid.UUID]use // by key
}

type use struct {
	account uuid.UUID
	at      time.Time
}

var _ lifecycle.Service = (*Recorder)(nil)

// New returns a recorder that publishes on b.
func New(b *bus.Bus, log *zap.Logger, registerer prometheus.Registerer, now func() time.Time) *Recorder {
	return &Recorder{
		bus: b, log: log.Named("keyuse"), now: now, every: flushEvery, pending: map[uuid.UUID]use{},
		dropped: telemetry.MustRegister(registerer, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "specter_gateway_key_uses_dropped_total", Help: "Uses of ingest keys that were not told to the dashboard.",
		})),
	}
}

// Note keeps that a key was used.
func (r *Recorder) Note(account, key uuid.UUID, at time.Time) {
	if account == uuid.Nil || key == uuid.Nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(key, use{account, at})
}

// keep notes the newest use of a key, as far as there is room.
func (r *Recorder) keep(key uuid.UUID, u use) {
	before, ok := r.pending[key]
	if !ok && len(r.pending) >= maxKeys {
		r.dropped.Inc()
		return
	}
	if u.at.After(before.at) {
		r.pending[key] = u
	}
}

// Run publishes what was noted until ctx ends, and the rest then.
func (r *Recorder) Run(ctx context.Context, ready func()) error {
	ready()
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.flush(ctx)
		case <-ctx.Done():
			r.flush(context.WithoutCancel(ctx))
			r.mu.Lock() // requests may still note
			defer r.mu.Unlock()
			r.dropped.Add(float64(len(r.pending)))
			return nil
		}
	}
}

func (r *Recorder) flush(ctx context.Context) {
	r.mu.Lock()
	taken := r.pending
	r.pending = map[uuid.UUID]use{}
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	for len(taken) > 0 {
		body, keys := message(taken)
		if _, err := bus.Publish(ctx, r.bus, event.KeysUsed, bus.Message[*eventv1.KeysUsed]{ID: uuid.New(), Time: r.now(), Body: body}); err != nil {
			r.log.Debug("telling of used keys", zap.Error(err)) // the bus tells of the outage, once
			r.giveBack(taken)
			return
		}
		for _, key := range keys {
			delete(taken, key)
		}
	}
}

// message makes an event of as many uses as one holds.
func message(uses map[uuid.UUID]use) (*eventv1.KeysUsed, []uuid.UUID) {
	n := min(len(uses), usesMessage)
	body, keys := &eventv1.KeysUsed{Uses: make([]*eventv1.KeyUse, 0, n)}, make([]uuid.UUID, 0, n)
	for key, u := range uses {
		if len(keys) == n {
			break
		}
		keys = append(keys, key)
		body.Uses = append(body.Uses, &eventv1.KeyUse{AccountId: u.account[:], KeyId: key[:], At: timestamppb.New(u.at)})
	}
	return body, keys
}

// giveBack keeps what could not be told for the next time.
func (r *Recorder) giveBack(taken map[uuid.UUID]use) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, u := range taken {
		r.keep(key, u)
	}
}
