package verification

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/draftlabs/specter/pkg/pcf"
)

const (
	week        = 7 * 24 * time.Hour
	beforeWeeks = 4 // that "before" means where types and segments are compared

	// A type counts as new or vanished from this many a week on the other side.
	typeWeekly = 10
	// newShare of the counted signals from which a counted type that was never sent before changes what is measured.
	newShare = .05
	// A side of which nothing is left, of this many types that were all common, was switched off and not repaired.
	silencedTypes = 2
	nearlyAlways  = .9

	// otherTypes adds up those beyond what an hour counts by themselves. Any type may be among them, so none can be said
	// to be new or to be gone.
	otherTypes = ""

	// mixValues of a dimension are told apart, the rest is one.
	mixValues = 12
	// mixCover is the share of the signals that must carry the dimension.
	mixCover = .6
	// A dimension of which this share lies in values of (nearly) one polarity says what happened and not who came: the
	// page after a purchase is seen by buyers.
	outcomeShare, outcomePurity = .25, .95
)

// circumstances adds what the series do not tell: other deployments, the product's settings, signal types, who came.
func (in *Inputs) circumstances(ctx context.Context, days calendar, v Verification, look PlannedLook, evidence Evidence) error {
	plan := v.Plan
	var err error
	if in.OtherDeployments, err = evidence.OtherDeployments(ctx, Span{From: plan.HistoryTo, To: look.AsOf}, plan.HistoryTo.Add(-week)); err != nil {
		return fmt.Errorf("counting other deployments: %w", err)
	}
	shares, err := evidence.CanaryShares(ctx, look.AsOf)
	if err != nil {
		return fmt.Errorf("reading the shares of the traffic: %w", err)
	}
	in.canary(shares, plan.WindowFrom)
	before := Span{From: plan.HistoryTo.Add(-beforeWeeks * week), To: plan.HistoryTo}
	after := Span{From: plan.WindowFrom, To: look.AsOf}
	in.ClockChanged = days.offset(before.From) != days.offset(after.To)

	types, err := evidence.Types(ctx, before, after)
	if err != nil {
		return fmt.Errorf("comparing signal types: %w", err)
	}
	in.compareTypes(plan, types, after)
	in.settings(v)
	if plan.Metric == MetricRatio {
		values, err := evidence.Values(ctx, plan.Measure, plan.MixDimensions, before, after)
		if err != nil {
			return fmt.Errorf("comparing who came: %w", err)
		}
		in.Mix = widestMix(values)
	}
	return nil
}

// compareTypes notes which types began or stopped, and whether that changed what is measured.
func (in *Inputs) compareTypes(plan Plan, types []TypeCount, after Span) {
	if slices.ContainsFunc(types, func(t TypeCount) bool { return t.Type == otherTypes }) {
		return
	}
	share := math.Min(1, float64(after.To.Sub(after.From))/float64(week))
	var counted, fresh int64
	var began []string
	common, gone := map[bool]int{}, map[bool]int{}
	for _, t := range types {
		positive, negative := slices.Contains(plan.PositiveTypes, t.Type), slices.Contains(plan.NegativeTypes, t.Type)
		counts := positive || negative
		if counts {
			counted += t.After
		}
		usual := float64(t.Before) / beforeWeeks * share
		if counts && usual >= typeWeekly {
			common[positive]++
		}
		switch {
		case t.After == 0 && usual >= typeWeekly:
			in.VanishedTypes = append(in.VanishedTypes, t.Type)
			if counts {
				gone[positive]++
			}
		case t.Before == 0 && t.After >= typeWeekly:
			in.NewTypes = append(in.NewTypes, t.Type)
			if counts {
				fresh += t.After
				began = append(began, t.Type)
			}
		}
	}
	switch {
	case fresh > 0 && float64(fresh) >= newShare*float64(counted):
		in.Instrumentation = fmt.Sprintf("%q is counted and was never sent before", began)
	case common[true] > 0 && gone[true] == common[true]:
		in.Instrumentation = "every positive type stopped at once"
	case common[false] >= silencedTypes && gone[false] == common[false] && in.alwaysNegative():
		in.Instrumentation = fmt.Sprintf("all %d negative types stopped at once, which no repair does", gone[false])
	}
}

// alwaysNegative tells whether the measure had negative signals nearly every day of the eight weeks before, and not only
// while the trouble lasted.
func (in *Inputs) alwaysNegative() bool {
	days, negative := 0, 0
	for _, counts := range in.Measure[max(0, in.HistoryDays-specialWeeks*7):in.HistoryDays] {
		if counts[0]+counts[1] > 0 {
			days++
		}
		if counts[1] > 0 {
			negative++
		}
	}
	return days >= pcf.MinHistoryDays && float64(negative) >= nearlyAlways*float64(days)
}

// settings notes what people changed since the test was registered. It goes on with what was registered.
func (in *Inputs) settings(v Verification) {
	note := func(code, format string, args ...any) {
		in.Notes = append(in.Notes, Note{Code: code, Detail: fmt.Sprintf(format, args...)})
	}
	if v.Plan.Metric == MetricRatio && (!sameTypes(v.PositiveTypes, v.Plan.PositiveTypes) || !sameTypes(v.NegativeTypes, v.Plan.NegativeTypes)) {
		note("types_edited", "The context's types were edited since the deployment; the test counts the ones that were registered.")
	}
	if v.TimeZone != v.Plan.TimeZone {
		note("time_zone_edited", "The product's time zone was edited since the deployment; days are still cut in %s.", v.Plan.TimeZone)
	}
	switch c := in.Canary; {
	case c.Least != c.Most:
		note("canary_share_changed", "The share of the traffic that has the change was between %g %% and %g %% since the deployment.", c.Least, c.Most)
	case c.Share < wholeTraffic:
		note("canary", "Only %g %% of the traffic has the change; the effect on those is larger than what all of it shows.", c.Share)
	}
	if v.Plan.Revision > 1 {
		note("plan_revised", "This is plan %d: %s", v.Plan.Revision, v.Plan.RevisedBecause)
	}
}

// canary is the share of the traffic over the window, from the shares in order; what was before the window counts by the
// last of it.
func (in *Inputs) canary(shares []CanaryShare, windowFrom time.Time) {
	in.Canary = Canary{Share: wholeTraffic, Least: wholeTraffic, Most: wholeTraffic}
	for i, s := range shares {
		if i == 0 || !s.At.After(windowFrom) {
			in.Canary = Canary{Share: s.Share, Least: s.Share, Most: s.Share}
			continue
		}
		in.Canary = Canary{Share: s.Share, Least: min(in.Canary.Least, s.Share), Most: max(in.Canary.Most, s.Share)}
	}
}

func sameTypes(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// widestMix is the dimension whose values moved most, of those that most signals carry; nil when there is none.
func widestMix(values []ValueCount) *MixSeen {
	byDimension := map[string][]Segment{}
	var names []string
	for _, v := range values {
		if _, known := byDimension[v.Dimension]; !known {
			names = append(names, v.Dimension)
		}
		byDimension[v.Dimension] = append(byDimension[v.Dimension], v.Segment)
	}
	slices.Sort(names)
	var widest *MixSeen
	most := 0.
	var all float64 // signals of the fullest dimension
	for _, segments := range byDimension {
		before, after := totals(segments)
		all = math.Max(all, before+after)
	}
	for _, name := range names {
		segments := folded(byDimension[name])
		before, after := totals(segments)
		if before == 0 || after == 0 || len(segments) < 2 || before+after < mixCover*all || tellsOutcome(segments) {
			continue
		}
		moved := 0.
		for _, s := range segments {
			moved += math.Abs(float64(s.PositiveAfter+s.NegativeAfter)/after-float64(s.PositiveBefore+s.NegativeBefore)/before) / 2
		}
		if widest == nil || moved > most {
			widest, most = &MixSeen{Dimension: name, Segments: segments}, moved
		}
	}
	return widest
}

// tellsOutcome reports whether the values of a dimension follow from the polarity, judged by what was before.
func tellsOutcome(segments []Segment) bool {
	var all, positive, pure float64
	for _, s := range segments {
		n := float64(s.PositiveBefore + s.NegativeBefore)
		all += n
		positive += float64(s.PositiveBefore)
		if float64(max(s.PositiveBefore, s.NegativeBefore)) > outcomePurity*n {
			pure += n
		}
	}
	mixed := max(positive, all-positive) <= outcomePurity*all
	return mixed && pure > outcomeShare*all
}

func totals(segments []Segment) (before, after float64) {
	for _, s := range segments {
		before += float64(s.PositiveBefore + s.NegativeBefore)
		after += float64(s.PositiveAfter + s.NegativeAfter)
	}
	return before, after
}

// folded keeps the largest values apart and adds up the rest, which is named "".
func folded(segments []Segment) []Segment {
	size := func(s Segment) int64 { return s.PositiveBefore + s.NegativeBefore + s.PositiveAfter + s.NegativeAfter }
	sorted := slices.Clone(segments)
	slices.SortStableFunc(sorted, func(a, b Segment) int {
		if d := size(b) - size(a); d != 0 {
			return int(math.Copysign(1, float64(d)))
		}
		if a.Value < b.Value {
			return -1
		}
		return 1
	})
	var out []Segment
	var rest Segment
	for _, s := range sorted {
		if s.Value != "" && len(out) < mixValues {
			out = append(out, s)
			continue
		}
		rest.PositiveBefore += s.PositiveBefore
		rest.NegativeBefore += s.NegativeBefore
		rest.PositiveAfter += s.PositiveAfter
		rest.NegativeAfter += s.NegativeAfter
	}
	if size(rest) > 0 {
		out = append(out, rest)
	}
	return out
}

const (
	specialRatio = 1.5 // of the usual volume of the weekday, or its inverse
	specialSDs   = 5   // robust standard deviations of the history's
	specialWeeks = 8   // that say what is usual
)

// specialDays finds days of the window on which far more or fewer came than on the same weekdays before: a holiday, an
// outage, a campaign. Public holidays of all countries are not known here; what they do to the traffic is.
func specialDays(in pcf.Input) (places []int) {
	var byWeekday [7][]float64
	weekday := func(i int) int { return (int(in.FirstWeekday) + i) % 7 }
	from := max(0, len(in.History)-specialWeeks*7)
	for i := from; i < len(in.History); i++ {
		if day := in.History[i]; !day.Missing && day.Total() > 0 {
			byWeekday[weekday(i)] = append(byWeekday[weekday(i)], math.Log(day.Total()))
		}
	}
	var centre [7]float64
	var misses []float64
	for day, values := range byWeekday {
		if len(values) < 3 {
			return nil
		}
		centre[day] = middle(values)
		for _, x := range values {
			misses = append(misses, math.Abs(x-centre[day]))
		}
	}
	reach := math.Max(math.Log(specialRatio), specialSDs*1.4826*middle(misses))
	for i, day := range in.Window {
		if !day.Missing && day.Total() > 0 && math.Abs(math.Log(day.Total())-centre[weekday(len(in.History)+i)]) > reach {
			places = append(places, i)
		}
	}
	return places
}

// middle is the median of a non-empty list.
func middle(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
