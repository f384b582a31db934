package proposal

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/impact"

	"github.com/draftlabs/specter/services/proposal/internal/evidencetest"
)

var asOf = evidencetest.Start.Add(31 * time.Hour)

// counted is evidence without the analyzer's counterfactual: it is computed from counts.
func counted(t require.TestingT, d evidencetest.Document) Evidence {
	e := decode(t, d)
	e.Counterfactual = nil
	return e
}

func decode(t require.TestingT, d evidencetest.Document) Evidence {
	raw, err := json.Marshal(d)
	require.NoError(t, err)
	e, err := readEvidence(raw)
	require.NoError(t, err)
	return e
}

func TestImpactIsTheSegmentBackAtItsBaselineShrunk(t *testing.T) {
	t.Parallel()
	e := counted(t, evidencetest.New(asOf))
	got := estimateImpact(Finding{Family: RageClicks}, e, Context{NegativeTypes: []string{"rage_click"}}, impact.Calibrate(nil))

	now := 1840.0 / (1840 + 1012)
	then := 1840.0 / (1840 + 1012 - 340.6)
	want := expit(logit(now) + 0.7*(logit(then)-logit(now)))
	require.InDelta(t, now, got.impact.Baseline, 1e-9)
	require.InDelta(t, want, got.impact.Predicted, 1e-9)
	require.Less(t, got.impact.Low, got.impact.Predicted)
	require.Greater(t, got.impact.High, got.impact.Predicted)
	require.Equal(t, "positive_ratio", got.impact.Metric)
	require.InDelta(t, 267, *got.impact.AffectedSessions, 0)
	require.InDelta(t, 267*(want-now)*got.confidence, got.priority, 1e-9)
}

func TestImpactNeverExceedsWhatWasExpectedOfTheWhole(t *testing.T) {
	t.Parallel()
	e := counted(t, evidencetest.New(asOf))
	e.Segments[0].Excess = 1000 // more than there is to gain
	got := estimateImpact(Finding{Family: RageClicks}, e, Context{}, impact.Calibrate(nil))
	require.InDelta(t, expit(logit(got.impact.Baseline)+0.7*(logit(e.Ratio.Expected)-logit(got.impact.Baseline))), got.impact.Predicted, 1e-9)
}

func TestMissingPositivesAreAddedBack(t *testing.T) {
	t.Parallel()
	e := counted(t, evidencetest.New(asOf).With("segments", []any{}).With("types", []any{
		map[string]any{"type": "purchase", "polarity": "positive", "window": 1840, "expected": 2000, "excess": -160},
	}))
	pos, neg := withoutExcess(e, Context{})
	require.InDelta(t, 2000, pos, 1e-9)
	require.InDelta(t, 1012, neg, 1e-9)
}

func TestSilencePredictsTheUsualVolume(t *testing.T) {
	t.Parallel()
	e := counted(t, evidencetest.New(asOf))
	e.Counts.Window = Tally{}
	got := estimateImpact(Finding{Family: Silence}, e, Context{}, impact.Calibrate(nil))
	require.Equal(t, MetricVolume, got.impact.Metric)
	require.Less(t, got.impact.Baseline, 0.01)
	require.Greater(t, got.impact.Predicted, 0.5)
}

// Nothing that came is 0 % of the usual volume, whatever half an observation makes of it.
func TestSilenceIsNothingOfTheUsualVolume(t *testing.T) {
	t.Parallel()
	e := decode(t, evidencetest.New(asOf).Volume(0).With("segments", []any{}))
	e.Counterfactual = &Counterfactual{Metric: MetricVolume, Now: 0.017, Then: 0.983, SD: 0.3}
	got := estimateImpact(Finding{Family: Silence}, e, Context{}, impact.Calibrate(nil)).impact
	require.Zero(t, got.Baseline)
	require.InDelta(t, 0.017+0.7*(0.983-0.017), got.Predicted, 1e-9)
}

func TestConfidenceFallsWithDoubt(t *testing.T) {
	t.Parallel()
	sure := counted(t, evidencetest.New(asOf))
	doubtful, unexplained, few := sure, sure, sure
	doubtful.Score.P = 0.4
	unexplained.Segments = nil
	few.Counts.Window = Tally{Positive: 6, Negative: 4}
	of := func(e Evidence) float64 {
		return estimateImpact(Finding{Family: RageClicks}, e, Context{}, impact.Calibrate(nil)).confidence
	}
	require.Greater(t, of(sure), 0.85)
	require.Less(t, of(doubtful), of(sure))
	require.Less(t, of(unexplained), of(sure))
	require.Less(t, of(few), of(sure))
}

func TestImpactIsSaneForAnyEvidence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		share := rapid.Float64Range(0, 1)
		count := rapid.Float64Range(0, 1e6)
		e := Evidence{
			Window:   Span{From: evidencetest.Start, To: evidencetest.Start.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "hours")) * time.Hour)},
			Baseline: Span{From: evidencetest.Start.Add(-time.Hour), To: evidencetest.Start},
			Counts: Counts{
				Window:   Tally{Positive: count.Draw(t, "wp"), Negative: count.Draw(t, "wn")},
				Baseline: Tally{Positive: count.Draw(t, "bp"), Negative: count.Draw(t, "bn")},
			},
			Ratio: Ratio{Window: share.Draw(t, "w"), Expected: share.Draw(t, "e"), Low: share.Draw(t, "l"), High: share.Draw(t, "h")},
			Score: Score{P: rapid.Float64Range(-1, 2).Draw(t, "p")},
		}
		if rapid.Bool().Draw(t, "segment") {
			e.Segments = []Segment{{Type: "x", Window: count.Draw(t, "sw"), Excess: rapid.Float64Range(-1e6, 1e6).Draw(t, "excess"), ShareOfChange: rapid.Float64Range(-2, 3).Draw(t, "share")}}
		}
		f := Finding{Family: rapid.SampledFrom([]string{RatioWorsening, Silence, DeploymentRegressed, "new"}).Draw(t, "family")}
		got := estimateImpact(f, e, Context{PositiveTypes: []string{"x"}}, impact.Calibrate(nil))
		for name, x := range map[string]float64{
			"baseline": got.impact.Baseline, "predicted": got.impact.Predicted, "low": got.impact.Low, "high": got.impact.High,
		} {
			if math.IsNaN(x) || x < 0 || x > 1 {
				t.Fatalf("%s is %v", name, x)
			}
		}
		if got.impact.Low > got.impact.Predicted || got.impact.Predicted > got.impact.High || got.impact.Predicted < got.impact.Baseline-1e-12 && f.Family != Silence {
			t.Fatalf("not in order: %+v", got.impact)
		}
		if got.confidence < leastConfidence || got.confidence > mostConfidence || math.IsNaN(got.priority) || got.priority < 0 {
			t.Fatalf("confidence %v, priority %v", got.confidence, got.priority)
		}
	})
}

func TestFingerprintNamesTheMatterNotTheIncident(t *testing.T) {
	t.Parallel()
	first := fingerprint(Finding{Family: RageClicks}, decode(t, evidencetest.New(asOf)))
	later := fingerprint(Finding{Family: RageClicks}, decode(t, evidencetest.New(asOf.Add(48*time.Hour))))
	elsewhere := fingerprint(Finding{Family: RageClicks}, decode(t, evidencetest.New(asOf).Lead("rage_click", "element", "#other")))
	kind := fingerprint(Finding{Family: ErrorSpike}, decode(t, evidencetest.New(asOf)))
	busier := fingerprint(Finding{Family: RageClicks}, decode(t, evidencetest.New(asOf).LeadWith("type", "js_error")))
	require.Equal(t, first, later)
	require.Equal(t, first, busier, "which of two types is the more frequent may change any hour")
	require.NotEqual(t, first, elsewhere)
	require.NotEqual(t, first, kind)
}

// Two errors, steps or types that fail in one context are two matters, also when no segment explains them.
func TestFingerprintTellsErrorsStepsAndTypesApart(t *testing.T) {
	t.Parallel()
	bare := func() evidencetest.Document { return evidencetest.New(asOf) }
	without := func(d evidencetest.Document) Evidence { return decode(t, d.With("segments", []any{})) }
	for family, of := range map[string]func(name string) Evidence{
		NewError:   func(name string) Evidence { return without(bare().FirstSeen("js_error", name)) },
		FunnelDrop: func(name string) Evidence { return without(bare().Funnel("cart", name)) },
		VolumeCollapse: func(name string) Evidence {
			return without(bare().Volume(842).With("subject", map[string]any{"kind": "type", "name": name}))
		},
	} {
		f := Finding{Family: family}
		require.Equal(t, fingerprint(f, of("one")), fingerprint(f, of("one")), family)
		require.NotEqual(t, fingerprint(f, of("one")), fingerprint(f, of("another")), family)
	}
}

func TestUnreadableEvidenceIsRefused(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]evidencetest.Document{
		"version": evidencetest.New(asOf).With("version", 2),
		"ratio":   evidencetest.New(asOf).With("ratio", map[string]any{"window": 1.5}),
		"times":   evidencetest.New(asOf).With("as_of", time.Time{}),
		"type":    evidencetest.New(asOf).With("counts", "many"),
	} {
		_, err := readEvidence(d.JSON(t))
		require.ErrorIs(t, err, ErrEvidence, name)
	}
	_, err := readEvidence(json.RawMessage(`{`))
	require.ErrorIs(t, err, ErrEvidence)
}

func expit(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// The analyzer's counterfactual is taken when there is one, and scaled by what the
// family's predictions have been worth.
func TestCalibrationScalesTheAnalyzersCounterfactual(t *testing.T) {
	t.Parallel()
	e := decode(t, evidencetest.New(asOf))
	e.Counterfactual = &Counterfactual{Metric: "funnel_conversion", Now: 0.5, Then: 0.7, SD: 0.05}
	at := func(k impact.Calibration) Impact {
		return estimateImpact(Finding{Family: FunnelDrop}, e, Context{}, k).impact
	}
	whole := at(impact.Calibration{Mean: 1, SD: 0.01, N: 50})
	require.InDelta(t, 0.7, whole.Predicted, 1e-9)
	require.Equal(t, "funnel_conversion", whole.Metric)
	require.Equal(t, 50, whole.Verdicts)
	half := at(impact.Calibration{Mean: 0.5, SD: 0.01, N: 50})
	require.Greater(t, half.Predicted, 0.5)
	require.Less(t, half.Predicted, whole.Predicted)
	unsure := at(impact.Calibration{Mean: 1, SD: 0.3})
	require.Greater(t, unsure.High-unsure.Low, whole.High-whole.Low)
}
