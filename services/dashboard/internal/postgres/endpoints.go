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
	"github.com/draftlabs/specter/services/dashboard/internal/entitlement"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// Endpoints is the endpoint.Store.
type Endpoints struct {
	*Store
	Now func() time.Time
}

var _ endpoint.Store = Endpoints{}

// AddEndpoint keeps an endpoint with its sealed secret.
func (s Endpoints) AddEndpoint(ctx context.Context, a actor.Actor, c endpoint.Created) (endpoint.Created, error) {
	var out endpoint.Created
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		var err error
		out, err = once(ctx, q, s.Store, a.Account, c.Endpoint.CreatedAt, func() (endpoint.Created, error) {
			have, err := q.LockRoom(ctx, a.Account)
			if err != nil {
				return c, err
			}
			n, err := q.CountEndpoints(ctx)
			if err != nil {
				return c, err
			}
			if n >= endpoint.MaxEndpoints {
				return c, fault.Newf(fault.Conflict, "limit_reached", "There are already %d webhook endpoints.", endpoint.MaxEndpoints)
			}
			if err := entitlement.Room(have.Plan, entitlement.WebhookEndpoints, int(n), int(have.EndpointLimit)); err != nil {
				return c, err
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
		UpdatedAt: row.UpdatedAt, DisabledAt: row.DisabledAt, DisabledReason: text(row.DisabledReason), LastSuccessAt: row.LastSuccessAt, FailingSince: row.FailingSince,
		OverlapUntil: row.PreviousSecretUntil,
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

// RotateSecret replaces the secret.
func (s Endpoints) RotateSecret(ctx context.Context, a actor.Actor, id uuid.UUID, r endpoint.Rotation) (endpoint.Endpoint, error) {
	var out endpoint.Endpoint
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		n, err := q.RotateEndpointSecret(ctx, db.RotateEndpointSecretParams{ID: id, SecretSealed: s.secrets.Seal([]byte(r.Secret)), At: r.At, Until: r.Until})
		if err != nil {
			return err
		}
		if n == 0 {
			return errNotFound
		}
		row, err := q.Endpoint(ctx, id)
		if err != nil {
			return err
		}
		out = toEndpoint(row)
		return audit(ctx, q, change{actor: a, at: r.At, action: "endpoint.secret_rotated", subject: "endpoint", id: id, detail: map[string]any{"overlap_until": r.Until}})
	})
	return out, wrap(err, "rotating the endpoint's secret")
}

// RevealSecret opens the secret and notes who saw it.
func (s Endpoints) RevealSecret(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time) (secret string, err error) {
	err = s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.Endpoint(ctx, id)
		if err != nil {
			return found(err)
		}
		opened, err := s.secrets.Open(row.SecretSealed)
		if err != nil {
			return err
		}
		secret = string(opened)
		return audit(ctx, q, change{actor: a, at: at, action: "endpoint.secret_revealed", subject: "endpoint", id: id})
	})
	return secret, wrap(err, "revealing the endpoint's secret")
}

// daysShown is how far back an endpoint's days go.
const daysShown = 14

// Endpoint reads one endpoint.
func (s Endpoints) Endpoint(ctx context.Context, accountID, id uuid.UUID) (endpoint.Endpoint, error) {
	var out endpoint.Endpoint
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.Endpoint(ctx, id)
		if err != nil {
			return found(err)
		}
		one := []endpoint.Endpoint{toEndpoint(row)}
		err = s.addDays(ctx, q, one)
		out = one[0]
		return err
	})
	return out, wrap(err, "reading the webhook endpoint")
}

// Endpoints lists the account's endpoints, with their days if these are asked for.
func (s Endpoints) Endpoints(ctx context.Context, accountID uuid.UUID, days bool, r page.Request) (page.Of[endpoint.Endpoint], error) {
	var out page.Of[endpoint.Endpoint]
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		rows, err := q.ListEndpoints(ctx, db.ListEndpointsParams{BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()})
		if err != nil {
			return err
		}
		all := mapped(rows, func(row db.ListEndpointsRow) endpoint.Endpoint { return toEndpoint(db.EndpointRow(row)) })
		out = page.Cut(all, r, func(e endpoint.Endpoint) page.Cursor { return page.AtID(e.CreatedAt, e.ID) })
		if !days {
			return nil
		}
		return s.addDays(ctx, q, out.Items)
	})
	return out, wrap(err, "listing webhook endpoints")
}

func (s Endpoints) addDays(ctx context.Context, q *db.Queries, endpoints []endpoint.Endpoint) error {
	ids := make([]uuid.UUID, len(endpoints))
	at := map[uuid.UUID]int{}
	for i, e := range endpoints {
		ids[i], at[e.ID] = e.ID, i
	}
	since := s.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-daysShown)
	rows, err := q.EndpointDays(ctx, db.EndpointDaysParams{Endpoints: ids, Since: since})
	if err != nil {
		return err
	}
	for _, row := range rows {
		e := &endpoints[at[row.EndpointID]]
		e.Days = append(e.Days, endpoint.Day{Day: row.Day, Delivered: row.Delivered, Pending: row.Pending, Failed: row.Failed, Dropped: row.Dropped})
	}
	return nil
}
