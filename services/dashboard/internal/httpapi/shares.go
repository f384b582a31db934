package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/proof"
	"github.com/draftlabs/specter/services/dashboard/internal/share"
)

// GetProof answers GET /api/v1/deployments/{deployment_id}/report.
func (a *api) GetProof(ctx context.Context, r contract.GetProofRequestObject) (contract.GetProofResponseObject, error) {
	format := contract.ProofJSON
	if r.Params.Format != nil {
		format = *r.Params.Format
	}
	if !format.Valid() {
		return nil, invalidParameter("format", "A proof is json, md, svg or csv.")
	}
	p, err := a.Shares.Proof(ctx, who(ctx).Account, r.DeploymentId)
	if err != nil {
		return nil, err
	}
	text, err := written(p, format)
	return proofDocument{text, format, a.shared.renderer.PicturePolicy}, err
}

// written is a proof as a document.
func written(p proof.Proof, format contract.ProofFormat) ([]byte, error) {
	switch format {
	case contract.ProofMarkdown:
		return p.Markdown(), nil
	case contract.ProofSVG:
		return p.SVG(), nil
	case contract.ProofCSV:
		return p.CSV(), nil
	default:
		text, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("writing the proof: %w", err)
		}
		return append(text, '\n'), nil
	}
}

func mediaType(format contract.ProofFormat) string {
	switch format {
	case contract.ProofMarkdown:
		return "text/markdown; charset=utf-8"
	case contract.ProofSVG:
		return "image/svg+xml"
	case contract.ProofCSV:
		return "text/csv; charset=utf-8"
	default:
		return "application/json"
	}
}

// proofDocument is an answer of a media type that the generated ones would not give a charset.
type proofDocument struct {
	text          []byte
	format        contract.ProofFormat
	picturePolicy string
}

// VisitGetProofResponse writes it.
func (d proofDocument) VisitGetProofResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", mediaType(d.format))
	if d.format == contract.ProofSVG {
		w.Header().Set("Content-Security-Policy", d.picturePolicy)
	}
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(d.text)
	return err
}

// CreateShare answers POST /api/v1/deployments/{deployment_id}/shares. It takes no Idempotency-Key, for the reason that
// CreateToken takes none: the link exists nowhere but in this answer.
func (a *api) CreateShare(ctx context.Context, r contract.CreateShareRequestObject) (contract.CreateShareResponseObject, error) {
	c, err := a.Shares.Create(ctx, who(ctx), r.DeploymentId, r.Body.ExpiresAt)
	path := sharedPath + c.Secret
	return contract.CreateShare201JSONResponse{Share: toShare(c.Share, a.Now()), Path: path, Url: strings.TrimRight(a.PublicURL, "/") + path}, err
}

// ListShares answers GET /api/v1/shares.
func (a *api) ListShares(ctx context.Context, r contract.ListSharesRequestObject) (contract.ListSharesResponseObject, error) {
	const list = "shares"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.Shares.Shares(ctx, who(ctx).Account, r.Params.DeploymentId, request)
	if err != nil {
		return nil, err
	}
	now := a.Now()
	var out contract.ListShares200JSONResponse
	out.Items, _ = each(found.Items, plain(func(s share.Share) contract.Share { return toShare(s, now) }))
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

// RevokeShare answers DELETE /api/v1/shares/{share_id}.
func (a *api) RevokeShare(ctx context.Context, r contract.RevokeShareRequestObject) (contract.RevokeShareResponseObject, error) {
	return contract.RevokeShare204Response{}, a.Shares.Revoke(ctx, who(ctx), r.ShareId)
}

func toShare(s share.Share, now time.Time) contract.Share {
	return contract.Share{
		Id: s.ID, DeploymentId: s.DeploymentID, Title: s.Title, Hint: s.Hint, Status: contract.ShareStatus(s.Status(now)), CreatedBy: s.CreatedBy,
		CreatedAt: s.CreatedAt.UTC(), ExpiresAt: utc(s.ExpiresAt), RevokedAt: utc(s.RevokedAt), LastSeenAt: utc(s.LastSeenAt),
	}
}
