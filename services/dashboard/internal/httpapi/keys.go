package httpapi

import (
	"context"
	"net/http"

	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/product"
	"github.com/draftlabs/specter/services/dashboard/internal/roll"
)

// ListKeys answers GET /api/v1/products/{product_id}/keys.
func (a *api) ListKeys(ctx context.Context, r contract.ListKeysRequestObject) (contract.ListKeysResponseObject, error) {
	const list = "keys"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.Products.Keys(ctx, who(ctx).Account, r.ProductId, request)
	if err != nil {
		return nil, err
	}
	var out contract.ListKeys200JSONResponse
	out.Items, _ = each(found.Items, plain(a.toKey))
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

// CreateKey answers POST /api/v1/products/{product_id}/keys.
func (a *api) CreateKey(ctx context.Context, r contract.CreateKeyRequestObject) (contract.CreateKeyResponseObject, error) {
	ctx, err := repeatable(ctx, "createKey", r.Params.IdempotencyKey, r.ProductId, r.Body)
	if err != nil {
		return nil, err
	}
	k, err := a.Products.AddKey(ctx, who(ctx), r.ProductId, product.KeyPatch{
		Name: &r.Body.Name, AllowedOrigins: r.Body.AllowedOrigins, AllowWithoutOrigin: r.Body.AllowWithoutOrigin, ExpiresAt: r.Body.ExpiresAt,
	})
	return contract.CreateKey201JSONResponse(a.toKey(k)), err
}

// UpdateKey answers PATCH /api/v1/products/{product_id}/keys/{key_id}.
func (a *api) UpdateKey(ctx context.Context, r contract.UpdateKeyRequestObject) (contract.UpdateKeyResponseObject, error) {
	version, err := ifMatch(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	k, err := a.Products.UpdateKey(ctx, who(ctx), r.ProductId, r.KeyId, product.KeyPatch{
		Name: r.Body.Name, AllowedOrigins: r.Body.AllowedOrigins, AllowWithoutOrigin: r.Body.AllowWithoutOrigin, ExpiresAt: r.Body.ExpiresAt,
		NeverExpires: value(r.Body.NeverExpires), IfVersion: version,
	})
	if err != nil {
		return nil, err
	}
	return answer{status: http.StatusOK, body: a.toKey(k), etag: versionTag(k.Version)}, nil
}

// RollKey answers POST /api/v1/products/{product_id}/keys/{key_id}/roll.
func (a *api) RollKey(ctx context.Context, r contract.RollKeyRequestObject) (contract.RollKeyResponseObject, error) {
	ctx, err := repeatable(ctx, "rollKey", r.Params.IdempotencyKey, r.ProductId, r.KeyId, r.Body)
	if err != nil {
		return nil, err
	}
	rolled, err := a.Products.RollKey(ctx, who(ctx), r.ProductId, r.KeyId, toOrder(*r.Body))
	return contract.RollKey201JSONResponse{Key: a.toKey(rolled.Key), Previous: a.toKey(rolled.Previous)}, err
}

func toOrder(r contract.Roll) roll.Order {
	return roll.Order{Grace: roll.Grace(r.Grace), ExpiresAt: r.ExpiresAt}
}

// RevokeKey answers DELETE /api/v1/products/{product_id}/keys/{key_id}.
func (a *api) RevokeKey(ctx context.Context, r contract.RevokeKeyRequestObject) (contract.RevokeKeyResponseObject, error) {
	return contract.RevokeKey204Response{}, a.Products.RevokeKey(ctx, who(ctx), r.ProductId, r.KeyId)
}

func (a *api) toKey(k product.Key) contract.ApiKey {
	out := contract.ApiKey{
		Id: k.ID, Name: k.Name, Key: k.Text, Hint: k.Hint, AllowedOrigins: append([]string{}, k.AllowedOrigins...), AllowWithoutOrigin: k.AllowWithoutOrigin,
		Status: contract.CredentialStatus(k.Status(a.Now())), Version: k.Version, CreatedAt: k.CreatedAt.UTC(), LastUsedAt: utc(k.LastUsedAt),
		ExpiresAt: utc(k.ExpiresAt), RevokedAt: utc(k.RevokedAt), ReplacedBy: k.ReplacedBy,
	}
	if !k.Good(a.Now()) {
		out.Key = ""
	}
	return out
}
