package verification

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/pcf"
	"github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// data is Evidence of an invented product: so many signals an hour until until, a ratio that changes at the deployment.
type data struct {
	t           *testing.T
	asOf        time.Time // nothing at or after may be read
	until       time.Time
	changeAt    time.Time
	before, now Hour
	others      int
	types       []TypeCount
	values      []ValueCount
	candidates  []ControlCandidate
	shares      []CanaryShare
	refused     []Refusals
	of          map[string]func(hour time.Time) Hour // by the name of a measure; others are as above
	deployment  Deployment
}

func (d data) Hours(_ context.Context, m Measure, from, to time.Time) ([]Hour, error) {
	require.False(d.t, to.After(d.asOf), "no look-ahead")
	var hours []Hour
	for hour := from; hour.Before(to) && hour.Before(d.until); hour = hour.Add(time.Hour) {
		h := d.before
		if !hour.Before(d.changeAt) {
			h = d.now
		}
		if of, ok := d.of[m.Name()]; ok {
			h = of(hour)
			if h.Positive+h.Negative == 0 {
				continue
			}
			h.Start = hour
			hours = append(hours, h)
			continue
		}
		if h.Positive+h.Negative == 0 {
			continue
		}
		h.Start = hour
		// A little weather, so that the noise has a scale.
		if hour.Unix()/3600%5 == 0 {
			h.Positive++
		}
		if hour.Unix()/86400%3 == 0 {
			h.Negative++
		}
		hours = append(hours, h)
	}
	return hours, nil
}

func (d data) Types(_ context.Context, _, after Span) ([]TypeCount, error) {
	require.False(d.t, after.To.After(d.asOf), "no look-ahead")
	return d.types, nil
}

func (d data) CanaryShares(_ context.Context, before time.Time) ([]CanaryShare, error) {
	require.False(d.t, before.After(d.asOf), "no look-ahead")
	return d.shares, nil
}

func (d data) Refused(_ context.Context, _, to time.Time) ([]Refusals, error) {
	require.False(d.t, to.After(d.asOf), "no look-ahead")
	return slices.DeleteFunc(slices.Clone(d.refused), func(r Refusals) bool { return !r.Hour.Before(to) }), nil
}

func (d data) Values(_ context.Context, _ Measure, _ []string, _, after Span) ([]ValueCount, error) {
	require.False(d.t, after.To.After(d.asOf), "no look-ahead")
	return d.values, nil
}

func (d data) ControlCandidates(context.Context, uuid.UUID) ([]ControlCandidate, error) {
	return d.candidates, nil
}

func (d data) Deployment(context.Context) (Deployment, error) { return d.deployment, nil }

func (d data) OtherDeployments(_ context.Context, span Span, _ time.Time) (int, error) {
	require.False(d.t, span.To.After(d.asOf), "no look-ahead")
	return d.others, nil
}

func (d data) Arrived(_ context.Context, since time.Time) (bool, error) {
	return d.until.After(since), nil
}

func testService(now time.Time) *Service {
	return NewService(nil, Timing{Settle: 15 * time.Minute, MaxWait: 6 * time.Hour, HorizonDays: 14}, func() time.Time { return now }, uuid.NewV7)
}

func registered(t *testing.T, deployedAt string, at time.Time) Verification {
	t.Helper()
	return verificationOf(planOf(t, deployment(t, deployedAt)), at)
}

func verificationOf(plan Plan, at time.Time) Verification {
	return Verification{
		ID: uuid.New(), AccountID: uuid.New(), Plan: plan, Status: StatusCollecting, RegisteredAt: at,
		DeployedAt: plan.DeployedAt, TimeZone: plan.TimeZone, PositiveTypes: plan.PositiveTypes, NegativeTypes: plan.NegativeTypes,
	}
}

// first is look number n of the first plan.
func first(n int) Due { return Due{Revision: 1, Number: n} }

func TestALookWaitsUntilItsDayHasEndedAndSettled(t *testing.T) {
	t.Parallel()
	deployedAt := at(t, "2026-06-10T09:30:00Z")
	v := registered(t, "2026-06-10T09:30:00Z", deployedAt)
	asOf := v.Plan.Looks[0].AsOf
	step, err := testService(asOf.Add(-time.Hour)).evaluate(t.Context(), v, first(1), data{t: t})
	require.NoError(t, err)
	require.Equal(t, Step{Wait: time.Hour + 15*time.Minute}, step)
}

func TestALookWaitsForItsDataAndThenJudgesTheSilence(t *testing.T) {
	t.Parallel()
	v := registered(t, "2026-06-10T09:30:00Z", at(t, "2026-06-10T09:30:00Z"))
	asOf := v.Plan.Looks[0].AsOf
	silent := data{t: t, asOf: asOf, until: asOf.Add(-3 * time.Hour), changeAt: v.Plan.WindowFrom, before: Hour{Positive: 50, Negative: 10}, now: Hour{Positive: 50, Negative: 10}}

	for _, waited := range []time.Duration{20 * time.Minute, 2 * time.Hour, 6*time.Hour - time.Second} {
		step, err := testService(asOf.Add(waited)).evaluate(t.Context(), v, first(1), silent)
		require.NoError(t, err)
		require.Positive(t, step.Wait)
		require.LessOrEqual(t, step.Wait, 15*time.Minute)
		require.LessOrEqual(t, waited+step.Wait, 6*time.Hour)
		require.Nil(t, step.Taken)
	}

	step, err := testService(asOf.Add(6*time.Hour)).evaluate(t.Context(), v, first(1), silent)
	require.NoError(t, err)
	require.NotNil(t, step.Taken)

	for _, until := range []time.Time{asOf, asOf.Add(time.Hour)} { // a signal from the day's last hour or later: the day is complete
		silent.until = until
		step, err = testService(asOf.Add(20*time.Minute)).evaluate(t.Context(), v, first(1), silent)
		require.NoError(t, err)
		require.NotNil(t, step.Taken)
	}
}

// Types without a row of their own are not told from one another: then none is said to
// be new or to be gone.
func TestTypesThatAreNotAllCountedWarnOfNothing(t *testing.T) {
	t.Parallel()
	v := registered(t, "2026-06-10T09:30:00Z", at(t, "2027-01-01T00:00:00Z"))
	d := data{types: []TypeCount{{"", 0, 900}, {"wishlist", 400, 0}, {"one_click", 0, 80}}, t: t, asOf: v.Plan.Looks[0].AsOf}
	var in Inputs
	require.NoError(t, in.circumstances(t.Context(), calendar{time.UTC}, v, v.Plan.Looks[0], d))
	require.Empty(t, in.NewTypes)
	require.Empty(t, in.VanishedTypes)
	require.Empty(t, in.Instrumentation)
}

// lookUntilFinal takes the looks in order at a time long after all of them.
func lookUntilFinal(t *testing.T, v Verification, d data) []Step {
	t.Helper()
	service := testService(v.Plan.Looks[len(v.Plan.Looks)-1].AsOf.AddDate(1, 0, 0))
	var steps []Step
	for number := 1; ; {
		d.asOf = v.Plan.Looks[number-1].AsOf
		step, err := service.evaluate(t.Context(), v, first(number), d)
		require.NoError(t, err)
		require.NotNil(t, step.Taken)
		steps = append(steps, step)
		if step.Next == nil {
			require.NotEqual(t, uuid.Nil, step.EventID)
			return steps
		}
		require.Equal(t, StatusCollecting, step.Status)
		require.Equal(t, number+1, step.Next.Number)
		v.LastLookDay = step.Taken.Day
		number = step.Next.Number
	}
}

func TestAPastDeploymentTakesItsLooksInOrderEachAsOfItsDay(t *testing.T) {
	t.Parallel()
	v := registered(t, "2026-06-10T09:30:00Z", at(t, "2027-01-01T00:00:00Z"))
	d := data{
		t: t, until: at(t, "2027-01-01T00:00:00Z"), changeAt: v.Plan.WindowFrom,
		before: Hour{Positive: 40, Negative: 20}, now: Hour{Positive: 50, Negative: 10},
		types: []TypeCount{{"purchase", 5000, 900}, {"wishlist", 400, 0}, {"one_click", 0, 80}, {"rare", 3, 0}},
	}
	steps := lookUntilFinal(t, v, d)
	require.Equal(t, 5, len(steps), "an improvement is called on day 7")
	last := steps[4]
	require.Equal(t, Status("improved"), last.Status)
	require.Equal(t, "improved", last.Result.Outcome)
	require.Empty(t, last.Result.ReasonCode)
	require.Greater(t, *last.Result.EffectLow, 0.)
	require.InDelta(t, 1-.0121, last.Result.IntervalLevel, 1e-12)
	require.Equal(t, 28, last.Result.Before.Days)
	require.Equal(t, Counts{Positive: last.Result.After.Positive, Negative: last.Result.After.Negative, Days: 7}, last.Result.After)
	require.InDelta(t, .83, *last.Result.RatioAfter, .03)
	require.Len(t, last.Result.Daily, 28+7)
	require.Contains(t, last.Result.Reason, "improved")
	require.Equal(t, []string{"type_vanished", "type_new"}, last.Result.WarningCodes)
	require.Len(t, last.Result.Warnings, 2)

	stored, err := json.Marshal(last.Result)
	require.NoError(t, err)
	again := lookUntilFinal(t, v, d)
	repeated, err := json.Marshal(again[4].Result)
	require.NoError(t, err)
	require.Equal(t, string(stored), string(repeated), "the same input gives the same bytes")
}

// A stored result is shown as it is, so it must read as what the public contract promises.
func TestAStoredResultReadsAsTheContractSays(t *testing.T) {
	t.Parallel()
	v := registered(t, "2026-06-10T09:30:00Z", at(t, "2027-01-01T00:00:00Z"))
	for _, step := range lookUntilFinal(t, v, data{
		t: t, until: at(t, "2027-01-01T00:00:00Z"), changeAt: v.Plan.WindowFrom,
		before: Hour{Positive: 40, Negative: 20}, now: Hour{Positive: 50, Negative: 10},
	}) {
		stored, err := json.Marshal(step.Result)
		require.NoError(t, err)
		var shown dashboardapi.LookResult
		require.NoError(t, json.Unmarshal(stored, &shown))
		require.InDelta(t, .66, *shown.ExpectedRatio, .03)
		require.Less(t, *step.Result.ExpectedLow, *shown.ExpectedRatio)
		require.Greater(t, *step.Result.ExpectedHigh, *shown.ExpectedRatio)
		require.Len(t, *shown.Daily, len(step.Result.Daily))
	}
}

func TestARegressionEndsTheTestOnItsFirstDay(t *testing.T) {
	t.Parallel()
	v := registered(t, "2026-06-10T09:30:00Z", at(t, "2027-01-01T00:00:00Z"))
	steps := lookUntilFinal(t, v, data{
		t: t, until: at(t, "2027-01-01T00:00:00Z"), changeAt: v.Plan.WindowFrom,
		before: Hour{Positive: 50, Negative: 10}, now: Hour{Positive: 20, Negative: 40},
	})
	require.Len(t, steps, 1)
	require.Equal(t, Status("regressed"), steps[0].Status)
}

func TestSilenceSinceTheDeploymentIsInconclusive(t *testing.T) {
	t.Parallel()
	v := registered(t, "2026-06-10T09:30:00Z", at(t, "2026-06-10T09:30:00Z"))
	steps := lookUntilFinal(t, v, data{t: t, until: v.Plan.HistoryTo, changeAt: v.Plan.WindowFrom, before: Hour{Positive: 50, Negative: 10}})
	require.Equal(t, 7, len(steps))
	last := steps[6]
	require.Equal(t, Status("inconclusive"), last.Status)
	require.Equal(t, string(pcf.ReasonZeroTraffic), last.Result.ReasonCode)
	require.Nil(t, last.Result.Effect)
	require.Nil(t, last.Result.RatioAfter)
}

func TestAnEndedOrTakenLookChangesNothing(t *testing.T) {
	t.Parallel()
	now := at(t, "2027-01-01T00:00:00Z")
	v := registered(t, "2026-06-10T09:30:00Z", now)

	decided := v
	decided.Status = Status("improved")
	step, err := testService(now).evaluate(t.Context(), decided, first(2), data{t: t})
	require.NoError(t, err)
	require.Equal(t, Step{}, step)

	taken := v
	taken.LastLookDay = 2
	step, err = testService(now).evaluate(t.Context(), taken, first(2), data{t: t})
	require.NoError(t, err)
	require.Equal(t, Step{}, step)

	withdrawn := v
	withdrawn.RolledBack = true
	step, err = testService(now).evaluate(t.Context(), withdrawn, first(1), data{t: t})
	require.NoError(t, err)
	require.Equal(t, Step{Status: StatusStopped, At: now}, step)

	_, err = testService(now).evaluate(t.Context(), v, first(8), data{t: t})
	require.Error(t, err)
}

var errUnreadable = errors.New("unreadable")

// broken is Evidence that cannot be read.
type broken struct{ data }

func (broken) Arrived(context.Context, time.Time) (bool, error) { return false, errUnreadable }
func (broken) Hours(context.Context, Measure, time.Time, time.Time) ([]Hour, error) {
	return nil, errUnreadable
}

func TestAFailedReadIsAnErrorAndNotAVerdict(t *testing.T) {
	t.Parallel()
	v := registered(t, "2026-06-10T09:30:00Z", at(t, "2026-06-10T09:30:00Z"))
	asOf := v.Plan.Looks[0].AsOf
	for _, now := range []time.Time{asOf.Add(time.Hour), asOf.AddDate(0, 0, 1)} {
		_, err := testService(now).evaluate(t.Context(), v, first(1), broken{})
		require.ErrorIs(t, err, errUnreadable)
	}
}
