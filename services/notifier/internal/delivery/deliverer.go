package delivery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// ErrGone is a Store's answer when there is nothing to do for a task any more: the attempt has been
// recorded, a person asked for the delivery again, its account was deleted, or its thirty days are over.
var ErrGone = errors.New("there is nothing to do for this task any more")

// Store keeps deliveries. Every method is one transaction inside the account.
type Store interface {
	// Accept writes a delivery for each endpoint that asked for the event, and its first task unless
	// it has to wait for its turn. An event seen before changes nothing.
	Accept(ctx context.Context, e Event, now time.Time) error
	// Load reads a task's delivery and endpoint, or ErrGone.
	Load(ctx context.Context, t Task) (Delivery, Endpoint, error)
	// Requeue gives the task to the slow workers.
	Requeue(ctx context.Context, t Task) error
	// Drop ends a delivery without an attempt.
	Drop(ctx context.Context, t Task, reason string, now time.Time) error
	// Record writes an attempt's answer, what judge makes of the locked state, and the next task.
	// A task that was recorded before changes nothing.
	Record(ctx context.Context, t Task, a Answer, judge func(Delivery, Endpoint) Verdict) error
	// Resend makes a delivery pending again and due now, once a request.
	Resend(ctx context.Context, r Resend, now time.Time) error
	// Recover makes up to a few hundred deliveries pending again; more tells whether there are others.
	Recover(ctx context.Context, r Recovery, now time.Time) (more bool, err error)
}

// Sender makes one request.
type Sender interface {
	Send(ctx context.Context, d Delivery, e Endpoint) Answer
}

// Observer is told of every attempt that was made and recorded.
type Observer interface {
	Attempted(d Delivery, a Answer, v Verdict)
}

// Deliverer accepts events and makes attempts. It is safe for concurrent use.
type Deliverer struct {
	store    Store
	sender   Sender
	observer Observer
	now      func() time.Time
	lanes    *lanes
}

// New returns a Deliverer.
func New(store Store, sender Sender, observer Observer, now func() time.Time) *Deliverer {
	return &Deliverer{store: store, sender: sender, observer: observer, now: now, lanes: newLanes(now, rand.Float64)}
}

// Accept turns an event into deliveries.
func (d *Deliverer) Accept(ctx context.Context, e Event) error {
	return d.store.Accept(ctx, e, d.now())
}

// Resend sends one delivery again.
func (d *Deliverer) Resend(ctx context.Context, r Resend) error {
	return d.store.Resend(ctx, r, d.now())
}

// Recover sends again what did not reach an endpoint. It may run again: what it has dealt with is not
// found a second time.
func (d *Deliverer) Recover(ctx context.Context, r Recovery) error {
	for more := true; more; {
		var err error
		if more, err = d.store.Recover(ctx, r, d.now()); err != nil {
			return err
		}
	}
	return nil
}

// Attempt makes one attempt. A positive postpone asks for the same task again after that time. An
// error is ours, not the receiver's: nothing was recorded and the task should run again.
func (d *Deliverer) Attempt(ctx context.Context, t Task) (postpone time.Duration, err error) {
	if !t.Slow && d.lanes.suspect(t.EndpointID) {
		return 0, d.store.Requeue(ctx, t)
	}
	// Before anything is read: most tasks of a dead endpoint end here.
	place, wait := d.lanes.enter(ctx, t.EndpointID)
	if wait > 0 {
		return wait, nil
	}
	defer place.leave()
	delivery, endpoint, err := d.store.Load(ctx, t)
	switch {
	case errors.Is(err, ErrGone):
		return 0, nil
	case err != nil:
		return 0, err
	case endpoint.Unwanted == "removed", endpoint.Unwanted != "" && delivery.EventType != TestType:
		return 0, d.store.Drop(ctx, t, endpoint.Unwanted, d.now())
	case endpoint.Failures > 0 && !t.Slow:
		d.lanes.learn(endpoint)
		return 0, d.store.Requeue(ctx, t)
	}
	// What other instances saw, or this one before it was started anew.
	d.lanes.learn(endpoint)
	if wait := place.allowed(); wait > 0 {
		return wait, nil
	}
	answer := d.sender.Send(ctx, delivery, endpoint)
	if ctx.Err() != nil && !answer.OK() {
		return 0, fmt.Errorf("stopped while sending: %w", ctx.Err())
	}
	place.answered(answer)
	random := rand.Float64()
	var verdict Verdict
	// The receiver has answered: that is recorded even when the service is stopping, or the next
	// instance would send it again.
	err = d.store.Record(context.WithoutCancel(ctx), t, answer, func(delivery Delivery, endpoint Endpoint) Verdict {
		verdict = Judge(delivery, endpoint, answer, random)
		return verdict
	})
	if err == nil {
		d.observer.Attempted(delivery, answer, verdict)
	}
	return 0, err
}
