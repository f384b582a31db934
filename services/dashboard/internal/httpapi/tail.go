package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/httpx"
	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/insight"
)

const (
	// admitEvery, a look's interval and the question itself are within the five seconds for which a quiet stream may go on
	// after its credential ended; a signal is never sent without having asked.
	admitEvery = 3 * time.Second
	// storeLag is how late a signal may be stored after another and still be seen.
	storeLag        = 30 * time.Second
	maxTails        = 1000
	maxAccountTails = 20
)

// tails bounds the open live tails.
type tails struct {
	interval time.Duration
	mu       sync.Mutex
	all      int
	by       map[uuid.UUID]int
}

func newTails(interval time.Duration) *tails {
	if interval <= 0 {
		interval = time.Second
	}
	return &tails{interval: interval, by: map[uuid.UUID]int{}}
}

func (t *tails) enter(account uuid.UUID) (leave func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all >= maxTails || t.by[account] >= maxAccountTails {
		return nil, fault.New(fault.RateLimited, "rate_limited", "Too many live tails are open.").After(10 * time.Second)
	}
	t.all++
	t.by[account]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.all--
		if t.by[account]--; t.by[account] == 0 {
			delete(t.by, account)
		}
	}, nil
}

// StreamSignals answers GET /api/v1/products/{product_id}/signals/stream. An event's id is the
// signal's own, a UUIDv7 whose time is when it was received: Last-Event-ID goes on from there.
func (a *api) StreamSignals(ctx context.Context, r contract.StreamSignalsRequestObject) (contract.StreamSignalsResponseObject, error) {
	s := &stream{api: a, ctx: ctx, product: r.ProductId, seen: map[uuid.UUID]bool{}, from: a.Now(), admitted: a.Now(), total: -1}
	if last := value(r.Params.LastEventID); last != "" {
		id, err := uuid.Parse(last)
		if err != nil || id.Version() != 7 {
			return nil, invalidParameter("last_event_id", "Last-Event-ID is not one of this stream.")
		}
		seconds, nanos := id.Time().UnixTime()
		s.from, s.seen[id] = time.Unix(seconds, nanos), true
		if oldest := a.Now().Add(-tailLife); s.from.Before(oldest) {
			s.from = oldest
		}
	}
	// Asked once before the stream begins, so that a foreign product is a plain 404.
	if _, err := a.Products.Product(ctx, who(ctx).Account, r.ProductId); err != nil {
		return nil, err
	}
	var err error
	if s.leave, err = a.tails.enter(who(ctx).Account); err != nil {
		return nil, err
	}
	return s, nil
}

type stream struct {
	api      *api
	ctx      context.Context //nolint:containedctx // of the request that the stream is the answer to
	product  uuid.UUID
	from     time.Time // nothing received before
	looked   time.Time
	admitted time.Time // when the credential was last seen to be good
	total    int64
	seen     map[uuid.UUID]bool
	leave    func()
	out      *eventStream
}

// VisitStreamSignalsResponse writes events until the reader leaves, their credential ends, the server
// stops or the stream's life is over.
func (s *stream) VisitStreamSignalsResponse(w http.ResponseWriter) error {
	defer s.leave()
	var err error
	s.out, err = beginStream(w)
	poll, beat, end := time.NewTicker(s.api.tails.interval), time.NewTicker(heartbeat), time.NewTimer(tailLife)
	defer poll.Stop()
	defer beat.Stop()
	defer end.Stop()
	for {
		switch {
		case errors.Is(err, errReaderLeft), fault.Is(err, fault.Unauthenticated), fault.Is(err, fault.Forbidden):
			return nil
		case err != nil:
			return err
		}
		select {
		case <-s.ctx.Done():
			return nil
		case <-httpx.Draining(s.ctx):
			return nil
		case <-end.C:
			return nil
		case <-beat.C:
			err = s.out.beat()
		case <-poll.C:
			err = s.look()
		}
	}
}

// look sends what was stored since the last look.
func (s *stream) look() error {
	now := s.api.Now()
	storedSince := s.from
	if !s.looked.IsZero() && s.looked.Add(-storeLag).After(storedSince) {
		storedSince = s.looked.Add(-storeLag)
	}
	signals, total, err := s.api.Insights.Fresh(s.ctx, who(s.ctx).Account, s.product, s.from, storedSince, s.total)
	if err != nil {
		if s.ctx.Err() != nil {
			return nil
		}
		return err
	}
	s.looked, s.total = now, total
	signals = slices.DeleteFunc(signals, func(n insight.Signal) bool { return s.seen[n.ID] })
	if len(signals) > 0 || now.Sub(s.admitted) >= admitEvery {
		if err := admitted(s.ctx); err != nil {
			if s.ctx.Err() != nil {
				return nil
			}
			return err
		}
		s.admitted = now
	}
	for _, n := range signals {
		s.seen[n.ID] = true
		if err := s.send(n); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) send(n insight.Signal) error {
	out, err := toSignal(n)
	if err != nil {
		return err
	}
	text, err := json.Marshal(out) // one line: JSON escapes line breaks
	if err != nil {
		return fmt.Errorf("encoding a signal: %w", err)
	}
	return s.out.send(n.ID.String(), "signal", text)
}
