package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/importing"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// Imports is the importing.Store.
type Imports struct{ *Store }

var _ importing.Store = Imports{}

// AddImport opens an import.
func (s Imports) AddImport(ctx context.Context, a actor.Actor, i importing.Import) (importing.Import, error) {
	var out importing.Import
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.Product(ctx, i.ProductID); err != nil {
			return found(err)
		}
		var err error
		out, err = once(ctx, q, s.Store, a.Account, i.CreatedAt, func() (importing.Import, error) {
			err := q.InsertImport(ctx, db.InsertImportParams{ID: i.ID, AccountID: a.Account, ProductID: i.ProductID, Name: i.Name, CreatedBy: a.Name, CreatedAt: i.CreatedAt})
			if err != nil {
				return i, err
			}
			return i, audit(ctx, q, change{actor: a, at: i.CreatedAt, action: "import.created", subject: "import", id: i.ID, detail: map[string]any{"product_id": i.ProductID}})
		})
		return err
	})
	return out, wrap(err, "opening the import")
}

// OpenImport reads an import that still takes batches, and the ids of its product's contexts.
func (s Imports) OpenImport(ctx context.Context, accountID, id uuid.UUID) (importing.Import, []uuid.UUID, error) {
	var out importing.Import
	var contexts []uuid.UUID
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.ImportByID(ctx, id)
		if err != nil {
			return found(err)
		}
		out = toImport(row)
		if out.CompletedAt != nil {
			return fault.New(fault.Conflict, "conflict", "The import is complete. Begin another one.")
		}
		rows, err := q.ContextIDs(ctx, out.ProductID)
		for _, c := range rows {
			contexts = append(contexts, c.ID)
		}
		return err
	})
	return out, contexts, wrap(err, "reading the import")
}

func toImport(row db.ImportByIDRow) importing.Import {
	return importing.Import{
		ID: row.ID, ProductID: row.ProductID, Name: row.Name, Received: row.Received, FirstAt: row.FirstAt, LastAt: row.LastAt,
		CreatedAt: row.CreatedAt, CompletedAt: row.CompletedAt, Analysed: row.Analysed,
	}
}

// CountImported notes what was published.
func (s Imports) CountImported(ctx context.Context, accountID, id uuid.UUID, n int, firstAt, lastAt time.Time) error {
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		return q.AddToImport(ctx, db.AddToImportParams{ID: id, N: int64(n), FirstAt: firstAt, LastAt: lastAt})
	})
	return wrap(err, "counting the imported signals")
}

// CompleteImport ends an import and tells the analyzer.
func (s Imports) CompleteImport(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, sequence uint64) (importing.Import, error) {
	var out importing.Import
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		row, err := q.LockImport(ctx, id)
		if err != nil {
			return found(err)
		}
		if row.CompletedAt == nil {
			if err := s.complete(ctx, tx, q, a, row, at, sequence); err != nil {
				return err
			}
		}
		after, err := q.ImportByID(ctx, id)
		out = toImport(after)
		return err
	})
	return out, wrap(err, "completing the import")
}

func (s Imports) complete(ctx context.Context, tx pgx.Tx, q *db.Queries, a actor.Actor, row db.Import, at time.Time, sequence uint64) error {
	if err := q.CompleteImport(ctx, db.CompleteImportParams{ID: row.ID, CompletedAt: &at}); err != nil {
		return err
	}
	if err := audit(ctx, q, change{actor: a, at: at, action: "import.completed", subject: "import", id: row.ID, detail: map[string]any{"signals": row.Received}}); err != nil {
		return err
	}
	if row.Received == 0 || row.FirstAt == nil || row.LastAt == nil {
		return nil // nothing to judge
	}
	return emit(ctx, tx, s.Store, event.ImportCompleted, a, at, &eventv1.ImportCompleted{
		ImportId: row.ID.String(), ProductId: row.ProductID.String(), FirstAt: timestamppb.New(*row.FirstAt), LastAt: timestamppb.New(*row.LastAt),
		SignalsSequence: sequence, SignalCount: uint64(max(row.Received, 0)),
	})
}

// Import reads one import.
func (s Imports) Import(ctx context.Context, accountID, id uuid.UUID) (importing.Import, error) {
	var out importing.Import
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.ImportByID(ctx, id)
		out = toImport(row)
		return found(err)
	})
	return out, wrap(err, "reading the import")
}
