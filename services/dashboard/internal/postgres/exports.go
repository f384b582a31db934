package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/event"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
	"github.com/draftlabs/specter/services/dashboard/internal/takeout"
)

// Exports is the takeout.Store.
type Exports struct{ Accounts }

var _ takeout.Store = Exports{}

// Request asks for an export. The account is locked, so that two requests count one after the other.
func (s Exports) Request(ctx context.Context, a actor.Actor, e takeout.Export, check func([]takeout.Export) error) (takeout.Export, error) {
	var out takeout.Export
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		var err error
		out, err = once(ctx, q, s.Store, a.Account, e.RequestedAt, func() (takeout.Export, error) { return e, s.request(ctx, tx, q, a, e, check) })
		return err
	})
	return out, wrap(err, "asking for an export")
}

func (s Exports) request(ctx context.Context, tx pgx.Tx, q *db.Queries, a actor.Actor, e takeout.Export, check func([]takeout.Export) error) error {
	locked, err := q.LockAccount(ctx, a.Account)
	if err != nil {
		return found(err)
	}
	noted, err := q.Account(ctx, a.Account)
	if err != nil {
		return found(err)
	}
	if owner := s.toAccount(locked, noted.PurgeAt); owner.ClosedAt != nil && !e.RequestedAt.Before(*owner.PurgeAt) {
		return account.ErrClosed // what is being purged must not grow
	}
	rows, err := q.ExportsThere(ctx)
	if err != nil {
		return err
	}
	err = check(mapped(rows, func(row db.ExportsThereRow) takeout.Export {
		return takeout.Export{Status: exportStatus(row.State), ExpiresAt: row.ExpiresAt}
	}))
	if err != nil {
		return err
	}
	if err := q.InsertExport(ctx, db.InsertExportParams{ID: e.ID, AccountID: a.Account, RequestedBy: e.RequestedBy, RequestedAt: e.RequestedAt}); err != nil {
		return err
	}
	if err := audit(ctx, q, change{actor: a, at: e.RequestedAt, action: "export.requested", subject: "export", id: e.ID}); err != nil {
		return err
	}
	return emit(ctx, tx, s.Store, event.ExportRequested, a, e.RequestedAt, &eventv1.ExportRequested{ExportId: e.ID.String(), AsOf: timestamppb.New(e.RequestedAt)})
}

// exportStatus reads the state of a build; there is none before retention has heard of the export.
func exportStatus(state *string) takeout.Status {
	if state == nil {
		return takeout.Queued
	}
	return takeout.Status(*state)
}

// Exports lists exports, newest first.
func (s Exports) Exports(ctx context.Context, accountID uuid.UUID, r page.Request) (page.Of[takeout.Export], error) {
	var rows []db.ListExportsRow
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		var err error
		rows, err = q.ListExports(ctx, db.ListExportsParams{BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()})
		return err
	})
	return page.Cut(mapped(rows, toExport), r, func(e takeout.Export) page.Cursor { return page.AtID(e.RequestedAt, e.ID) }), wrap(err, "listing exports")
}

// Export reads one.
func (s Exports) Export(ctx context.Context, accountID, id uuid.UUID) (takeout.Export, error) {
	var out takeout.Export
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		rows, err := q.ListExports(ctx, db.ListExportsParams{ID: &id, RowLimit: 1})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return errNotFound
		}
		out = toExport(rows[0])
		return nil
	})
	return out, wrap(err, "reading the export")
}

func toExport(row db.ListExportsRow) takeout.Export {
	out := takeout.Export{
		ID: row.ID, RequestedBy: row.RequestedBy, RequestedAt: row.RequestedAt, Status: exportStatus(row.State), SHA256: row.Sha256,
		FinishedAt: row.FinishedAt, ExpiresAt: row.ExpiresAt,
	}
	if row.State != nil {
		out.Rows, out.Expected, out.Bytes = *row.RowsWritten, *row.RowsExpected, *row.Bytes
	}
	if row.Failure != nil {
		out.Failure = *row.Failure
	}
	return out
}

// Delete removes an export.
func (s Exports) Delete(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time) error {
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		n, err := q.DeleteExport(ctx, db.DeleteExportParams{ID: id, Now: &at})
		if err != nil {
			return err
		}
		if n == 0 {
			return errNotFound
		}
		if err := audit(ctx, q, change{actor: a, at: at, action: "export.deleted", subject: "export", id: id}); err != nil {
			return err
		}
		return emit(ctx, tx, s.Store, event.ExportDeleted, a, at, &eventv1.ExportDeleted{ExportId: id.String()})
	})
	return wrap(err, "deleting the export")
}

// NoteDownload writes that it was read.
func (s Exports) NoteDownload(ctx context.Context, a actor.Actor, id uuid.UUID, at, stale time.Time) error {
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		noted, err := q.DownloadNoted(ctx, db.DownloadNotedParams{ID: id, Actor: a.Name, Stale: stale})
		if err != nil || noted {
			return err
		}
		return audit(ctx, q, change{actor: a, at: at, action: "export.downloaded", subject: "export", id: id})
	})
	return wrap(err, "noting the download")
}

// Chunk reads the piece that a byte lies in.
func (s Exports) Chunk(ctx context.Context, accountID, id uuid.UUID, at int64) (takeout.Chunk, error) {
	var out takeout.Chunk
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.ExportChunk(ctx, db.ExportChunkParams{ExportID: id, At: at})
		out = takeout.Chunk{First: row.FirstByte, Data: row.Data}
		return found(err)
	})
	return out, wrap(err, "reading the archive")
}
