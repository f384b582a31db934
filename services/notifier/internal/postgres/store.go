package postgres

import (
	"context"
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
	// keepFor is how long finished deliveries can be looked at.
	keepFor = 30 * 24 * time.Hour
)

// Scheduler inserts tasks in the store's own transaction.
type Scheduler interface {
	Schedule(ctx context.Context, tx pgx.Tx, tasks ...delivery.Task) error
}

// Store implements delivery.Store.
type Store struct {
	pool   *pgxpool.Pool
	outbox outbox.Outbox
	tasks  Scheduler
	newID  func() (uuid.UUID, error)
}

// NewStore keeps deliveries in pool, which has the notifier's role.
func NewStore(pool *pgxpool.Pool, box outbox.Outbox, tasks Scheduler, newID func() (uuid.UUID, error)) *Store {
	return &Store{pool: pool, outbox: box, tasks: tasks, newID: newID}
}

// Accept implements delivery.Store.
func (s *Store) Accept(ctx context.Context, e delivery.Event, body []byte, now time.Time) (accepted int, err error) {
	err = tenant.Tx(ctx, s.pool, e.AccountID, func(tx pgx.Tx) error {
		accepted = 0
		fresh, err := s.outbox.Claim(ctx, tx, consumer, e.ID)
		if err != nil || !fresh {
			return err
		}
		q := db.New(tx)
		endpoints, err := subscribers(ctx, q, e)
		if err != nil {
			return fmt.Errorf("finding the subscribers of %s: %w", e.Type, err)
		}
		var tasks []delivery.Task
		for _, endpoint := range endpoints {
			id, err := s.newID()
			if err != nil {
				return fmt.Errorf("making a delivery id: %w", err)
			}
			inserted, err := q.InsertDelivery(ctx, db.InsertDeliveryParams{
				ID: id, AccountID: e.AccountID, EndpointID: endpoint, EventID: e.ID, EventType: e.Type, Body: body, CreatedAt: now,
			})
			if err != nil {
				return fmt.Errorf("writing a delivery: %w", err)
			}
			if inserted == 1 {
				tasks = append(tasks, delivery.Task{AccountID: e.AccountID, DeliveryID: id, EndpointID: endpoint, Attempt: 1, At: now})
			}
		}
		accepted = len(tasks)
		// Row-level security shows one account at a time, so the old ones go as the new ones come.
		if _, err := q.DropOldDeliveries(ctx, db.DropOldDeliveriesParams{AccountID: e.AccountID, Before: now.Add(-keepFor)}); err != nil {
			return fmt.Errorf("dropping old deliveries: %w", err)
		}
		return s.tasks.Schedule(ctx, tx, tasks...)
	})
	return accepted, err
}

func subscribers(ctx context.Context, q *db.Queries, e delivery.Event) ([]uuid.UUID, error) {
	if e.Only != uuid.Nil {
		return q.OneSubscriber(ctx, db.OneSubscriberParams{AccountID: e.AccountID, EndpointID: e.Only})
	}
	return q.Subscribers(ctx, db.SubscribersParams{AccountID: e.AccountID, EventType: e.Type})
}

// Load implements delivery.Store.
func (s *Store) Load(ctx context.Context, account, id uuid.UUID) (d delivery.Delivery, e delivery.Endpoint, err error) {
	err = tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
		q := db.New(tx)
		row, err := q.Delivery(ctx, db.DeliveryParams{AccountID: account, ID: id})
		if errors.Is(err, pgx.ErrNoRows) {
			return delivery.ErrGone
		}
		if err != nil {
			return fmt.Errorf("reading delivery %s: %w", id, err)
		}
		d = toDelivery(row)
		e, err = endpoint(ctx, q, account, d.EndpointID)
		return err
	})
	return d, e, err
}

// endpoint reads an endpoint and how it has been answering. What was counted before it was edited
// does not count: the edit is the owner's word that it works again.
func endpoint(ctx context.Context, q *db.Queries, account, id uuid.UUID) (delivery.Endpoint, error) {
	row, err := q.Endpoint(ctx, db.EndpointParams{AccountID: account, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return delivery.Endpoint{ID: id}, nil // not enabled: its deliveries are dropped
	}
	if err != nil {
		return delivery.Endpoint{}, fmt.Errorf("reading endpoint %s: %w", id, err)
	}
	e := delivery.Endpoint{ID: row.ID, URL: row.Url, SealedSecret: row.SecretSealed, Enabled: row.Enabled}
	if row.DisabledAt != nil {
		if row.DisabledAt.Before(row.UpdatedAt) {
			return e, nil
		}
		e.Enabled = false
	}
	if row.ConsecutiveFailures != nil {
		e.Failures = int(*row.ConsecutiveFailures)
	}
	if row.FailingSince != nil {
		e.FailingSince = *row.FailingSince
	}
	return e, nil
}

// Requeue implements delivery.Store.
func (s *Store) Requeue(ctx context.Context, t delivery.Task) error {
	t.Slow = true
	return tenant.Tx(ctx, s.pool, t.AccountID, func(tx pgx.Tx) error { return s.tasks.Schedule(ctx, tx, t) })
}

// Drop implements delivery.Store.
func (s *Store) Drop(ctx context.Context, t delivery.Task, now time.Time) error {
	return s.locked(ctx, t, func(_ pgx.Tx, q *db.Queries, d delivery.Delivery) error {
		return q.SaveDelivery(ctx, db.SaveDeliveryParams{
			AccountID: t.AccountID, ID: t.DeliveryID, Status: string(delivery.Dropped), Attempts: int32(d.Attempts), FinishedAt: &now,
		})
	})
}

// locked runs fn on the delivery if t is still to be done.
func (s *Store) locked(ctx context.Context, t delivery.Task, fn func(pgx.Tx, *db.Queries, delivery.Delivery) error) error {
	return tenant.Tx(ctx, s.pool, t.AccountID, func(tx pgx.Tx) error {
		q := db.New(tx)
		row, err := q.LockDelivery(ctx, db.LockDeliveryParams{AccountID: t.AccountID, ID: t.DeliveryID})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("locking delivery %s: %w", t.DeliveryID, err)
		}
		d := toDelivery(db.DeliveryRow(row))
		if d.Status != delivery.Pending || d.Attempts != t.Attempt-1 {
			return nil
		}
		return fn(tx, q, d)
	})
}

// Record implements delivery.Store.
func (s *Store) Record(ctx context.Context, t delivery.Task, a delivery.Answer, judge func(delivery.Delivery, delivery.Endpoint) delivery.Verdict) error {
	return s.locked(ctx, t, func(tx pgx.Tx, q *db.Queries, d delivery.Delivery) error {
		if err := q.LockEndpointState(ctx, db.LockEndpointStateParams{AccountID: t.AccountID, EndpointID: t.EndpointID}); err != nil {
			return fmt.Errorf("locking the state of endpoint %s: %w", t.EndpointID, err)
		}
		e, err := endpoint(ctx, q, t.AccountID, t.EndpointID)
		if err != nil {
			return err
		}
		v := judge(d, e)
		if err := s.write(ctx, q, t, a, v); err != nil {
			return fmt.Errorf("recording attempt %d of delivery %s: %w", t.Attempt, t.DeliveryID, err)
		}
		if v.DisabledReason != "" && e.Enabled {
			if err := s.tellDisabled(ctx, tx, t, a.At, v.DisabledReason); err != nil {
				return err
			}
		}
		if v.Status != delivery.Pending {
			return nil
		}
		next := t
		next.Attempt, next.At, next.Slow = t.Attempt+1, v.Next, true
		return s.tasks.Schedule(ctx, tx, next)
	})
}

func (s *Store) write(ctx context.Context, q *db.Queries, t delivery.Task, a delivery.Answer, v delivery.Verdict) error {
	finished := a.At.Add(a.Took)
	attempt := db.InsertAttemptParams{
		AccountID: t.AccountID, DeliveryID: t.DeliveryID, Attempt: int32(t.Attempt), At: a.At, DurationMs: int32(a.Took.Milliseconds()),
		Error: a.Error, ResponseExcerpt: a.Excerpt,
	}
	if a.Code != 0 {
		code := int32(a.Code)
		attempt.StatusCode = &code
	}
	saved := db.SaveDeliveryParams{AccountID: t.AccountID, ID: t.DeliveryID, Status: string(v.Status), Attempts: int32(t.Attempt)}
	state := db.SaveEndpointStateParams{
		AccountID: t.AccountID, EndpointID: t.EndpointID, ConsecutiveFailures: int32(v.Failures),
		FailingSince: orNil(v.FailingSince), DisabledReason: v.DisabledReason,
	}
	if v.Status == delivery.Pending {
		saved.NextAttemptAt = &v.Next
	} else {
		saved.FinishedAt = &finished
	}
	if v.Status == delivery.Delivered {
		state.LastSuccessAt = &finished
	}
	if v.DisabledReason != "" {
		state.DisabledAt = &finished
	}
	return errors.Join(q.InsertAttempt(ctx, attempt), q.SaveDelivery(ctx, saved), q.SaveEndpointState(ctx, state))
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

func toDelivery(r db.DeliveryRow) delivery.Delivery {
	return delivery.Delivery{
		ID: r.ID, AccountID: r.AccountID, EndpointID: r.EndpointID, EventID: r.EventID, EventType: r.EventType, Body: r.Body,
		Status: delivery.Status(r.Status), Attempts: int(r.Attempts), CreatedAt: r.CreatedAt,
	}
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
