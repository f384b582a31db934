package httpapi

import (
	"context"
	"encoding/hex"

	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/auditlog"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// ListAuditLog answers GET /api/v1/account/audit-log.
func (a *api) ListAuditLog(ctx context.Context, r contract.ListAuditLogRequestObject) (contract.ListAuditLogResponseObject, error) {
	const list = "audit-log"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	filter := auditlog.Filter{Subject: r.Params.SubjectId, Actor: value(r.Params.Actor), Action: value(r.Params.Action), From: r.Params.From, To: r.Params.To}
	found, err := a.AuditLog.List(ctx, who(ctx).Account, filter, request)
	if err != nil {
		return nil, err
	}
	var out contract.ListAuditLog200JSONResponse
	if out.Items, err = each(found.Items, toAudit); err != nil {
		return nil, err
	}
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

func toAudit(e auditlog.Entry) (contract.AuditEntry, error) {
	detail, err := document[map[string]any](e.Detail)
	return contract.AuditEntry{
		Id: e.Number, At: e.At.UTC(), Actor: e.Actor, ActorName: optional(e.ActorName), Action: e.Action, SubjectType: e.SubjectType, SubjectId: e.SubjectID,
		Detail: &detail, PrevHash: hex.EncodeToString(e.Previous), Hash: hex.EncodeToString(e.Hash),
	}, err
}

// VerifyAuditLog answers GET /api/v1/account/audit-log/verify.
func (a *api) VerifyAuditLog(ctx context.Context, r contract.VerifyAuditLogRequestObject) (contract.VerifyAuditLogResponseObject, error) {
	var known *auditlog.Mark
	if r.Params.Known != nil {
		mark, err := auditlog.ParseMark(*r.Params.Known)
		if err != nil {
			return nil, err
		}
		known = &mark
	}
	found, err := a.AuditLog.Verify(ctx, who(ctx).Account, known)
	if err != nil {
		return nil, err
	}
	out := contract.VerifyAuditLog200JSONResponse{Intact: found.Broken == nil, Entries: found.Entries}
	if found.Head != nil {
		out.Head = &contract.AuditHead{Id: found.Entries, Hash: hex.EncodeToString(found.Head)}
	}
	if found.Broken != nil {
		out.FirstBroken = &contract.AuditBreak{Id: found.Broken.Number, Reason: contract.AuditBreakReason(found.Broken.Reason)}
	}
	return out, nil
}
