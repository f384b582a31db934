package verification

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/pcf"
)

// found is a deployment whose finding has this evidence and whose proposal predicted that.
func found(t *testing.T, evidence, predicted string) Deployment {
	t.Helper()
	d := deployment(t, "2026-06-10T09:30:00Z")
	d.ContextID = uuid.New()
	d.Predicted = json.RawMessage(predicted)
	d.Finding = &Finding{StartedAt: at(t, "2026-06-01T09:00:00Z"), DetectedAt: at(t, "2026-06-02T12:00:00Z")}
	require.NoError(t, json.Unmarshal([]byte(evidence), &d.Finding.Evidence))
	return d
}

func TestTheTestIsAboutWhatTheFindingIsAbout(t *testing.T) {
	t.Parallel()
	const day = `"window":{"from":"2026-06-01T00:00:00Z","to":"2026-06-02T12:00:00Z"}`
	for _, c := range []struct {
		name, evidence, predicted string
		measure                   string
		promised                  string // "": the measure itself
		low, high                 float64
	}{
		{
			"the context", `{"subject":{"kind":"ratio"}}`, `{"metric":"positive_ratio","predicted":0.8,"low":0.75,"high":0.85}`,
			"the positive ratio", "", .75, .85,
		},
		{
			"a part of the traffic", `{"segments":[{"conditions":[{"dimension":"path","value":"/cart"}],"explains":true}]}`, `{"metric":"positive_ratio","predicted":0.8,"low":0.75,"high":0.85}`,
			"the positive ratio where path = /cart", "the positive ratio", .75, .85,
		},
		{
			"a pair of conditions, by the one that stays", `{"segments":[{"conditions":[{"dimension":"release","value":"1.2"},{"dimension":"browser","value":"Safari"}],"explains":true}]}`, `{"metric":"positive_ratio"}`,
			"the positive ratio where browser = Safari", "the positive ratio", 0, 0,
		},
		{
			"a part that does not explain it", `{"segments":[{"conditions":[{"dimension":"path","value":"/cart"}]}]}`, `{"metric":"positive_ratio"}`,
			"the positive ratio", "", 0, 0,
		},
		{
			"a release goes away with the deployment", `{"segments":[{"conditions":[{"dimension":"release","value":"1.2"}],"explains":true}]}`, `{"metric":"positive_ratio"}`,
			"the positive ratio", "", 0, 0,
		},
		{
			"one type", `{"subject":{"kind":"type","name":"rage_click"}}`, `{"metric":"type_share","predicted":0.98,"low":0.97,"high":0.99}`,
			`the share of signals other than "rage_click"`, "", .97, .99,
		},
		{
			"an error", `{"subject":{"kind":"error"},"first_seen":{"value":"TypeError"}}`, `{"metric":"error_free_share","predicted":0.98,"low":0.97,"high":0.99}`,
			`the share of signals without the error "TypeError"`, "", .97, .99,
		},
		{
			"a step of the funnel", `{"funnel":{"steps":["view","cart","purchase"],"to":"purchase"}}`, `{"metric":"funnel_conversion","predicted":0.5,"low":0.4,"high":0.6}`,
			`the share of sessions that go on from "cart" to "purchase"`, "", .4, .6,
		},
		{
			"a volume, promised in signals a day", `{` + day + `,"subject":{"kind":"volume","name":"purchase"},"volume":{"expected":1500}}`, `{"metric":"share_of_usual_volume","predicted":0.9,"low":0.8,"high":1}`,
			`the number of "purchase" signals`, "", 800, 1000,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := found(t, c.evidence, c.predicted)
			plan, err := newPlan(t.Context(), d, 14, data{t: t, asOf: at(t, "2026-06-09T22:00:00Z"), until: d.DeployedAt, before: Hour{Positive: 20, Negative: 5}, changeAt: d.DeployedAt})
			require.NoError(t, err)
			require.Equal(t, c.measure, plan.Name())
			require.Equal(t, d.ContextID, plan.ContextID)
			require.NotEmpty(t, plan.Because)
			if c.promised == "" {
				require.Nil(t, plan.Promised)
			} else {
				require.Equal(t, c.promised, plan.Promised.Name())
			}
			if c.high == 0 {
				require.Nil(t, plan.PromisedRange)
				return
			}
			require.InDelta(t, c.low, plan.PromisedRange.Low, 1e-9)
			require.InDelta(t, c.high, plan.PromisedRange.High, 1e-9)
		})
	}
}

func TestWhatIsTooRareToBeJudgedGivesWayToTheContext(t *testing.T) {
	t.Parallel()
	d := found(t, `{"first_seen":{"value":"TypeError"}}`, `{"metric":"error_free_share","predicted":0.98,"low":0.97,"high":0.99}`)
	rare := Measure{Metric: MetricErrorFree, ContextID: d.ContextID, Error: "TypeError"}
	plan, err := newPlan(t.Context(), d, 28, data{
		t: t, asOf: at(t, "2026-06-09T22:00:00Z"), until: d.DeployedAt, before: Hour{Positive: 20, Negative: 5}, changeAt: d.DeployedAt,
		of: only(rare, func(hour time.Time) Hour {
			if hour.Before(d.Finding.StartedAt) {
				return Hour{Positive: 25}
			}
			return Hour{Positive: 24, Negative: 1}
		}),
	})
	require.NoError(t, err)
	require.Equal(t, "The positive ratio", plan.Described)
	require.Contains(t, plan.Because, "too few events")
	require.Equal(t, rare, *plan.Promised, "what was predicted is still held against what comes")
	require.Equal(t, 28, plan.Looks[len(plan.Looks)-1].Day)
}

// The part improves and is what the verdict is about; the context as a whole is what was predicted.
func TestAPredictionIsHeldAgainstWhatItWasMadeOf(t *testing.T) {
	t.Parallel()
	d := found(t, `{"segments":[{"conditions":[{"dimension":"path","value":"/cart"}],"explains":true}]}`,
		`{"metric":"positive_ratio","predicted":0.83,"low":0.8,"high":0.86}`)
	past := data{t: t, asOf: d.DeployedAt, until: at(t, "2027-01-01T00:00:00Z"), before: Hour{Positive: 40, Negative: 10}, changeAt: at(t, "2026-06-10T22:00:00Z"), now: Hour{Positive: 43, Negative: 7}}
	plan, err := newPlan(t.Context(), d, 14, past)
	require.NoError(t, err)
	past.of = only(plan.Measure, func(hour time.Time) Hour {
		if hour.Before(plan.WindowFrom) {
			return Hour{Positive: 4, Negative: 6 + hour.Unix()/86400%2}
		}
		return Hour{Positive: 8, Negative: 2}
	})
	end := last(lookUntilFinal(t, verificationOf(plan, at(t, "2027-01-01T00:00:00Z")), past))
	require.Equal(t, Status("improved"), end.Status, end.Result.Reason)
	require.Contains(t, end.Result.Reason, "The positive ratio where path = /cart improved: 80.0 %")
	require.InDelta(t, .8, *end.Result.Observed, .01)
	promised := end.Result.Promised
	require.Equal(t, MetricRatio, promised.Metric)
	require.InDelta(t, .86, promised.Observed, .01)
	require.InDelta(t, .8, promised.Expected, .01)
	require.Less(t, promised.Effect, *end.Result.Effect)
	require.NotEmpty(t, end.Result.Promised.Fit)
}

func TestAVolumeIsJudgedByItsCount(t *testing.T) {
	t.Parallel()
	d := found(t, `{"window":{"from":"2026-06-01T00:00:00Z","to":"2026-06-02T00:00:00Z"},"subject":{"kind":"volume","name":"purchase"},"volume":{"expected":960}}`,
		`{"metric":"share_of_usual_volume","predicted":1,"low":0.9,"high":1}`)
	past := data{t: t, asOf: d.DeployedAt, until: at(t, "2027-01-01T00:00:00Z"), before: Hour{Positive: 40}, changeAt: at(t, "2026-06-10T22:00:00Z"), now: Hour{Positive: 50}}
	plan, err := newPlan(t.Context(), d, 14, past)
	require.NoError(t, err)
	require.Equal(t, pcf.Count, plan.scale())
	require.Empty(t, plan.Controls)
	end := last(lookUntilFinal(t, verificationOf(plan, at(t, "2027-01-01T00:00:00Z")), past))
	require.Equal(t, Status("improved"), end.Status, end.Result.Reason)
	require.Contains(t, end.Result.Reason, `The number of "purchase" signals improved: 120`)
	require.Contains(t, end.Result.Reason, "a day")
	require.Nil(t, end.Result.RatioBefore)
	require.Nil(t, end.Result.Points)
	require.InDelta(t, .25, *end.Result.Effect, .02)
	require.Equal(t, "above", end.Result.Promised.Fit)
}

func TestControlsAreTheUntouchedContextsWhoseWeeksMovedAlong(t *testing.T) {
	t.Parallel()
	d := deployment(t, "2026-06-10T09:30:00Z")
	d.ContextID = uuid.New()
	candidate := func(name string, shipped time.Time) ControlCandidate {
		return ControlCandidate{Name: name, Shipped: shipped, Measure: Measure{Metric: MetricRatio, ContextID: uuid.New(), PositiveTypes: []string{name}, NegativeTypes: []string{"bad"}, Segment: &Condition{"context", name}}}
	}
	alike, shipped, apart, young := candidate("alike", time.Unix(0, 0)), candidate("shipped", d.DeployedAt.AddDate(0, 0, -10)), candidate("apart", time.Unix(0, 0)), candidate("young", time.Unix(0, 0))
	own := Measure{Metric: MetricRatio, ContextID: d.ContextID, PositiveTypes: d.PositiveTypes, NegativeTypes: d.NegativeTypes}
	steps := func(salt int64) func(time.Time) Hour { // a level of its own each week
		return func(hour time.Time) Hour {
			n := (hour.Unix()/86400 + 3) / 7
			return Hour{Positive: 40, Negative: 5 + (n*n*31+n*salt)%11}
		}
	}
	plan, err := newPlan(t.Context(), d, 14, data{
		t: t, asOf: at(t, "2026-06-09T22:00:00Z"), until: d.DeployedAt, candidates: []ControlCandidate{apart, shipped, young, alike},
		of: map[string]func(time.Time) Hour{
			own.Name(): steps(7), alike.Measure.Name(): steps(7), shipped.Measure.Name(): steps(7),
			apart.Measure.Name(): func(hour time.Time) Hour { return Hour{Positive: 40, Negative: 5 + hour.Unix()/86400*13%7} },
			young.Measure.Name(): func(hour time.Time) Hour {
				if hour.Before(d.DeployedAt.AddDate(0, 0, -50)) {
					return Hour{}
				}
				return steps(7)(hour)
			},
		},
	})
	require.NoError(t, err)
	require.Equal(t, []Control{{Name: "alike", Measure: alike.Measure, Correlation: 1}}, plan.Controls)
	require.Contains(t, plan.ControlRule, "56 days")
}

func TestAnEditedTimeMakesALaterPlanAndAVerdictStands(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-06-13T12:00:00Z")
	v := registered(t, "2026-06-10T09:30:00Z", at(t, "2026-06-10T10:00:00Z"))
	v.LastLookDay, v.LooksTaken = 1, 1
	v.DeployedAt = at(t, "2026-06-11T09:30:00Z")
	edited := deployment(t, "2026-06-11T09:30:00Z")
	step, err := testService(now).evaluate(t.Context(), v, first(2), data{t: t, asOf: now, deployment: edited})
	require.NoError(t, err)
	require.Nil(t, step.Taken)
	r := step.Revised
	require.Equal(t, 2, r.Verification.Plan.Revision)
	require.Equal(t, v.ID, r.Verification.ID)
	require.Equal(t, now, r.Verification.RegisteredAt)
	require.Equal(t, at(t, "2026-06-11T22:00:00Z"), r.Verification.Plan.WindowFrom)
	require.Equal(t, "the deployment's time was edited from 2026-06-10T09:30:00Z to 2026-06-11T09:30:00Z, after 1 look.", r.Verification.Plan.RevisedBecause)
	require.Equal(t, Due{AccountID: v.AccountID, VerificationID: v.ID, Revision: 2, Number: 1, At: at(t, "2026-06-12T22:15:00Z")}, r.First)

	later := r.Verification
	later.LastLookDay, later.DeployedAt = 0, edited.DeployedAt
	step, err = testService(now).evaluate(t.Context(), later, first(2), data{t: t})
	require.NoError(t, err)
	require.Equal(t, Step{}, step, "looks of the first plan are not taken any more")

	v.Status = Status("improved")
	decided, err := testService(now).revise(t.Context(), edited, v, data{t: t})
	require.NoError(t, err)
	require.Nil(t, decided)
}

// A young product had no signals before its first one, which says nothing of how many are usual.
func TestAVolumeHasNoHistoryBeforeItsFirstSignal(t *testing.T) {
	t.Parallel()
	d := found(t, `{"subject":{"kind":"volume","name":""}}`, `{"metric":"share_of_usual_volume"}`)
	born := d.DeployedAt.AddDate(0, 0, -40)
	all := Measure{Metric: MetricVolume, ContextID: d.ContextID}
	past := data{t: t, asOf: d.DeployedAt, until: at(t, "2027-01-01T00:00:00Z"), of: only(all, func(hour time.Time) Hour {
		if hour.Before(born) {
			return Hour{}
		}
		return Hour{Positive: 40 + hour.Unix()/86400%3}
	})}
	plan, err := newPlan(t.Context(), d, 14, past)
	require.NoError(t, err)
	require.Equal(t, "The number of signals", plan.Described)
	end := last(lookUntilFinal(t, verificationOf(plan, at(t, "2027-01-01T00:00:00Z")), past))
	require.Equal(t, 41, end.Result.HistoryDays, "the day of the deployment is one of neither side")
	require.True(t, warned(end.Result, "short_history"))
	require.NotContains(t, []Status{"improved", "regressed"}, end.Status)
}
