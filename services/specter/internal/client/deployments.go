package client

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// Deployments lists a product's deployments, newest first.
func (c *Client) Deployments(ctx context.Context, product uuid.UUID) ([]api.Deployment, error) {
	return pages(ctx, func(ctx context.Context, cursor *string) ([]api.Deployment, *string, error) {
		var page api.DeploymentPage
		err := call(ctx, true, &page, func(ctx context.Context) (*http.Response, error) {
			return c.api.ListDeployments(ctx, product, &api.ListDeploymentsParams{Limit: limit(), Cursor: cursor})
		})
		return page.Items, page.NextCursor, err
	})
}

// Deployment returns one deployment with its history and its verification.
func (c *Client) Deployment(ctx context.Context, id uuid.UUID) (api.Deployment, error) {
	var deployment api.Deployment
	err := call(ctx, true, &deployment, func(ctx context.Context) (*http.Response, error) { return c.api.GetDeployment(ctx, id) })
	return deployment, err
}

// ReportDeployment says that an approved change shipped.
func (c *Client) ReportDeployment(ctx context.Context, id uuid.UUID, body api.DeploymentReport) (api.Deployment, error) {
	var deployment api.Deployment
	err := call(ctx, false, &deployment, func(ctx context.Context) (*http.Response, error) { return c.api.ReportDeployment(ctx, id, body) })
	return deployment, err
}

// EditDeployment corrects exactly the deployment that was read.
func (c *Client) EditDeployment(ctx context.Context, d api.Deployment, body api.DeploymentPatch) (api.Deployment, error) {
	params := &api.UpdateDeploymentParams{}
	if d.Revision != nil {
		tag := fmt.Sprintf("\"v%d\"", *d.Revision)
		params.IfMatch = &tag
	}
	var deployment api.Deployment
	err := call(ctx, false, &deployment, func(ctx context.Context) (*http.Response, error) {
		return c.api.UpdateDeployment(ctx, d.Id, params, body)
	})
	return deployment, err
}

// CancelDeployment says that an approved change will not ship.
func (c *Client) CancelDeployment(ctx context.Context, id uuid.UUID) (api.Deployment, error) {
	var deployment api.Deployment
	err := call(ctx, false, &deployment, func(ctx context.Context) (*http.Response, error) { return c.api.CancelDeployment(ctx, id) })
	return deployment, err
}

// RollBackDeployment says that what shipped was taken back.
func (c *Client) RollBackDeployment(ctx context.Context, id uuid.UUID, body api.RollbackReport) (api.Deployment, error) {
	var deployment api.Deployment
	err := call(ctx, false, &deployment, func(ctx context.Context) (*http.Response, error) { return c.api.RollBackDeployment(ctx, id, body) })
	return deployment, err
}

// DeployHook returns where pipelines and GitHub report what a product ships.
func (c *Client) DeployHook(ctx context.Context, product uuid.UUID) (api.DeployHook, error) {
	var hook api.DeployHook
	err := call(ctx, true, &hook, func(ctx context.Context) (*http.Response, error) { return c.api.GetDeployHook(ctx, product) })
	return hook, err
}

// SetDeployHook chooses what counts as deployed.
func (c *Client) SetDeployHook(ctx context.Context, product uuid.UUID, body api.DeployHookPatch) (api.DeployHook, error) {
	var hook api.DeployHook
	err := call(ctx, true, &hook, func(ctx context.Context) (*http.Response, error) {
		return c.api.UpdateDeployHook(ctx, product, &api.UpdateDeployHookParams{}, body)
	})
	return hook, err
}

// RotateDeployHook makes the hook's address anew. Repeating it with the same idempotency key answers with the first result.
func (c *Client) RotateDeployHook(ctx context.Context, product uuid.UUID, graceHours int, idempotencyKey string) (api.DeployHookToken, error) {
	var made api.DeployHookToken
	err := call(ctx, true, &made, func(ctx context.Context) (*http.Response, error) {
		return c.api.RotateDeployHookToken(ctx, product, &api.RotateDeployHookTokenParams{IdempotencyKey: &idempotencyKey}, api.Rotation{GraceHours: &graceHours})
	})
	return made, err
}

// RotateGitHubSecret makes the secret anew that GitHub signs with. Repeating it is as safe.
func (c *Client) RotateGitHubSecret(ctx context.Context, product uuid.UUID, graceHours int, idempotencyKey string) (api.GitHubSecret, error) {
	var made api.GitHubSecret
	err := call(ctx, true, &made, func(ctx context.Context) (*http.Response, error) {
		return c.api.RotateGitHubSecret(ctx, product, &api.RotateGitHubSecretParams{IdempotencyKey: &idempotencyKey}, api.Rotation{GraceHours: &graceHours})
	})
	return made, err
}

// DeployReceipts returns the newest things that pipelines and GitHub told.
func (c *Client) DeployReceipts(ctx context.Context, product uuid.UUID, count int) ([]api.DeployReceipt, error) {
	var page api.DeployReceiptPage
	err := call(ctx, true, &page, func(ctx context.Context) (*http.Response, error) {
		return c.api.ListDeployReceipts(ctx, product, &api.ListDeployReceiptsParams{Limit: &count})
	})
	return page.Items, err
}
