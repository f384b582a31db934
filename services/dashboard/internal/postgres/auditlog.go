package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/services/dashboard/internal/auditlog"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// AuditLog is the auditlog.Reader.
type AuditLog struct{ *Store }

var _ auditlog.Reader = AuditLog{}

// List lists who did what, newest first.
func (s AuditLog) List(ctx context.Context, account uuid.UUID, f auditlog.Filter, r page.Request) (page.Of[auditlog.Entry], error) {
	var out []auditlog.Entry
	err := s.in(ctx, account, func(_ pgx.Tx, q *db.Queries) error {
		rows, err := q.ListAudit(ctx, db.ListAuditParams{
			AccountID: account, BeforeSeq: r.After.Serial, SubjectID: f.Subject, Actor: f.Actor, Action: f.Action, FromAt: f.From, ToAt: f.To, RowLimit: r.Fetch(),
		})
		out = mapped(rows, func(row db.ListAuditRow) auditlog.Entry {
			return auditlog.Entry{
				Account: account, Number: row.Seq, At: row.At, Actor: row.Actor, ActorName: row.ActorName, Action: row.Action, SubjectType: row.SubjectType,
				SubjectID: row.SubjectID, Detail: row.Detail, Previous: row.PrevHash, Hash: row.Hash,
			}
		})
		return err
	})
	return page.Cut(out, r, func(e auditlog.Entry) page.Cursor { return page.Cursor{Serial: &e.Number} }), wrap(err, "listing the audit log")
}

// After reads on in the order of writing.
func (s AuditLog) After(ctx context.Context, account uuid.UUID, after int64, n int) ([]auditlog.Entry, error) {
	var out []auditlog.Entry
	err := s.in(ctx, account, func(_ pgx.Tx, q *db.Queries) error {
		rows, err := q.AuditAfter(ctx, db.AuditAfterParams{AccountID: account, AfterSeq: after, RowLimit: int32(n)})
		out = mapped(rows, func(row db.AuditAfterRow) auditlog.Entry {
			return auditlog.Entry{
				Account: account, Number: row.Seq, At: row.At, Actor: row.Actor, Action: row.Action, SubjectType: row.SubjectType,
				SubjectID: row.SubjectID, Detail: row.Detail, Previous: row.PrevHash, Hash: row.Hash,
			}
		})
		return err
	})
	return out, wrap(err, "reading the audit log")
}
