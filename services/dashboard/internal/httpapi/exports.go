package httpapi

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/takeout"
)

const archiveType = "application/gzip"

// ListExports answers GET /api/v1/account/exports.
func (a *api) ListExports(ctx context.Context, r contract.ListExportsRequestObject) (contract.ListExportsResponseObject, error) {
	const list = "exports"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	all, err := a.Exports.Exports(ctx, who(ctx).Account, request)
	if err != nil {
		return nil, err
	}
	now := a.Now()
	var out contract.ListExports200JSONResponse
	out.Items, _ = each(all.Items, plain(func(e takeout.Export) contract.Export { return toExport(e, now) }))
	out.NextCursor, err = nextCursor(list, all.Next)
	return out, err
}

// CreateExport answers POST /api/v1/account/exports.
func (a *api) CreateExport(ctx context.Context, r contract.CreateExportRequestObject) (contract.CreateExportResponseObject, error) {
	ctx, err := repeatable(ctx, "createExport", r.Params.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	e, err := a.Exports.Create(ctx, who(ctx))
	return contract.CreateExport202JSONResponse(toExport(e, a.Now())), err
}

// GetExport answers GET /api/v1/account/exports/{export_id}.
func (a *api) GetExport(ctx context.Context, r contract.GetExportRequestObject) (contract.GetExportResponseObject, error) {
	e, err := a.Exports.Export(ctx, who(ctx).Account, r.ExportId)
	return contract.GetExport200JSONResponse(toExport(e, a.Now())), err
}

// DeleteExport answers DELETE /api/v1/account/exports/{export_id}.
func (a *api) DeleteExport(ctx context.Context, r contract.DeleteExportRequestObject) (contract.DeleteExportResponseObject, error) {
	return contract.DeleteExport204Response{}, a.Exports.Delete(ctx, who(ctx), r.ExportId)
}

func toExport(e takeout.Export, now time.Time) contract.Export {
	out := contract.Export{
		Id: e.ID, Status: contract.ExportStatus(e.StatusAt(now)), RequestedBy: e.RequestedBy, RequestedAt: e.RequestedAt.UTC(), Rows: e.Rows,
		RowsExpected: optional(e.Expected), Bytes: optional(e.Bytes), FinishedAt: utc(e.FinishedAt), ExpiresAt: utc(e.ExpiresAt), Failure: exportFailure(e.Failure),
	}
	if out.Status == contract.ExportReady {
		out.Sha256, out.Filename = optional(hex.EncodeToString(e.SHA256)), optional(e.Filename())
	}
	return out
}

func exportFailure(why string) *contract.ExportFailure {
	switch code := contract.ExportFailureCode(why); code {
	case "":
		return nil
	case contract.ExportTooLarge:
		return &contract.ExportFailure{Code: code, Detail: "The archive would be larger than this server allows (SPECTER_EXPORT_MAX_BYTES). Ask its operator to raise the limit."}
	default:
		return &contract.ExportFailure{Code: contract.ExportInternal, Detail: "Something went wrong on the server. Ask for another export; if that fails too, ask its operator to look at the log."}
	}
}

// DownloadExport answers GET /api/v1/account/exports/{export_id}/archive.
func (a *api) DownloadExport(ctx context.Context, r contract.DownloadExportRequestObject) (contract.DownloadExportResponseObject, error) {
	e, archive, err := a.Exports.Open(ctx, who(ctx), r.ExportId)
	return download{ctx: ctx, export: e, archive: archive, params: r.Params}, err
}

// download is an archive on its way, whole or in pieces.
type download struct {
	ctx     context.Context
	export  takeout.Export
	archive *takeout.Archive
	params  contract.DownloadExportParams
}

// VisitDownloadExportResponse writes it. net/http knows the rules of ranges; it is shown what decides them.
func (d download) VisitDownloadExportResponse(w http.ResponseWriter) error {
	h := w.Header()
	h.Set("Content-Type", archiveType)
	h.Set("Content-Disposition", `attachment; filename="`+d.export.Filename()+`"`)
	h.Set("ETag", d.export.ETag())
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would keep a copy
	request := &http.Request{Method: http.MethodGet, Header: http.Header{}}
	for name, value := range map[string]*string{"Range": d.params.Range, "If-Range": d.params.IfRange} {
		if value != nil {
			request.Header.Set(name, *value)
		}
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // the server's own timeouts are for answers that end soon
	http.ServeContent(&slowly{ResponseWriter: w, control: control, ctx: d.ctx, admitted: time.Now()}, request, "", time.Time{}, d.archive)
	return nil
}

// slowly gives each piece of a long answer a time of its own, and asks now and then whether the credential still opens it.
type slowly struct {
	http.ResponseWriter
	control  *http.ResponseController
	ctx      context.Context
	admitted time.Time
}

// Write implements io.Writer.
func (s *slowly) Write(p []byte) (int, error) {
	if time.Since(s.admitted) > admitEvery {
		if err := admitted(s.ctx); err != nil {
			return 0, err
		}
		s.admitted = time.Now()
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // a test's recorder has no deadlines
	return s.ResponseWriter.Write(p)
}
