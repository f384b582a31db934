package httpapi

import (
	"context"
	"net/http"
	"time"

	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/calendar"
	"github.com/draftlabs/specter/services/dashboard/internal/idempotency"
	"github.com/draftlabs/specter/services/dashboard/internal/insight"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/product"
)

// repeatable lets a creating request be repeated with its Idempotency-Key.
func repeatable(ctx context.Context, operation string, key *string, asked ...any) (context.Context, error) {
	if key == nil {
		return ctx, nil
	}
	r, err := idempotency.New(operation, *key, asked...)
	if err != nil {
		return ctx, err
	}
	return idempotency.With(ctx, r), nil
}

// ListProducts answers GET /api/v1/products.
func (a *api) ListProducts(ctx context.Context, r contract.ListProductsRequestObject) (contract.ListProductsResponseObject, error) {
	const list = "products"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.Products.Products(ctx, who(ctx).Account, request)
	if err != nil {
		return nil, err
	}
	var out contract.ListProducts200JSONResponse
	out.Items, _ = each(found.Items, plain(toProduct))
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

// CreateProduct answers POST /api/v1/products.
func (a *api) CreateProduct(ctx context.Context, r contract.CreateProductRequestObject) (contract.CreateProductResponseObject, error) {
	ctx, err := repeatable(ctx, "createProduct", r.Params.IdempotencyKey, r.Body)
	if err != nil {
		return nil, err
	}
	c, err := a.Products.Create(ctx, who(ctx), r.Body.Name, value(r.Body.TimeZone))
	if err != nil {
		return nil, err
	}
	return contract.CreateProduct201JSONResponse{Product: toProduct(c.Product), Context: toContext(c.Context), Key: a.toKey(c.Key)}, nil
}

// GetProduct answers GET /api/v1/products/{product_id}.
func (a *api) GetProduct(ctx context.Context, r contract.GetProductRequestObject) (contract.GetProductResponseObject, error) {
	p, err := a.Products.Product(ctx, who(ctx).Account, r.ProductId)
	if err != nil {
		return nil, err
	}
	return answer{status: http.StatusOK, body: toProduct(p), etag: versionTag(p.Version)}, nil
}

// UpdateProduct answers PATCH /api/v1/products/{product_id}.
func (a *api) UpdateProduct(ctx context.Context, r contract.UpdateProductRequestObject) (contract.UpdateProductResponseObject, error) {
	version, err := ifMatch(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	p, err := a.Products.Update(ctx, who(ctx), r.ProductId, product.Patch{Name: r.Body.Name, TimeZone: r.Body.TimeZone, IfVersion: version})
	if err != nil {
		return nil, err
	}
	return answer{status: http.StatusOK, body: toProduct(p), etag: versionTag(p.Version)}, nil
}

func toProduct(p product.Product) contract.Product {
	return contract.Product{
		Id: p.ID, Name: p.Name, TimeZone: p.TimeZone, DefaultContextId: p.DefaultContextID, CreatedAt: p.CreatedAt.UTC(),
		FirstSignalAt: utc(p.FirstSignalAt), LastSignalAt: utc(p.LastSignalAt), SignalsTotal: p.SignalsTotal, OpenProposals: &p.OpenProposals,
	}
}

// ListContexts answers GET /api/v1/products/{product_id}/contexts.
func (a *api) ListContexts(ctx context.Context, r contract.ListContextsRequestObject) (contract.ListContextsResponseObject, error) {
	const list = "contexts"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, now, err := a.Insights.ContextsHealth(ctx, who(ctx).Account, r.ProductId, request)
	if err != nil {
		return nil, err
	}
	var out contract.ListContexts200JSONResponse
	if out.Items, err = each(found.Items, func(f insight.ContextFacts) (contract.Context, error) { return contextWithHealth(f, now) }); err != nil {
		return nil, err
	}
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

// CreateContext answers POST /api/v1/products/{product_id}/contexts.
func (a *api) CreateContext(ctx context.Context, r contract.CreateContextRequestObject) (contract.CreateContextResponseObject, error) {
	ctx, err := repeatable(ctx, "createContext", r.Params.IdempotencyKey, r.ProductId, r.Body)
	if err != nil {
		return nil, err
	}
	c, err := a.Products.AddContext(ctx, who(ctx), r.ProductId, product.ContextPatch{
		Name: &r.Body.Name, Description: r.Body.Description, PositiveTypes: r.Body.PositiveTypes, NegativeTypes: r.Body.NegativeTypes, PayloadKeys: r.Body.PayloadKeys,
		Funnel: r.Body.Funnel,
	})
	if err != nil {
		return nil, err
	}
	return answer{status: http.StatusCreated, body: toContext(c), etag: versionTag(c.Version)}, nil
}

// GetContext answers GET /api/v1/contexts/{context_id}.
func (a *api) GetContext(ctx context.Context, r contract.GetContextRequestObject) (contract.GetContextResponseObject, error) {
	facts, _, err := a.Insights.ContextHealth(ctx, who(ctx).Account, r.ContextId)
	if err != nil {
		return nil, err
	}
	out, err := contextWithHealth(facts, a.Now())
	if err != nil {
		return nil, err
	}
	return answer{status: http.StatusOK, body: out, etag: versionTag(facts.Context.Version)}, nil
}

// UpdateContext answers PATCH /api/v1/contexts/{context_id}.
func (a *api) UpdateContext(ctx context.Context, r contract.UpdateContextRequestObject) (contract.UpdateContextResponseObject, error) {
	version, err := ifMatch(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	c, err := a.Products.UpdateContext(ctx, who(ctx), r.ContextId, product.ContextPatch{
		Name: r.Body.Name, Description: r.Body.Description, PositiveTypes: r.Body.PositiveTypes, NegativeTypes: r.Body.NegativeTypes,
		PayloadKeys: r.Body.PayloadKeys, Funnel: r.Body.Funnel, IfVersion: version,
	})
	if err != nil {
		return nil, err
	}
	return answer{status: http.StatusOK, body: toContext(c), etag: versionTag(c.Version)}, nil
}

func toContext(c product.Context) contract.Context {
	return contract.Context{
		Id: c.ID, ProductId: c.ProductID, Name: c.Name, Description: c.Description, PositiveTypes: append([]string{}, c.PositiveTypes...),
		NegativeTypes: append([]string{}, c.NegativeTypes...), PayloadKeys: append([]string{}, c.PayloadKeys...), Funnel: append([]string{}, c.Funnel...), IsDefault: c.IsDefault,
		Version: c.Version, CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
	}
}

func contextWithHealth(f insight.ContextFacts, now time.Time) (contract.Context, error) {
	h, err := f.Health(now)
	if err != nil {
		return contract.Context{}, err
	}
	out := toContext(f.Context)
	out.Health = &contract.ContextHealth{
		Status: contract.ContextHealthStatus(h.Status), Signals24h: f.Signals24h, SignalsNeeded: insight.SignalsNeeded, RatioNow: h.RatioNow,
		RatioBefore: h.RatioBefore, Sparkline: toPoints(h.Sparkline), OpenProposals: f.OpenProposals, LastSignalAt: utc(f.LastSignalAt),
		NextAnalysisAt: utc(f.NextAnalysis),
	}
	if f.LastAnalysis != nil {
		last := toAnalysis(*f.LastAnalysis)
		out.Health.LastAnalysis = &last
	}
	return out, nil
}

func toPoints(points []insight.Point) []contract.HealthPoint {
	out, _ := each(points, plain(func(p insight.Point) contract.HealthPoint {
		return contract.HealthPoint{
			At: p.At.UTC(), Positive: p.Positive, Negative: p.Negative, Neutral: p.Neutral, Ratio: p.Ratio(), Refused: toRefused(p.Refused),
		}
	}))
	return out
}

func toRefused(refused []insight.Refused) *contract.Refused {
	if len(refused) == 0 {
		return nil
	}
	out, _ := each(refused, plain(func(r insight.Refused) contract.CodeCount { return contract.CodeCount{Code: r.Code, Count: r.N} }))
	return &out
}

// GetContextHealth answers GET /api/v1/contexts/{context_id}/health.
func (a *api) GetContextHealth(ctx context.Context, r contract.GetContextHealthRequestObject) (contract.GetContextHealthResponseObject, error) {
	step := calendar.Day
	if r.Params.Step != nil {
		if !r.Params.Step.Valid() {
			return nil, invalidParameter("step", "step is hour or day.")
		}
		step = calendar.Step(*r.Params.Step)
	}
	s, err := a.Insights.Series(ctx, who(ctx).Account, r.ContextId, step, r.Params.From, r.Params.To)
	if err != nil {
		return nil, err
	}
	return contract.GetContextHealth200JSONResponse{
		ContextId: s.ContextID, Step: contract.HealthSeriesStep(s.Step), From: s.From.UTC(), To: s.To.UTC(), Points: toPoints(s.Points),
	}, nil
}
