package proposal_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/proposal/internal/evidencetest"
)

const day = 24 * time.Hour

type skip struct {
	FindingID, RejectedProposalID uuid.UUID
	Rule, ReasonCode              string
	Until                         time.Time
}

func (s *stage) skips() []skip {
	s.t.Helper()
	got, err := s.owner.Query(s.t.Context(), `SELECT finding_id, rejected_proposal_id, rule, reason_code, until FROM proposal_skips WHERE account_id = $1 ORDER BY created_at`, s.who.AccountID)
	require.NoError(s.t, err)
	out, err := pgx.CollectRows(got, pgx.RowToStructByPos[skip])
	require.NoError(s.t, err)
	return out
}

// again is a finding of the matter of the default evidence, some days later.
func (s *stage) again(days int) finding {
	f := s.finding()
	f.detected = f.detected.Add(time.Duration(days) * day)
	f.evidence = evidencetest.New(f.detected)
	return f
}

func TestWhatWasRejectedIsNotProposedAgainAndSaysSo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	created := collect(s, event.ProposalCreated)
	s.start()
	s.handled(s.publish(s.finding()))
	rejected := s.rows()[0]
	s.reject(rejected.id, "not_a_problem", day)

	second := s.again(1)
	s.publish(second)
	s.handled(s.publish(second)) // a redelivery changes nothing
	require.Len(t, s.rows(), 1)
	got := s.skips()
	require.Len(t, got, 1)
	require.Equal(t, skip{FindingID: second.id, RejectedProposalID: rejected.id, Rule: "same_matter", ReasonCode: "not_a_problem", Until: got[0].Until}, got[0])
	require.WithinDuration(t, time.Now().Add(29*day), got[0].Until, time.Hour)

	sure := s.again(2)
	sure.evidence.Lead("rage_click", "element", "#other")
	s.handled(s.publish(sure))
	rows := s.rows()
	require.Len(t, rows, 2, "another matter of the family is proposed, if it is sure enough")
	require.Less(t, rows[1].confidence, 0.6*rejected.confidence)
	require.Less(t, rows[1].priority, 0.6*rejected.priority)
	var from struct{ Damped *float64 }
	require.NoError(t, json.Unmarshal(rows[1].provenance, &from))
	require.InDelta(t, 1-0.5*13/14, *from.Damped, 0.01)

	s.asDashboard(`DELETE FROM proposal_decisions WHERE proposal_id = $1`, rejected.id) // undone
	s.handled(s.publish(s.again(3)))
	require.Len(t, s.rows(), 2, "an undone rejection damps nothing: its proposal is open and absorbs")
	require.Len(t, s.skips(), 1)
	require.Len(t, created.await(t, 2), 2)
}

func TestAMatterThatComesAgainLinksBackToWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	created := collect(s, event.ProposalCreated)
	s.start()
	s.handled(s.publish(s.finding()))
	fixed := s.rows()[0]
	s.decide(fixed.id, "approved", nil)
	deployment := uuid.New()
	s.asDashboard(`INSERT INTO deployments (id, account_id, product_id, context_id, proposal_id, status, version_label, created_at, deployed_at)
		VALUES ($1, $2, $3, $4, $5, 'deployed', 'v42', now(), now())`, deployment, s.who.AccountID, s.who.ProductID, s.who.ContextID, fixed.id)
	require.NoError(t, tenant.Tx(t.Context(), s.db.Pool(t, "specter_verifier"), s.who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO verifications (id, account_id, product_id, context_id, deployment_id, proposal_id, deployed_at, plan, method, status, registered_at)
			VALUES ($1, $2, $3, $4, $5, $6, now(), '{}', 'pcf/1', 'improved', now())`, uuid.New(), s.who.AccountID, s.who.ProductID, s.who.ContextID, deployment, fixed.id)
		return err
	}))
	s.handled(s.publish(s.again(1)))
	regressed := s.rows()[1]
	s.reject(regressed.id, "other", 60*day)
	s.handled(s.publish(s.again(2)))
	require.Equal(t, []string{"approved", "rejected", "pending"}, s.states())

	got, err := s.owner.Query(t.Context(), `SELECT reopens, reopens_after FROM proposals WHERE account_id = $1 ORDER BY created_at`, s.who.AccountID)
	require.NoError(t, err)
	type link struct {
		Reopens *uuid.UUID
		After   *string
	}
	links, err := pgx.CollectRows(got, pgx.RowToStructByPos[link])
	require.NoError(t, err)
	improved, rejected := "improved", "rejected"
	require.Equal(t, []link{{}, {&fixed.id, &improved}, {&regressed.id, &rejected}}, links)
	e := created.await(t, 3)
	require.Equal(t, fixed.id.String(), e[1].Body.GetReopens())
	require.Equal(t, "improved", e[1].Body.GetReopensAfter())
	require.Empty(t, e[0].Body.GetReopens())
}

// A finding that comes while a rejection can be undone waits for what becomes of it.
func TestAFindingOutwaitsTheUndoOfARejection(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	updated := collect(s, event.ProposalUpdated)
	s.start()
	s.handled(s.publish(s.finding()))
	rejected := s.rows()[0]
	s.reject(rejected.id, "not_a_problem", 0)
	later := s.again(1)
	s.publish(later)
	testkit.Eventually(t, func() bool {
		pending, _, err := s.bus.ConsumerPending(t.Context(), event.FindingOpened, "proposal")
		return err == nil && pending == 0
	}, "the finding to be looked at")
	require.Empty(t, s.skips())
	s.asDashboard(`DELETE FROM proposal_decisions WHERE proposal_id = $1`, rejected.id)
	require.Equal(t, later.id.String(), updated.await(t, 1)[0].Body.GetFindingId())
	require.Empty(t, s.skips())
	require.Len(t, s.rows(), 1)
}

func TestASnoozedProposalAbsorbsAndStaysSnoozed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	s.handled(s.publish(s.finding()))
	until := time.Now().Add(day)
	s.decide(s.rows()[0].id, "snoozed", &until)
	later := s.again(1)
	s.handled(s.publish(later))
	require.Equal(t, later.id, s.rows()[0].findingID)
	require.Equal(t, []string{"snoozed"}, s.states())
}

// A decision that is being made holds new evidence back: what was approved is what was read.
func TestEvidenceNeverChangesWhatIsBeingDecided(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	s.handled(s.publish(s.finding()))
	before := s.rows()[0]

	later := s.again(1)
	tries := 0
	err := tenant.Tx(t.Context(), s.db.Pool(t, "specter_dashboard"), s.who.AccountID, func(tx pgx.Tx) error {
		tries++
		require.Equal(t, 1, tries, "the decision and the evidence must not lock each other out")
		_, err := tx.Exec(t.Context(), `SELECT pg_advisory_xact_lock(hashtextextended('proposal:' || $1::uuid::text, 0))`, before.id)
		require.NoError(t, err)
		s.publish(later)
		testkit.Eventually(t, func() bool {
			var waiting int
			require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
				WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted`).Scan(&waiting))
			return waiting > 0
		}, "the evidence to wait for the decision")
		_, err = tx.Exec(t.Context(), `INSERT INTO proposal_decisions (proposal_id, account_id, status, decided_by, decided_at, content_hash) VALUES ($1, $2, 'approved', 'owner', now(), $3)`,
			before.id, s.who.AccountID, before.hash)
		return err
	})
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { return len(s.rows()) == 2 }, "a proposal of its own for the evidence")
	require.Equal(t, before, s.rows()[0])
	require.Equal(t, []string{"approved", "pending"}, s.states())
}

func TestAProposalThatWasSnoozedPastItsTimeCanStillBeDecided(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.offset.Store(int64(2*time.Second - month))
	s.start()
	f := s.finding()
	f.detected = s.now()
	s.handled(s.publish(f))
	until := time.Now().Add(-time.Second) // the snooze ended before the month did
	s.decide(s.rows()[0].id, "snoozed", &until)
	s.offset.Store(0)
	testkit.Eventually(t, func() bool {
		var waiting int
		require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT count(*) FROM river_proposal.river_job WHERE state = 'scheduled' AND scheduled_at BETWEEN now() + interval '6 days' AND now() + interval '8 days'`).Scan(&waiting))
		return waiting == 1
	}, "the expiry to wait for a week")
	require.Equal(t, []string{"pending"}, s.states())
}
