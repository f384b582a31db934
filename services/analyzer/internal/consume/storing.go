package consume

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
)

// stuck is for how long one message may be the first that is not stored before it is taken
// for one that cannot be: others must not wait for the day in which it is tried again.
const stuck = time.Hour

// Storing tells how far the consumer that Signals runs has come.
type Storing struct {
	behind func(ctx context.Context) (bus.Behind, error)
	now    func() time.Time

	mu    sync.Mutex
	open  time.Time // when the first open message was published, as of the last time,
	since time.Time // and since when it has been the first
}

// NewStoring returns one for the consumer that Signals runs under the durable.
func NewStoring(b *bus.Bus, durable string, now func() time.Time) *Storing {
	return newStoring(func(ctx context.Context) (bus.Behind, error) { return b.Behind(ctx, event.SignalBatch, durable) }, now)
}

func newStoring(behind func(context.Context) (bus.Behind, error), now func() time.Time) *Storing {
	return &Storing{behind: behind, now: now}
}

// Until is the moment before which everything that was accepted is stored.
func (s *Storing) Until(ctx context.Context) (time.Time, error) {
	now := s.now()
	behind, err := s.behind(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("asking what is not stored yet: %w", err)
	}
	if behind.Open.IsZero() {
		return now, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !behind.Open.Equal(s.open) {
		s.open, s.since = behind.Open, now
	}
	switch {
	case now.Sub(s.since) < stuck:
		return behind.Open, nil
	case behind.Waiting.IsZero():
		return now, nil
	default:
		return behind.Waiting, nil
	}
}
