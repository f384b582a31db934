package httpapi

import (
	"context"

	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// ListTokens answers GET /api/v1/tokens.
func (a *api) ListTokens(ctx context.Context, r contract.ListTokensRequestObject) (contract.ListTokensResponseObject, error) {
	const list = "tokens"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.Accounts.Tokens(ctx, principal(ctx), request)
	if err != nil {
		return nil, err
	}
	var out contract.ListTokens200JSONResponse
	out.Items, _ = each(found.Items, plain(a.toToken))
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

// CreateToken answers POST /api/v1/tokens. Neither it nor RollToken takes an Idempotency-Key: to answer again
// they would have to keep the token's text, which is shown once and exists nowhere else.
func (a *api) CreateToken(ctx context.Context, r contract.CreateTokenRequestObject) (contract.CreateTokenResponseObject, error) {
	n := account.NewToken{Name: r.Body.Name, ExpiresAt: r.Body.ExpiresAt}
	for _, s := range r.Body.Scopes {
		n.Scopes = append(n.Scopes, account.Scope(s))
	}
	token, text, err := a.Accounts.CreateToken(ctx, principal(ctx), n)
	return contract.CreateToken201JSONResponse{AccessToken: a.toToken(token), Token: text}, err
}

// RollToken answers POST /api/v1/tokens/{token_id}/roll.
func (a *api) RollToken(ctx context.Context, r contract.RollTokenRequestObject) (contract.RollTokenResponseObject, error) {
	rolled, text, err := a.Accounts.RollToken(ctx, principal(ctx), r.TokenId, toOrder(*r.Body))
	return contract.RollToken201JSONResponse{AccessToken: a.toToken(rolled.Token), Token: text, Previous: a.toToken(rolled.Previous)}, err
}

// RevokeToken answers DELETE /api/v1/tokens/{token_id}.
func (a *api) RevokeToken(ctx context.Context, r contract.RevokeTokenRequestObject) (contract.RevokeTokenResponseObject, error) {
	return contract.RevokeToken204Response{}, a.Accounts.RevokeToken(ctx, principal(ctx), r.TokenId)
}

func (a *api) toToken(t account.Token) contract.AccessToken {
	out := contract.AccessToken{
		Id: t.ID, Name: t.Name, Hint: t.Hint, Scopes: []contract.Scope{}, Status: contract.CredentialStatus(t.Status(a.Now())), CreatedAt: t.CreatedAt.UTC(),
		LastUsedAt: utc(t.LastUsedAt), ExpiresAt: utc(t.ExpiresAt), RevokedAt: utc(t.RevokedAt), ReplacedBy: t.ReplacedBy,
	}
	for _, s := range t.Scopes {
		out.Scopes = append(out.Scopes, contract.Scope(s))
	}
	return out
}
