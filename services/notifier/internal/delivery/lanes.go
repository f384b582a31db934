package delivery

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// perEndpoint attempts run at once, of one instance.
	perEndpoint = 4
	// patience is how long an attempt keeps its worker waiting for a place: enough for a receiver
	// that answers, little for one that does not.
	patience = 250 * time.Millisecond
	// busyWait is how long it then steps back.
	busyWait = time.Second
	// probeEvery is how often a failing endpoint is asked.
	probeEvery = 30 * time.Second
	// forgetAfter bounds the memory of failing endpoints.
	forgetAfter = 10 * probeEvery
)

// lanes keep one endpoint from taking everybody's workers.
type lanes struct {
	mu   sync.Mutex
	open map[uuid.UUID]*lane
}

type lane struct {
	places chan struct{} // holds one for each running attempt
	users  int           // running or waiting
	probed time.Time     // last start while failing
}

func newLanes() *lanes { return &lanes{open: map[uuid.UUID]*lane{}} }

// enter takes a place, or says how long to step back.
func (l *lanes) enter(ctx context.Context, e Endpoint, now time.Time, random float64) (leave func(), wait time.Duration) {
	spread := func(d time.Duration) time.Duration { return d + time.Duration(random*float64(d)) }
	at, wait := l.join(e, now)
	if wait > 0 {
		return nil, spread(wait)
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case at.places <- struct{}{}:
		return func() {
			<-at.places
			l.part(at)
		}, 0
	case <-waiting.Done():
		l.part(at)
		return nil, spread(busyWait)
	}
}

func (l *lanes) join(e Endpoint, now time.Time) (*lane, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, at := range l.open {
		if at.users == 0 && now.Sub(at.probed) > forgetAfter {
			delete(l.open, id)
		}
	}
	at := l.open[e.ID]
	if at == nil {
		at = &lane{places: make(chan struct{}, perEndpoint)}
		l.open[e.ID] = at
	}
	if e.Failing() {
		if next := at.probed.Add(probeEvery); at.users > 0 || now.Before(next) {
			return nil, max(next.Sub(now), busyWait)
		}
		at.probed = now
	}
	at.users++
	return at, 0
}

func (l *lanes) part(at *lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at.users--
}
