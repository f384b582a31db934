package client

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// CreateShare makes a link to a deployment's proof; it cannot be read again.
func (c *Client) CreateShare(ctx context.Context, deployment uuid.UUID, body api.NewShare) (api.CreatedShare, error) {
	var created api.CreatedShare
	err := call(ctx, false, &created, func(ctx context.Context) (*http.Response, error) { return c.api.CreateShare(ctx, deployment, body) })
	return created, err
}

// Shares lists links, newest first: those of one deployment, or all of the account's when that is nil.
func (c *Client) Shares(ctx context.Context, deployment *uuid.UUID) ([]api.Share, error) {
	return pages(ctx, func(ctx context.Context, cursor *string) ([]api.Share, *string, error) {
		var page api.SharePage
		err := call(ctx, true, &page, func(ctx context.Context) (*http.Response, error) {
			return c.api.ListShares(ctx, &api.ListSharesParams{Limit: limit(), Cursor: cursor, DeploymentId: deployment})
		})
		return page.Items, page.NextCursor, err
	})
}

// RevokeShare takes a link back.
func (c *Client) RevokeShare(ctx context.Context, id uuid.UUID) error {
	return call(ctx, true, nil, func(ctx context.Context) (*http.Response, error) { return c.api.RevokeShare(ctx, id) })
}

// Proof returns a deployment's proof as a document of a form.
func (c *Client) Proof(ctx context.Context, deployment uuid.UUID, format api.ProofFormat) ([]byte, error) {
	var text []byte
	err := call(ctx, true, &text, func(ctx context.Context) (*http.Response, error) {
		return c.api.GetProof(ctx, deployment, &api.GetProofParams{Format: &format})
	})
	return text, err
}
