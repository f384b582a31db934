package analysis_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

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
