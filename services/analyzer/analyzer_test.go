package analyzer_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/analyzer"
)

const patience = 60 * time.Second

// stage is a running analyzer with its own database and broker.
type stage struct {
	t      *testing.T
	db     *testkit.DB
	reader *pgxpool.Pool
	bus    *bus.Bus
	who    testkit.Tenant
	// metrics and log of the analyzer started last.
	metrics *prometheus.Registry
	logged  *observer.ObservedLogs
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := newIdleStage(t)
	s.start()
	return s
}

// newIdleStage is a stage before its analyzer starts.
func newIdleStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, db: testkit.Postgres(t), bus: testkit.Bus(t)}
	s.reader = s.db.PoolOf(t, "specter_dashboard", 2)
	s.who = testkit.SeedTenant(t, s.db)
	return s
}

// start runs an analyzer until the test ends.
func (s *stage) start() {
	s.t.Helper()
	s.metrics = prometheus.NewRegistry()
	core, logged := observer.New(zap.WarnLevel)
	s.logged = logged
	log := zaptest.NewLogger(s.t, zaptest.WrapOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core { return zapcore.NewTee(c, core) })))
	service, err := analyzer.New(analyzer.Config{AnalysisDelay: time.Second}, svcmain.Platform{
		Log: log, Bus: s.bus, DB: s.db.Pool(s.t, "specter_analyzer"), Metrics: s.metrics, Now: time.Now,
	})
	require.NoError(s.t, err)
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- service.Run(ctx, func() { close(ready) }) }()
	s.t.Cleanup(func() {
		stop()
		require.NoError(s.t, <-ended)
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		s.t.Fatalf("the analyzer ended: %v", err)
	case <-time.After(patience):
		s.t.Fatal("the analyzer is not ready")
	}
}

func publish[M proto.Message](s *stage, t event.Type[M], body M) bus.Ack {
	s.t.Helper()
	account := s.who.AccountID
	if t.Info().Scope() == event.ManyAccounts {
		account = uuid.Nil
	}
	ack, err := bus.Publish(context.Background(), s.bus, t, bus.Message[M]{ID: uuid.Must(uuid.NewV7()), AccountID: account, Time: time.Now(), Body: body})
	require.NoError(s.t, err)
	return ack
}

func (s *stage) signal(kind, payload string, at time.Time, imported bool) *eventv1.Signal {
	id := uuid.Must(uuid.NewV7())
	return &eventv1.Signal{
		Id: id[:], AccountId: s.who.AccountID[:], ProductId: s.who.ProductID[:], Type: kind, Payload: []byte(payload),
		OccurredAt: timestamppb.New(at), ReceivedAt: timestamppb.Now(), SessionId: "session-" + id.String()[30:], Source: eventv1.Source_SOURCE_REST, Imported: imported,
	}
}

func (s *stage) query(sql string, into ...any) error {
	return tenant.Tx(context.Background(), s.reader, s.who.AccountID, func(tx pgx.Tx) error {
		return tx.QueryRow(context.Background(), sql).Scan(into...)
	})
}

func (s *stage) eventually(what, sql string, want int64) {
	s.t.Helper()
	var got int64
	require.Eventually(s.t, func() bool {
		return s.query(sql, &got) == nil && got == want
	}, patience, 50*time.Millisecond, what)
}

// listen collects events of one type.
func listen[M proto.Message](s *stage, t event.Type[M]) <-chan bus.Delivery[M] {
	s.t.Helper()
	out := make(chan bus.Delivery[M], 1000)
	ctx, stop := context.WithCancel(context.Background())
	ended, ready := make(chan error, 1), make(chan struct{})
	consumer := bus.Consume(s.bus, t, bus.ConsumerOptions{Durable: "test"}, func(_ context.Context, d bus.Delivery[M]) error {
		out <- d
		return nil
	})
	go func() { ended <- consumer.Run(ctx, func() { close(ready) }) }()
	s.t.Cleanup(func() { stop(); require.NoError(s.t, <-ended) })
	<-ready
	return out
}

func next[M proto.Message](s *stage, from <-chan bus.Delivery[M]) bus.Delivery[M] {
	s.t.Helper()
	select {
	case d := <-from:
		return d
	case <-time.After(patience):
		s.t.Fatal("no event came")
		panic("unreachable")
	}
}

func TestLiveSignalsAreStoredAndAnalysed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first, completed := listen(s, event.SignalFirstReceived), listen(s, event.AnalysisCompleted)
	batch := &eventv1.SignalBatch{}
	for i := range 3 {
		batch.Signals = append(batch.Signals, s.signal("purchase", fmt.Sprintf(`{"path":"/p/%d"}`, i), time.Now(), false))
	}
	publish(s, event.SignalBatch, batch)

	s.eventually("signals stored", `SELECT count(*) FROM signals`, 3)
	require.Equal(t, s.who.ProductID.String(), next(s, first).Body.GetProductId())
	done := next(s, completed).Body
	require.Equal(t, "not_enough_data", done.GetOutcome())
	require.Equal(t, "3 of 5 signals in 24 h", done.GetReason())
	require.Equal(t, s.who.ContextID.String(), done.GetContextId())
}

func TestAnalysisOnRequestKeepsItsID(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	completed := listen(s, event.AnalysisCompleted)
	id := uuid.New()
	request := &eventv1.AnalysisRequested{AnalysisId: id.String(), ProductId: s.who.ProductID.String(), ContextId: s.who.ContextID.String(), RequestedBy: "user:1"}
	publish(s, event.AnalysisRequested, request)
	publish(s, event.AnalysisRequested, request)
	require.Equal(t, id.String(), next(s, completed).Body.GetAnalysisId())
	s.eventually("one analysis", `SELECT count(*) FROM analyses WHERE trigger = 'requested' AND requested_by = 'user:1'`, 1)
}

// history publishes weeks of a shop whose checkout breaks for its last days, and
// returns the import's bounds and its last message's sequence.
func (s *stage) history(days int, breaks time.Time) (from, to time.Time, sequence uint64) {
	s.t.Helper()
	r := rand.New(rand.NewPCG(11, 11))
	to = time.Now().UTC().Truncate(time.Hour).Add(-2 * time.Hour)
	from = to.AddDate(0, 0, -days)
	var list []*eventv1.Signal
	for hour := from; hour.Before(to); hour = hour.Add(time.Hour) {
		for range 6 + r.IntN(6) {
			path := []string{"/checkout", "/product/list", "/"}[r.IntN(3)]
			payload := fmt.Sprintf(`{"path":%q,"browser":%q,"release":"2.0"}`, path, []string{"Chrome", "Firefox"}[r.IntN(2)])
			kind, negative := "purchase", 0.1
			if path == "/checkout" && !hour.Before(breaks) {
				negative = 0.75
			}
			if r.Float64() < negative {
				kind = []string{"js_error", "rage_click"}[r.IntN(2)]
				if path == "/checkout" && !hour.Before(breaks) {
					kind = "js_error"
					payload = payload[:len(payload)-1] + fmt.Sprintf(`,"message":"pay is not a function at %d"}`, r.IntN(999))
				}
			}
			list = append(list, s.signal(kind, payload, hour.Add(time.Duration(r.IntN(3600))*time.Second), true))
		}
	}
	for len(list) > 0 {
		n := min(len(list), 1000)
		sequence = publish(s, event.SignalBatch, &eventv1.SignalBatch{Signals: list[:n]}).Sequence
		list = list[n:]
	}
	return from, to, sequence
}

func (s *stage) complete(from, to time.Time, sequence uint64) {
	s.t.Helper()
	publish(s, event.ImportCompleted, &eventv1.ImportCompleted{
		ImportId: uuid.NewString(), ProductId: s.who.ProductID.String(), FirstAt: timestamppb.New(from), LastAt: timestamppb.New(to),
		SignalsSequence: sequence, SignalCount: 1,
	})
}

// The loop's first half on real parts: history in, a finding out, judged hour by
// hour without look-ahead, explained, told once.
func TestImportedHistoryIsJudgedHourByHour(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	opened, completed := listen(s, event.FindingOpened), listen(s, event.AnalysisCompleted)
	breaks := time.Now().UTC().Truncate(time.Hour).AddDate(0, 0, -4)
	from, to, sequence := s.history(28, breaks)
	s.complete(from, to, sequence)

	found := next(s, opened).Body
	require.Equal(t, "error_spike", found.GetFamily())
	detected, started := found.GetDetectedAt().AsTime(), found.GetStartedAt().AsTime()
	require.WithinDuration(t, breaks, started, 12*time.Hour)
	require.True(t, detected.After(breaks) && detected.Before(breaks.Add(24*time.Hour)), "detected at %s, broke at %s", detected, breaks)

	var e struct {
		AsOf   time.Time `json:"as_of"`
		Window struct{ From, To time.Time }
		Counts struct {
			Window, Baseline struct{ Positive, Negative int64 }
		}
		Ratio    struct{ Window, Baseline, Expected, Low, High float64 }
		Segments []struct {
			Conditions    []struct{ Dimension, Value string }
			Type          string
			Explains      bool
			ShareOfChange float64 `json:"share_of_change"`
		}
		RuledOut []struct{ Dimension string } `json:"ruled_out"`
		Examples []uuid.UUID
		Series   []struct{ Hour time.Time }
		Affected *int64 `json:"affected_sessions"`
	}
	require.NoError(t, json.Unmarshal(found.GetEvidenceJson(), &e))
	require.Less(t, e.Ratio.Window, e.Ratio.Low)
	require.Greater(t, e.Ratio.Baseline, 0.85)
	require.NotEmpty(t, e.Segments)
	require.True(t, e.Segments[0].Explains)
	require.Contains(t, []string{"error", "path"}, e.Segments[0].Conditions[0].Dimension)
	require.Equal(t, "js_error", e.Segments[0].Type)
	ruledOut := ""
	for _, r := range e.RuledOut {
		ruledOut += r.Dimension + " "
	}
	require.Contains(t, ruledOut, "browser")
	require.NotEmpty(t, e.Examples)
	require.NotNil(t, e.Affected)
	require.Equal(t, detected, e.AsOf)
	require.Equal(t, detected, e.Window.To)
	for _, p := range e.Series {
		require.True(t, p.Hour.Before(detected), "nothing later than the hour that opened it")
	}
	// The numbers can be computed again from the rollups.
	var negative int64
	require.NoError(t, s.query(fmt.Sprintf(`SELECT coalesce(sum(n), 0)::bigint FROM rollup_hourly WHERE type IN ('js_error', 'rage_click') AND hour >= '%s' AND hour < '%s'`,
		e.Window.From.Format(time.RFC3339), e.Window.To.Format(time.RFC3339)), &negative))
	require.Equal(t, negative, e.Counts.Window.Negative)

	for range 2 { // the finding's own analysis and the walk's
		require.Equal(t, "findings", next(s, completed).Body.GetOutcome())
	}
	s.eventually("one finding", `SELECT count(*) FROM findings`, 1)

	// The same history again, and a live look: the incident is known.
	s.complete(from, to, sequence)
	again := next(s, completed).Body
	require.Zero(t, again.GetFindingCount())
	publish(s, event.AnalysisRequested, &eventv1.AnalysisRequested{AnalysisId: uuid.NewString(), ProductId: s.who.ProductID.String(), ContextId: s.who.ContextID.String()})
	live := next(s, completed).Body
	require.Equal(t, "nothing_significant", live.GetOutcome(), live.GetReason())
	require.Contains(t, live.GetReason(), "is known")
	s.eventually("still one finding", `SELECT count(*) FROM findings WHERE resolved_at IS NULL`, 1)
}

func TestRegressedDeploymentOpensAFindingThatLinksBack(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	opened := listen(s, event.FindingOpened)
	shipped := time.Now().UTC().Truncate(time.Hour).AddDate(0, 0, -2)
	_, _, sequence := s.history(14, shipped)
	require.Eventually(t, func() bool {
		_, floor, err := s.bus.ConsumerPending(context.Background(), event.SignalBatch, "analyzer")
		return err == nil && floor >= sequence
	}, patience, 50*time.Millisecond, "stored")
	deployment, proposal := s.deployment(shipped)
	verdict := &eventv1.DeploymentRegressed{Verdict: &eventv1.Verdict{
		DeploymentId: deployment.String(), ProposalId: proposal.String(), VerificationId: uuid.NewString(), ProductId: s.who.ProductID.String(),
		ContextId: s.who.ContextID.String(), Outcome: "regressed", Effect: -0.6, EffectLow: -0.7, EffectHigh: -0.5, ProbabilityImproved: 0.001, LookDay: 1,
		AsOf: timestamppb.New(shipped.Add(25 * time.Hour)),
	}}
	publish(s, event.DeploymentRegressed, verdict)
	publish(s, event.DeploymentRegressed, verdict)

	found := next(s, opened).Body
	require.Equal(t, "deployment_regressed", found.GetFamily())
	require.Equal(t, deployment.String(), found.GetDeploymentId())
	require.Contains(t, string(found.GetEvidenceJson()), "/checkout")
	s.eventually("one finding", `SELECT count(*) FROM findings WHERE deployment_id IS NOT NULL`, 1)
}

// deployment inserts a shipped deployment and what it hangs on, as their writers do.
func (s *stage) deployment(at time.Time) (deployment, proposal uuid.UUID) {
	s.t.Helper()
	deployment, proposal = uuid.New(), uuid.New()
	ctx := context.Background()
	insert := func(role, sql string, args ...any) {
		pool := s.db.PoolOf(s.t, role, 1)
		require.NoError(s.t, tenant.Tx(ctx, pool, s.who.AccountID, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, sql, args...)
			return err
		}))
	}
	insert("specter_proposal", `INSERT INTO proposals (id, account_id, product_id, context_id, finding_id, family, fingerprint, title, diagnosis, suggested_change,
		evidence, predicted_impact, confidence, priority, provenance, content_hash, evidence_at) VALUES ($1, $2, $3, $4, $5, 'x', 'x', 't', 'd', 'c', '{}', '{}', 0.5, 1, '{}', '', now())`,
		proposal, s.who.AccountID, s.who.ProductID, s.who.ContextID, uuid.New())
	insert("specter_dashboard", `INSERT INTO deployments (id, account_id, product_id, context_id, proposal_id, status, created_at, deployed_at) VALUES ($1, $2, $3, $4, $5, 'deployed', $6, $6)`,
		deployment, s.who.AccountID, s.who.ProductID, s.who.ContextID, proposal, at)
	return deployment, proposal
}

// What reaches the stream past a gateway is looked through before it is stored, also where its
// dimensions are counted.
func TestWhatNoGatewayHasSeenIsScrubbed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	publish(s, event.SignalBatch, &eventv1.SignalBatch{Signals: []*eventv1.Signal{
		s.signal("purchase", `{"path":"/pay/4111111111111111","browser":"Firefox 145.0 on a desk","release":"2026.11.25"}`, time.Now(), false),
	}})
	s.eventually("the signal is stored", `SELECT count(*) FROM signals`, 1)
	var payload string
	require.NoError(t, s.query(`SELECT payload::text FROM signals`, &payload))
	require.Contains(t, payload, "[redacted:card]")
	require.NotContains(t, payload, "4111")
	s.eventually("its dimensions are counted", `SELECT count(*) FROM rollup_dimension_hourly WHERE value LIKE '%redacted%'`, 1)
	s.eventually("without it", `SELECT count(*) FROM rollup_dimension_hourly WHERE value LIKE '%4111%'`, 0)
}

// What is committed of a message is counted and logged, though another part of it fails
// and it has to come again.
func TestHalfStoredMessageIsCounted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	accounts := []testkit.Tenant{s.who} // of different parts, which are stored one after the other
	for len(accounts) < 2 {
		if who := testkit.SeedTenant(t, s.db); who.AccountID[15]%4 != s.who.AccountID[15]%4 {
			accounts = append(accounts, who)
		}
	}
	slices.SortFunc(accounts, func(a, b testkit.Tenant) int { return cmp.Compare(a.AccountID[15]%4, b.AccountID[15]%4) })
	of := func(who testkit.Tenant, product uuid.UUID) *eventv1.Signal {
		one := s.signal("purchase", `{}`, time.Now(), false)
		one.AccountId, one.ProductId = who.AccountID[:], product[:]
		return one
	}
	_, err := s.db.Owner(t).Exec(t.Context(), fmt.Sprintf(`ALTER TABLE signal_blocks ADD CONSTRAINT broken CHECK (account_id <> '%s')`, accounts[1].AccountID))
	require.NoError(t, err)
	publish(s, event.SignalBatch, &eventv1.SignalBatch{Signals: []*eventv1.Signal{
		of(accounts[0], accounts[0].ProductID), of(accounts[0], uuid.New()), of(accounts[1], accounts[1].ProductID),
	}})
	testkit.Eventually(t, func() bool {
		return testutil.GatherAndCompare(s.metrics, strings.NewReader(`
			# HELP specter_analyzer_signals_total Signals taken off the stream, by what became of them.
			# TYPE specter_analyzer_signals_total counter
			specter_analyzer_signals_total{result="known"} 0
			specter_analyzer_signals_total{result="product_gone"} 1
			specter_analyzer_signals_total{result="stored"} 1
			specter_analyzer_signals_total{result="too_old"} 0
			`), "specter_analyzer_signals_total") == nil && s.logged.FilterMessage("signals were not kept").Len() == 1
	}, "the first account's are counted")
}

// A batch that can never be processed becomes a dead letter and does not hold up
// the next; two analyzers share the work.
func TestPoisonDoesNotBlock(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	publish(s, event.SignalBatch, &eventv1.SignalBatch{Signals: []*eventv1.Signal{{Type: "no ids"}}})
	for range 20 {
		publish(s, event.SignalBatch, &eventv1.SignalBatch{Signals: []*eventv1.Signal{
			s.signal("purchase", `{"broken`, time.Now(), false), s.signal("nul\x00type", `{"a":"\u0000"}`, time.Now(), false),
		}})
	}
	s.eventually("the others are stored", `SELECT count(*) FROM signals`, 40)
	s.eventually("and can be read", `SELECT count(*) FROM signals WHERE payload->>'a' = U&'\FFFD'`, 20)
	stream, err := s.bus.JetStream().Stream(context.Background(), event.DeadLetters().Name)
	require.NoError(t, err)
	info, err := stream.Info(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 1, info.State.Msgs)
}
