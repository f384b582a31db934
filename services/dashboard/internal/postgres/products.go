package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/entitlement"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
	"github.com/draftlabs/specter/services/dashboard/internal/product"
)

// Products is the product.Store.
type Products struct{ *Store }

var _ product.Store = Products{}

// Create keeps a product, its default context and its first key, and tells the gateway.
func (s Products) Create(ctx context.Context, a actor.Actor, c product.Created) (product.Created, error) {
	var out product.Created
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		var err error
		out, err = once(ctx, q, s.Store, a.Account, c.Product.CreatedAt, func() (product.Created, error) { return s.create(ctx, tx, q, a, c) })
		return err
	})
	return out, wrap(err, "creating the product")
}

func (s Products) create(ctx context.Context, tx pgx.Tx, q *db.Queries, a actor.Actor, c product.Created) (product.Created, error) {
	have, err := q.LockRoom(ctx, a.Account)
	if err != nil {
		return c, err
	}
	n, err := q.CountProducts(ctx)
	if err != nil {
		return c, err
	}
	if n >= product.MaxProducts {
		return c, product.ErrLimit("products", product.MaxProducts)
	}
	if err := entitlement.Room(have.Plan, entitlement.Products, int(n), int(have.ProductLimit)); err != nil {
		return c, err
	}
	if err := roomForContext(ctx, q, have); err != nil {
		return c, err
	}
	p := c.Product
	if err := q.InsertProduct(ctx, db.InsertProductParams{ID: p.ID, AccountID: a.Account, Name: p.Name, TimeZone: p.TimeZone, CreatedAt: p.CreatedAt}); err != nil {
		return c, err
	}
	if err := audit(ctx, q, change{actor: a, at: p.CreatedAt, action: "product.created", subject: "product", id: p.ID, detail: map[string]any{"name": p.Name}}); err != nil {
		return c, err
	}
	if c.Context, err = s.insertContext(ctx, q, a, c.Context); err != nil {
		return c, err
	}
	if err := s.publishProduct(ctx, tx, q, a.Account, p.ID, false); err != nil {
		return c, err
	}
	c.Key, err = s.insertKey(ctx, tx, q, a, c.Key, keyOrigin{})
	return c, err
}

// roomForContext refuses one more context than the account's plan allows. A product brings one, too.
func roomForContext(ctx context.Context, q *db.Queries, have db.LockRoomRow) error {
	n, err := q.CountAllContexts(ctx)
	if err != nil {
		return err
	}
	return entitlement.Room(have.Plan, entitlement.Contexts, int(n), int(have.ContextLimit))
}

// Update edits a product.
func (s Products) Update(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, edit func(*product.Product) error) (product.Product, error) {
	var out product.Product
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.LockProduct(ctx, id)
		if err != nil {
			return found(err)
		}
		p := product.Product{ID: row.ID, Name: row.Name, TimeZone: row.TimeZone, Version: int(row.Version)}
		if err := edit(&p); err != nil {
			return err
		}
		if err := q.UpdateProduct(ctx, db.UpdateProductParams{ID: id, Name: p.Name, TimeZone: p.TimeZone}); err != nil {
			return err
		}
		after, err := q.Product(ctx, id)
		if err != nil {
			return err
		}
		out = toProduct(after)
		return audit(ctx, q, change{actor: a, at: at, action: "product.updated", subject: "product", id: id, detail: map[string]any{"name": p.Name, "time_zone": p.TimeZone}})
	})
	return out, wrap(err, "updating the product")
}

func toProduct(row db.ProductRow) product.Product {
	return product.Product{
		ID: row.ID, Name: row.Name, TimeZone: row.TimeZone, DefaultContextID: row.DefaultContextID, Version: int(row.Version), CreatedAt: row.CreatedAt,
		FirstSignalAt: row.FirstSignalAt, LastSignalAt: row.LastSignalAt, SignalsTotal: row.SignalsTotal, OpenProposals: int(row.OpenProposals),
	}
}

// Product reads one product.
func (s Products) Product(ctx context.Context, accountID, id uuid.UUID) (product.Product, error) {
	var out product.Product
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.Product(ctx, id)
		out = toProduct(row)
		return found(err)
	})
	return out, wrap(err, "reading the product")
}

// Products lists the account's products.
func (s Products) Products(ctx context.Context, accountID uuid.UUID, r page.Request) (page.Of[product.Product], error) {
	var out []product.Product
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		rows, err := q.ListProducts(ctx, db.ListProductsParams{BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()})
		out = mapped(rows, func(row db.ListProductsRow) product.Product { return toProduct(db.ProductRow(row)) })
		return err
	})
	return page.Cut(out, r, func(p product.Product) page.Cursor { return page.AtID(p.CreatedAt, p.ID) }), wrap(err, "listing products")
}

// AddContext keeps a context and tells the gateway.
func (s Products) AddContext(ctx context.Context, a actor.Actor, c product.Context) (product.Context, error) {
	var out product.Context
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		have, err := q.LockRoom(ctx, a.Account) // before the product, as whoever publishes the account's entries does
		if err != nil {
			return found(err)
		}
		if _, err := q.LockProduct(ctx, c.ProductID); err != nil {
			return found(err)
		}
		out, err = once(ctx, q, s.Store, a.Account, c.CreatedAt, func() (product.Context, error) {
			if err := roomForContext(ctx, q, have); err != nil {
				return c, err
			}
			n, err := q.CountContexts(ctx, c.ProductID)
			if err != nil {
				return c, err
			}
			if n >= product.MaxContexts {
				return c, product.ErrLimit("contexts", product.MaxContexts)
			}
			made, err := s.insertContext(ctx, q, a, c)
			if err != nil {
				return c, err
			}
			return made, s.publishProduct(ctx, tx, q, a.Account, c.ProductID, false)
		})
		return err
	})
	return out, wrap(err, "creating the context")
}

func (s Products) insertContext(ctx context.Context, q *db.Queries, a actor.Actor, c product.Context) (product.Context, error) {
	row, err := q.InsertContext(ctx, db.InsertContextParams{
		ID: c.ID, AccountID: a.Account, ProductID: c.ProductID, Name: c.Name, Description: c.Description, PositiveTypes: c.PositiveTypes,
		NegativeTypes: c.NegativeTypes, PayloadKeys: c.PayloadKeys, IsDefault: c.IsDefault, CreatedAt: c.CreatedAt,
		Funnel: c.Funnel,
	})
	if err != nil {
		return c, nameTaken(err)
	}
	return toContext(row), audit(ctx, q, change{actor: a, at: c.CreatedAt, action: "context.created", subject: "context", id: c.ID, detail: map[string]any{"name": c.Name, "product_id": c.ProductID}})
}

func nameTaken(err error) error {
	if violates(err, "contexts_account_id_product_id_name_key") {
		return fault.New(fault.Conflict, "conflict", "The product has another context of this name.").With("/name", "taken", "Choose another name.")
	}
	return err
}

func toContext(row db.Context) product.Context {
	return product.Context{
		ID: row.ID, ProductID: row.ProductID, Name: row.Name, Description: row.Description, PositiveTypes: row.PositiveTypes, NegativeTypes: row.NegativeTypes,
		PayloadKeys: row.PayloadKeys, Funnel: row.Funnel, IsDefault: row.IsDefault, Version: int(row.Version), CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
	}
}

// UpdateContext edits a context. The gateway knows only ids, so it need not hear of it.
func (s Products) UpdateContext(ctx context.Context, a actor.Actor, id uuid.UUID, edit func(*product.Context) error) (product.Context, error) {
	var out product.Context
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		before, err := q.LockContext(ctx, id)
		if err != nil {
			return found(err)
		}
		c := toContext(before)
		if err := edit(&c); err != nil {
			return err
		}
		row, err := q.UpdateContext(ctx, db.UpdateContextParams{
			ID: id, Name: c.Name, Description: c.Description, PositiveTypes: c.PositiveTypes, NegativeTypes: c.NegativeTypes, PayloadKeys: c.PayloadKeys, UpdatedAt: c.UpdatedAt,
			Funnel: c.Funnel,
		})
		if err != nil {
			return nameTaken(err)
		}
		out = toContext(row)
		return audit(ctx, q, change{actor: a, at: c.UpdatedAt, action: "context.updated", subject: "context", id: id, detail: map[string]any{
			"name": c.Name, "positive_types": c.PositiveTypes, "negative_types": c.NegativeTypes, "payload_keys": c.PayloadKeys, "funnel": c.Funnel,
		}})
	})
	return out, wrap(err, "updating the context")
}
