package analysis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
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

// desk is an analysis service over a real database, with a clock of its own.
type desk struct {
	t       *testing.T
	who     testkit.Tenant
	store   *postgres.Signals
	service *analysis.Service
	pool    *pgxpool.Pool
	reader  *pgxpool.Pool
	now     time.Time
	stored  time.Time // all that was accepted before; zero: now
	r       *rand.Rand
	serial  uint64
	again   []look
}

// look is when it will be looked again unless there are signals after an hour.
type look struct{ at, last time.Time }

func (d *desk) lookAgain(_ context.Context, _ pgx.Tx, _ signal.Area, at, last time.Time) error {
	d.again = append(d.again, look{at, last})
	return nil
}

func (d *desk) storedUntil(context.Context) (time.Time, error) {
	if d.stored.IsZero() {
		return d.now, nil
	}
	return d.stored, nil
}

func newDesk(t *testing.T, now time.Time, seed ...testkit.Seed) *desk {
	t.Helper()
	db := testkit.Postgres(t)
	d := &desk{t: t, who: testkit.SeedTenant(t, db, seed...), reader: db.PoolOf(t, "specter_dashboard", 2), now: now, r: rand.New(rand.NewPCG(21, 4))}
	clock := func() time.Time { return d.now }
	d.pool = db.Pool(t, "specter_analyzer")
	d.store = postgres.NewSignals(d.pool, outbox.New("analyzer"), clock, func(uuid.UUID) time.Time { return clock() }, func(context.Context, pgx.Tx, []signal.Area) error { return nil })
	d.service = analysis.New(postgres.NewAnalyses(d.pool, outbox.New("analyzer"), clock, d.lookAgain), d.storedUntil, clock, func() uuid.UUID { return uuid.Must(uuid.NewV7()) })
	return d
}

// thisHour of all tests is the noon of the last Wednesday: hours of the day and the week
// are part of what is judged, and chance must not differ from run to run.
var thisHour = wednesday.Add(time.Since(wednesday).Truncate(7 * 24 * time.Hour))

var wednesday = time.Date(2025, 10, 15, 12, 0, 0, 0, time.UTC)

func hoursAgo(n int) time.Time { return thisHour.Add(-time.Duration(n) * time.Hour) }

// keep stores signals in the product's default context.
func (d *desk) keep(batch []signal.Signal) {
	d.t.Helper()
	for part := range slices.Chunk(batch, 2000) {
		d.serial++
		_, err := d.store.Store(context.Background(), []signal.Batch{{Position: signal.Position{Stream: "SIGNALS", Sequence: d.serial, MessageID: uuid.New()}, Signals: part}})
		require.NoError(d.t, err)
	}
}

func (d *desk) signal(kind string, at time.Time, session string, payload map[string]string) signal.Signal {
	raw, err := json.Marshal(payload)
	require.NoError(d.t, err)
	return signal.Signal{
		ID: uuid.New(), AccountID: d.who.AccountID, ProductID: d.who.ProductID, ContextID: d.who.ContextID, Type: kind, At: at, ReceivedAt: at,
		Payload: raw, SessionID: session, Source: signal.REST, Imported: true,
	}
}

// traffic stores hours of signals with the given share of negatives on the mobile
// checkout; everything else stays at a tenth.
func (d *desk) traffic(from, to time.Time, checkout float64) {
	d.t.Helper()
	d.shop(from, to, 11, func(p *person) string {
		negative := 0.1
		if p.path == "/checkout" {
			negative = checkout
		}
		return p.one("purchase", "rage_click", negative)
	})
}

// person is one visit to the simulated shop.
type person struct {
	*desk
	at                       time.Time
	path, browser, release   string
	message, country, client string
	more                     []step // what else they send
}

// step is another signal of a visit.
type step struct {
	kind  string
	after time.Duration
}

// one of two, the second with a probability.
func (p *person) one(good, bad string, share float64) string {
	if p.r.Float64() < share {
		return bad
	}
	return good
}

// shop stores hours of visits, about so many an hour; do says what a visit comes to, and
// may change where it was. Nothing is stored of a visit that comes to "".
func (d *desk) shop(from, to time.Time, perHour float64, do func(*person) string) {
	d.t.Helper()
	var batch []signal.Signal
	for hour := from; hour.Before(to); hour = hour.Add(time.Hour) {
		n := perHour * (0.8 + 0.4*d.r.Float64())
		for range int(n + d.r.Float64()) {
			d.serial++
			p := &person{desk: d, at: hour.Add(time.Duration(d.r.IntN(3000)) * time.Second), path: "/browse", browser: "Chrome", release: "1.0", country: "DE"}
			p.client = fmt.Sprint("visit ", d.serial, " ", d.r.IntN(1_000_000))
			if d.r.IntN(2) == 0 {
				p.path = "/checkout"
			}
			if d.r.IntN(10) < 3 {
				p.browser = "Safari"
			}
			if d.r.IntN(3) == 0 {
				p.country = "AT"
			}
			kind := do(p)
			if kind == "" {
				continue
			}
			payload := map[string]string{"path": p.path, "browser": p.browser, "release": p.release, "country": p.country}
			if p.message != "" {
				payload["message"] = p.message
			}
			batch = append(batch, d.signal(kind, p.at, p.client, payload))
			for _, s := range p.more {
				batch = append(batch, d.signal(s.kind, p.at.Add(s.after), p.client, payload))
			}
		}
	}
	d.keep(batch)
}

type outcome struct {
	Outcome, Reason string
	AsOf            time.Time
	Findings        int
	Detail          analysis.Detail
}

// run analyses and returns what was recorded.
func (d *desk) run(asOf time.Time) outcome {
	d.t.Helper()
	return d.ask(analysis.Request{AsOf: asOf})
}

// ask fills in the rest of a request.
func (d *desk) ask(r analysis.Request) outcome {
	d.t.Helper()
	r.ID, r.AccountID, r.Trigger = uuid.New(), d.who.AccountID, analysis.Requested
	if r.ContextID == uuid.Nil {
		r.ContextID = d.who.ContextID
	}
	require.NoError(d.t, d.service.Run(context.Background(), r))
	var o outcome
	d.read(`SELECT outcome, reason, as_of, finding_count, detail FROM analyses WHERE id = '`+r.ID.String()+`'`, &o.Outcome, &o.Reason, &o.AsOf, &o.Findings, &o.Detail)
	return o
}

// hourly runs once an hour, as of its end.
func (d *desk) hourly(from, to time.Time) {
	d.t.Helper()
	for at := from; !at.After(to); at = at.Add(time.Hour) {
		d.run(at)
	}
}

// walk judges it all as an import.
func (d *desk) walk(from, to time.Time) {
	d.t.Helper()
	require.NoError(d.t, d.service.Walk(context.Background(), analysis.Walk{
		AccountID: d.who.AccountID, ContextID: d.who.ContextID, ImportID: uuid.New(), From: from, To: to.Add(-time.Second),
	}))
}

func (d *desk) read(sql string, into ...any) {
	d.t.Helper()
	require.NoError(d.t, tenant.Tx(context.Background(), d.reader, d.who.AccountID, func(tx pgx.Tx) error {
		return tx.QueryRow(context.Background(), sql).Scan(into...)
	}))
}

func (d *desk) count(sql string) (n int64) {
	d.t.Helper()
	d.read(sql, &n)
	return n
}

func (d *desk) edit(sql string) {
	d.t.Helper()
	require.NoError(d.t, tenant.Tx(context.Background(), d.reader, d.who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(context.Background(), sql)
		return err
	}))
}

func (d *desk) findings() (all, open int64) {
	d.t.Helper()
	d.read(`SELECT count(*), count(*) FILTER (WHERE resolved_at IS NULL) FROM findings`, &all, &open)
	return all, open
}

// events counts what was announced under a subject.
func (d *desk) events(of string) (n int64) {
	d.t.Helper()
	require.NoError(d.t, d.pool.QueryRow(context.Background(), `SELECT count(*) FROM outbox_analyzer WHERE subject LIKE '%' || $1 || '%'`, of).Scan(&n))
	return n
}

// told is a finding as it is stored.
type told struct {
	Family, Fingerprint          string
	Severity                     float64
	Started, Low, High, Detected time.Time
	Resolved                     *time.Time
	Evidence                     analysis.Evidence
	raw                          string
}

// all findings in the order of their detection.
func (d *desk) all() []told {
	d.t.Helper()
	var out []told
	require.NoError(d.t, tenant.Tx(context.Background(), d.reader, d.who.AccountID, func(tx pgx.Tx) error {
		rows, err := tx.Query(context.Background(), `SELECT family, fingerprint, severity, started_at, started_low, started_high, detected_at, resolved_at, evidence::text
			FROM findings ORDER BY detected_at, fingerprint`)
		if err != nil {
			return err
		}
		var f told
		_, err = pgx.ForEachRow(rows, []any{&f.Family, &f.Fingerprint, &f.Severity, &f.Started, &f.Low, &f.High, &f.Detected, &f.Resolved, &f.raw}, func() error {
			f.Evidence = analysis.Evidence{}
			out = append(out, f)
			return json.Unmarshal([]byte(f.raw), &out[len(out)-1].Evidence)
		})
		return err
	}))
	return out
}

// only finding there is.
func (d *desk) only() told {
	d.t.Helper()
	list := d.all()
	names := []string{}
	for _, f := range list {
		names = append(names, f.Family+" "+f.Fingerprint)
	}
	require.Len(d.t, names, 1)
	return list[0]
}
