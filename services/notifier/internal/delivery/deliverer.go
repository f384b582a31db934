package delivery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// ErrGone is a Store's answer when the delivery is not there any more: its account was deleted or
// its thirty days are over.
var ErrGone = errors.New("the delivery is gone")

// Store keeps deliveries. Every method is one transaction inside the account.
type Store interface {
	// Accept writes one delivery and its first task for each endpoint that wants the event. An
	// event seen before changes nothing.
	Accept(ctx context.Context, e Event, body []byte, now time.Time) (deliveries int, err error)
	// Load reads a delivery and its endpoint, or ErrGone.
	Load(ctx context.Context, account, delivery uuid.UUID) (Delivery, Endpoint, error)
	// Requeue gives the task to the other workers.
	Requeue(ctx context.Context, t Task) error
	// Drop ends a delivery without an attempt.
	Drop(ctx context.Context, t Task, now time.Time) error
	// Record writes an attempt's answer, what judge makes of the locked state, and the next task.
	// A task that was recorded before changes nothing.
	Record(ctx context.Context, t Task, a Answer, judge func(Delivery, Endpoint) Verdict) error
}

// Sender makes one request.
type Sender interface {
	Send(ctx context.Context, d Delivery, e Endpoint) Answer
}

// Deliverer accepts events and makes attempts. It is safe for concurrent use.
type Deliverer struct {
	store  Store
	sender Sender
	now    func() time.Time
	lanes  *lanes
}

// New returns a Deliverer.
func New(store Store, sender Sender, now func() time.Time) *Deliverer {
	return &Deliverer{store: store, sender: sender, now: now, lanes: newLanes()}
}

// Accept turns an event into deliveries and returns their number.
func (d *Deliverer) Accept(ctx context.Context, e Event) (int, error) {
	body, err := e.Body()
	if err != nil {
		return 0, err
	}
	return d.store.Accept(ctx, e, body, d.now())
}

// Attempt makes one attempt. A positive postpone asks for the same task again after that time. An
// error is ours, not the receiver's: nothing was recorded and the task should run again.
func (d *Deliverer) Attempt(ctx context.Context, t Task) (postpone time.Duration, err error) {
	delivery, endpoint, err := d.store.Load(ctx, t.AccountID, t.DeliveryID)
	switch {
	case errors.Is(err, ErrGone):
		return 0, nil
	case err != nil:
		return 0, err
	case delivery.Status != Pending || delivery.Attempts != t.Attempt-1:
		return 0, nil // this attempt has been recorded; only the task's end was lost
	case !endpoint.Enabled && delivery.EventType != TestType:
		return 0, d.store.Drop(ctx, t, d.now())
	case endpoint.Failing() && !t.Slow:
		return 0, d.store.Requeue(ctx, t)
	}
	leave, wait := d.lanes.enter(ctx, endpoint, d.now(), rand.Float64())
	if wait > 0 {
		return wait, nil
	}
	defer leave()
	answer := d.sender.Send(ctx, delivery, endpoint)
	if ctx.Err() != nil && !answer.OK() {
		return 0, fmt.Errorf("stopped while sending: %w", ctx.Err())
	}
	random := rand.Float64()
	// The receiver has answered: that is recorded even when the service is stopping, or the next
	// instance would send it again.
	return 0, d.store.Record(context.WithoutCancel(ctx), t, answer, func(delivery Delivery, endpoint Endpoint) Verdict {
		return Judge(delivery, endpoint, answer, random)
	})
}
