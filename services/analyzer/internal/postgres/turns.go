package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/services/analyzer/internal/allowance"
	"github.com/draftlabs/specter/services/analyzer/internal/postgres/db"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// Turns keeps the contexts that wait for their analysis, and how often each was analysed today.
type Turns struct{ db *pgxpool.Pool }

// NewTurns returns a store; db is borrowed.
func NewTurns(pool *pgxpool.Pool) *Turns { return &Turns{db: pool} }

// in runs fn as the account, alone with its queue and its counts.
func (t *Turns) in(ctx context.Context, account uuid.UUID, doing string, fn func(tx pgx.Tx, q *db.Queries) error) error {
	err := tenant.Tx(ctx, t.db, account, func(tx pgx.Tx) error {
		q := db.New(tx)
		if err := q.LockTurns(ctx, account); err != nil {
			return err
		}
		return fn(tx, q)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// queueAnalyses queues contexts that got signals. One that waits already stays where it is: signals of a busy context
// change nothing, so storing them does not touch its row.
func queueAnalyses(round *pgx.Batch, account uuid.UUID, areas []signal.Area, at time.Time) {
	live := make([]uuid.UUID, 0, len(areas))
	var due time.Time
	for _, a := range areas {
		if a.Live {
			live, due = append(live, a.ContextID), a.Due
		}
	}
	if len(live) == 0 {
		return
	}
	round.Queue(`INSERT INTO analysis_queue (account_id, context_id, queued_at, due_at) SELECT $1, id, $3, $4 FROM unnest($2::uuid[]) AS id ON CONFLICT DO NOTHING`,
		account, uuids(live), at, due)
}

// QueueQuiet queues a context that got no signals after the hour last, and runs begin, which
// sees to it that the account has turns. With later signals it does nothing: they queued it.
func (t *Turns) QueueQuiet(ctx context.Context, area signal.Area, last, now time.Time, begin func(tx pgx.Tx) error) error {
	return t.in(ctx, area.AccountID, "queueing a quiet context", func(tx pgx.Tx, q *db.Queries) error {
		queued, err := q.QueueQuiet(ctx, db.QueueQuietParams{ContextID: area.ContextID, Last: last, Now: now})
		if err != nil || queued == 0 {
			return err
		}
		return begin(tx)
	})
}

// Begin puts back what a turn that never ended had taken.
func (t *Turns) Begin(ctx context.Context, account uuid.UUID) error {
	return t.in(ctx, account, "beginning a turn", func(_ pgx.Tx, q *db.Queries) error {
		if err := q.DropStale(ctx); err != nil {
			return err
		}
		return q.ReturnStale(ctx)
	})
}

// Next takes the context that waits longest and may be analysed, and counts it; ok is false when there is none. Those
// that the account's limit holds back are put off.
func (t *Turns) Next(ctx context.Context, account uuid.UUID, now time.Time) (turn allowance.Turn, ok bool, err error) {
	err = t.in(ctx, account, "taking a turn", func(_ pgx.Tx, q *db.Queries) error {
		turn, ok = allowance.Turn{}, false
		limit, err := analysisLimit(ctx, q, account)
		if err != nil {
			return err
		}
		for !ok {
			row, err := q.FirstQueued(ctx, now)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			if ok, err = t.take(ctx, q, row, limit, now); err != nil {
				return err
			}
			turn = allowance.Turn{ContextID: row.ContextID, Failures: int(row.Failures)}
		}
		return nil
	})
	return turn, ok, err
}

// take takes a context unless it is gone or must wait for its part of the limit.
func (t *Turns) take(ctx context.Context, q *db.Queries, row db.FirstQueuedRow, limit int, now time.Time) (taken bool, err error) {
	if !row.There {
		return false, q.DropContext(ctx, row.ContextID)
	}
	if limit > 0 {
		day, err := dayOf(ctx, q, limit, row.ContextID, now)
		if err != nil {
			return false, err
		}
		if at := day.Next(now, row.ContextID); at.After(now) {
			return false, q.PostponeContext(ctx, db.PostponeContextParams{ContextID: row.ContextID, DueAt: at})
		}
	}
	if err := q.TakeContext(ctx, row.ContextID); err != nil {
		return false, err
	}
	return true, q.CountAnalyses(ctx, db.CountAnalysesParams{ContextID: row.ContextID, Now: now, Timed: 1})
}

// Done forgets a context that was analysed. Signals that came meanwhile have queued it again.
func (t *Turns) Done(ctx context.Context, account uuid.UUID, turn allowance.Turn) error {
	return t.in(ctx, account, "finishing a turn", func(_ pgx.Tx, q *db.Queries) error { return q.FinishContext(ctx, turn.ContextID) })
}

// Failed puts a context back for another time, zero for none, and takes it out of the count.
func (t *Turns) Failed(ctx context.Context, account uuid.UUID, turn allowance.Turn, now, again time.Time) error {
	return t.in(ctx, account, "putting a turn off", func(_ pgx.Tx, q *db.Queries) error {
		if err := q.CountAnalyses(ctx, db.CountAnalysesParams{ContextID: turn.ContextID, Now: now, Timed: -1}); err != nil {
			return err
		}
		if !again.IsZero() {
			err := q.ReturnContext(ctx, db.ReturnContextParams{ContextID: turn.ContextID, DueAt: again, Failures: int32(turn.Failures + 1)})
			if err != nil {
				return err
			}
		}
		return q.FinishContext(ctx, turn.ContextID)
	})
}

// errWaiting takes back the end of an account's turns.
var errWaiting = errors.New("a context waits")

// End runs complete when no context waits any more; otherwise it returns when the next is due.
func (t *Turns) End(ctx context.Context, account uuid.UUID, complete func(tx pgx.Tx) error) (due time.Time, ended bool, err error) {
	err = t.in(ctx, account, "ending the turns", func(tx pgx.Tx, q *db.Queries) error {
		// First, because it locks the job: who queues a context finds the job ended and begins another, or is
		// waited for here and then seen.
		if err := complete(tx); err != nil {
			return err
		}
		row, err := q.EarliestQueued(ctx)
		if err != nil {
			return err
		}
		if due = row.DueAt; row.N > 0 {
			return errWaiting
		}
		return nil
	})
	if errors.Is(err, errWaiting) {
		return due, false, nil
	}
	return due, err == nil, err
}

// Ask counts an analysis that a person asked for. It refuses, and says why, when the day's are used up.
func (t *Turns) Ask(ctx context.Context, area signal.Area, now time.Time) (refusal string, err error) {
	err = t.in(ctx, area.AccountID, "counting an analysis", func(_ pgx.Tx, q *db.Queries) error {
		limit, err := analysisLimit(ctx, q, area.AccountID)
		if err != nil {
			return err
		}
		if limit > 0 {
			day, err := dayOf(ctx, q, limit, area.ContextID, now)
			if err != nil {
				return err
			}
			if day.Spent() {
				refusal = day.Refusal(now)
				return nil
			}
		}
		return q.CountAnalyses(ctx, db.CountAnalysesParams{ContextID: area.ContextID, Now: now, Asked: 1})
	})
	return refusal, err
}

// Unask takes one that failed out of the count; it will be asked for again.
func (t *Turns) Unask(ctx context.Context, area signal.Area, now time.Time) error {
	return t.in(ctx, area.AccountID, "counting an analysis", func(_ pgx.Tx, q *db.Queries) error {
		return q.CountAnalyses(ctx, db.CountAnalysesParams{ContextID: area.ContextID, Now: now, Asked: -1})
	})
}

// analysisLimit is 0 without a limit, and for an account that is gone.
func analysisLimit(ctx context.Context, q *db.Queries, account uuid.UUID) (int, error) {
	n, err := q.AnalysisLimit(ctx, account)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return int(n), err
}

func dayOf(ctx context.Context, q *db.Queries, limit int, contextID uuid.UUID, now time.Time) (allowance.Day, error) {
	row, err := q.AnalysesOfDay(ctx, db.AnalysesOfDayParams{ContextID: contextID, Now: now})
	return allowance.Day{Limit: limit, Timed: int(row.Timed), Asked: int(row.Asked), Own: int(row.Own), Active: int(row.Active)}, err
}
