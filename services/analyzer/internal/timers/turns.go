package timers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/services/analyzer/internal/allowance"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

const (
	// turnTime bounds what an account does in one turn while nobody else waits.
	turnTime = 20 * time.Second
	// moment is what an account may do while others wait: more than one short analysis, because handing over costs a
	// tenth of a second.
	moment = 100 * time.Millisecond
	// waitAtMost is how long an account whose contexts all have to wait sleeps before it looks again: a limit may be
	// raised, and a context that was idle may have its share.
	waitAtMost = time.Minute
	// maxFailures is how often in a row a context's analysis may fail before its next signals make it due again.
	maxFailures  = 5
	firstBackoff = 30 * time.Second
)

// Turns keeps the contexts of each account that wait for their analysis.
type Turns interface {
	// QueueQuiet queues a context that got no signals after the hour last, and runs begin then.
	QueueQuiet(ctx context.Context, area signal.Area, last, now time.Time, begin func(tx pgx.Tx) error) error
	// Begin puts back what a turn that never ended had taken.
	Begin(ctx context.Context, account uuid.UUID) error
	// Next takes the context that waits longest and may be analysed, and counts it; ok is false when there is none.
	Next(ctx context.Context, account uuid.UUID, now time.Time) (t allowance.Turn, ok bool, err error)
	// Done forgets a context that was analysed; signals that came meanwhile have queued it again.
	Done(ctx context.Context, account uuid.UUID, t allowance.Turn) error
	// Failed puts a context back for another time, zero for none, and does not count it.
	Failed(ctx context.Context, account uuid.UUID, t allowance.Turn, now, again time.Time) error
	// End runs complete, which ends the account's turns, unless a context waits; then it returns when the next is due.
	End(ctx context.Context, account uuid.UUID, complete func(tx pgx.Tx) error) (due time.Time, ended bool, err error)
}

// turnArgs: one job of an account that has contexts waiting. Accounts take turns, because a job that has more to do goes
// behind the others: an account with thousands of contexts keeps nobody waiting for more than one analysis.
type turnArgs struct {
	AccountID uuid.UUID `json:"account_id"`
}

func (turnArgs) Kind() string { return "take_turn" }

func (turnArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: maxAttempts, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}}}
}

// turn analyses the account's contexts, one after the other; when others wait, for a moment only.
type turn struct {
	river.WorkerDefaults[turnArgs]
	Deps
}

// Timeout leaves the last analysis of a turn its time.
func (*turn) Timeout(*river.Job[turnArgs]) time.Duration { return turnTime + walkTimeout }

// Work takes one turn.
func (w *turn) Work(ctx context.Context, job *river.Job[turnArgs]) error {
	account, began := job.Args.AccountID, w.Now()
	if err := w.Turns.Begin(ctx, account); err != nil {
		return err
	}
	for {
		next, ok, err := w.Turns.Next(ctx, account, w.Now())
		if err != nil {
			return err
		}
		if !ok {
			return w.end(ctx, job)
		}
		if err := w.analyse(ctx, account, next); err != nil {
			return err
		}
		spent := w.Now().Sub(began)
		if spent < moment {
			continue
		}
		others, err := othersWait(ctx, job.ID)
		if err != nil {
			return err
		}
		if others || spent >= turnTime {
			return river.JobSnooze(0) // to the end of the queue
		}
	}
}

// analyse runs one context's analysis. One that fails is tried again later, and does not hold the account's others up.
func (w *turn) analyse(ctx context.Context, account uuid.UUID, t allowance.Turn) error {
	err := w.Analyst.Run(ctx, analysis.Request{AccountID: account, ContextID: t.ContextID, Trigger: analysis.Timer})
	if err == nil {
		return w.Turns.Done(ctx, account, t)
	}
	if ctx.Err() != nil {
		return errors.Join(err, ctx.Err()) // we are stopping: the context still waits
	}
	var again time.Time
	if t.Failures+1 < maxFailures {
		again = w.Now().Add(firstBackoff << t.Failures)
	}
	w.Log.Warn("an analysis failed", zap.Stringer("context_id", t.ContextID), zap.Error(err), zap.Int("failures", t.Failures+1), zap.Bool("tried_again", !again.IsZero()))
	return w.Turns.Failed(ctx, account, t, w.Now(), again)
}

// end completes the job when no context waits, or sleeps until one may be analysed.
func (w *turn) end(ctx context.Context, job *river.Job[turnArgs]) error {
	due, ended, err := w.Turns.End(ctx, job.Args.AccountID, func(tx pgx.Tx) error {
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
	if err != nil || ended {
		return err
	}
	return river.JobSnooze(min(max(0, due.Sub(w.Now())), waitAtMost))
}

// othersWait reports whether another account could take its turn now.
func othersWait(ctx context.Context, own int64) (bool, error) {
	client, err := river.ClientFromContextSafely[pgx.Tx](ctx)
	if err != nil {
		return false, err
	}
	list, err := client.JobList(ctx, river.NewJobListParams().Kinds(turnArgs{}.Kind()).States(rivertype.JobStateAvailable).First(2))
	if err != nil {
		return false, fmt.Errorf("looking who waits: %w", err)
	}
	for _, j := range list.Jobs {
		if j.ID != own {
			return true, nil
		}
	}
	return false, nil
}
