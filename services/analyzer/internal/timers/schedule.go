package timers

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// mergeEvery is how often an account's small blocks are merged; mergeAfter leaves
// time for the hour's last signals.
const (
	mergeEvery = time.Hour
	mergeAfter = 10 * time.Minute
)

// Scheduler inserts jobs.
type Scheduler struct {
	client *river.Client[pgx.Tx]
	delay  time.Duration
	now    func() time.Time
}

// NewScheduler returns one; delay is how long after its first new signal a context
// is analysed at most.
func NewScheduler(client *river.Client[pgx.Tx], delay time.Duration, now func() time.Time) *Scheduler {
	return &Scheduler{client: client, delay: delay, now: now}
}

// Due is when an account's contexts that get signals now are to be analysed.
func (s *Scheduler) Due(account uuid.UUID) time.Time { return next(s.now(), s.delay, account) }

// Stored schedules what new signals make due, inside the transaction that stores
// them: a merge of each account's blocks and, but for imported history, the turns
// of the account whose contexts were queued. An account that has turns keeps them.
func (s *Scheduler) Stored(ctx context.Context, tx pgx.Tx, areas []signal.Area) error {
	jobs := make([]river.InsertManyParams, 0, 2*len(areas))
	accounts, turns := make(map[uuid.UUID]bool), make(map[uuid.UUID]bool)
	for _, a := range areas {
		if a.Live && !turns[a.AccountID] {
			turns[a.AccountID] = true
			opts := &river.InsertOpts{}
			if a.Due.After(s.now()) {
				opts.ScheduledAt = a.Due // a time in the past would wait for River's next round of scheduling
			}
			jobs = append(jobs, river.InsertManyParams{Args: turnArgs{AccountID: a.AccountID}, InsertOpts: opts})
		}
		if accounts[a.AccountID] {
			continue
		}
		accounts[a.AccountID] = true
		due := next(s.now(), mergeEvery, a.AccountID)
		jobs = append(jobs, river.InsertManyParams{
			Args:       mergeArgs{AccountID: a.AccountID, Due: due.Unix()},
			InsertOpts: &river.InsertOpts{ScheduledAt: due.Add(mergeAfter)},
		})
	}
	if len(jobs) == 0 {
		return nil
	}
	if _, err := s.client.InsertManyTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("scheduling turns and merges: %w", err)
	}
	return nil
}

// next is the end of the running period. Every id has its own offset within it, so
// that not everything falls due at the same moment.
func next(now time.Time, period time.Duration, id uuid.UUID) time.Time {
	offset := time.Duration(binary.BigEndian.Uint64(id[8:]) % uint64(period))
	return now.Add(-offset).Truncate(period).Add(period + offset)
}

// Requested schedules an analysis that a person asked for, at once.
func (s *Scheduler) Requested(ctx context.Context, analysis uuid.UUID, area signal.Area, by string, asOf *time.Time, dryRun bool) error {
	_, err := s.client.Insert(ctx, requestedArgs{
		AnalysisID: analysis, AccountID: area.AccountID, ContextID: area.ContextID, RequestedBy: by, AsOf: asOf, DryRun: dryRun,
	}, nil)
	if err != nil {
		return fmt.Errorf("scheduling an analysis: %w", err)
	}
	return nil
}

// Imported schedules the walk over a completed import.
func (s *Scheduler) Imported(ctx context.Context, importID, account, product uuid.UUID, from, to time.Time, sequence uint64) error {
	_, err := s.client.Insert(ctx, importArgs{ImportID: importID, AccountID: account, ProductID: product, From: from, To: to, Sequence: sequence}, nil)
	if err != nil {
		return fmt.Errorf("scheduling the walk over an import: %w", err)
	}
	return nil
}

// LookAgain schedules an analysis at a moment, which finds nothing to do when the
// context got signals after its last hour until then.
func (s *Scheduler) LookAgain(ctx context.Context, tx pgx.Tx, area signal.Area, at, last time.Time) error {
	args := silenceArgs{AccountID: area.AccountID, ContextID: area.ContextID, Due: at.Unix(), Last: last}
	if _, err := s.client.InsertTx(ctx, tx, args, &river.InsertOpts{ScheduledAt: at}); err != nil {
		return fmt.Errorf("scheduling a look for silence: %w", err)
	}
	return nil
}
