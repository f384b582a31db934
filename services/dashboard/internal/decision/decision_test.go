package decision_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/decision"
)

// TestEveryWayThroughTheStateMachine draws decisions, undos and waits at random and compares with
// a model that knows only the diagram.
func TestEveryWayThroughTheStateMachine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		p := decision.Proposal{ID: uuid.New(), Status: decision.Pending, ContentHash: "h"}
		t.Repeat(map[string]func(*rapid.T){
			"decide": func(t *rapid.T) {
				r := decision.Request{Decision: rapid.SampledFrom([]decision.Status{decision.Approved, decision.Rejected, decision.Snoozed, decision.Duplicate}).Draw(t, "decision")}
				soon, other := now.Add(time.Duration(rapid.IntRange(1, 30).Draw(t, "snooze"))*time.Second), uuid.New()
				r.SnoozeUntil, r.DuplicateOf = &soon, &other
				o, err := r.Apply(p, &decision.Proposal{ID: other, ProductID: p.ProductID, Status: decision.Pending}, now)
				if p.Status != decision.Pending && p.Status != decision.Snoozed {
					if !fault.Is(err, fault.Conflict) {
						t.Fatalf("a %s proposal was decided: %v", p.Status, err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if (o.DeploymentID != uuid.Nil) != (r.Decision == decision.Approved) {
					t.Fatalf("%s made deployment %s", r.Decision, o.DeploymentID)
				}
				if o.WasSnoozed != (p.Status == decision.Snoozed) {
					t.Fatalf("%s after %s: replaces a snooze %v", o.Status, p.Status, o.WasSnoozed)
				}
				at := now
				if before := p.SnoozedUntil; o.WasSnoozed {
					p.SnoozedBefore = before
				}
				p.Status, p.DecidedAt, p.SnoozedUntil = o.Status, &at, o.SnoozedUntil
			},
			"undo": func(t *rapid.T) {
				to, err := decision.Undone(p, now)
				allowed := p.Status != decision.Pending && now.Sub(*p.DecidedAt) < decision.UndoWindow
				if allowed != (err == nil) {
					t.Fatalf("undo of %s: %v", p.Status, err)
				}
				if err != nil {
					return
				}
				want := decision.Pending
				if p.SnoozedBefore != nil && now.Before(*p.SnoozedBefore) {
					want = decision.Snoozed
				}
				if to != want {
					t.Fatalf("undo of %s led to %s, not %s", p.Status, to, want)
				}
				// A decision that was restored is as old as it was; its own undo is over.
				long := now.Add(-time.Hour)
				p.Status, p.DecidedAt, p.SnoozedUntil = to, nil, nil
				if to == decision.Snoozed {
					p.DecidedAt, p.SnoozedUntil = &long, p.SnoozedBefore
				}
				p.SnoozedBefore = nil
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 12).Draw(t, "seconds")) * time.Second)
				if p.Status == decision.Snoozed && !now.Before(*p.SnoozedUntil) {
					p.Status, p.DecidedAt, p.SnoozedUntil, p.SnoozedBefore = decision.Pending, nil, nil, nil
				}
			},
		})
	})
}

func TestADecisionIsChecked(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := decision.Proposal{ID: uuid.New(), Status: decision.Pending, ContentHash: "h"}
	past, far := now.Add(-time.Hour), now.AddDate(1, 0, 0)
	for name, c := range map[string]struct {
		request decision.Request
		kind    fault.Kind
	}{
		"changed content":     {decision.Request{Decision: decision.Approved, ContentHash: "other"}, fault.PreconditionFailed},
		"no such decision":    {decision.Request{Decision: decision.Expired}, fault.Invalid},
		"snoozed for no time": {decision.Request{Decision: decision.Snoozed}, fault.Invalid},
		"snoozed to the past": {decision.Request{Decision: decision.Snoozed, SnoozeUntil: &past}, fault.Invalid},
		"snoozed for ever":    {decision.Request{Decision: decision.Snoozed, SnoozeUntil: &far}, fault.Invalid},
		"duplicate of itself": {decision.Request{Decision: decision.Duplicate, DuplicateOf: &p.ID}, fault.Invalid},
		"duplicate of nobody": {decision.Request{Decision: decision.Duplicate}, fault.Invalid},
		"reason unknown":      {decision.Request{Decision: decision.Rejected, ReasonCode: "bored"}, fault.Invalid},
		"reason of approval":  {decision.Request{Decision: decision.Approved, ReasonCode: decision.WontFix}, fault.Invalid},
	} {
		_, err := c.request.Apply(p, nil, now)
		require.True(t, fault.Is(err, c.kind), "%s: %v", name, err)
	}
	reported := decision.Proposal{Status: decision.Approved, DecidedAt: &now, DeploymentID: &p.ID}
	_, err := decision.Undone(reported, now)
	require.True(t, fault.Is(err, fault.Conflict), "what shipped cannot be undone")
	plain, err := decision.Request{Decision: decision.Rejected}.Apply(p, nil, now)
	require.NoError(t, err)
	require.Equal(t, decision.OtherReason, plain.ReasonCode, "a rejection without a word has one all the same")
}

func TestADuplicateNamesWhatStandsForTheMatter(t *testing.T) {
	t.Parallel()
	p := decision.Proposal{ID: uuid.New(), ProductID: uuid.New(), Status: decision.Pending}
	twin := decision.Proposal{ID: uuid.New(), ProductID: p.ProductID}
	request := decision.Request{Decision: decision.Duplicate, DuplicateOf: &twin.ID}
	for _, status := range []decision.Status{decision.Pending, decision.Snoozed, decision.Approved, decision.Rejected} {
		twin.Status = status
		o, err := request.Apply(p, &twin, time.Now())
		require.NoError(t, err, status)
		require.Equal(t, twin.ID, *o.DuplicateOf)
	}
	for _, status := range []decision.Status{decision.Duplicate, decision.Expired} {
		twin.Status = status
		_, err := request.Apply(p, &twin, time.Now())
		require.True(t, fault.Is(err, fault.Invalid), "a %s one leads nowhere", status)
	}
	twin.Status, twin.ProductID = decision.Pending, uuid.New()
	_, err := request.Apply(p, &twin, time.Now())
	require.True(t, fault.Is(err, fault.Invalid), "of another product")
	_, err = request.Apply(p, nil, time.Now())
	require.True(t, fault.Is(err, fault.Invalid), "of none")
}
