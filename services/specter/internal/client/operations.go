package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/google/uuid"
	openapi_types "github.com/oapi-codegen/runtime/types"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// pageLimit is the API's largest page; maxPages bounds what one listing may read.
const (
	pageLimit = 100
	maxPages  = 50
)

// SignUp creates an account and stays signed in to it.
func (c *Client) SignUp(ctx context.Context, email, password string) (api.Session, error) {
	var session api.Session
	err := call(ctx, false, &session, func(ctx context.Context) (*http.Response, error) {
		return c.api.SignUp(ctx, api.SignUpJSONRequestBody{Email: openapi_types.Email(email), Password: &password})
	})
	c.csrf = session.CsrfToken
	return session, err
}

// LogIn opens a session.
func (c *Client) LogIn(ctx context.Context, email, password string) (api.Session, error) {
	var session api.Session
	err := call(ctx, true, &session, func(ctx context.Context) (*http.Response, error) {
		return c.api.Login(ctx, api.LoginJSONRequestBody{Email: openapi_types.Email(email), Password: password})
	})
	c.csrf = session.CsrfToken
	return session, err
}

// LogOut ends the session.
func (c *Client) LogOut(ctx context.Context) error {
	return call(ctx, true, nil, func(ctx context.Context) (*http.Response, error) {
		return c.api.Logout(ctx, &api.LogoutParams{})
	})
}

// Account returns whose token this is.
func (c *Client) Account(ctx context.Context) (api.Account, error) {
	var account api.Account
	err := call(ctx, true, &account, func(ctx context.Context) (*http.Response, error) { return c.api.GetAccount(ctx) })
	return account, err
}

// Products lists all products.
func (c *Client) Products(ctx context.Context) ([]api.Product, error) {
	return pages(ctx, func(ctx context.Context, cursor *string) ([]api.Product, *string, error) {
		var page api.ProductPage
		err := call(ctx, true, &page, func(ctx context.Context) (*http.Response, error) {
			return c.api.ListProducts(ctx, &api.ListProductsParams{Limit: limit(), Cursor: cursor})
		})
		return page.Items, page.NextCursor, err
	})
}

// Product returns one product.
func (c *Client) Product(ctx context.Context, id uuid.UUID) (api.Product, error) {
	var product api.Product
	err := call(ctx, true, &product, func(ctx context.Context) (*http.Response, error) { return c.api.GetProduct(ctx, id) })
	return product, err
}

// CreateProduct creates a product with its default context and a key. Repeating it with
// the same idempotency key answers with the first result.
func (c *Client) CreateProduct(ctx context.Context, name, idempotencyKey string) (api.CreatedProduct, error) {
	var created api.CreatedProduct
	err := call(ctx, true, &created, func(ctx context.Context) (*http.Response, error) {
		return c.api.CreateProduct(ctx, &api.CreateProductParams{IdempotencyKey: &idempotencyKey}, api.CreateProductJSONRequestBody{Name: name})
	})
	return created, err
}

// Contexts lists a product's contexts.
func (c *Client) Contexts(ctx context.Context, product uuid.UUID) ([]api.Context, error) {
	return pages(ctx, func(ctx context.Context, cursor *string) ([]api.Context, *string, error) {
		var page api.ContextPage
		err := call(ctx, true, &page, func(ctx context.Context) (*http.Response, error) {
			return c.api.ListContexts(ctx, product, &api.ListContextsParams{Limit: limit(), Cursor: cursor})
		})
		return page.Items, page.NextCursor, err
	})
}

// CreateContext creates a context.
func (c *Client) CreateContext(ctx context.Context, product uuid.UUID, body api.NewContext, idempotencyKey string) (api.Context, error) {
	var created api.Context
	err := call(ctx, true, &created, func(ctx context.Context) (*http.Response, error) {
		return c.api.CreateContext(ctx, product, &api.CreateContextParams{IdempotencyKey: &idempotencyKey}, body)
	})
	return created, err
}

// Context returns one context.
func (c *Client) Context(ctx context.Context, id uuid.UUID) (api.Context, error) {
	var found api.Context
	err := call(ctx, true, &found, func(ctx context.Context) (*http.Response, error) { return c.api.GetContext(ctx, id) })
	return found, err
}

// RequestAnalysis asks for an analysis of a context and returns its id; Analysis finds it once it is made.
func (c *Client) RequestAnalysis(ctx context.Context, contextID uuid.UUID, body api.NewAnalysis) (uuid.UUID, error) {
	var asked api.AnalysisRequest
	err := call(ctx, false, &asked, func(ctx context.Context) (*http.Response, error) {
		return c.api.RequestAnalysis(ctx, contextID, body)
	})
	return asked.AnalysisId, err
}

// Analysis returns one analysis with its detail.
func (c *Client) Analysis(ctx context.Context, id uuid.UUID) (api.Analysis, error) {
	var found api.Analysis
	err := call(ctx, true, &found, func(ctx context.Context) (*http.Response, error) { return c.api.GetAnalysis(ctx, id) })
	return found, err
}

// BeginImport opens an import of history.
func (c *Client) BeginImport(ctx context.Context, product uuid.UUID, name string) (api.Import, error) {
	var begun api.Import
	err := call(ctx, false, &begun, func(ctx context.Context) (*http.Response, error) {
		return c.api.CreateImport(ctx, product, &api.CreateImportParams{}, api.CreateImportJSONRequestBody{Name: &name})
	})
	return begun, err
}

// SendImport sends one batch of signals, each already encoded (api.HistoricSignal).
// Repeating it is safe: the ids decide what is new.
func (c *Client) SendImport(ctx context.Context, id uuid.UUID, signals []json.RawMessage) error {
	body, err := json.Marshal(struct {
		Signals []json.RawMessage `json:"signals"`
	}{signals})
	if err != nil {
		return err
	}
	return call(ctx, true, nil, func(ctx context.Context) (*http.Response, error) {
		return c.api.ImportSignalsWithBody(ctx, id, "application/json", bytes.NewReader(body))
	})
}

// CompleteImport ends an import; its history is judged from then on.
func (c *Client) CompleteImport(ctx context.Context, id uuid.UUID) (api.Import, error) {
	var done api.Import
	err := call(ctx, true, &done, func(ctx context.Context) (*http.Response, error) { return c.api.CompleteImport(ctx, id) })
	return done, err
}

// Import returns how far an import is.
func (c *Client) Import(ctx context.Context, id uuid.UUID) (api.Import, error) {
	var found api.Import
	err := call(ctx, true, &found, func(ctx context.Context) (*http.Response, error) { return c.api.GetImport(ctx, id) })
	return found, err
}

// Findings lists a product's findings, newest first.
func (c *Client) Findings(ctx context.Context, product uuid.UUID) ([]api.Finding, error) {
	return pages(ctx, func(ctx context.Context, cursor *string) ([]api.Finding, *string, error) {
		var page api.FindingPage
		err := call(ctx, true, &page, func(ctx context.Context) (*http.Response, error) {
			return c.api.ListFindings(ctx, product, &api.ListFindingsParams{Limit: limit(), Cursor: cursor})
		})
		return page.Items, page.NextCursor, err
	})
}

// Proposals lists a product's proposals by priority, nil for those of any status.
func (c *Client) Proposals(ctx context.Context, product uuid.UUID, status *api.ProposalStatus) ([]api.Proposal, error) {
	return pages(ctx, func(ctx context.Context, cursor *string) ([]api.Proposal, *string, error) {
		var page api.ProposalPage
		err := call(ctx, true, &page, func(ctx context.Context) (*http.Response, error) {
			return c.api.ListProposals(ctx, product, &api.ListProposalsParams{Limit: limit(), Cursor: cursor, Status: status})
		})
		return page.Items, page.NextCursor, err
	})
}

// Proposal returns one proposal.
func (c *Client) Proposal(ctx context.Context, id uuid.UUID) (api.Proposal, error) {
	var proposal api.Proposal
	err := call(ctx, true, &proposal, func(ctx context.Context) (*http.Response, error) { return c.api.GetProposal(ctx, id) })
	return proposal, err
}

// Approve approves exactly the proposal that was read.
func (c *Client) Approve(ctx context.Context, p api.Proposal) (api.Proposal, error) {
	var decided api.Proposal
	err := call(ctx, false, &decided, func(ctx context.Context) (*http.Response, error) {
		return c.api.DecideProposal(ctx, p.Id, api.DecideProposalJSONRequestBody{Decision: "approved", ContentHash: &p.ContentHash})
	})
	return decided, err
}

// Reject rejects exactly the proposal that was read.
func (c *Client) Reject(ctx context.Context, p api.Proposal, reason api.RejectReason, note string) (api.Proposal, error) {
	var decided api.Proposal
	err := call(ctx, false, &decided, func(ctx context.Context) (*http.Response, error) {
		return c.api.DecideProposal(ctx, p.Id, api.DecideProposalJSONRequestBody{Decision: "rejected", ContentHash: &p.ContentHash, ReasonCode: &reason, Reason: &note})
	})
	return decided, err
}

// Signals returns the newest signals of a product.
func (c *Client) Signals(ctx context.Context, product uuid.UUID, count int) ([]api.Signal, error) {
	var page api.SignalPage
	err := call(ctx, true, &page, func(ctx context.Context) (*http.Response, error) {
		return c.api.ListSignals(ctx, product, &api.ListSignalsParams{Limit: &count})
	})
	return page.Items, err
}

// pages reads a listing to its end.
func pages[T any](ctx context.Context, read func(ctx context.Context, cursor *string) ([]T, *string, error)) ([]T, error) {
	var all []T
	var cursor *string
	for range maxPages {
		items, next, err := read(ctx, cursor)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		if next == nil || *next == "" {
			break
		}
		cursor = next
	}
	return all, nil
}

func limit() *api.Limit {
	n := api.Limit(pageLimit)
	return &n
}

// Usage reads what the account has used this month.
func (c *Client) Usage(ctx context.Context) (api.Usage, error) {
	var usage api.Usage
	err := call(ctx, true, &usage, func(ctx context.Context) (*http.Response, error) { return c.api.GetUsage(ctx) })
	return usage, err
}
