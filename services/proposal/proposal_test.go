package proposal_test

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/proposal"
	"github.com/draftlabs/specter/services/proposal/internal/evidencetest"
	"github.com/draftlabs/specter/services/proposal/internal/llm"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

const month = 30 * 24 * time.Hour

// stage is a running proposal service with its real database and broker, and a clock that a test can set back.
type stage struct {
	t      *testing.T
	db     *testkit.DB
	owner  *pgxpool.Pool
	bus    *bus.Bus
	who    testkit.Tenant
	llm    llm.Config
	log    *zap.Logger
	reg    *prometheus.Registry
	offset atomic.Int64
}

func newStage(t *testing.T) *stage {
	t.Helper()
	db := testkit.Postgres(t)
	return &stage{t: t, db: db, owner: db.Owner(t), bus: testkit.Bus(t), who: testkit.SeedTenant(t, db, testkit.Seed{ContextName: "Checkout"}), log: zap.NewNop(), reg: prometheus.NewRegistry()}
}

func (s *stage) now() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) }

// start runs one instance of the service for the rest of the test.
func (s *stage) start() {
	s.t.Helper()
	service, err := proposal.New(proposal.Config{ExpireAfter: month, LLM: s.llm}, svcmain.Platform{
		Log: s.log, Bus: s.bus, DB: s.db.Pool(s.t, "specter_proposal"), Metrics: s.reg, Now: s.now,
	})
	require.NoError(s.t, err)
	require.Nil(s.t, service.Handler())
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- service.Run(ctx, func() { close(ready) }) }()
	s.t.Cleanup(func() {
		cancel()
		require.NoError(s.t, <-ended)
	})
	select {
	case <-ready:
	case err := <-ended:
		s.t.Fatalf("the service ended before it was ready: %v", err)
	}
}

type finding struct {
	event, id, context, deployment uuid.UUID
	family                         string
	detected                       time.Time
	severity                       float64
	evidence                       evidencetest.Document
}

func (s *stage) finding() finding {
	detected := evidencetest.Start.Add(31 * time.Hour)
	return finding{
		event: uuid.New(), id: uuid.New(), context: s.who.ContextID, family: "rage_clicks", detected: detected, severity: 0.7, evidence: evidencetest.New(detected),
	}
}

func (s *stage) publish(f finding) bus.Ack {
	s.t.Helper()
	body := &eventv1.FindingOpened{
		FindingId: f.id.String(), ProductId: s.who.ProductID.String(), ContextId: f.context.String(), Family: f.family, Fingerprint: "ratio@1",
		StartedAt: timestamppb.New(evidencetest.Start), DetectedAt: timestamppb.New(f.detected), Severity: f.severity, EvidenceJson: f.evidence.JSON(s.t),
	}
	if f.deployment != uuid.Nil {
		body.DeploymentId = f.deployment.String()
	}
	ack, err := bus.Publish(s.t.Context(), s.bus, event.FindingOpened, bus.Message[*eventv1.FindingOpened]{
		ID: f.event, AccountID: s.who.AccountID, Time: time.Now(), Body: body,
	})
	require.NoError(s.t, err)
	return ack
}

// handled waits until the service has settled everything that was published.
func (s *stage) handled(ack bus.Ack) {
	s.t.Helper()
	testkit.Eventually(s.t, func() bool {
		_, floor, err := s.bus.ConsumerPending(s.t.Context(), event.FindingOpened, "proposal")
		return err == nil && floor >= ack.Sequence
	}, "the finding to be handled")
}

type row struct {
	id, findingID                   uuid.UUID
	title, diagnosis, change, hash  string
	evidence, impact, provenance    []byte
	confidence, priority            float64
	evidenceAt, createdAt, expireAt time.Time
	deploymentID                    *uuid.UUID
}

func (s *stage) rows() []row {
	s.t.Helper()
	got, err := s.owner.Query(s.t.Context(), `SELECT id, finding_id, title, diagnosis, suggested_change, content_hash, evidence, predicted_impact,
		provenance, confidence, priority, evidence_at, created_at, coalesce(expired_at, 'epoch'), deployment_id
		FROM proposals WHERE account_id = $1 ORDER BY created_at, id`, s.who.AccountID)
	require.NoError(s.t, err)
	out, err := pgx.CollectRows(got, func(r pgx.CollectableRow) (row, error) {
		var p row
		return p, r.Scan(&p.id, &p.findingID, &p.title, &p.diagnosis, &p.change, &p.hash, &p.evidence, &p.impact, &p.provenance, &p.confidence,
			&p.priority, &p.evidenceAt, &p.createdAt, &p.expireAt, &p.deploymentID)
	})
	require.NoError(s.t, err)
	return out
}

func (s *stage) states() (out []string) {
	s.t.Helper()
	got, err := s.owner.Query(s.t.Context(), `SELECT status FROM proposal_states WHERE account_id = $1 ORDER BY created_at, id`, s.who.AccountID)
	require.NoError(s.t, err)
	out, err = pgx.CollectRows(got, pgx.RowTo[string])
	require.NoError(s.t, err)
	return out
}

// decide records a decision as the dashboard does.
func (s *stage) decide(id uuid.UUID, status string, until *time.Time) {
	s.t.Helper()
	pool := s.db.Pool(s.t, "specter_dashboard")
	require.NoError(s.t, tenant.Tx(s.t.Context(), pool, s.who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(s.t.Context(), `INSERT INTO proposal_decisions (proposal_id, account_id, status, decided_by, decided_at, snoozed_until, content_hash)
			VALUES ($1, $2, $3, 'owner', $4, $5, '')`, id, s.who.AccountID, status, time.Now().Add(-time.Hour), until)
		return err
	}))
}

// reject records a rejection with its reason, some time ago.
func (s *stage) reject(id uuid.UUID, reason string, ago time.Duration) {
	s.t.Helper()
	s.decide(id, "rejected", nil)
	s.asDashboard(`UPDATE proposal_decisions SET reason_code = $2, decided_at = $3 WHERE proposal_id = $1`, id, reason, time.Now().Add(-ago))
}

func (s *stage) asDashboard(sql string, args ...any) {
	s.t.Helper()
	require.NoError(s.t, tenant.Tx(s.t.Context(), s.db.Pool(s.t, "specter_dashboard"), s.who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(s.t.Context(), sql, args...)
		return err
	}))
}

// events collects what was published of a type, from the beginning.
type events[M proto.Message] struct {
	mu  sync.Mutex
	got []bus.Delivery[M]
}

func collect[M proto.Message](s *stage, t event.Type[M]) *events[M] {
	s.t.Helper()
	out := &events[M]{}
	consumer := bus.Consume(s.bus, t, bus.ConsumerOptions{Durable: "test"}, func(_ context.Context, d bus.Delivery[M]) error {
		out.mu.Lock()
		defer out.mu.Unlock()
		out.got = append(out.got, d)
		return nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx, func() {}) }()
	s.t.Cleanup(func() {
		cancel()
		require.NoError(s.t, <-ended)
	})
	return out
}

func (e *events[M]) all() []bus.Delivery[M] {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]bus.Delivery[M]{}, e.got...)
}

func (e *events[M]) await(t *testing.T, n int) []bus.Delivery[M] {
	t.Helper()
	testkit.Eventually(t, func() bool { return len(e.all()) >= n }, "%d events", n)
	return e.all()
}

func TestAFindingBecomesAProposalOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	created := collect(s, event.ProposalCreated)
	s.start()
	f := s.finding()
	s.publish(f)
	e := created.await(t, 1)[0]

	again := f
	again.event = uuid.New() // the same finding in another event
	s.publish(again)
	s.handled(s.publish(f)) // the same event again (the broker may drop it already)

	rows := s.rows()
	require.Len(t, rows, 1)
	p := rows[0]
	require.Equal(t, "Make “button#pay” at “/checkout” respond in “Checkout”", p.title)
	require.Contains(t, p.diagnosis, "64.5 %")
	require.NotEmpty(t, p.change)
	require.JSONEq(t, string(f.evidence.JSON(t)), string(p.evidence))
	require.Equal(t, f.id, p.findingID)
	require.WithinDuration(t, f.detected, p.evidenceAt, 0)
	require.Len(t, p.hash, 64)
	require.Greater(t, p.confidence, 0.85)
	require.Positive(t, p.priority)
	require.Nil(t, p.deploymentID)

	var impact struct {
		Metric                         string
		Baseline, Predicted, Low, High float64
	}
	require.NoError(t, json.Unmarshal(p.impact, &impact))
	require.Equal(t, "positive_ratio", impact.Metric)
	require.Greater(t, impact.Predicted, impact.Baseline)
	require.Less(t, impact.Low, impact.High)
	var from struct {
		Engine        string  `json:"engine"`
		EngineVersion string  `json:"engine_version"`
		PromptVersion *string `json:"prompt_version"`
		Cost          float64 `json:"cost"`
		Window        struct{ From, To time.Time }
	}
	require.NoError(t, json.Unmarshal(p.provenance, &from))
	require.Equal(t, "built-in", from.Engine)
	require.Equal(t, "3", from.EngineVersion)
	require.Nil(t, from.PromptVersion)
	require.Zero(t, from.Cost)
	require.WithinDuration(t, evidencetest.Start, from.Window.From, 0)

	require.Equal(t, s.who.AccountID, e.AccountID)
	require.Equal(t, p.id.String(), e.Body.GetProposalId())
	require.Equal(t, f.id.String(), e.Body.GetFindingId())
	require.Equal(t, p.title, e.Body.GetTitle())
	require.InDelta(t, p.confidence, e.Body.GetConfidence(), 1e-9)
	require.Equal(t, []string{"pending"}, s.states())
	require.Len(t, created.all(), 1)
}

func TestTheTextSaysHowSureTheBeginningIs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	f := s.finding()
	require.NoError(t, tenant.Tx(t.Context(), s.db.Pool(t, "specter_analyzer"), s.who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO findings (id, account_id, product_id, context_id, family, fingerprint, severity, started_at, started_low, started_high, detected_at, evidence)
			VALUES ($1, $2, $3, $4, $5, 'ratio@1', 0.7, $6, $7, $8, $9, '{}')`,
			f.id, s.who.AccountID, s.who.ProductID, s.who.ContextID, f.family, evidencetest.Start, evidencetest.Start.Add(-2*time.Hour), evidencetest.Start.Add(time.Hour), f.detected)
		return err
	}))
	s.handled(s.publish(f))
	require.Contains(t, s.rows()[0].diagnosis, "(between 4 May 2026 12:00 UTC and 4 May 2026 15:00 UTC)")
}

func TestAnOpenProposalAbsorbsEvidenceOfTheSameMatter(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	created, updated := collect(s, event.ProposalCreated), collect(s, event.ProposalUpdated)
	s.start()
	first := s.finding()
	s.handled(s.publish(first))
	before := s.rows()[0]

	later := s.finding()
	later.detected = first.detected.Add(24 * time.Hour)
	later.evidence = evidencetest.New(later.detected).With("affected_sessions", 900)
	s.handled(s.publish(later))
	older := s.finding()
	older.detected = first.detected.Add(-12 * time.Hour)
	s.handled(s.publish(older))

	rows := s.rows()
	require.Len(t, rows, 1)
	require.Equal(t, before.id, rows[0].id)
	require.WithinDuration(t, before.createdAt, rows[0].createdAt, 0)
	require.Equal(t, later.id, rows[0].findingID)
	require.WithinDuration(t, later.detected, rows[0].evidenceAt, 0)
	require.Contains(t, rows[0].diagnosis, "900 sessions")
	e := updated.await(t, 1)[0]
	require.Equal(t, before.id.String(), e.Body.GetProposalId())
	require.Equal(t, later.id.String(), e.Body.GetFindingId())
	require.Equal(t, before.hash, e.Body.GetOldContentHash())
	require.Equal(t, rows[0].hash, e.Body.GetContentHash())
	require.Len(t, updated.all(), 1, "what is older is not new evidence")
	require.NotEqual(t, before.hash, rows[0].hash, "what is approved must be what was read")
	var from struct{ Findings []uuid.UUID }
	require.NoError(t, json.Unmarshal(rows[0].provenance, &from))
	require.Equal(t, []uuid.UUID{later.id, first.id}, from.Findings)
	require.Len(t, created.await(t, 1), 1)
}

func TestADecidedProposalIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	first := s.finding()
	s.handled(s.publish(first))
	before := s.rows()[0]
	s.decide(before.id, "rejected", nil)

	later := s.finding()
	later.detected = first.detected.Add(24 * time.Hour)
	s.handled(s.publish(later))
	elsewhere := s.finding()
	elsewhere.evidence.Lead("rage_click", "element", "#other")
	s.handled(s.publish(elsewhere))

	rows := s.rows()
	require.Len(t, rows, 2)
	require.Equal(t, before, rows[0])
	require.Equal(t, []string{"rejected", "pending"}, s.states())
}

func TestManyFindingsOfOneMatterAtOnceAreOneProposal(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const n = 20
	var last bus.Ack
	for range n {
		last = s.publish(s.finding())
	}
	s.start()
	s.start()
	s.handled(last)
	require.Len(t, s.rows(), 1)
}

func TestARegressedDeploymentLinksBack(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	s.handled(s.publish(s.finding()))
	fixed := s.rows()[0]
	deployment := uuid.New()
	require.NoError(t, tenant.Tx(t.Context(), s.db.Pool(t, "specter_dashboard"), s.who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO deployments (id, account_id, product_id, context_id, proposal_id, status, version_label, created_at, deployed_at)
			VALUES ($1, $2, $3, $4, $5, 'deployed', 'v42', now(), $6)`,
			deployment, s.who.AccountID, s.who.ProductID, s.who.ContextID, fixed.id, evidencetest.Start)
		return err
	}))
	f := s.finding()
	f.family, f.deployment = "deployment_regressed", deployment
	s.handled(s.publish(f))

	rows := s.rows()
	require.Len(t, rows, 2)
	require.Equal(t, &deployment, rows[1].deploymentID)
	require.Equal(t, `Roll back “Make "button#pay" at "/checkout" respond in "Checkout"” in “Checkout”`, rows[1].title)
	require.Contains(t, rows[1].diagnosis, "v42")
}

func TestAFindingThatCannotBeHandledIsDeadLettered(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	unknown := s.finding()
	unknown.context = uuid.New()
	s.publish(unknown)
	unreadable := s.finding()
	unreadable.evidence.With("version", 9)
	s.publish(unreadable)
	testkit.Eventually(t, func() bool {
		letters, err := s.bus.DeadLetters(t.Context(), 0, 10)
		return err == nil && len(letters) == 2
	}, "both findings in the dead letters")
	require.Empty(t, s.rows())
}

// TestUndecidedProposalsExpire lives three seconds before the end of the month: the timers are real.
func TestUndecidedProposalsExpire(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.offset.Store(int64(3*time.Second - month))
	expired := collect(s, event.ProposalExpired)
	s.start()
	for _, element := range []string{"#forgotten", "#approved", "#snoozed", "#renewed"} {
		f := s.finding()
		f.detected = s.now()
		f.evidence.Lead("rage_click", "element", element)
		s.handled(s.publish(f))
	}
	rows := s.rows()
	require.Len(t, rows, 4)
	s.decide(rows[1].id, "approved", nil)
	until := time.Now().Add(24 * time.Hour)
	s.decide(rows[2].id, "snoozed", &until)
	s.offset.Store(0)
	renewed := s.finding()
	renewed.detected = s.now()
	renewed.evidence.Lead("rage_click", "element", "#renewed")
	s.handled(s.publish(renewed))

	e := expired.await(t, 1)[0]
	require.Equal(t, rows[0].id.String(), e.Body.GetProposalId())
	require.Equal(t, s.who.AccountID, e.AccountID)
	testkit.Eventually(t, func() bool {
		var open int
		require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT count(*) FROM river_proposal.river_job
			WHERE state IN ('available', 'running', 'retryable') OR state = 'scheduled' AND scheduled_at <= now()`).Scan(&open))
		return open == 0
	}, "all timers to have fired")
	require.Equal(t, []string{"expired", "approved", "snoozed", "pending"}, s.states())
	require.Len(t, expired.all(), 1)
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	m := proposal.Module()
	require.Equal(t, "proposal", m.Name)
	require.True(t, m.NeedsDB)
	require.NoError(t, m.Validate(config.Source{}))
	require.ErrorContains(t, m.Validate(config.Source{"SPECTER_PROPOSAL_EXPIRE_AFTER": "1h"}), "24h")
	require.ErrorContains(t, m.Validate(config.Source{"SPECTER_LLM_BASE_URL": "https://api.example"}), "SPECTER_LLM_MODEL")
}
