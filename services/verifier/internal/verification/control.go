package verification

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/draftlabs/specter/pkg/pcf"
)

// What a context must show to be a control.
const (
	maxControls        = 3
	controlHistoryDays = 56  // with data, so that a coefficient can be learned
	controlQuietDays   = 28  // before the deployment, in which nothing of it shipped
	leastCorrelation   = .3  // of its weeks with the measure's
	correlationDays    = 7   // a day is mostly noise, and weekdays agree everywhere
	leastWeeks         = 6   // of both, to say anything of a correlation
	halfSignal         = 0.5 // keeps odds finite
)

// controlRule is the rule above in words; it is part of the plan.
var controlRule = fmt.Sprintf("Other contexts of the product with at least %d days of data, %d signals of either polarity a week and nothing shipped in the %d days before; "+
	"of those whose weeks moved with the measure's (correlation at least %.1f), the %d closest.",
	controlHistoryDays, pcf.MinWeeklyEvents, controlQuietDays, leastCorrelation, maxControls)

// Control is an untouched context: what it and the measure have in common is taken out.
type Control struct {
	Name        string  `json:"name"`
	Measure     Measure `json:"measure"`
	Correlation float64 `json:"correlation"`
}

// ControlCandidate is another context of the product.
type ControlCandidate struct {
	Name    string
	Measure Measure
	// Shipped is when something of the context last shipped, zero for never.
	Shipped time.Time
}

// controls picks the contexts a test is held against, from what was before the deployment.
func controls(ctx context.Context, days calendar, plan Plan, evidence Evidence) ([]Control, error) {
	if plan.scale() != pcf.Ratio {
		return []Control{}, nil // a volume is held against no share
	}
	candidates, err := evidence.ControlCandidates(ctx, plan.ContextID)
	if err != nil {
		return nil, fmt.Errorf("looking for control contexts: %w", err)
	}
	if len(candidates) == 0 {
		return []Control{}, nil
	}
	own, err := weeks(ctx, days, plan, plan.Measure, evidence)
	if err != nil {
		return nil, err
	}
	quietSince := plan.HistoryTo.AddDate(0, 0, -controlQuietDays)
	chosen := []Control{}
	for _, c := range candidates {
		if !c.Shipped.Before(quietSince) {
			continue
		}
		other, err := weeks(ctx, days, plan, c.Measure, evidence)
		if err != nil {
			return nil, err
		}
		if r := correlation(own, other); other.enough() && r >= leastCorrelation {
			chosen = append(chosen, Control{Name: c.Name, Measure: c.Measure, Correlation: math.Round(1000*r) / 1000})
		}
	}
	slices.SortStableFunc(chosen, func(a, b Control) int {
		return cmp.Or(cmp.Compare(b.Correlation, a.Correlation), cmp.Compare(a.Measure.ContextID.String(), b.Measure.ContextID.String()))
	})
	return chosen[:min(len(chosen), maxControls)], nil
}

// weekly are the counts of the weeks before a deployment, the newest first.
type weekly struct {
	weeks    []Hour
	days     int
	from, to time.Time
}

func weeks(ctx context.Context, days calendar, plan Plan, m Measure, evidence Evidence) (weekly, error) {
	hours, err := evidence.Hours(ctx, m, plan.HistoryFrom, plan.HistoryTo)
	if err != nil {
		return weekly{}, fmt.Errorf("reading the past of %s: %w", m.Name(), err)
	}
	w := weekly{weeks: make([]Hour, plan.HistoryDays/correlationDays), from: plan.HistoryFrom, to: plan.HistoryTo}
	seen := map[string]bool{}
	for _, h := range hours {
		age := int(plan.HistoryTo.Sub(h.Start) / (correlationDays * 24 * time.Hour))
		if age >= len(w.weeks) {
			continue
		}
		w.weeks[age].add(h)
		seen[days.date(h.Start)] = true
	}
	w.days = len(seen)
	return w, nil
}

// enough tells whether there is enough to learn from.
func (w weekly) enough() bool {
	var n Hour
	for _, week := range w.weeks {
		n.add(week)
	}
	need := int64(pcf.MinWeeklyEvents * w.days / 7)
	return w.days >= controlHistoryDays && n.Positive >= need && n.Negative >= need
}

// correlation of the changes from week to week of two measures' log odds: what drifts apart for months and only shares
// its trend is no control.
func correlation(a, b weekly) float64 {
	var xs, ys []float64
	for i := 0; i+1 < min(len(a.weeks), len(b.weeks)); i++ {
		if a.weeks[i].empty() || a.weeks[i+1].empty() || b.weeks[i].empty() || b.weeks[i+1].empty() {
			continue
		}
		xs = append(xs, a.weeks[i].logOdds()-a.weeks[i+1].logOdds())
		ys = append(ys, b.weeks[i].logOdds()-b.weeks[i+1].logOdds())
	}
	if len(xs) < leastWeeks {
		return 0
	}
	var xx, yy, xy float64
	for i := range xs {
		xx += xs[i] * xs[i]
		yy += ys[i] * ys[i]
		xy += xs[i] * ys[i]
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}

func (h Hour) empty() bool { return h.Positive+h.Negative == 0 }

func (h Hour) logOdds() float64 {
	return math.Log((float64(h.Positive) + halfSignal) / (float64(h.Negative) + halfSignal))
}
