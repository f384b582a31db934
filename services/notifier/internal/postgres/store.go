package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/tenant"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/notifier/internal/delivery"
	"github.com/draftlabs/specter/services/notifier/internal/postgres/db"
)

const (
	consumer = "webhooks"
	// successEvery is how exactly the time of an endpoint's last success is kept: more would have all
	// its deliveries wait for one row.
	successEvery = time.Minute
)

// Scheduler inserts tasks in the store's own transaction.
type Scheduler interface {
	Schedule(ctx context.Context, tx pgx.Tx, tasks ...delivery.Task) error
}

// loadShare of the pool's connections may be used to begin attempts: what was answered must be recorded
// soon, and not wait behind those who are about to send.
const loadShare = 3

// Store implements delivery.Store.
type Store struct {
	pool   *pgxpool.Pool
	loads  chan struct{} // holds one for each attempt that is being read
	outbox outbox.Outbox
	tasks  Scheduler
	newID  func() (uuid.UUID, error)
}

var _ delivery.Store = (*Store)(nil)

// NewStore keeps deliveries in pool, which has the notifier's role.
func NewStore(pool *pgxpool.Pool, box outbox.Outbox, tasks Scheduler, newID func() (uuid.UUID, error)) *Store {
	loads := make(chan struct{}, max(1, pool.Config().MaxConns/loadShare))
	return &Store{pool: pool, loads: loads, outbox: box, tasks: tasks, newID: newID}
}

// Accept implements delivery.Store.
func (s *Store) Accept(ctx context.Context, e delivery.Event, now time.Time) error {
	return tenant.Tx(ctx, s.pool, e.AccountID, func(tx pgx.Tx) error {
		fresh, err := s.outbox.Claim(ctx, tx, consumer, e.ID)
		if err != nil || !fresh {
			return err
		}
		q := db.New(tx)
		insert := db.InsertDeliveriesParams{
			AccountID: e.AccountID, EventID: e.ID, EventType: e.Type, Body: e.Body, DeploymentID: orNone(e.Deployment), Sequence: int64(e.Sequence), CreatedAt: now,
		}
		if insert.Endpoints, insert.Unwanted, err = subscribers(ctx, q, e); err != nil {
			return fmt.Errorf("finding the subscribers of %s: %w", e.Type, err)
		}
		if len(insert.Endpoints) == 0 {
			return nil
		}
		for range insert.Endpoints {
			id, err := s.newID()
			if err != nil {
				return fmt.Errorf("making a delivery id: %w", err)
			}
			insert.Ids = append(insert.Ids, id)
		}
		if e.Deployment != uuid.Nil {
			// Who ends a delivery now looks for the next one after this, or before; not in between.
			if err := q.LockOrder(ctx, insert.Endpoints); err != nil {
				return fmt.Errorf("locking the order of deliveries: %w", err)
			}
		}
		inserted, err := q.InsertDeliveries(ctx, insert)
		if err != nil {
			return fmt.Errorf("writing deliveries: %w", err)
		}
		var tasks []delivery.Task
		for _, row := range inserted {
			if row.Due {
				tasks = append(tasks, delivery.Task{AccountID: e.AccountID, DeliveryID: row.ID, EndpointID: row.EndpointID, Attempt: 1, At: now})
			}
		}
		return s.tasks.Schedule(ctx, tx, tasks...)
	})
}

func subscribers(ctx context.Context, q *db.Queries, e delivery.Event) (endpoints []uuid.UUID, unwanted []string, err error) {
	if e.Only != uuid.Nil {
		one, err := q.OneSubscriber(ctx, db.OneSubscriberParams{AccountID: e.AccountID, EndpointID: e.Only})
		for _, row := range one {
			endpoints, unwanted = append(endpoints, row.ID), append(unwanted, row.Unwanted)
		}
		return endpoints, unwanted, err
	}
	all, err := q.Subscribers(ctx, db.SubscribersParams{AccountID: e.AccountID, EventType: e.Type})
	for _, row := range all {
		endpoints, unwanted = append(endpoints, row.ID), append(unwanted, row.Unwanted)
	}
	return endpoints, unwanted, err
}

// Load implements delivery.Store.
func (s *Store) Load(ctx context.Context, t delivery.Task) (d delivery.Delivery, e delivery.Endpoint, err error) {
	select {
	case s.loads <- struct{}{}:
		defer func() { <-s.loads }()
	case <-ctx.Done():
		return d, e, ctx.Err()
	}
	err = tenant.Tx(ctx, s.pool, t.AccountID, func(tx pgx.Tx) error {
		row, err := db.New(tx).Delivery(ctx, db.DeliveryParams{AccountID: t.AccountID, ID: t.DeliveryID})
		d, e = toDelivery(t, row), toEndpoint(t, row)
		return stillNext(t, d, err)
	})
	return d, e, err
}

// stillNext is ErrGone unless the task is the delivery's next step.
func stillNext(t delivery.Task, d delivery.Delivery, err error) error {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return delivery.ErrGone
	case err != nil:
		return fmt.Errorf("reading delivery %s: %w", t.DeliveryID, err)
	case d.Status != delivery.Pending, d.Attempts != t.Attempt-1, d.Resends != t.Resends:
		return delivery.ErrGone
	default:
		return nil
	}
}

// Requeue implements delivery.Store.
func (s *Store) Requeue(ctx context.Context, t delivery.Task) error {
	t.Slow = true
	return tenant.Tx(ctx, s.pool, t.AccountID, func(tx pgx.Tx) error { return s.tasks.Schedule(ctx, tx, t) })
}

// Drop implements delivery.Store.
func (s *Store) Drop(ctx context.Context, t delivery.Task, reason string, now time.Time) error {
	return s.locked(ctx, t, func(tx pgx.Tx, q *db.Queries, d delivery.Delivery, _ delivery.Endpoint) error {
		if err := s.lockTurn(ctx, q, d); err != nil {
			return err
		}
		if err := q.DropDelivery(ctx, db.DropDeliveryParams{AccountID: t.AccountID, ID: t.DeliveryID, Reason: reason, FinishedAt: &now}); err != nil {
			return fmt.Errorf("dropping delivery %s: %w", t.DeliveryID, err)
		}
		return s.wakeNext(ctx, tx, q, d, now)
	})
}

// locked runs fn on the delivery if t is still to be done.
func (s *Store) locked(ctx context.Context, t delivery.Task, fn func(pgx.Tx, *db.Queries, delivery.Delivery, delivery.Endpoint) error) error {
	err := tenant.Tx(ctx, s.pool, t.AccountID, func(tx pgx.Tx) error {
		q := db.New(tx)
		row, err := q.LockDelivery(ctx, db.LockDeliveryParams{AccountID: t.AccountID, ID: t.DeliveryID})
		d := toDelivery(t, db.DeliveryRow(row))
		t.Resends = d.Resends // an answer counts also when a person has asked again meanwhile
		if err := stillNext(t, d, err); err != nil {
			return err
		}
		return fn(tx, q, d, toEndpoint(t, db.DeliveryRow(row)))
	})
	if errors.Is(err, delivery.ErrGone) {
		return nil
	}
	return err
}

// Record implements delivery.Store.
func (s *Store) Record(ctx context.Context, t delivery.Task, a delivery.Answer, judge func(delivery.Delivery, delivery.Endpoint) delivery.Verdict) error {
	return s.locked(ctx, t, func(tx pgx.Tx, q *db.Queries, d delivery.Delivery, e delivery.Endpoint) error {
		t.Resends = d.Resends
		if err := s.lockTurn(ctx, q, d); err != nil {
			return err
		}
		// The usual case: the endpoint is well, and it is known to be.
		v, finished := judge(d, e), a.At.Add(a.Took)
		if !a.OK() || e.Failures > 0 || finished.Sub(e.LastSuccessAt) > successEvery {
			var err error
			if v, err = s.recordState(ctx, tx, q, t, d, a, judge); err != nil {
				return err
			}
		}
		if err := saveAttempt(ctx, q, t, a, v); err != nil {
			return fmt.Errorf("recording attempt %d of delivery %s: %w", t.Attempt, t.DeliveryID, err)
		}
		if v.Status != delivery.Pending {
			return s.wakeNext(ctx, tx, q, d, finished)
		}
		next := t
		next.Attempt, next.At, next.Slow = t.Attempt+1, v.Next, true
		return s.tasks.Schedule(ctx, tx, next)
	})
}

// recordState judges with the endpoint's state locked, and writes what it makes of it.
func (s *Store) recordState(ctx context.Context, tx pgx.Tx, q *db.Queries, t delivery.Task, d delivery.Delivery, a delivery.Answer, judge func(delivery.Delivery, delivery.Endpoint) delivery.Verdict) (delivery.Verdict, error) {
	if err := q.LockEndpointState(ctx, db.LockEndpointStateParams{AccountID: t.AccountID, EndpointID: t.EndpointID}); err != nil {
		return delivery.Verdict{}, fmt.Errorf("locking the state of endpoint %s: %w", t.EndpointID, err)
	}
	row, err := q.Delivery(ctx, db.DeliveryParams{AccountID: t.AccountID, ID: t.DeliveryID})
	if err != nil {
		return delivery.Verdict{}, fmt.Errorf("reading the state of endpoint %s: %w", t.EndpointID, err)
	}
	e, finished := toEndpoint(t, row), a.At.Add(a.Took)
	v := judge(d, e)
	state := db.SaveEndpointStateParams{
		AccountID: t.AccountID, EndpointID: t.EndpointID, ConsecutiveFailures: int32(v.Failures), FailingSince: orNil(v.FailingSince),
		DisabledAt: row.DisabledAt, DisabledReason: row.DisabledReason,
	}
	if a.OK() {
		state.LastSuccessAt = &finished
		if e.Unwanted != "disabled" { // a test that went through does not enable it: its owner does
			state.DisabledAt, state.DisabledReason = nil, ""
		}
	}
	if v.DisabledReason != "" && e.Unwanted == "" {
		state.DisabledAt, state.DisabledReason = &finished, v.DisabledReason
		if err := s.tellDisabled(ctx, tx, t, a.At, v.DisabledReason); err != nil {
			return v, err
		}
	}
	if err := q.SaveEndpointState(ctx, state); err != nil {
		return v, fmt.Errorf("writing the state of endpoint %s: %w", t.EndpointID, err)
	}
	return v, nil
}

func saveAttempt(ctx context.Context, q *db.Queries, t delivery.Task, a delivery.Answer, v delivery.Verdict) error {
	request, err := json.Marshal(map[string]any{"url": a.URL, "headers": orEmpty(a.RequestHeaders)})
	if err != nil {
		return err
	}
	answered, err := json.Marshal(orEmpty(a.ResponseHeaders))
	if err != nil {
		return err
	}
	saved := db.SaveAttemptParams{
		AccountID: t.AccountID, DeliveryID: t.DeliveryID, Attempt: int32(t.Attempt), At: a.At, DurationMs: int32(a.Took.Milliseconds()),
		Error: a.Error, ResponseExcerpt: a.Excerpt, Request: request, ResponseHeaders: answered, Status: string(v.Status), Reason: v.Reason,
	}
	if a.Code != 0 {
		code := int32(a.Code)
		saved.StatusCode = &code
	}
	if v.Status == delivery.Pending {
		saved.NextAttemptAt = &v.Next
	} else {
		finished := a.At.Add(a.Took)
		saved.FinishedAt = &finished
	}
	return q.SaveAttempt(ctx, saved)
}

// lockTurn keeps others from adding to what waits behind d while d may end.
func (s *Store) lockTurn(ctx context.Context, q *db.Queries, d delivery.Delivery) error {
	if d.Deployment == uuid.Nil {
		return nil
	}
	if err := q.LockOrder(ctx, []uuid.UUID{d.EndpointID}); err != nil {
		return fmt.Errorf("locking the order of deliveries: %w", err)
	}
	return nil
}

// wakeNext gives its first task to what waited for d, which has ended.
func (s *Store) wakeNext(ctx context.Context, tx pgx.Tx, q *db.Queries, d delivery.Delivery, now time.Time) error {
	if d.Deployment == uuid.Nil {
		return nil
	}
	next, err := q.WakeNext(ctx, db.WakeNextParams{AccountID: d.AccountID, EndpointID: d.EndpointID, DeploymentID: &d.Deployment, Now: &now})
	if err != nil {
		return fmt.Errorf("finding what waited for delivery %s: %w", d.ID, err)
	}
	for _, row := range next {
		task := delivery.Task{AccountID: d.AccountID, DeliveryID: row.ID, EndpointID: d.EndpointID, Attempt: int(row.Attempts) + 1, Resends: int(row.Resends), At: now}
		if err := s.tasks.Schedule(ctx, tx, task); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) tellDisabled(ctx context.Context, tx pgx.Tx, t delivery.Task, at time.Time, reason string) error {
	id, err := s.newID()
	if err != nil {
		return fmt.Errorf("making an event id: %w", err)
	}
	return outbox.Put(ctx, tx, s.outbox, event.EndpointDisabled, bus.Message[*eventv1.EndpointDisabled]{
		ID: id, AccountID: t.AccountID, Time: at,
		Body: &eventv1.EndpointDisabled{EndpointId: t.EndpointID.String(), Reason: reason, DisabledAt: timestamppb.New(at)},
	})
}

func toDelivery(t delivery.Task, r db.DeliveryRow) delivery.Delivery {
	d := delivery.Delivery{
		ID: t.DeliveryID, AccountID: t.AccountID, EndpointID: t.EndpointID, EventID: r.EventID, EventType: r.EventType, Body: r.Body,
		Status: delivery.Status(r.Status), Attempts: int(r.Attempts), RoundFrom: int(r.RoundFrom), Resends: int(r.Resends), CreatedAt: r.CreatedAt,
	}
	if r.DeploymentID != nil {
		d.Deployment = *r.DeploymentID
	}
	return d
}

// toEndpoint reads an endpoint and how it has been answering. What was counted before it was edited
// does not count once it was disabled: the edit is the owner's word that it works again.
func toEndpoint(t delivery.Task, r db.DeliveryRow) delivery.Endpoint {
	e := delivery.Endpoint{ID: t.EndpointID, SealedSecret: r.SecretSealed, SealedPrevious: r.PreviousSecretSealed}
	if !r.EndpointExists {
		e.Unwanted = "removed"
		return e
	}
	e.URL, e.PreviousUntil, e.LastSuccessAt = *r.Url, orZero(r.PreviousSecretUntil), orZero(r.LastSuccessAt)
	if !*r.Enabled {
		e.Unwanted = "paused"
	}
	if r.DisabledAt != nil {
		if r.DisabledAt.Before(*r.UpdatedAt) {
			return e
		}
		e.Unwanted = "disabled"
	}
	if r.ConsecutiveFailures != nil {
		e.Failures = int(*r.ConsecutiveFailures)
	}
	e.FailingSince = orZero(r.FailingSince)
	return e
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func orNone(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}
