package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/pkg/fault"
	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/hook"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// receiveDeployReport answers POST /api/hooks/deploy/{token}.
func (a *api) receiveDeployReport(c echo.Context) error {
	r := c.Request()
	body, err := wholeBody(r, hook.MaxReport)
	if err != nil {
		return err
	}
	receipt, err := a.Hooks.Report(r.Context(), c.Param("token"), r.URL.Query(), r.Header.Get("Content-Type"), body)
	if err != nil {
		return err
	}
	return answerReceipt(c, receipt)
}

// receiveGitHubDelivery answers POST /api/hooks/github/{product_id}.
func (a *api) receiveGitHubDelivery(c echo.Context) error {
	r := c.Request()
	body, err := wholeBody(r, hook.MaxDelivery)
	if err != nil {
		return err
	}
	product, err := uuid.Parse(c.Param("product_id"))
	if err != nil {
		product = uuid.Nil // answered like any other that is not there
	}
	receipt, err := a.Hooks.GitHub(r.Context(), product, r.Header.Get("X-Hub-Signature-256"), hook.Delivery{
		Event: r.Header.Get("X-GitHub-Event"), ID: r.Header.Get("X-GitHub-Delivery"), ContentType: r.Header.Get("Content-Type"), Body: body,
	})
	if err != nil {
		return err
	}
	return answerReceipt(c, receipt)
}

// wholeBody reads a body of at most limit bytes.
func wholeBody(r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, err
	case err != nil:
		return nil, fault.Wrap(err, fault.Invalid, "invalid_request", "The body did not arrive whole.")
	case int64(len(body)) > limit:
		return nil, &http.MaxBytesError{Limit: limit}
	}
	return body, nil
}

func answerReceipt(c echo.Context, r hook.Receipt) error {
	return c.JSON(http.StatusOK, contract.DeployHookAnswer{
		ReceiptId: r.ID, Result: contract.DeployOutcome(r.Outcome), Reason: r.Reason, Repeated: optional(r.Repeated), Deployments: append([]uuid.UUID{}, r.Deployments...),
	})
}

// GetDeployHook answers GET /api/v1/products/{product_id}/deploy-hook.
func (a *api) GetDeployHook(ctx context.Context, r contract.GetDeployHookRequestObject) (contract.GetDeployHookResponseObject, error) {
	h, err := a.Hooks.Hook(ctx, who(ctx).Account, r.ProductId)
	if err != nil {
		return nil, err
	}
	return contract.GetDeployHook200JSONResponse(a.toDeployHook(h)), nil
}

// UpdateDeployHook answers PATCH /api/v1/products/{product_id}/deploy-hook.
func (a *api) UpdateDeployHook(ctx context.Context, r contract.UpdateDeployHookRequestObject) (contract.UpdateDeployHookResponseObject, error) {
	revision, err := ifMatch(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	h, err := a.Hooks.Update(ctx, who(ctx), r.ProductId, hook.Patch{
		Environments: r.Body.Environments, DeployedBy: texts(r.Body.DeployedBy), LinkedBy: texts(r.Body.LinkedBy), IfRevision: revision,
	})
	if err != nil {
		return nil, err
	}
	return contract.UpdateDeployHook200JSONResponse(a.toDeployHook(h)), nil
}

func texts[T ~string](items *[]T) *[]string {
	if items == nil {
		return nil
	}
	out, _ := each(*items, plain(func(item T) string { return string(item) }))
	return &out
}

// RotateDeployHookToken answers POST /api/v1/products/{product_id}/deploy-hook/token.
func (a *api) RotateDeployHookToken(ctx context.Context, r contract.RotateDeployHookTokenRequestObject) (contract.RotateDeployHookTokenResponseObject, error) {
	ctx, err := repeatable(ctx, "rotateDeployHookToken", r.Params.IdempotencyKey, r.ProductId, r.Body)
	if err != nil {
		return nil, err
	}
	grace, err := grace(r.Body.GraceHours)
	if err != nil {
		return nil, err
	}
	h, token, err := a.Hooks.RotateToken(ctx, who(ctx), r.ProductId, grace)
	if err != nil {
		return nil, err
	}
	return contract.RotateDeployHookToken201JSONResponse{Url: a.address("/api/hooks/deploy/" + token), Token: token, Hook: a.toDeployHook(h)}, nil
}

// RevokeDeployHookToken answers DELETE /api/v1/products/{product_id}/deploy-hook/token.
func (a *api) RevokeDeployHookToken(ctx context.Context, r contract.RevokeDeployHookTokenRequestObject) (contract.RevokeDeployHookTokenResponseObject, error) {
	return contract.RevokeDeployHookToken204Response{}, a.Hooks.RevokeToken(ctx, who(ctx), r.ProductId)
}

// RotateGitHubSecret answers POST /api/v1/products/{product_id}/deploy-hook/github-secret.
func (a *api) RotateGitHubSecret(ctx context.Context, r contract.RotateGitHubSecretRequestObject) (contract.RotateGitHubSecretResponseObject, error) {
	ctx, err := repeatable(ctx, "rotateGitHubSecret", r.Params.IdempotencyKey, r.ProductId, r.Body)
	if err != nil {
		return nil, err
	}
	grace, err := grace(r.Body.GraceHours)
	if err != nil {
		return nil, err
	}
	h, secret, err := a.Hooks.RotateSecret(ctx, who(ctx), r.ProductId, grace)
	if err != nil {
		return nil, err
	}
	return contract.RotateGitHubSecret201JSONResponse{Secret: secret, Hook: a.toDeployHook(h)}, nil
}

// RevokeGitHubSecret answers DELETE /api/v1/products/{product_id}/deploy-hook/github-secret.
func (a *api) RevokeGitHubSecret(ctx context.Context, r contract.RevokeGitHubSecretRequestObject) (contract.RevokeGitHubSecretResponseObject, error) {
	return contract.RevokeGitHubSecret204Response{}, a.Hooks.RevokeSecret(ctx, who(ctx), r.ProductId)
}

// grace is for how long a secret outlives its rotation.
func grace(hours *int) (time.Duration, error) {
	const longest = 7 * 24
	if n := value(hours); n >= 0 && n <= longest {
		return time.Duration(n) * time.Hour, nil
	}
	return 0, fault.New(fault.Invalid, "invalid_request", "The one before can work for a week at most.").With("/grace_hours", "out_of_range", "From 0 to 168.")
}

// ListDeployReceipts answers GET /api/v1/products/{product_id}/deploy-receipts.
func (a *api) ListDeployReceipts(ctx context.Context, r contract.ListDeployReceiptsRequestObject) (contract.ListDeployReceiptsResponseObject, error) {
	const list = "deploy-receipts"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.Hooks.Receipts(ctx, who(ctx).Account, r.ProductId, request)
	if err != nil {
		return nil, err
	}
	var out contract.ListDeployReceipts200JSONResponse
	out.Items, _ = each(found.Items, plain(toDeployReceipt))
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

func toDeployReceipt(r hook.Receipt) contract.DeployReceipt {
	return contract.DeployReceipt{
		Id: r.ID, Source: contract.DeployReceiptSource(r.Source), Event: r.Event, ReceivedAt: r.At.UTC(), DeliveryId: optional(r.DeliveryID), Repeats: r.Repeats,
		Outcome: contract.DeployOutcome(r.Outcome), Reason: r.Reason, Environment: optional(r.Environment), Version: optional(r.Version), Commit: optional(r.Commit),
		Repository: optional(r.Repository), Url: optional(r.URL), Deployments: append([]uuid.UUID{}, r.Deployments...),
	}
}

func (a *api) toDeployHook(h hook.Hook) contract.DeployHook {
	deployedBy, _ := each(h.DeployedBy, plain(func(name string) contract.GitHubDeployedBy { return contract.GitHubDeployedBy(name) }))
	linkedBy, _ := each(h.LinkedBy, plain(func(name string) contract.GitHubLinkedBy { return contract.GitHubLinkedBy(name) }))
	return contract.DeployHook{
		ProductId: h.ProductID, Revision: h.Revision, TokenHint: optional(h.TokenHint), TokenMadeAt: utc(h.TokenMadeAt), OldTokenUntil: utc(h.OldTokenUntil),
		GithubUrl: a.address("/api/hooks/github/" + h.ProductID.String()), GithubSecretMadeAt: utc(h.SecretMadeAt), OldGithubSecretUntil: utc(h.OldSecretTill),
		Environments: h.Environments, DeployedBy: deployedBy, LinkedBy: linkedBy, RefusedAt: utc(h.RefusedAt),
	}
}

// address is a path at the public address, as far as that is known.
func (a *api) address(path string) string { return strings.TrimSuffix(a.PublicURL, "/") + path }
