package analyzer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/pkg/timer"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
	"github.com/draftlabs/specter/services/analyzer/internal/postgres"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
	"github.com/draftlabs/specter/services/analyzer/internal/timers"
)

// ring is the timers at work on a real database, with an analyst that only writes down whom it was asked to judge.
type ring struct {
	t         *testing.T
	db        *testkit.DB
	pool      *pgxpool.Pool
	owner     *pgxpool.Pool
	scheduler *timers.Scheduler
	takes     time.Duration // one analysis

	mu    sync.Mutex
	late  time.Duration // of storing
	order []analysis.Request
	walks map[uuid.UUID]int // of a context
	areas []uuid.UUID       // of an import
	merge int               // contexts judged when blocks were merged
	fails map[uuid.UUID]bool
}

func newRing(t *testing.T, takes time.Duration) *ring {
	t.Helper()
	r := &ring{t: t, db: testkit.Postgres(t), takes: takes, fails: map[uuid.UUID]bool{}, walks: map[uuid.UUID]int{}}
	r.pool, r.owner = r.db.Pool(t, "specter_analyzer"), r.db.Owner(t)
	setting, err := timer.New(timer.Options{Service: "analyzer", DB: r.pool, Log: zap.NewNop()})
	require.NoError(t, err)
	r.scheduler = timers.NewScheduler(setting.Client(), time.Second, time.Now)
	return r
}

// Run implements timers.Analyst.
func (r *ring) Run(ctx context.Context, in analysis.Request) error {
	select {
	case <-time.After(r.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order = append(r.order, in)
	if r.fails[in.ContextID] {
		return errors.New("this context cannot be judged")
	}
	return nil
}

// Walk implements timers.Analyst. Each fails the first time.
func (r *ring) Walk(_ context.Context, in analysis.Walk) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.walks[in.ContextID]++; r.walks[in.ContextID] == 1 {
		return errors.New("not now")
	}
	return nil
}

// walked counts the contexts whose history was judged.
func (r *ring) walked() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, times := range r.walks {
		n += min(1, times-1)
	}
	return n
}

// Merge implements timers.Keeper.
func (r *ring) Merge(context.Context, uuid.UUID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.merge = len(r.order)
	return nil
}

// Partitions implements timers.Keeper.
func (r *ring) Partitions(context.Context, time.Time, time.Time) error { return nil }

// TrimPositions implements timers.Keeper.
func (r *ring) TrimPositions(context.Context) error { return nil }

// ContextsWithHours implements timers.Contexts.
func (r *ring) ContextsWithHours(context.Context, uuid.UUID, uuid.UUID, time.Time, time.Time) ([]uuid.UUID, error) {
	return r.areas, nil
}

// judged returns after how many others a context was judged, and of how many; -1 when it was not.
func (r *ring) judged(contextID uuid.UUID) (place, of int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, in := range r.order {
		if in.ContextID == contextID {
			return i, len(r.order)
		}
	}
	return -1, len(r.order)
}

func (r *ring) start() {
	r.t.Helper()
	turns, analyses := postgres.NewTurns(r.pool), postgres.NewAnalyses(r.pool, outbox.New("analyzer"), time.Now, r.scheduler.LookAgain)
	working, err := timer.New(timer.Options{Service: "analyzer", DB: r.pool, Log: zap.NewNop(), Queues: timers.Queues(), Workers: timers.NewWorkers(timers.Deps{
		Analyst: r, Keeper: r, Turns: turns, Asking: turns, Contexts: r, Refuse: analyses.Refuse, Now: time.Now, Log: zap.NewNop(),
		StoredUpTo: func(context.Context) (uint64, error) { return 1, nil },
		Stored: func(context.Context) (time.Time, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return time.Now().Add(-r.late), nil
		},
	})})
	require.NoError(r.t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- working.Run(ctx, func() {}) }()
	r.t.Cleanup(func() { stop(); require.NoError(r.t, <-ended) })
}

// contexts adds n contexts to a tenant's product.
func (r *ring) contexts(who testkit.Tenant, n int) []signal.Area {
	r.t.Helper()
	areas := make([]signal.Area, n)
	require.NoError(r.t, tenant.Tx(r.t.Context(), r.db.Pool(r.t, "specter_dashboard"), who.AccountID, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		for i := range areas {
			areas[i] = signal.Area{AccountID: who.AccountID, ContextID: uuid.New(), Live: true}
			b.Queue(`INSERT INTO contexts (id, account_id, product_id, name) VALUES ($1, $2, $3, $4)`, areas[i].ContextID, who.AccountID, who.ProductID, areas[i].ContextID.String())
		}
		return tx.SendBatch(r.t.Context(), b).Close()
	}))
	return areas
}

// due queues contexts of one account whose time has come, as the store of signals does.
func (r *ring) due(areas ...signal.Area) {
	r.t.Helper()
	now := time.Now()
	require.NoError(r.t, tenant.Tx(r.t.Context(), r.pool, areas[0].AccountID, func(tx pgx.Tx) error {
		for i := range areas {
			areas[i].Due = now
			_, err := tx.Exec(r.t.Context(), `INSERT INTO analysis_queue (account_id, context_id, queued_at, due_at) VALUES ($1, $2, $3, $3) ON CONFLICT DO NOTHING`,
				areas[i].AccountID, areas[i].ContextID, now)
			if err != nil {
				return err
			}
		}
		return r.scheduler.Stored(r.t.Context(), tx, areas)
	}))
}

func (r *ring) count(sql string, args ...any) (n int) {
	r.t.Helper()
	require.NoError(r.t, r.owner.QueryRow(r.t.Context(), sql, args...).Scan(&n))
	return n
}

// One account's five hundred contexts do not keep another's waiting, neither when all are due at once nor later.
func TestAccountsTakeTurns(t *testing.T) {
	t.Parallel()
	r := newRing(t, 5*time.Millisecond)
	busy, small := testkit.SeedTenant(t, r.db), testkit.SeedTenant(t, r.db)
	r.due(r.contexts(busy, 500)...)
	one := signal.Area{AccountID: small.AccountID, ContextID: small.ContextID, Live: true}
	r.due(one)
	r.start()
	testkit.Eventually(t, func() bool { place, _ := r.judged(one.ContextID); return place >= 0 }, "the small account's context to be analysed")
	place, _ := r.judged(one.ContextID)
	require.Less(t, place, 5, "it waits for a moment of the other's at most")

	late := r.contexts(small, 1)[0]
	_, before := r.judged(late.ContextID)
	r.due(late)
	testkit.Eventually(t, func() bool { place, _ := r.judged(late.ContextID); return place >= 0 }, "its next context to be analysed")
	place, _ = r.judged(late.ContextID)
	require.Less(t, place-before, 100, "it need not wait for all that is queued before it")
	testkit.Eventually(t, func() bool { _, n := r.judged(one.ContextID); return n == 502 }, "everything to be analysed")
	testkit.Eventually(t, func() bool {
		return r.count(`SELECT count(*) FROM river_analyzer.river_job WHERE kind = 'take_turn' AND state <> 'completed'`) == 0
	}, "the turns to end: who has nothing to do costs nothing")
	require.Zero(t, r.count(`SELECT count(*) FROM analysis_queue`))
	require.Equal(t, 502, r.count(`SELECT sum(timed) FROM analysis_counts`))
}

// Accounts that always have something to analyse keep no upkeep waiting.
func TestUpkeepHasItsOwnTime(t *testing.T) {
	t.Parallel()
	r := newRing(t, 10*time.Millisecond)
	for range 3 { // more than are worked on at a time
		r.due(r.contexts(testkit.SeedTenant(t, r.db), 100)...)
	}
	_, err := r.owner.Exec(t.Context(), `UPDATE river_analyzer.river_job SET state = 'available', scheduled_at = now() WHERE kind = 'merge_blocks'`)
	require.NoError(t, err)
	r.start()
	testkit.Eventually(t, func() bool {
		return r.count(`SELECT count(*) FROM river_analyzer.river_job WHERE kind = 'merge_blocks' AND state = 'completed'`) == 3
	}, "blocks to be merged")
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Less(t, r.merge, 200)
}

// A context that cannot be judged is tried again later and holds no other up.
func TestAnAnalysisThatFailsWaitsAlone(t *testing.T) {
	t.Parallel()
	r := newRing(t, 0)
	who := testkit.SeedTenant(t, r.db)
	areas := r.contexts(who, 5)
	r.fails[areas[0].ContextID] = true
	r.due(areas...)
	r.start()
	for _, a := range areas {
		testkit.Eventually(t, func() bool { place, _ := r.judged(a.ContextID); return place >= 0 }, "each to be tried")
	}
	testkit.Eventually(t, func() bool {
		return r.count(`SELECT count(*) FROM analysis_queue WHERE context_id = $1 AND failures = 1 AND NOT taken AND due_at > now() + interval '20 seconds'`, areas[0].ContextID) == 1 &&
			r.count(`SELECT count(*) FROM analysis_queue`) == 1
	}, "the one that failed to wait for another time")
	require.Equal(t, 4, r.count(`SELECT sum(timed) FROM analysis_counts`), "what failed is not counted")
}

// A context that falls quiet is judged once for one silence, in its account's turn; not before all
// signals are stored, for it may be this service that is silent; and not when some came meanwhile.
func TestLookForSilence(t *testing.T) {
	t.Parallel()
	r := newRing(t, 0)
	who := testkit.SeedTenant(t, r.db)
	areas := r.contexts(who, 3)
	quiet, later, busy := areas[0], areas[1], areas[2]
	last := time.Now().UTC().Truncate(time.Hour).Add(-5 * time.Hour)
	due := last.Add(4 * time.Hour)
	rolledBack := errors.New("rolled back")
	look := func(area signal.Area, at, last time.Time, end error) {
		err := pg.InTx(t.Context(), r.pool, func(tx pgx.Tx) error {
			return errors.Join(r.scheduler.LookAgain(t.Context(), tx, area, at, last), end)
		})
		require.ErrorIs(t, err, end)
	}
	looks := func(where string) int {
		return r.count(`SELECT count(*) FROM river_analyzer.river_job WHERE kind = 'look_for_silence' AND ` + where)
	}
	for range 5 {
		look(quiet, due, last, nil)
	}
	require.Equal(t, 1, looks("true"))
	look(quiet, time.Now().Add(time.Hour), last.Add(time.Hour), nil)
	look(later, time.Now().Add(time.Hour), last, nil)
	look(busy, due, last, nil)
	require.Equal(t, 4, looks("true"), "another hour, and other contexts")
	look(later, due, last, rolledBack)
	require.Equal(t, 4, looks("true"), "with the analysis that asked for it, or not at all")
	require.NoError(t, tenant.Tx(t.Context(), r.pool, who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO rollup_hourly (account_id, product_id, context_id, type, hour, n)
			SELECT $1, $2, id, 'page_view', $4::timestamptz + after * interval '1 hour', 1 FROM unnest($3::uuid[], $5::int[]) AS u (id, after)`,
			who.AccountID, who.ProductID, []uuid.UUID{quiet.ContextID, busy.ContextID}, last, []int{0, 1})
		return err
	}))

	r.late = 2 * time.Hour
	r.start()
	soon := "state = 'scheduled' AND scheduled_at BETWEEN now() AND now() + interval '2 minutes'"
	testkit.Eventually(t, func() bool { return looks(soon) == 2 }, "both to be asked again in a minute")
	require.Zero(t, r.count(`SELECT count(*) FROM analysis_queue`))
	r.mu.Lock()
	r.late = time.Second
	r.mu.Unlock()
	_, err := r.owner.Exec(t.Context(), `UPDATE river_analyzer.river_job SET scheduled_at = now() WHERE kind = 'look_for_silence' AND `+soon)
	require.NoError(t, err)
	testkit.Eventually(t, func() bool {
		place, _ := r.judged(quiet.ContextID)
		return place >= 0 && looks("state = 'completed'") == 2 && r.count(`SELECT count(*) FROM analysis_queue`) == 0
	}, "the quiet context to be judged")
	_, n := r.judged(uuid.Nil)
	require.Equal(t, 1, n, "the other got signals")
	require.Equal(t, 1, r.count(`SELECT sum(timed) FROM analysis_counts`), "it counts as any other")
}

// The walk over a context's part of an import is one analysis of the day's, once it was made; where
// none are left it says so and waits until some are.
func TestWalksAreCounted(t *testing.T) {
	t.Parallel()
	r := newRing(t, 0)
	who := testkit.SeedTenant(t, r.db)
	limit := func(n int) {
		_, err := r.owner.Exec(t.Context(), `UPDATE accounts SET analyses_per_day = $2 WHERE id = $1`, who.AccountID, n)
		require.NoError(t, err)
	}
	limit(2)
	for _, a := range r.contexts(who, 3) {
		r.areas = append(r.areas, a.ContextID)
	}
	require.NoError(t, r.scheduler.Imported(t.Context(), uuid.New(), who.AccountID, who.ProductID, time.Now().Add(-time.Hour), time.Now(), 1))
	r.start()
	hurry := func(what string) { // they wait for seconds after a failure, and for minutes where none are left
		_, err := r.owner.Exec(t.Context(), `UPDATE river_analyzer.river_job SET scheduled_at = now() WHERE kind = 'walk_context' AND scheduled_at > now() AND state = $1`, what)
		require.NoError(t, err)
	}
	testkit.Eventually(t, func() bool {
		hurry("retryable")
		return r.walked() == 2 && r.count(`SELECT count(*) FROM analyses WHERE outcome = 'limit_reached' AND trigger = 'import'`) == 1
	}, "two to be judged and the third to be refused")
	require.Equal(t, 2, r.count(`SELECT sum(asked) FROM analysis_counts`), "what failed was taken out again")
	limit(3)
	testkit.Eventually(t, func() bool {
		hurry("scheduled")
		hurry("retryable")
		return r.walked() == 3
	}, "the third to be judged")
	require.Equal(t, 3, r.count(`SELECT sum(asked) FROM analysis_counts`))
	require.Equal(t, 1, r.count(`SELECT count(*) FROM analyses`), "once a day")
}

// However the queueing of contexts and the end of turns fall together, none is forgotten.
func TestNoContextIsForgotten(t *testing.T) {
	t.Parallel()
	r := newRing(t, 0)
	r.start()
	var areas []signal.Area
	for range 3 {
		areas = append(areas, r.contexts(testkit.SeedTenant(t, r.db), 40)...)
	}
	var group sync.WaitGroup
	for part := range 4 {
		group.Go(func() {
			for i := part; i < len(areas); i += 4 {
				r.due(areas[i])
			}
		})
	}
	group.Wait()
	testkit.Eventually(t, func() bool { _, n := r.judged(uuid.Nil); return n == len(areas) }, "every context to be analysed")
}

// What is asked for beyond the day's limit is recorded with the reason, and nothing is analysed.
func TestAnalysesBeyondTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	require.NoError(t, tenant.Tx(t.Context(), s.db.Pool(t, "specter_dashboard"), s.who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE accounts SET analyses_per_day = 2 WHERE id = $1`, s.who.AccountID)
		return err
	}))
	for range 3 {
		publish(s, event.AnalysisRequested, &eventv1.AnalysisRequested{
			AnalysisId: uuid.NewString(), ProductId: s.who.ProductID.String(), ContextId: s.who.ContextID.String(), RequestedBy: "user:1", DryRun: true,
		})
	}
	s.eventually("analyses", `SELECT count(*) FROM analyses`, 3)
	s.eventually("refusals", `SELECT count(*) FROM analyses WHERE outcome = 'limit_reached' AND reason LIKE 'the account''s 2 analyses of this day are used up%'`, 1)
	s.eventually("those counted", `SELECT sum(asked) FROM analysis_counts`, 2)
}
