package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/event"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/endpoint"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// ListDeliveries lists what was sent to an endpoint, each with its attempts.
func (s Endpoints) ListDeliveries(ctx context.Context, accountID, id uuid.UUID, w endpoint.Wanted, r page.Request) (page.Of[endpoint.Delivery], error) {
	var out page.Of[endpoint.Delivery]
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.Endpoint(ctx, id); err != nil {
			return found(err)
		}
		rows, err := q.ListDeliveries(ctx, db.ListDeliveriesParams{
			EndpointID: id, Status: orAny(w.Status), EventType: orAny(w.EventType), Since: orAny(w.Since),
			BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch(),
		})
		if err != nil {
			return err
		}
		out = page.Cut(mapped(rows, toDelivery), r, func(d endpoint.Delivery) page.Cursor { return page.AtID(d.CreatedAt, d.ID) })
		return addAttempts(ctx, q, out.Items)
	})
	return out, wrap(err, "listing deliveries")
}

// orAny is the filter v, or none.
func orAny[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// Delivery reads one delivery with its body.
func (s Endpoints) Delivery(ctx context.Context, accountID, endpointID, id uuid.UUID) (endpoint.Delivery, error) {
	var out endpoint.Delivery
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		row, err := delivery(ctx, q, endpointID, id)
		if err != nil {
			return err
		}
		one := []endpoint.Delivery{toDelivery(db.ListDeliveriesRow{
			ID: row.ID, EventID: row.EventID, EventType: row.EventType, Status: row.Status, Reason: row.Reason, Attempts: row.Attempts, Resends: row.Resends,
			DeploymentID: row.DeploymentID, CreatedAt: row.CreatedAt, NextAttemptAt: row.NextAttemptAt, FinishedAt: row.FinishedAt,
		})}
		one[0].Body = row.Body
		err = addAttempts(ctx, q, one)
		out = one[0]
		return err
	})
	return out, wrap(err, "reading a delivery")
}

// delivery finds a delivery of an endpoint that has not been removed.
func delivery(ctx context.Context, q *db.Queries, endpointID, id uuid.UUID) (db.DeliveryByIDRow, error) {
	if _, err := q.Endpoint(ctx, endpointID); err != nil {
		return db.DeliveryByIDRow{}, found(err)
	}
	row, err := q.DeliveryByID(ctx, db.DeliveryByIDParams{EndpointID: endpointID, ID: id})
	return row, found(err)
}

// ResendDelivery asks the notifier for a delivery again.
func (s Endpoints) ResendDelivery(ctx context.Context, a actor.Actor, endpointID, id uuid.UUID, at time.Time, check func(endpoint.Endpoint) error) error {
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		row, err := delivery(ctx, q, endpointID, id)
		if err != nil {
			return err
		}
		if err := checkEndpoint(ctx, q, endpointID, check); err != nil {
			return err
		}
		detail := map[string]any{"delivery_id": id, "event_type": row.EventType}
		if err := audit(ctx, q, change{actor: a, at: at, action: "endpoint.delivery_resent", subject: "endpoint", id: endpointID, detail: detail}); err != nil {
			return err
		}
		return emit(ctx, tx, s.Store, event.DeliveryResendRequested, a, at, &eventv1.DeliveryResendRequested{
			DeliveryId: id.String(), EndpointId: endpointID.String(), RequestedBy: a.Name,
		})
	})
	return wrap(err, "asking for a delivery again")
}

// RecoverEndpoint asks the notifier for everything again that did not reach an endpoint.
func (s Endpoints) RecoverEndpoint(ctx context.Context, a actor.Actor, id uuid.UUID, since, at time.Time, check func(endpoint.Endpoint) error) (n int64, err error) {
	err = s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		if err := checkEndpoint(ctx, q, id, check); err != nil {
			return err
		}
		var err error
		if n, err = q.CountUnsent(ctx, db.CountUnsentParams{EndpointID: id, Since: since}); err != nil {
			return err
		}
		detail := map[string]any{"since": since, "deliveries": n}
		if err := audit(ctx, q, change{actor: a, at: at, action: "endpoint.recovered", subject: "endpoint", id: id, detail: detail}); err != nil {
			return err
		}
		return emit(ctx, tx, s.Store, event.EndpointRecoveryRequested, a, at, &eventv1.EndpointRecoveryRequested{
			EndpointId: id.String(), Since: timestamppb.New(since), RequestedBy: a.Name,
		})
	})
	return n, wrap(err, "asking for failed deliveries again")
}

func checkEndpoint(ctx context.Context, q *db.Queries, id uuid.UUID, check func(endpoint.Endpoint) error) error {
	row, err := q.Endpoint(ctx, id)
	if err != nil {
		return found(err)
	}
	return check(toEndpoint(row))
}

func toDelivery(row db.ListDeliveriesRow) endpoint.Delivery {
	return endpoint.Delivery{
		ID: row.ID, EventID: row.EventID, EventType: row.EventType, Status: row.Status, Reason: row.Reason, Attempts: int(row.Attempts), Resends: int(row.Resends),
		DeploymentID: row.DeploymentID, CreatedAt: row.CreatedAt, NextAttemptAt: row.NextAttemptAt, FinishedAt: row.FinishedAt,
	}
}

func addAttempts(ctx context.Context, q *db.Queries, deliveries []endpoint.Delivery) error {
	ids := make([]uuid.UUID, len(deliveries))
	at := map[uuid.UUID]int{}
	for i, d := range deliveries {
		ids[i], at[d.ID] = d.ID, i
	}
	rows, err := q.DeliveryAttempts(ctx, ids)
	if err != nil {
		return err
	}
	for _, row := range rows {
		a := endpoint.Attempt{
			Number: int(row.Attempt), At: row.At, Duration: time.Duration(row.DurationMs) * time.Millisecond, Error: row.Error, ResponseExcerpt: row.ResponseExcerpt,
			Request: row.Request, ResponseHeaders: row.ResponseHeaders,
		}
		if row.StatusCode != nil {
			code := int(*row.StatusCode)
			a.StatusCode = &code
		}
		d := &deliveries[at[row.DeliveryID]]
		d.Log = append(d.Log, a)
	}
	return nil
}
