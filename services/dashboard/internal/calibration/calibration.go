// Package calibration holds what proposals predicted against what their deployments' tests measured: per family and
// engine, how often the predicted range of 80 % held it, how much of a predicted gain came, and the continuous ranked
// probability score. It only reads.
package calibration

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/impact"
)

// Target is the share of measurements a predicted range should hold.
const Target = .8

// widest ratio of measured to predicted that one outcome counts for, as in pkg/impact.
const widest = 3

// leastGain, in logits, below which a ratio of gains says nothing.
const leastGain = .05

// metricVolume is predicted as a share of the usual and measured in signals a day.
const metricVolume = "share_of_usual_volume"

// Promise is what a proposal predicted.
type Promise struct {
	Metric                         string
	Baseline, Predicted, Low, High float64
}

// Measured is what the deciding look says of the prediction, in the unit of the promise or, of a volume, in signals a
// day; then Unit of them are the whole of the usual.
type Measured struct {
	Observed, Expected float64 // with the deployment, and without
	// Effect is the change of the odds (or the count) against what was expected without the deployment.
	Effect float64
	Unit   float64
}

// Verified is one prediction whose deployment's test has ended.
type Verified struct {
	DeploymentID   uuid.UUID
	Title          string
	Family, Engine string
	Status         string // of the verification
	ReasonCode     string
	RolledBack     bool
	CanaryShare    float64 // percent
	DecidedAt      time.Time
	Promise        Promise
	Measured       *Measured // nil when nothing could be measured
}

// Outcome is a prediction with what came of it.
type Outcome struct {
	Verified
	// WhyNot says why no measurement can be credited to the deployment; the rest is empty then.
	WhyNot   string
	Observed float64
	Covered  bool
	Ratio    *float64 // of the gain: 1 is all that was predicted; nil where there was next to nothing to gain
	CRPS     *float64
}

// Group is how one family and engine predicted.
type Group struct {
	Family, Engine       string
	Measured, Unmeasured int
	Covered              int
	Coverage, MeanRatio  *float64
	CRPS                 *float64
}

// Scoreboard of a product.
type Scoreboard struct {
	Groups   []Group
	Outcomes []Outcome
}

// Reader reads a product's verified predictions, the newest first.
type Reader interface {
	Verified(ctx context.Context, account, product uuid.UUID) ([]Verified, error)
}

// Service scores predictions.
type Service struct{ reader Reader }

// New returns a Service.
func New(reader Reader) *Service { return &Service{reader: reader} }

// Scoreboard scores the predictions of a product.
func (s *Service) Scoreboard(ctx context.Context, account, product uuid.UUID) (Scoreboard, error) {
	verified, err := s.reader.Verified(ctx, account, product)
	if err != nil {
		return Scoreboard{}, err
	}
	return Score(verified), nil
}

// Score holds predictions against measurements. A test that ended without significance measured all the same: to leave
// those out would keep only what came true.
func Score(verified []Verified) Scoreboard {
	type sums struct {
		Group
		ratio, crps    float64
		gained, scored int
	}
	var board Scoreboard
	groups := map[[2]string]*sums{}
	for _, v := range verified {
		key := [2]string{v.Family, v.Engine}
		if groups[key] == nil {
			groups[key] = &sums{Group: Group{Family: v.Family, Engine: v.Engine}}
		}
		g, o := groups[key], outcome(v)
		board.Outcomes = append(board.Outcomes, o)
		if o.WhyNot != "" {
			g.Unmeasured++
			continue
		}
		g.Measured++
		if o.Ratio != nil {
			g.ratio += *o.Ratio
			g.gained++
		}
		if o.Covered {
			g.Covered++
		}
		if o.CRPS != nil {
			g.crps += *o.CRPS
			g.scored++
		}
	}
	for _, g := range groups {
		g.Coverage, g.MeanRatio, g.CRPS = mean(float64(g.Covered), g.Measured), mean(g.ratio, g.gained), mean(g.crps, g.scored)
		board.Groups = append(board.Groups, g.Group)
	}
	slices.SortFunc(board.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Measured, a.Measured), cmp.Compare(a.Family, b.Family), cmp.Compare(a.Engine, b.Engine))
	})
	return board
}

func mean(sum float64, n int) *float64 {
	if n == 0 {
		return nil
	}
	m := sum / float64(n)
	return &m
}

func outcome(v Verified) Outcome {
	o := Outcome{Verified: v, WhyNot: whyNot(v)}
	if o.WhyNot != "" {
		return o
	}
	o.Observed = v.Measured.Observed / v.Measured.Unit
	o.Covered = v.Promise.Low <= o.Observed && o.Observed <= v.Promise.High
	// What was there to gain when it shipped: the trouble may have grown since it was proposed, or passed.
	expected := v.Measured.Expected / v.Measured.Unit
	gain := impact.Gain(expected, v.Promise.Predicted)
	if v.Promise.Metric == metricVolume {
		gain = math.Log(v.Promise.Predicted / expected)
	} else if p, ok := impact.Stated(v.Promise.Predicted, v.Promise.Low, v.Promise.High); ok && 0 < o.Observed && o.Observed < 1 {
		score := p.CRPS(o.Observed)
		o.CRPS = &score
	}
	if gain >= leastGain {
		ratio := math.Max(-widest, math.Min(widest, math.Log1p(v.Measured.Effect)/gain))
		o.Ratio = &ratio
	}
	return o
}

// reasonNotSignificant is the verifier's word for a measurement that chance explains.
const reasonNotSignificant = "not_significant"

// whyNot says what stands between a measurement and the deployment; empty when nothing does.
func whyNot(v Verified) string {
	p := v.Promise
	switch {
	case v.RolledBack || v.Status == "stopped":
		return "The deployment was taken back."
	case v.CanaryShare < 100:
		return "Only a part of the traffic had the change."
	case v.Status == "inconclusive" && v.ReasonCode != reasonNotSignificant, v.Measured == nil:
		return "The test could not measure it."
	case p.Baseline <= 0 || p.Predicted <= p.Baseline || p.Metric != metricVolume && p.Predicted >= 1,
		v.Measured.Effect <= -1 || v.Measured.Unit <= 0:
		return "No gain was predicted."
	}
	return ""
}
