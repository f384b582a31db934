package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/endpoint"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// Endpoints is the endpoint.Store.
type Endpoints struct{ *Store }

var _ endpoint.Store = Endpoints{}

// AddEndpoint keeps an endpoint with its sealed secret.
func (s Endpoints) AddEndpoint(ctx context.Context, a actor.Actor, c endpoint.Created) (endpoint.Created, error) {
	var out endpoint.Created
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		var err error
		out, err = once(ctx, q, s.Store, a.Account, c.Endpoint.CreatedAt, func() (endpoint.Created, error) {
			n, err := q.CountEndpoints(ctx)
			if err != nil {
				return c, err
			}
			if n >= endpoint.MaxEndpoints {
				return c, fault.Newf(fault.Conflict, "limit_reached", "There are already %d webhook endpoints.", endpoint.MaxEndpoints)
			}
			e := c.Endpoint
			err = q.InsertEndpoint(ctx, db.InsertEndpointParams{
				ID: e.ID, AccountID: a.Account, Url: e.URL, Description: e.Description, Events: e.Events, SecretSealed: s.secrets.Seal([]byte(c.Secret)), CreatedAt: e.CreatedAt,
			})
			if err != nil {
				return c, err
			}
			return c, audit(ctx, q, change{actor: a, at: e.CreatedAt, action: "endpoint.created", subject: "endpoint", id: e.ID, detail: map[string]any{"events": e.Events}})
		})
		return err
	})
	return out, wrap(err, "creating the webhook endpoint")
}

// ChangeEndpoint edits an endpoint.
func (s Endpoints) ChangeEndpoint(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, edit func(*endpoint.Endpoint) error) (endpoint.Endpoint, error) {
	var out endpoint.Endpoint
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.LockEndpoint(ctx, id)
		if err != nil {
			return found(err)
		}
		e := endpoint.Endpoint{ID: row.ID, URL: row.Url, Description: row.Description, Events: row.Events, Enabled: row.Enabled, Version: int(row.Version), CreatedAt: row.CreatedAt}
		if err := edit(&e); err != nil {
			return err
		}
		err = q.UpdateEndpoint(ctx, db.UpdateEndpointParams{ID: id, Url: e.URL, Description: e.Description, Events: e.Events, Enabled: e.Enabled, UpdatedAt: at})
		if err != nil {
			return err
		}
		after, err := q.Endpoint(ctx, id)
		if err != nil {
			return err
		}
		out = toEndpoint(after)
		return audit(ctx, q, change{actor: a, at: at, action: "endpoint.updated", subject: "endpoint", id: id, detail: map[string]any{"events": e.Events, "enabled": e.Enabled}})
	})
	return out, wrap(err, "updating the webhook endpoint")
}

func toEndpoint(row db.EndpointRow) endpoint.Endpoint {
	e := endpoint.Endpoint{
		ID: row.ID, URL: row.Url, Description: row.Description, Events: row.Events, Enabled: row.Enabled, Version: int(row.Version), CreatedAt: row.CreatedAt,
		UpdatedAt: row.UpdatedAt, DisabledAt: row.DisabledAt, DisabledReason: text(row.DisabledReason), LastSuccessAt: row.LastSuccessAt,
	}
	if row.ConsecutiveFailures != nil {
		e.ConsecutiveFailures = int(*row.ConsecutiveFailures)
	}
	return e
}

// RemoveEndpoint ends an endpoint.
func (s Endpoints) RemoveEndpoint(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time) error {
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		n, err := q.DeleteEndpoint(ctx, db.DeleteEndpointParams{ID: id, DeletedAt: &at})
		if err != nil {
			return err
		}
		if n == 0 {
			return errNotFound
		}
		return audit(ctx, q, change{actor: a, at: at, action: "endpoint.deleted", subject: "endpoint", id: id})
	})
	return wrap(err, "removing the webhook endpoint")
}

// TestEndpoint asks the notifier for a test delivery.
func (s Endpoints) TestEndpoint(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, check func(endpoint.Endpoint) error) error {
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		row, err := q.Endpoint(ctx, id)
		if err != nil {
			return found(err)
		}
		if err := check(toEndpoint(row)); err != nil {
			return err
		}
		if err := audit(ctx, q, change{actor: a, at: at, action: "endpoint.tested", subject: "endpoint", id: id}); err != nil {
			return err
		}
		return emit(ctx, tx, s.Store, event.EndpointTested, a, at, &eventv1.EndpointTested{EndpointId: id.String()})
	})
	return wrap(err, "asking for a test delivery")
}

// Endpoint reads one endpoint.
func (s Endpoints) Endpoint(ctx context.Context, accountID, id uuid.UUID) (endpoint.Endpoint, error) {
	var out endpoint.Endpoint
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.Endpoint(ctx, id)
		out = toEndpoint(row)
		return found(err)
	})
	return out, wrap(err, "reading the webhook endpoint")
}

// Endpoints lists the account's endpoints.
func (s Endpoints) Endpoints(ctx context.Context, accountID uuid.UUID, r page.Request) (page.Of[endpoint.Endpoint], error) {
	var out []endpoint.Endpoint
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		rows, err := q.ListEndpoints(ctx, db.ListEndpointsParams{BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()})
		out = mapped(rows, func(row db.ListEndpointsRow) endpoint.Endpoint { return toEndpoint(db.EndpointRow(row)) })
		return err
	})
	return page.Cut(out, r, func(e endpoint.Endpoint) page.Cursor { return page.AtID(e.CreatedAt, e.ID) }), wrap(err, "listing webhook endpoints")
}

// Deliveries lists what was sent to an endpoint, each with its attempts.
func (s Endpoints) Deliveries(ctx context.Context, accountID, id uuid.UUID, r page.Request) (page.Of[endpoint.Delivery], error) {
	var out page.Of[endpoint.Delivery]
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.Endpoint(ctx, id); err != nil {
			return found(err)
		}
		rows, err := q.ListDeliveries(ctx, db.ListDeliveriesParams{EndpointID: id, BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()})
		if err != nil {
			return err
		}
		out = page.Cut(mapped(rows, toDelivery), r, func(d endpoint.Delivery) page.Cursor { return page.AtID(d.CreatedAt, d.ID) })
		return addAttempts(ctx, q, out.Items)
	})
	return out, wrap(err, "listing deliveries")
}

func toDelivery(row db.ListDeliveriesRow) endpoint.Delivery {
	return endpoint.Delivery{
		ID: row.ID, EventID: row.EventID, EventType: row.EventType, Status: row.Status, Attempts: int(row.Attempts), CreatedAt: row.CreatedAt,
		NextAttemptAt: row.NextAttemptAt, FinishedAt: row.FinishedAt,
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
