package proposal_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/proposal/internal/evidencetest"
	"github.com/draftlabs/specter/services/proposal/internal/llm/llmtest"
)

// opened has the analyzer's row of a finding, beside its event.
func (s *stage) opened(f finding) {
	s.t.Helper()
	require.NoError(s.t, tenant.Tx(s.t.Context(), s.db.Pool(s.t, "specter_analyzer"), s.who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(s.t.Context(), `INSERT INTO findings (id, account_id, product_id, context_id, family, fingerprint, severity, started_at, started_low, started_high, detected_at, evidence)
			VALUES ($1, $2, $3, $4, $5, $6, 0.7, $7, $7, $7, $8, $9)`,
			f.id, s.who.AccountID, s.who.ProductID, f.context, f.family, f.id.String(), evidencetest.Start, f.detected, f.evidence.JSON(s.t))
		return err
	}))
}

// rewrite asks for another text, as the dashboard does, and waits until that is handled.
func (s *stage) rewrite(id uuid.UUID) {
	s.t.Helper()
	ack, err := bus.Publish(s.t.Context(), s.bus, event.ProposalRewriteRequested, bus.Message[*eventv1.ProposalRewriteRequested]{
		ID: uuid.New(), AccountID: s.who.AccountID, Time: time.Now(), Body: &eventv1.ProposalRewriteRequested{
			ProposalId: id.String(), ProductId: s.who.ProductID.String(), ContextId: s.who.ContextID.String(), RequestedBy: "user:1",
		},
	})
	require.NoError(s.t, err)
	testkit.Eventually(s.t, func() bool {
		_, floor, err := s.bus.ConsumerPending(s.t.Context(), event.ProposalRewriteRequested, "proposal")
		return err == nil && floor >= ack.Sequence
	}, "the request to be handled")
}

// The model was away when the proposal was made; asked again it writes, and the proposal stays the same one.
func TestAnOpenProposalIsWrittenAnew(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.withModel(llmtest.Status(http.StatusUnauthorized, ""), llmtest.Honest)
	updated := collect(s, event.ProposalUpdated)
	s.start()
	f := s.finding()
	s.opened(f)
	s.handled(s.publish(f))
	before := s.rows()[0]
	require.Equal(t, "built-in", originOf(t, before).Engine)

	s.rewrite(before.id)
	rows := s.rows()
	require.Len(t, rows, 1)
	require.Equal(t, before.id, rows[0].id)
	require.Equal(t, "llm", originOf(t, rows[0]).Engine)
	require.NotEqual(t, before.hash, rows[0].hash)
	require.JSONEq(t, string(before.evidence), string(rows[0].evidence), "from the same evidence")
	require.Equal(t, before.evidenceAt, rows[0].evidenceAt, "which is as old as it was")
	require.InDelta(t, before.priority, rows[0].priority, 1e-9)
	require.Len(t, updated.await(t, 1), 1)
}

func TestWhatWasDecidedIsNotWrittenAnew(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.start()
	f := s.finding()
	s.opened(f)
	s.handled(s.publish(f))
	before := s.rows()[0]
	s.decide(before.id, "approved", nil)

	s.rewrite(before.id)
	s.rewrite(uuid.New()) // of none
	require.Equal(t, []row{before}, s.rows())
}
