package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/analyzer/internal/postgres"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// bench is a store on a database of its own.
type bench struct {
	t         testing.TB
	db        *testkit.DB
	pool      *pgxpool.Pool // the analyzer's
	reader    *pgxpool.Pool // what people see: the dashboard's rights
	store     *postgres.Signals
	now       atomic.Pointer[time.Time]
	scheduled atomic.Int64
	failing   atomic.Bool  // the last step of the transaction fails
	failAt    atomic.Int64 // so many transactions from now one fails; 0 = none
	sequence  atomic.Uint64
}

var errPulled = errors.New("the plug was pulled")

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, db: testkit.Postgres(t)}
	b.reader = b.db.PoolOf(t, "specter_dashboard", 2)
	b.setNow(time.Now().UTC())
	b.pool = b.db.Pool(t, "specter_analyzer")
	b.restart()
	return b
}

// restart forgets what the store remembers.
func (b *bench) restart() { b.store = b.another() }

// another is the store of another instance on the same database.
func (b *bench) another() *postgres.Signals {
	return postgres.NewSignals(b.pool, outbox.New("analyzer"), func() time.Time { return *b.now.Load() },
		func(uuid.UUID) time.Time { return b.now.Load().Add(time.Minute) },
		func(_ context.Context, _ pgx.Tx, areas []signal.Area) error {
			for _, a := range areas {
				if a.Live {
					b.scheduled.Add(1)
				}
			}
			if b.failing.Load() || b.failAt.Add(-1) == 0 {
				return errPulled
			}
			return nil
		})
}

func (b *bench) setNow(at time.Time) { b.now.Store(&at) }

func (b *bench) position() signal.Position {
	return signal.Position{Stream: "SIGNALS", Sequence: b.sequence.Add(1), MessageID: uuid.New()}
}

// one stores one message.
func (b *bench) one(at signal.Position, batch []signal.Signal) (signal.Stored, error) {
	stored, err := b.store.Store(context.Background(), []signal.Batch{{Position: at, Signals: slices.Clone(batch)}})
	if err != nil {
		return signal.Stored{}, err
	}
	return stored[0], nil
}

func (b *bench) put(batch ...signal.Signal) signal.Stored {
	b.t.Helper()
	stored, err := b.one(b.position(), batch)
	require.NoError(b.t, err)
	return stored
}

func (b *bench) signal(who testkit.Tenant, kind string, edit ...func(*signal.Signal)) signal.Signal {
	now := *b.now.Load()
	s := signal.Signal{
		ID: uuid.Must(uuid.NewV7()), AccountID: who.AccountID, ProductID: who.ProductID, ContextID: who.ContextID, Type: kind,
		Payload: []byte(`{"path":"/checkout","element":"button#pay","browser":"Firefox"}`), At: now, ReceivedAt: now, SessionID: "s1", Source: signal.Script,
	}
	for _, e := range edit {
		e(&s)
	}
	return s
}

// counts reads what the tenant has, from ids, the signals view and the rollups.
type counts struct{ Signals, Distinct, Rolled, Blocks, Total int64 }

func (b *bench) counts(who testkit.Tenant) counts {
	b.t.Helper()
	var c counts
	b.read(who, `SELECT (SELECT count(*) FROM signals), (SELECT count(DISTINCT coalesce(client_id, id)) FROM signals),
		(SELECT coalesce(sum(n), 0)::bigint FROM rollup_hourly), (SELECT count(*) FROM signal_blocks),
		(SELECT coalesce(sum(signals_total), 0)::bigint FROM product_activity)`, &c.Signals, &c.Distinct, &c.Rolled, &c.Blocks, &c.Total)
	return c
}

func (b *bench) read(who testkit.Tenant, sql string, into ...any) {
	b.t.Helper()
	err := tenant.Tx(context.Background(), b.reader, who.AccountID, func(tx pgx.Tx) error {
		return tx.QueryRow(context.Background(), sql).Scan(into...)
	})
	require.NoError(b.t, err)
}

func (b *bench) requireCount(who testkit.Tenant, n int64) {
	b.t.Helper()
	c := b.counts(who)
	require.Equal(b.t, counts{Signals: n, Distinct: n, Rolled: n, Blocks: c.Blocks, Total: n}, c)
}

func TestStoresOnceWhateverComesAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	batch := []signal.Signal{b.signal(who, "purchase"), b.signal(who, "js_error"), b.signal(who, "page_view")}
	at := b.position()

	first, err := b.one(at, batch)
	require.NoError(t, err)
	require.Equal(t, signal.Stored{New: 3}, first)
	again, err := b.one(at, batch) // redelivered
	require.NoError(t, err)
	require.True(t, again.Repeated)
	require.Equal(t, signal.Stored{Known: 3}, b.put(batch...)) // the same signals in another message
	b.requireCount(who, 3)
}

// Fault 19: the same batch fifty times at once is one set of rows.
func TestSameBatchFiftyTimesAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who, other := testkit.SeedTenant(t, b.db), testkit.SeedTenant(t, b.db)
	var batch []signal.Signal
	for i := range 40 {
		batch = append(batch, b.signal(who, fmt.Sprintf("type_%d", i%5)), b.signal(other, "purchase"))
	}
	at := b.position()
	instances := []*postgres.Signals{b.store, b.another(), b.another()}
	var stored atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			where := at
			if i%2 == 1 { // half are redeliveries, half a client's retries in other messages
				where = b.position()
			}
			results, err := instances[i%len(instances)].Store(context.Background(), []signal.Batch{{Position: where, Signals: slices.Clone(batch)}})
			if err == nil {
				stored.Add(int64(results[0].New))
			} else {
				t.Errorf("storing: %v", err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 80, stored.Load())
	b.requireCount(who, 40)
	b.requireCount(other, 40)
}

// Killed before COMMIT nothing is there; killed between COMMIT and ack everything
// is, once.
func TestKilledAroundTheCommit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	batch := []signal.Signal{b.signal(who, "purchase"), b.signal(who, "js_error")}
	at := b.position()

	b.failing.Store(true)
	_, err := b.one(at, batch)
	require.ErrorIs(t, err, errPulled)
	require.Equal(t, counts{}, b.counts(who))

	b.failing.Store(false)
	_, err = b.one(at, batch) // committed, but never acknowledged
	require.NoError(t, err)
	again, err := b.one(at, batch)
	require.NoError(t, err)
	require.True(t, again.Repeated)
	b.requireCount(who, 2)
}

// A call that fails half way tells what it has committed, and the next one tells the
// rest: together they tell all, once.
func TestFailedCallTellsWhatItCommitted(t *testing.T) {
	t.Parallel()
	const parts = 4
	for failing := 1; failing <= parts; failing++ {
		t.Run(fmt.Sprintf("part %d fails", failing), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			messages := []signal.Batch{{Position: b.position()}, {Position: b.position()}}
			for _, who := range tenantsOfEachPart(t, b, parts) {
				homeless := func(s *signal.Signal) { s.ProductID = uuid.New() }
				messages[0].Signals = append(messages[0].Signals, b.signal(who, "purchase"), b.signal(who, "gone", homeless))
				messages[1].Signals = append(messages[1].Signals, b.signal(who, "purchase"), b.signal(who, "purchase"))
			}
			messages[0].Signals = append(messages[0].Signals, messages[0].Signals[0])
			messages[1].Signals = append(messages[1].Signals, b.signal(testkit.Tenant{}, "old", func(s *signal.Signal) { s.At = b.now.Load().AddDate(-3, 0, 0) }))
			copied := func() []signal.Batch {
				out := slices.Clone(messages)
				for i := range out {
					out[i].Signals = slices.Clone(out[i].Signals)
				}
				return out
			}

			b.failAt.Store(int64(failing))
			told, err := b.store.Store(context.Background(), copied())
			require.ErrorIs(t, err, errPulled)
			require.Equal(t, failing-1, told[0].New)
			require.Equal(t, failing-1, told[0].Homeless)
			require.Equal(t, 2*(failing-1), told[1].New)
			rest, err := b.store.Store(context.Background(), copied())
			require.NoError(t, err)
			for i := range told {
				told[i].Add(rest[i])
			}
			require.Equal(t, []signal.Stored{{New: parts, Known: 1, Homeless: parts}, {New: 2 * parts, TooOld: 1}}, told)
		})
	}
}

func TestClientIDCountsOnceWithinTheAccount(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who, other := testkit.SeedTenant(t, b.db), testkit.SeedTenant(t, b.db)
	mine := uuid.New()
	withID := func(s *signal.Signal) { s.ClientID = mine }

	stored := b.put(b.signal(who, "purchase", withID), b.signal(who, "purchase", withID), b.signal(other, "purchase", withID))
	require.Equal(t, signal.Stored{New: 2, Known: 1}, stored, "twice in one batch counts once, and another account's same id counts")
	require.Equal(t, signal.Stored{New: 1, Known: 1}, b.put(b.signal(who, "purchase", withID), b.signal(who, "purchase")))
	b.requireCount(who, 2)
	b.requireCount(other, 1)
}

func TestClientIDCountsOnceAcrossMidnight(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	midnight := time.Now().UTC().Truncate(24 * time.Hour)
	mine := uuid.New()
	withID := func(s *signal.Signal) { s.ClientID = mine }

	b.setNow(midnight.Add(-time.Minute))
	require.Equal(t, 1, b.put(b.signal(who, "purchase", withID)).New)
	b.setNow(midnight.Add(time.Minute))
	require.Equal(t, 1, b.put(b.signal(who, "purchase", withID)).Known)
	// Overtaken on the way: received before midnight, stored after one received later.
	b.setNow(midnight.Add(2 * time.Minute))
	late := uuid.New()
	require.Equal(t, 1, b.put(b.signal(who, "purchase", func(s *signal.Signal) { s.ClientID = late })).New)
	require.Equal(t, 1, b.put(b.signal(who, "purchase", func(s *signal.Signal) { s.ClientID, s.ReceivedAt = late, midnight.Add(-time.Second) })).Known)
	b.requireCount(who, 2)
}

func TestImportedHistoryCountsOnceForEver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	old := func(s *signal.Signal) { s.Imported, s.At = true, b.now.Load().AddDate(-1, -2, 0) }
	line := b.signal(who, "http_error", old)
	require.Equal(t, 1, b.put(line).New)

	b.setNow(b.now.Load().Add(30 * 24 * time.Hour))
	line.ReceivedAt = *b.now.Load()
	require.Equal(t, signal.Stored{New: 1, Known: 1}, b.put(line, b.signal(who, "http_error", old)), "the grown file adds its new line only")
	b.requireCount(who, 2)
	require.Zero(t, b.scheduled.Load(), "history is walked when the import is complete, not as live signals")
	require.Equal(t, 1, b.put(b.signal(who, "x", func(s *signal.Signal) { s.Imported, s.At = true, time.Date(2015, 5, 17, 0, 0, 0, 0, time.UTC) })).TooOld)
}

// A position is only the same message when its id is: a broker that lost its store
// counts from 1 again.
func TestSequenceOfANewStreamIsNotTheOldMessage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	for range 2 {
		at := signal.Position{Stream: "SIGNALS", Sequence: 1, MessageID: uuid.New()}
		stored, err := b.one(at, []signal.Signal{b.signal(who, "purchase")})
		require.NoError(t, err)
		require.Equal(t, 1, stored.New)
	}
	b.requireCount(who, 2)
}

func TestContextIsDecidedHere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who, other := testkit.SeedTenant(t, b.db), testkit.SeedTenant(t, b.db)
	stored := b.put(
		b.signal(who, "unset", func(s *signal.Signal) { s.ContextID = uuid.Nil }),
		b.signal(who, "deleted", func(s *signal.Signal) { s.ContextID = uuid.New() }),
		b.signal(who, "foreign", func(s *signal.Signal) { s.ContextID = other.ContextID }),
		b.signal(who, "homeless", func(s *signal.Signal) { s.ProductID = other.ProductID }),
		b.signal(testkit.Tenant{AccountID: uuid.New(), ProductID: uuid.New()}, "deleted_account"),
	)
	require.Equal(t, signal.Stored{New: 3, Homeless: 2}, stored)
	var inDefault int64
	b.read(who, `SELECT count(*) FROM signals WHERE context_id = '`+who.ContextID.String()+`'`, &inDefault)
	require.EqualValues(t, 3, inDefault)
	require.Equal(t, counts{}, b.counts(other))
}

func TestFirstSignalIsAnnouncedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	b.put(b.signal(who, "purchase"))
	b.put(b.signal(who, "purchase"), b.signal(who, "js_error"))
	var announced int64
	require.NoError(t, b.db.Pool(t, "specter_analyzer").QueryRow(context.Background(),
		`SELECT count(*) FROM outbox_analyzer WHERE subject LIKE 'events.signal.first_received.%'`).Scan(&announced))
	require.EqualValues(t, 1, announced)
	require.EqualValues(t, 2, b.scheduled.Load(), "each batch asks for the context's analysis; the timer is unique")
}

// However many values a dimension takes, an hour keeps a bounded number of rows and
// the sums stay exact.
func TestWideDimensionIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	b.setNow(time.Now().UTC().Truncate(time.Hour))
	const n = 400
	for i := 0; i < n; i += 100 {
		var batch []signal.Signal
		for j := i; j < i+100; j++ {
			batch = append(batch, b.signal(who, "js_error", func(s *signal.Signal) {
				s.Payload = fmt.Appendf(nil, `{"path":"/p%c%c","message":"boom"}`, 'a'+rune(j%20), 'a'+rune(j/20))
			}))
		}
		b.put(batch...)
	}
	var values, sum, errorsSum int64
	b.read(who, `SELECT count(*), sum(n)::bigint FROM rollup_dimension_hourly WHERE dimension = 'path'`, &values, &sum)
	b.read(who, `SELECT sum(n)::bigint FROM rollup_dimension_hourly WHERE dimension = 'error'`, &errorsSum)
	require.EqualValues(t, signal.MaxValues+1, values)
	require.EqualValues(t, n, sum)
	require.EqualValues(t, n, errorsSum)
}

// However many types come, an hour of a context counts a bounded number by themselves,
// those its context names always among them, and the sums stay exact: also when two
// instances take turns, each of which remembers what it has read.
func TestTypesOfAnHourAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	b.setNow(time.Now().UTC().Truncate(time.Hour))
	stores := []*postgres.Signals{b.store, b.another()}
	put := func(turn int, batch ...signal.Signal) {
		t.Helper()
		b.store = stores[turn%2]
		b.put(batch...)
	}
	const n, atOnce = 1_200, 40
	for i := range n / atOnce {
		var batch []signal.Signal
		for j := range atOnce {
			batch = append(batch, b.signal(who, fmt.Sprintf("type_%d", i*atOnce+j), func(s *signal.Signal) {
				s.Payload = fmt.Appendf(nil, `{"path":"/p%c%c","browser":"Firefox"}`, 'a'+rune(j), 'a'+rune(i))
			}))
		}
		put(i, batch...)
	}
	const named = 3
	_, err := b.db.Owner(t).Exec(context.Background(), `UPDATE contexts SET positive_types = '{signup}', negative_types = '{churn, crash}' WHERE id = $1`, who.ContextID)
	require.NoError(t, err)
	put(0, b.signal(who, "signup"), b.signal(who, "churn"), b.signal(who, "crash"))
	put(1, b.signal(who, "type_0"), b.signal(who, "signup"), b.signal(who, "unheard_of"))

	var types, other, sum, signups, firsts int64
	b.read(who, `SELECT count(*), sum(n) FILTER (WHERE type = ''), sum(n)::bigint, sum(n) FILTER (WHERE type = 'signup'), sum(n) FILTER (WHERE type = 'type_0') FROM rollup_hourly`,
		&types, &other, &sum, &signups, &firsts)
	require.EqualValues(t, signal.MaxTypes+1+named, types)
	require.EqualValues(t, n+6, sum)
	require.EqualValues(t, n-signal.MaxTypes+1, other)
	require.EqualValues(t, 2, signups)
	require.EqualValues(t, 2, firsts)

	// The dimensions count every signal, too, each in the row of its type.
	var strays, paths, browsers, widest int64
	b.read(who, `SELECT count(*) FROM rollup_dimension_hourly d WHERE NOT EXISTS (SELECT FROM rollup_hourly r WHERE r.type = d.type)`, &strays)
	b.read(who, `SELECT sum(n) FILTER (WHERE dimension = 'path'), sum(n) FILTER (WHERE dimension = 'browser') FROM rollup_dimension_hourly`, &paths, &browsers)
	b.read(who, `SELECT max(c) FROM (SELECT count(*) AS c FROM rollup_dimension_hourly GROUP BY dimension, type) AS g`, &widest)
	require.Zero(t, strays)
	require.EqualValues(t, n+6, paths)
	require.EqualValues(t, n+6, browsers)
	require.EqualValues(t, signal.MaxValues+1, widest)
}

func TestMergeKeepsEverySignal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	start := b.now.Load().Add(-3 * time.Hour)
	for i := range 120 {
		b.setNow(start.Add(time.Duration(i) * time.Minute))
		b.put(b.signal(who, "purchase"), b.signal(who, "js_error"))
	}
	before := b.documents(who)
	require.EqualValues(t, 120, b.counts(who).Blocks)

	require.NoError(t, b.store.Merge(context.Background(), who.AccountID))
	require.LessOrEqual(t, b.counts(who).Blocks, int64(2), "two months at most")
	b.requireCount(who, 240)
	require.Equal(t, before, b.documents(who))
	require.NoError(t, b.store.Merge(context.Background(), who.AccountID))
	b.requireCount(who, 240)
}

func (b *bench) documents(who testkit.Tenant) (digest string) {
	b.t.Helper()
	b.read(who, `SELECT md5(string_agg(concat_ws('|', id, client_id, type, payload, occurred_at, received_at, session_id, source, time_mark, imported), ',' ORDER BY id)) FROM signals`, &digest)
	return digest
}

func TestTrimKeepsWhatTheStreamMayStillSend(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	b.put(b.signal(who, "purchase"))
	b.setNow(b.now.Load().AddDate(0, 0, 7))
	require.NoError(t, b.store.TrimPositions(context.Background()))
	var left int64
	pool := b.db.Pool(t, "specter_analyzer")
	require.NoError(t, pool.QueryRow(context.Background(), `SELECT count(*) FROM stream_positions`).Scan(&left))
	require.EqualValues(t, 1, left)
	b.setNow(b.now.Load().AddDate(0, 0, 2))
	require.NoError(t, b.store.TrimPositions(context.Background()))
	require.NoError(t, pool.QueryRow(context.Background(), `SELECT count(*) FROM stream_positions`).Scan(&left))
	require.Zero(t, left)
}

// BenchmarkStore measures full batches of one product, as the gateway packs them
// under load, and batches of many small accounts.
func BenchmarkStore(bb *testing.B) {
	for _, accounts := range []int{1, 50} {
		bb.Run(fmt.Sprintf("accounts=%d", accounts), func(bb *testing.B) {
			b := newBench(bb)
			tenants := make([]testkit.Tenant, accounts)
			for i := range tenants {
				tenants[i] = testkit.SeedTenant(bb, b.db)
			}
			const size = 1000
			bb.ResetTimer()
			for n := range bb.N {
				bb.StopTimer()
				batch := make([]signal.Signal, size)
				for i := range batch {
					batch[i] = b.signal(tenants[i%accounts], []string{"page_view", "purchase", "js_error", "rage_click"}[i%4], func(s *signal.Signal) {
						s.Payload = fmt.Appendf(nil, `{"url":"https://shop.example/p/%d","path":"/p/%d","element":"button#add-%d","text":"Add to cart","release":"1.4.%d","browser":"Chrome","country":"DE","referrer":"https://www.search.example/","viewport":"1440x900"}`, i%30, i%30, i%12, n%3)
						s.SessionID = fmt.Sprintf("session-%d", i%200)
					})
				}
				bb.StartTimer()
				b.put(batch...)
			}
			bb.ReportMetric(float64(size)*float64(bb.N)/bb.Elapsed().Seconds(), "signals/s")
		})
	}
}

// What counts against a monthly limit is told apart by what became of it, in the month of its receipt.
func TestSignalsAreCountedInTheMonthOfTheirReceipt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	midnight := time.Date(b.now.Load().Year(), b.now.Load().Month(), 1, 0, 0, 0, 0, time.UTC)
	received := func(at time.Time) func(*signal.Signal) { return func(s *signal.Signal) { s.ReceivedAt = at } }
	last, first := b.signal(who, "a", received(midnight.Add(-time.Millisecond))), b.signal(who, "a")
	b.put(last, first, b.signal(who, "a", func(s *signal.Signal) { s.ProductID = uuid.New() }), b.signal(who, "a", func(s *signal.Signal) { s.Imported = true }))
	at := b.position()
	for range 2 { // a message that comes again is not counted again
		_, err := b.one(at, []signal.Signal{first, b.signal(who, "b")})
		require.NoError(t, err)
	}
	b.put(first) // nothing new
	var lastMonth, thisMonth string
	b.read(who, `SELECT (SELECT stored || '+' || unstored FROM signal_counts ORDER BY month LIMIT 1), (SELECT stored || '+' || unstored FROM signal_counts ORDER BY month DESC LIMIT 1)`, &lastMonth, &thisMonth)
	require.Equal(t, "1+0", lastMonth)
	require.Equal(t, "2+3", thisMonth)
}
