package proposal_test

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/proposal/internal/evidencetest"
)

// renew publishes newer evidence of a finding and waits until it is handled.
func (s *stage) renew(f finding, evidence evidencetest.Document, asOf time.Time) {
	s.t.Helper()
	ack, err := bus.Publish(s.t.Context(), s.bus, event.FindingRenewed, bus.Message[*eventv1.FindingRenewed]{
		ID: uuid.New(), AccountID: s.who.AccountID, Time: time.Now(), Body: &eventv1.FindingRenewed{
			FindingId: f.id.String(), ProductId: s.who.ProductID.String(), ContextId: f.context.String(), Family: f.family, Fingerprint: "ratio@1",
			StartedAt: timestamppb.New(evidencetest.Start), DetectedAt: timestamppb.New(f.detected), Severity: f.severity, EvidenceJson: evidence.JSON(s.t),
			AsOf: timestamppb.New(asOf),
		},
	})
	require.NoError(s.t, err)
	testkit.Eventually(s.t, func() bool {
		_, floor, err := s.bus.ConsumerPending(s.t.Context(), event.FindingRenewed, "proposal")
		return err == nil && floor >= ack.Sequence
	}, "the renewed finding to be handled")
}

// What goes on and is explained better later stays one proposal, which says the better
// thing; what a person decided on does not change under them.
func TestRenewedEvidenceIsAbsorbedWhateverExplainsItNow(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	updated := collect(s, event.ProposalUpdated)
	s.start()
	f := s.finding()
	s.handled(s.publish(f))
	before := s.rows()[0]
	later := f.detected.Add(6 * time.Hour)
	better := evidencetest.New(later)
	better.Lead("rage_click", "release", "9.9.9")
	s.renew(f, better, later)

	rows := s.rows()
	require.Len(t, rows, 1)
	require.Equal(t, before.id, rows[0].id)
	require.NotEqual(t, before.hash, rows[0].hash)
	require.Contains(t, rows[0].diagnosis, "9.9.9")
	require.Equal(t, f.id, rows[0].findingID)
	require.Len(t, updated.await(t, 1), 1)

	s.decide(rows[0].id, "approved", nil)
	evenLater := f.detected.Add(12 * time.Hour)
	s.renew(f, evidencetest.New(evenLater), evenLater)
	require.Equal(t, rows[0].hash, s.rows()[0].hash)
}

// Facts of two types come in any order: newer evidence that comes first stands for the
// finding, which adds nothing then.
func TestRenewedEvidenceMayComeBeforeItsFinding(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	f := s.finding()
	later := f.detected.Add(6 * time.Hour)
	newer := evidencetest.New(later)
	newer.Lead("rage_click", "release", "9.9.9")
	s.renew(f, newer, later)
	s.handled(s.publish(f))
	rows := s.rows()
	require.Len(t, rows, 1)
	require.Contains(t, rows[0].diagnosis, "9.9.9")
}

// A rejection stands in the way of what was rejected, not of what has become much worse since.
func TestAFindingThatWasSkippedIsProposedWhenItGetsMuchWorse(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	s.handled(s.publish(s.finding()))
	s.reject(s.rows()[0].id, "not_a_problem", day)
	f := s.again(1)
	s.handled(s.publish(f))
	require.Len(t, s.skips(), 1)

	later := f.detected.Add(6 * time.Hour)
	s.renew(f, evidencetest.New(later), later)
	require.Len(t, s.rows(), 1, "it is as bad as it was")
	f.severity = 0.95
	evenLater := f.detected.Add(12 * time.Hour)
	s.renew(f, evidencetest.New(evenLater), evenLater)
	rows := s.rows()
	require.Len(t, rows, 2)
	require.Equal(t, f.id, rows[1].findingID)
}

// What a proposal absorbed belongs to it: newer evidence of an earlier finding is no reason for a twin of what was
// decided, and is absorbed while nobody has.
func TestRenewedEvidenceOfAnAbsorbedFindingGoesWhereItBelongs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	first, second := s.finding(), s.again(1)
	s.handled(s.publish(first))
	s.handled(s.publish(second))
	require.Equal(t, second.id, s.rows()[0].findingID)
	later := second.detected.Add(6 * time.Hour)
	better := evidencetest.New(later)
	better.Lead("rage_click", "release", "9.9.9")
	s.renew(first, better, later)
	require.Len(t, s.rows(), 1)
	require.Contains(t, s.rows()[0].diagnosis, "9.9.9")

	s.decide(s.rows()[0].id, "approved", nil)
	evenLater := second.detected.Add(12 * time.Hour)
	s.renew(second, evidencetest.New(evenLater), evenLater)
	require.Len(t, s.rows(), 1)
}

// Verdicts of a family scale its next predictions, and the impact says from how many.
func TestPredictionsLearnFromVerdicts(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	for i := range 3 {
		f := s.again(i)
		f.evidence.Lead("rage_click", "element", string(rune('a'+i)))
		s.handled(s.publish(f))
		s.judged(s.rows()[i].id, 0.02, [2]float64{-0.02, 0.06}) // next to nothing of it came true
	}
	f := s.again(4)
	f.evidence.Lead("rage_click", "element", "last")
	s.handled(s.publish(f))
	rows := s.rows()
	var first, last struct {
		Baseline, Predicted, Calibration float64
		Verdicts                         int
	}
	require.NoError(t, json.Unmarshal(rows[0].impact, &first))
	require.NoError(t, json.Unmarshal(rows[3].impact, &last))
	require.InDelta(t, 0.7, first.Calibration, 1e-9)
	require.Zero(t, first.Verdicts)
	require.Equal(t, 3, last.Verdicts)
	require.Less(t, last.Calibration, 0.5)
	require.Less(t, last.Predicted-last.Baseline, first.Predicted-first.Baseline)
}

// Only what was measured of the deployment, and of what was predicted, teaches.
func TestPredictionsLearnFromWhatCanBeCreditedAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	nothing := map[string]any{"effect": 0.02, "effect_95": [2]float64{-0.02, 0.06}}
	with := func(name string, value any) map[string]any {
		result := maps.Clone(nothing)
		result[name] = value
		return result
	}
	for i, told := range []struct {
		deployment, status, plan string
		share                    int
		result                   map[string]any
	}{
		{"deployed", "inconclusive", "{}", 100, with("reason_code", "another_deployment")},
		{"deployed", "inconclusive", "{}", 100, with("reason_code", "instrumentation_changed")},
		{"deployed", "stopped", "{}", 100, nothing},
		{"deployed", "no_effect", "{}", 10, nothing},
		{"rolled_back", "improved", "{}", 100, nothing},
		{"deployed", "no_effect", `{"promised":{}}`, 100, nothing},               // of a part, not of what was predicted
		{"deployed", "no_effect", "{}", 100, with("metric", "error_free_share")}, // of something else
		{"deployed", "inconclusive", "{}", 100, with("reason_code", "not_significant")},
		{"deployed", "improved", `{"promised":{}}`, 100, map[string]any{"effect": 9., "effect_95": [2]float64{5, 15}, "promised": with("metric", "positive_ratio")}},
	} {
		f := s.again(i)
		f.evidence.Lead("rage_click", "element", string(rune('a'+i)))
		s.handled(s.publish(f))
		s.verified(s.rows()[i].id, told.deployment, told.status, told.plan, told.share, told.result)
	}
	f := s.again(20)
	f.evidence.Lead("rage_click", "element", "last")
	s.handled(s.publish(f))
	rows := s.rows()
	var last struct {
		Calibration float64
		Verdicts    int
	}
	require.NoError(t, json.Unmarshal(rows[len(rows)-1].impact, &last))
	require.Equal(t, 2, last.Verdicts, "the test without significance, and the one that measured what was predicted")
	require.Less(t, last.Calibration, 0.5)
}

// judged has a proposal approved, shipped and verified with an effect on the odds.
func (s *stage) judged(id uuid.UUID, effect float64, interval [2]float64) {
	s.t.Helper()
	s.verified(id, "deployed", "no_effect", "{}", 100, map[string]any{"effect": effect, "effect_95": interval})
}

// verified has a proposal approved, shipped to a share of the traffic, and its test ended.
func (s *stage) verified(id uuid.UUID, deploymentStatus, status, plan string, share int, result map[string]any) {
	s.t.Helper()
	s.decide(id, "approved", nil)
	deployment := uuid.New()
	s.asDashboard(`INSERT INTO deployments (id, account_id, product_id, context_id, proposal_id, status, version_label, created_at, deployed_at, canary_share)
		VALUES ($1, $2, $3, $4, $5, $6, 'v1', now(), now(), $7)`, deployment, s.who.AccountID, s.who.ProductID, s.who.ContextID, id, deploymentStatus, share)
	document, err := json.Marshal(result)
	require.NoError(s.t, err)
	require.NoError(s.t, tenant.Tx(s.t.Context(), s.db.Pool(s.t, "specter_verifier"), s.who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(s.t.Context(), `INSERT INTO verifications
			(id, account_id, product_id, context_id, deployment_id, proposal_id, deployed_at, plan, method, status, result, registered_at, decided_at)
			VALUES ($1, $2, $3, $4, $5, $6, now(), $7, 'pcf/1', $8, $9, now(), now())`,
			uuid.New(), s.who.AccountID, s.who.ProductID, s.who.ContextID, deployment, id, plan, status, document)
		return err
	}))
}
