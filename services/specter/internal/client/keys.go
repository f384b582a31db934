package client

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// Keys lists a product's ingest keys, those that work no more too.
func (c *Client) Keys(ctx context.Context, product uuid.UUID) ([]api.ApiKey, error) {
	return pages(ctx, func(ctx context.Context, cursor *string) ([]api.ApiKey, *string, error) {
		var page api.ApiKeyPage
		err := call(ctx, true, &page, func(ctx context.Context) (*http.Response, error) {
			return c.api.ListKeys(ctx, product, &api.ListKeysParams{Limit: limit(), Cursor: cursor})
		})
		return page.Items, page.NextCursor, err
	})
}

// CreateKey creates an ingest key. Repeating it with the same idempotency key answers with the first result.
func (c *Client) CreateKey(ctx context.Context, product uuid.UUID, body api.NewApiKey, idempotencyKey string) (api.ApiKey, error) {
	var key api.ApiKey
	err := call(ctx, true, &key, func(ctx context.Context) (*http.Response, error) {
		return c.api.CreateKey(ctx, product, &api.CreateKeyParams{IdempotencyKey: &idempotencyKey}, body)
	})
	return key, err
}

// UpdateKey edits an ingest key.
func (c *Client) UpdateKey(ctx context.Context, product, id uuid.UUID, body api.ApiKeyPatch) (api.ApiKey, error) {
	var key api.ApiKey
	err := call(ctx, true, &key, func(ctx context.Context) (*http.Response, error) {
		return c.api.UpdateKey(ctx, product, id, &api.UpdateKeyParams{}, body)
	})
	return key, err
}

// RollKey makes a key in another's place. Repeating it with the same idempotency key answers with the first result.
func (c *Client) RollKey(ctx context.Context, product, id uuid.UUID, body api.Roll, idempotencyKey string) (api.RolledApiKey, error) {
	var rolled api.RolledApiKey
	err := call(ctx, true, &rolled, func(ctx context.Context) (*http.Response, error) {
		return c.api.RollKey(ctx, product, id, &api.RollKeyParams{IdempotencyKey: &idempotencyKey}, body)
	})
	return rolled, err
}

// RevokeKey ends an ingest key.
func (c *Client) RevokeKey(ctx context.Context, product, id uuid.UUID) error {
	return call(ctx, true, nil, func(ctx context.Context) (*http.Response, error) { return c.api.RevokeKey(ctx, product, id) })
}

// Tokens lists all access tokens.
func (c *Client) Tokens(ctx context.Context) ([]api.AccessToken, error) {
	return pages(ctx, func(ctx context.Context, cursor *string) ([]api.AccessToken, *string, error) {
		var page api.AccessTokenPage
		err := call(ctx, true, &page, func(ctx context.Context) (*http.Response, error) {
			return c.api.ListTokens(ctx, &api.ListTokensParams{Limit: limit(), Cursor: cursor})
		})
		return page.Items, page.NextCursor, err
	})
}

// CreateToken creates an access token; it cannot be read again.
func (c *Client) CreateToken(ctx context.Context, body api.NewAccessToken) (api.CreatedAccessToken, error) {
	var created api.CreatedAccessToken
	err := call(ctx, false, &created, func(ctx context.Context) (*http.Response, error) { return c.api.CreateToken(ctx, body) })
	return created, err
}

// RollToken makes a token in another's place; it cannot be read again.
func (c *Client) RollToken(ctx context.Context, id uuid.UUID, body api.Roll) (api.RolledAccessToken, error) {
	var rolled api.RolledAccessToken
	err := call(ctx, false, &rolled, func(ctx context.Context) (*http.Response, error) { return c.api.RollToken(ctx, id, body) })
	return rolled, err
}

// RevokeToken ends an access token.
func (c *Client) RevokeToken(ctx context.Context, id uuid.UUID) error {
	return call(ctx, true, nil, func(ctx context.Context) (*http.Response, error) { return c.api.RevokeToken(ctx, id) })
}
