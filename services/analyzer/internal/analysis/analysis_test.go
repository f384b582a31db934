package analysis_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
	"github.com/draftlabs/specter/services/analyzer/internal/postgres"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

// desk is an analysis service over a real database, with a clock of its own.
type desk struct {
	t       *testing.T
	who     testkit.Tenant
	store   *postgres.Signals
	service *analysis.Service
	reader  *pgxpool.Pool
	r       *rand.Rand
	serial  uint64
	again   []time.Time // when it will be looked again
}

func (d *desk) lookAgain(_ context.Context, _ pgx.Tx, _ signal.Area, at, _ time.Time) error {
	d.again = append(d.again, at)
	return nil
}

func newDesk(t *testing.T, now time.Time) *desk {
	t.Helper()
	db := testkit.Postgres(t)
	d := &desk{t: t, who: testkit.SeedTenant(t, db), reader: db.PoolOf(t, "specter_dashboard", 2), r: rand.New(rand.NewPCG(21, 21))}
	clock := func() time.Time { return now }
	pool := db.Pool(t, "specter_analyzer")
	d.store = postgres.NewSignals(pool, outbox.New("analyzer"), clock, func(uuid.UUID) time.Time { return clock() }, func(context.Context, pgx.Tx, []signal.Area) error { return nil })
	d.service = analysis.New(postgres.NewAnalyses(pool, outbox.New("analyzer"), clock, d.lookAgain), clock, func() uuid.UUID { return uuid.Must(uuid.NewV7()) })
	return d
}

// traffic stores hours of signals with the given share of negatives on the mobile
// checkout; everything else stays at a tenth.
func (d *desk) traffic(from, to time.Time, checkout float64) {
	d.t.Helper()
	var batch []signal.Signal
	flush := func() {
		d.serial++
		_, err := d.store.Store(context.Background(), []signal.Batch{{Position: signal.Position{Stream: "SIGNALS", Sequence: d.serial, MessageID: uuid.New()}, Signals: batch}})
		require.NoError(d.t, err)
		batch = nil
	}
	for hour := from; hour.Before(to); hour = hour.Add(time.Hour) {
		for range 8 + d.r.IntN(6) {
			path, negative := "/browse", 0.1
			if d.r.IntN(2) == 0 {
				path, negative = "/checkout", checkout
			}
			kind := "purchase"
			if d.r.Float64() < negative {
				kind = "rage_click"
			}
			at := hour.Add(time.Duration(d.r.IntN(3000)) * time.Second)
			batch = append(batch, signal.Signal{
				ID: uuid.New(), AccountID: d.who.AccountID, ProductID: d.who.ProductID, ContextID: d.who.ContextID, Type: kind, At: at, ReceivedAt: at,
				Payload: fmt.Appendf(nil, `{"path":%q,"browser":"Chrome"}`, path), SessionID: fmt.Sprint(d.r.IntN(500)), Source: signal.REST, Imported: true,
			})
		}
		if len(batch) > 900 {
			flush()
		}
	}
	flush()
}

type outcome struct {
	Outcome, Reason string
	AsOf            time.Time
}

// run analyses and returns what was recorded.
func (d *desk) run(asOf time.Time) outcome {
	d.t.Helper()
	id := uuid.New()
	require.NoError(d.t, d.service.Run(context.Background(), analysis.Request{
		ID: id, AccountID: d.who.AccountID, ContextID: d.who.ContextID, Trigger: analysis.Requested, AsOf: asOf,
	}))
	var o outcome
	d.read(`SELECT outcome, reason, as_of FROM analyses WHERE id = '`+id.String()+`'`, &o.Outcome, &o.Reason, &o.AsOf)
	return o
}

func (d *desk) read(sql string, into ...any) {
	d.t.Helper()
	require.NoError(d.t, tenant.Tx(context.Background(), d.reader, d.who.AccountID, func(tx pgx.Tx) error {
		return tx.QueryRow(context.Background(), sql).Scan(into...)
	}))
}

func (d *desk) findings() (all, open int64) {
	d.t.Helper()
	d.read(`SELECT count(*), count(*) FILTER (WHERE resolved_at IS NULL) FROM findings`, &all, &open)
	return all, open
}

// thisHour is read once: the tests must not notice when the hour ends.
var thisHour = time.Now().UTC().Truncate(time.Hour)

func hoursAgo(n int) time.Time { return thisHour.Add(-time.Duration(n) * time.Hour) }

func TestAsOfNeverLooksAhead(t *testing.T) {
	t.Parallel()
	breaks := hoursAgo(48)
	d := newDesk(t, hoursAgo(0))
	d.traffic(hoursAgo(30*24), breaks, 0.1)
	d.traffic(breaks, hoursAgo(0), 0.7)

	before := d.run(breaks)
	require.Equal(t, "nothing_significant", before.Outcome, before.Reason)
	require.Equal(t, breaks, before.AsOf.UTC())
	inTheHour := d.run(breaks.Add(30 * time.Minute))
	require.Equal(t, breaks, inTheHour.AsOf.UTC(), "a past hour's rollup holds what came after the moment")

	after := d.run(breaks.Add(30 * time.Hour))
	require.Equal(t, "findings", after.Outcome, after.Reason)
	require.Contains(t, after.Reason, `path "/checkout" explains`)
	var detected, to time.Time
	var family string
	d.read(`SELECT detected_at, (evidence -> 'window' ->> 'to')::timestamptz, family FROM findings`, &detected, &to, &family)
	require.Equal(t, breaks.Add(30*time.Hour), detected.UTC())
	require.Equal(t, breaks.Add(30*time.Hour), to.UTC())
	require.Equal(t, "rage_clicks", family)
}

func TestIncidentIsToldOnceResolvedAndToldAgain(t *testing.T) {
	t.Parallel()
	first, fixed, second := hoursAgo(20*24), hoursAgo(17*24), hoursAgo(2*24)
	d := newDesk(t, hoursAgo(0))
	d.traffic(hoursAgo(50*24), first, 0.1)
	d.traffic(first, fixed, 0.7)
	d.traffic(fixed, second, 0.1)
	d.traffic(second, hoursAgo(0), 0.7)

	require.Equal(t, "findings", d.run(first.Add(24*time.Hour)).Outcome)
	known := d.run(first.Add(30 * time.Hour))
	require.Equal(t, "nothing_significant", known.Outcome)
	require.Contains(t, known.Reason, "is known and goes on")
	require.Equal(t, "nothing_significant", d.run(second).Outcome)
	all, open := d.findings()
	require.EqualValues(t, 1, all)
	require.Zero(t, open, "it recovered")
	var resolved time.Time
	d.read(`SELECT resolved_at FROM findings`, &resolved)
	require.WithinDuration(t, fixed, resolved, 36*time.Hour)

	require.Equal(t, "findings", d.run(hoursAgo(0)).Outcome)
	all, open = d.findings()
	require.EqualValues(t, 2, all)
	require.EqualValues(t, 1, open)
}

// Walking history gives the same findings as having looked every hour.
func TestWalkFindsWhatWasThereAndNothingTwice(t *testing.T) {
	t.Parallel()
	first, fixed := hoursAgo(12*24), hoursAgo(8*24)
	d := newDesk(t, hoursAgo(0))
	start := hoursAgo(40 * 24)
	d.traffic(start, first, 0.1)
	d.traffic(first, fixed, 0.7)
	d.traffic(fixed, hoursAgo(0), 0.1)
	for range 2 {
		require.NoError(t, d.service.Walk(context.Background(), analysis.Walk{
			AccountID: d.who.AccountID, ContextID: d.who.ContextID, ImportID: uuid.New(), From: start, To: hoursAgo(0),
		}))
	}
	all, open := d.findings()
	require.EqualValues(t, 1, all)
	require.Zero(t, open)
	var detected time.Time
	d.read(`SELECT detected_at FROM findings`, &detected)
	require.True(t, detected.After(first) && detected.Before(first.Add(24*time.Hour)), "detected %s", detected)
	var ahead int64
	d.read(`SELECT count(*) FROM findings, jsonb_array_elements(evidence -> 'series') AS p WHERE (p ->> 'hour')::timestamptz >= (evidence ->> 'as_of')::timestamptz`, &ahead)
	require.Zero(t, ahead)
}

// What a person changes about a context holds for its history at once.
func TestPolarityIsAppliedWhenReading(t *testing.T) {
	t.Parallel()
	breaks := hoursAgo(48)
	d := newDesk(t, hoursAgo(0))
	d.traffic(hoursAgo(30*24), breaks, 0.1)
	d.traffic(breaks, hoursAgo(0), 0.7)
	d.edit(`UPDATE contexts SET negative_types = '{}'`)
	neutral := d.run(hoursAgo(0))
	require.Equal(t, "nothing_significant", neutral.Outcome, neutral.Reason)
	d.edit(`UPDATE contexts SET negative_types = '{rage_click}'`)
	require.Equal(t, "findings", d.run(hoursAgo(0)).Outcome)
}

func (d *desk) edit(sql string) {
	d.t.Helper()
	require.NoError(d.t, tenant.Tx(context.Background(), d.reader, d.who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(context.Background(), sql)
		return err
	}))
}

func TestYoungContextIsLearnedFirst(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0))
	d.traffic(hoursAgo(20), hoursAgo(0), 0.5)
	o := d.run(hoursAgo(0))
	require.Equal(t, "not_enough_data", o.Outcome)
	require.Contains(t, o.Reason, "of 72 hours of history")
}

func TestDeletedContextIsNobodysAnalysis(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0))
	other := uuid.New()
	require.NoError(t, d.service.Run(context.Background(), analysis.Request{AccountID: d.who.AccountID, ContextID: other, Trigger: analysis.Timer}))
	require.NoError(t, d.service.Run(context.Background(), analysis.Request{AccountID: other, ContextID: d.who.ContextID, Trigger: analysis.Timer}))
	var n int64
	d.read(`SELECT count(*) FROM analyses`, &n)
	require.Zero(t, n)
}

// The running hour is judged as far as it has come: a break is not noticed an hour
// late only because the hour is not over.
func TestRunningHourIsJudged(t *testing.T) {
	t.Parallel()
	breaks := hoursAgo(3)
	d := newDesk(t, hoursAgo(0).Add(50*time.Minute))
	d.traffic(hoursAgo(30*24), breaks, 0.1)
	d.traffic(breaks, hoursAgo(0).Add(time.Hour), 1)
	o := d.run(time.Time{})
	require.Equal(t, hoursAgo(0).Add(50*time.Minute), o.AsOf.UTC())
	require.Equal(t, "findings", o.Outcome, o.Reason)
	var points int64
	d.read(`SELECT count(*) FROM findings, jsonb_array_elements(evidence -> 'series') AS p WHERE (p ->> 'hour')::timestamptz >= date_trunc('hour', detected_at)`, &points)
	require.EqualValues(t, 1, points)
}
