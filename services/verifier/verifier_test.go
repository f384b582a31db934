package verifier_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/verifier"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

// world is a product with a deployment, a running verifier and a listener to what it says.
type world struct {
	t       *testing.T
	owner   *pgxpool.Pool
	service *pgxpool.Pool // as the verifier's role
	bus     *bus.Bus
	tenant  testkit.Tenant

	deployment, proposal uuid.UUID
	deployedAt           time.Time
	verdicts             chan verdict
}

type verdict struct {
	name    string
	id      uuid.UUID
	account uuid.UUID
	body    *eventv1.Verdict
}

// newWorld starts a verifier over a product in Berlin whose deployment shipped `ago` before now.
func newWorld(t *testing.T, ago time.Duration) *world {
	t.Helper()
	db := testkit.Postgres(t)
	w := &world{
		t: t, owner: db.Owner(t), bus: testkit.Bus(t), tenant: testkit.SeedTenant(t, db, testkit.Seed{TimeZone: "Europe/Berlin"}),
		deployment: uuid.Must(uuid.NewV7()), proposal: uuid.Must(uuid.NewV7()), deployedAt: time.Now().Add(-ago).UTC().Truncate(time.Second),
		verdicts: make(chan verdict, 8),
	}
	w.exec(`SELECT specter_ensure_partitions(now() - interval '8 months', now())`)
	finding := uuid.Must(uuid.NewV7())
	started := w.deployedAt.AddDate(0, 0, -12)
	w.exec(`INSERT INTO findings (id, account_id, product_id, context_id, family, fingerprint, severity, started_at, started_low, started_high, detected_at, evidence)
		VALUES ($1, $2, $3, $4, 'ratio_worsening', 'f', .5, $5, $5, $5, $6, '{}')`,
		finding, w.tenant.AccountID, w.tenant.ProductID, w.tenant.ContextID, started, started.AddDate(0, 0, 2))
	w.exec(`INSERT INTO proposals (id, account_id, product_id, context_id, finding_id, family, fingerprint, title, diagnosis, suggested_change, evidence,
			predicted_impact, confidence, priority, provenance, content_hash, evidence_at)
		VALUES ($1, $2, $3, $4, $5, 'ratio_worsening', 'f', 't', 'd', 's', '{}', '{"metric":"positive_ratio","predicted":0.9}', .5, 1, '{}', 'h', now())`,
		w.proposal, w.tenant.AccountID, w.tenant.ProductID, w.tenant.ContextID, finding)
	w.deploy(w.deployment, w.proposal, w.deployedAt)

	w.service = db.Pool(t, "specter_verifier")
	run(t, lifecycle.Group(w.verifier(),
		listen(w, event.DeploymentVerified, (*eventv1.DeploymentVerified).GetVerdict),
		listen(w, event.DeploymentRegressed, (*eventv1.DeploymentRegressed).GetVerdict),
		listen(w, event.DeploymentInconclusive, (*eventv1.DeploymentInconclusive).GetVerdict),
	))
	return w
}

// verifier is one instance of the service.
func (w *world) verifier() *verifier.Service {
	w.t.Helper()
	service, err := verifier.New(verifier.Config{Settle: time.Minute, MaxWait: 6 * time.Hour, Days: 14}, svcmain.Platform{
		Log: zaptest.NewLogger(w.t), Bus: w.bus, DB: w.service, Metrics: prometheus.NewRegistry(), Now: time.Now,
	})
	require.NoError(w.t, err)
	require.Nil(w.t, service.Handler())
	return service
}

// run starts a service and stops it after the test, before the database and the broker go.
func run(t *testing.T, service lifecycle.Service) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- service.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.Fatalf("the service ended while starting: %v", err)
	}
}

func listen[M proto.Message](w *world, kind event.Type[M], of func(M) *eventv1.Verdict) lifecycle.Service {
	return bus.Consume(w.bus, kind, bus.ConsumerOptions{Durable: "test"}, func(_ context.Context, d bus.Delivery[M]) error {
		w.verdicts <- verdict{name: kind.Info().Name(), id: d.ID, account: d.AccountID, body: of(d.Body)}
		return nil
	})
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.owner.Exec(w.t.Context(), sql, args...)
	require.NoError(w.t, err)
}

func (w *world) deploy(id, proposal uuid.UUID, at time.Time) {
	w.t.Helper()
	w.exec(`INSERT INTO deployments (id, account_id, product_id, context_id, proposal_id, status, created_at, deployed_at) VALUES ($1, $2, $3, $4, $5, 'deployed', now(), $6)`,
		id, w.tenant.AccountID, w.tenant.ProductID, w.tenant.ContextID, proposal, at)
}

// signals fills the rollups with so many purchases and errors an hour over the last 150 days, with a daily rhythm and
// some weather; from the deployment on there are after times as many errors. The weather depends on the number of the
// hour and not on the date, so that the verdict does not depend on the day the test runs.
func (w *world) signals(purchases, errors int, after float64) {
	w.t.Helper()
	w.exec(`INSERT INTO rollup_hourly (account_id, product_id, context_id, type, hour, n)
		SELECT $1, $2, $3, kind.type, hour,
		       greatest(1, round(kind.n * (1 + .3 * sin(i % 24 / 4.0)) * (.9 + .2 * abs(hashint8(i * 7 + length(kind.type))::float8 / 2147483648))
		             * CASE WHEN kind.type = 'js_error' AND hour >= $6 THEN $7::float8 ELSE 1 END))::bigint
		FROM generate_series(0, 151 * 24) i, LATERAL (SELECT date_trunc('day', now()) + (i - 150 * 24) * interval '1 hour') h (hour),
		     (VALUES ('purchase', $4::float8), ('js_error', $5::float8)) kind (type, n)
		WHERE hour <= now()`,
		w.tenant.AccountID, w.tenant.ProductID, w.tenant.ContextID, purchases, errors, w.deployedAt, after)
}

func (w *world) reportDeployed(id uuid.UUID) {
	w.t.Helper()
	_, err := bus.Publish(w.t.Context(), w.bus, event.DeploymentDeployed, bus.Message[*eventv1.DeploymentDeployed]{
		ID: id, AccountID: w.tenant.AccountID, Time: time.Now(), Body: &eventv1.DeploymentDeployed{
			DeploymentId: w.deployment.String(), ProposalId: w.proposal.String(), ProductId: w.tenant.ProductID.String(),
			ContextId: w.tenant.ContextID.String(), DeployedAt: timestamppb.New(w.deployedAt),
		},
	})
	require.NoError(w.t, err)
}

// reportEdited says that the time was corrected to the deployment's own.
func (w *world) reportEdited(id uuid.UUID) {
	w.t.Helper()
	_, err := bus.Publish(w.t.Context(), w.bus, event.DeploymentEdited, bus.Message[*eventv1.DeploymentEdited]{
		ID: id, AccountID: w.tenant.AccountID, Time: time.Now(), Body: &eventv1.DeploymentEdited{
			DeploymentId: w.deployment.String(), ProposalId: w.proposal.String(), ProductId: w.tenant.ProductID.String(),
			ContextId: w.tenant.ContextID.String(), DeployedAt: timestamppb.New(w.deployedAt),
		},
	})
	require.NoError(w.t, err)
}

func (w *world) verdict() verdict {
	w.t.Helper()
	select {
	case v := <-w.verdicts:
		return v
	case <-time.After(30 * time.Second):
		w.t.Fatal("no verdict came")
		return verdict{}
	}
}

// state reads the verification, "" while there is none.
func (w *world) state() (status string, looks []int32, result map[string]any) {
	w.t.Helper()
	var raw []byte
	err := w.owner.QueryRow(w.t.Context(), `SELECT v.status, v.result, array(SELECT look_day FROM verification_looks l WHERE l.verification_id = v.id ORDER BY created_at, look_day)
		FROM verifications v WHERE deployment_id = $1`, w.deployment).Scan(&status, &raw, &looks)
	if err != nil {
		return "", nil, nil
	}
	require.NoError(w.t, json.Unmarshal(raw, &result))
	return status, looks, result
}

const days = 24 * time.Hour

func TestAPastDeploymentIsVerifiedLookByLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*days)
	w.signals(60, 20, .4)
	first, second := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	w.reportDeployed(first)

	v := w.verdict()
	require.Equal(t, "deployment.verified", v.name)
	require.Equal(t, w.tenant.AccountID, v.account)
	require.Equal(t, "improved", v.body.GetOutcome())
	require.Equal(t, w.deployment.String(), v.body.GetDeploymentId())
	require.Equal(t, w.proposal.String(), v.body.GetProposalId())
	require.EqualValues(t, 7, v.body.GetLookDay())
	require.InDelta(t, 1.5, v.body.GetEffect(), .5)
	require.Positive(t, v.body.GetEffectLow())
	require.Greater(t, v.body.GetProbabilityImproved(), .99)
	require.Positive(t, v.body.GetMinimumDetectableEffect())
	require.NotEmpty(t, v.body.GetReason())

	var positive, negative int64
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	year, month, day := w.deployedAt.In(berlin).Date()
	from := time.Date(year, month, day+1, 0, 0, 0, 0, berlin)
	to := time.Date(year, month, day+8, 0, 0, 0, 0, berlin)
	require.NoError(t, w.owner.QueryRow(t.Context(), `SELECT sum(n) FILTER (WHERE type = 'purchase'), sum(n) FILTER (WHERE type = 'js_error') FROM rollup_hourly WHERE hour >= $1 AND hour < $2`,
		from, to).Scan(&positive, &negative))
	require.EqualValues(t, positive, v.body.GetPositiveAfter(), "the raw counts of seven whole days in Berlin")
	require.EqualValues(t, negative, v.body.GetNegativeAfter())
	require.Equal(t, to.UTC(), v.body.GetAsOf().AsTime())

	status, looks, result := w.state()
	require.Equal(t, "improved", status)
	require.Equal(t, []int32{1, 2, 3, 5, 7}, looks)
	require.Equal(t, "improved", result["outcome"])
	require.Contains(t, result, "guard", "the finding's days are guarded against")
	require.Equal(t, map[string]any{"metric": "positive_ratio", "predicted": .9}, result["predicted"])

	// The same report again, as a redelivery and as a new event, changes nothing.
	var before, after string
	const snapshot = `SELECT jsonb_agg(to_jsonb(v))::text || (SELECT jsonb_agg(to_jsonb(l) ORDER BY look_day)::text FROM verification_looks l) FROM verifications v`
	require.NoError(t, w.owner.QueryRow(t.Context(), snapshot).Scan(&before))
	w.reportDeployed(second)
	testkit.Eventually(t, func() bool { return w.claimed(second) }, "the second report is processed")
	require.NoError(t, w.owner.QueryRow(t.Context(), snapshot).Scan(&after))
	require.Equal(t, before, after)
	require.Empty(t, w.verdicts)
}

func (w *world) claimed(eventID uuid.UUID) bool {
	w.t.Helper()
	var claimed bool
	require.NoError(w.t, w.owner.QueryRow(w.t.Context(), `SELECT EXISTS (SELECT 1 FROM inbox_verifier WHERE event_id = $1)`, eventID).Scan(&claimed))
	return claimed
}

func TestARegressionIsToldOnItsFirstDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5*days)
	w.signals(60, 10, 4)
	w.reportDeployed(uuid.Must(uuid.NewV7()))

	v := w.verdict()
	require.Equal(t, "deployment.regressed", v.name)
	require.Equal(t, "regressed", v.body.GetOutcome())
	require.EqualValues(t, 1, v.body.GetLookDay())
	require.Negative(t, v.body.GetEffectHigh())
	require.Equal(t, w.tenant.ContextID.String(), v.body.GetContextId())
}

func TestNothingChangedIsToldWithTheSmallestEffectThatCouldHaveBeenSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*days)
	w.signals(6, 2, 1)
	w.ship(w.deployedAt.AddDate(0, 0, 3))
	w.reportDeployed(uuid.Must(uuid.NewV7()))

	v := w.verdict()
	require.Contains(t, []string{"inconclusive", "no_effect"}, v.body.GetOutcome())
	require.EqualValues(t, 14, v.body.GetLookDay())
	require.Positive(t, v.body.GetMinimumDetectableEffect())
	require.Condition(t, func() bool {
		for _, warning := range v.body.GetWarnings() {
			if warning == "Other deployments of this product shipped in the same days (1); the effect may be theirs." {
				return true
			}
		}
		return false
	}, "%q", v.body.GetWarnings())
	_, looks, _ := w.state()
	require.Equal(t, []int32{1, 2, 3, 5, 7, 10, 14}, looks)
}

func TestALookThatIsNotDueWaitsAndARollbackStopsTheTest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, time.Hour)
	w.signals(60, 10, 1)
	w.reportDeployed(uuid.Must(uuid.NewV7()))
	testkit.Eventually(t, func() bool { status, _, _ := w.state(); return status == "collecting" }, "the test is registered")

	var due time.Time
	require.NoError(t, w.owner.QueryRow(t.Context(), `SELECT scheduled_at FROM river_verifier.river_job WHERE state = 'scheduled'`).Scan(&due))
	require.True(t, due.After(time.Now()), "the first look has a timer")

	_, err := bus.Publish(t.Context(), w.bus, event.DeploymentRolledBack, bus.Message[*eventv1.DeploymentRolledBack]{
		ID: uuid.Must(uuid.NewV7()), AccountID: w.tenant.AccountID, Time: time.Now(),
		Body: &eventv1.DeploymentRolledBack{DeploymentId: w.deployment.String(), RolledBackAt: timestamppb.Now()},
	})
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { status, _, _ := w.state(); return status == "stopped" }, "the test is stopped")
	_, looks, _ := w.state()
	require.Empty(t, looks)
}

func TestADeploymentThatWasTakenBackBeforeItsReportIsNotTested(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5*days)
	w.exec(`UPDATE deployments SET status = 'rolled_back', rolled_back_at = now()`)
	id := uuid.Must(uuid.NewV7())
	w.reportDeployed(id)
	testkit.Eventually(t, func() bool { return w.claimed(id) }, "the report is processed")
	status, _, _ := w.state()
	require.Empty(t, status)
}

func TestAnUnknownDeploymentBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5*days)
	w.deployment = uuid.Must(uuid.NewV7())
	w.reportDeployed(uuid.Must(uuid.NewV7()))
	stream, err := w.bus.JetStream().Stream(t.Context(), event.DeadLetters().Name)
	require.NoError(t, err)
	testkit.Eventually(t, func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.State.Msgs == 1
	}, "the report is put aside with its reason")
}

func TestTheModuleRefusesUnusableSettings(t *testing.T) {
	t.Parallel()
	m := verifier.Module()
	require.Equal(t, "verifier", m.Name)
	require.True(t, m.NeedsDB)
	require.Len(t, m.Settings, 3)
	require.NoError(t, m.Validate(config.Source{}))
	require.Error(t, m.Validate(config.Source{"SPECTER_VERIFY_SETTLE": "25h"}))
	require.Error(t, m.Validate(config.Source{"SPECTER_VERIFY_MAX_WAIT": "-1s"}))
	require.Error(t, m.Validate(config.Source{"SPECTER_VERIFY_MAX_WAIT": "soon"}))
	require.Error(t, m.Validate(config.Source{"SPECTER_VERIFY_DAYS": "20"}))
}
