package analysis

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"
)

// Regressed is the verdict of a deployment that made things worse.
type Regressed struct {
	AccountID uuid.UUID
	ContextID uuid.UUID
	AsOf      time.Time
	Verdict   Regression
	// Part: the verdict is about a part of the traffic or another metric than the positive ratio.
	Part bool
}

// regressionBaseline is what the time since a deployment is compared with.
const regressionBaseline = 28 * 24 * time.Hour

// Regression opens a finding of its own that links back to the deployment, with
// what is over-represented since. A second verdict of the same deployment changes
// nothing.
func (s *Service) Regression(ctx context.Context, r Regressed) error {
	err := s.store.InContext(ctx, r.AccountID, r.ContextID, func(w Work) error {
		deployed, err := w.DeployedAt(ctx, r.Verdict.DeploymentID)
		if err != nil {
			return err
		}
		// Whole hours: the one it was deployed in belongs to neither side.
		start := deployed.UTC().Truncate(time.Hour).Add(time.Hour)
		asOf := r.AsOf.UTC().Truncate(time.Hour)
		if asOf.Before(start) {
			asOf = start
		}
		window := Window{From: start, To: asOf}
		baseline := Window{From: start.Add(-time.Hour - regressionBaseline), To: start.Add(-time.Hour)}
		home := w.Context()
		hours, err := w.History(ctx, weekOf(baseline.From), asOf, asOf) // the ratio's series needs no values
		if err != nil {
			return err
		}
		evidence, _, err := contrast(ctx, w, ratioLens(&home), window, baseline)
		if err != nil {
			return err
		}
		run := newWatch(&home, w.Watched())
		for _, h := range hours {
			run.push(h, true)
		}
		verdict := r.Verdict
		evidence.AsOf = asOf
		evidence.Deployment = &verdict
		evidence.Subject = Subject{Kind: SubjectRatio}
		evidence.Series = run.series(asOf)
		if r.Part { // the effect is not that of the context's ratio
			evidence.Ratio.Expected, evidence.Ratio.Low, evidence.Ratio.High = wilson(evidence.Counts.Baseline)
		} else {
			evidence.Ratio.Expected, evidence.Ratio.Low, evidence.Ratio.High = counterfactual(evidence.Ratio.Window, verdict)
		}
		evidence.Score = Score{P: verdict.ProbabilityImproved, Evidence: -math.Log(math.Max(verdict.ProbabilityImproved, 1e-12))}
		_, err = w.Open(ctx, Finding{
			ID: s.newID(), Context: w.Context(), Family: DeploymentRegressed,
			Fingerprint: DeploymentRegressed + "@" + verdict.DeploymentID.String(),
			Severity:    math.Max(0.5, severity(evidence)),
			StartedAt:   deployed, StartedLow: deployed, StartedHigh: deployed, DetectedAt: r.AsOf,
			Evidence: evidence, DeploymentID: verdict.DeploymentID,
		})
		return err
	})
	return ignoreGone(err)
}

// counterfactual is the ratio without the deployment: the odds that were seen,
// divided by the effect.
func counterfactual(seen float64, r Regression) (mean, low, high float64) {
	without := func(effect float64) float64 {
		if seen <= 0 || seen >= 1 || effect <= -1 {
			return seen
		}
		odds := seen / (1 - seen) / (1 + effect)
		return odds / (1 + odds)
	}
	return without(r.Effect), without(r.EffectHigh), without(r.EffectLow)
}
