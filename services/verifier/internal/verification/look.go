package verification

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/draftlabs/specter/pkg/pcf"
)

// evaluate takes look number of v, unless it was taken already, is not due, or still waits for its data.
func (s *Service) evaluate(ctx context.Context, v Verification, number int, evidence Evidence) (Step, error) {
	look, err := v.Plan.look(number)
	if err != nil {
		return Step{}, err
	}
	now := s.now()
	switch {
	case v.Status != StatusCollecting, look.Day <= v.LastLookDay:
		return Step{}, nil
	case v.RolledBack:
		return Step{Status: StatusStopped, At: now}, nil
	}
	if wait, err := s.wait(ctx, v, look, now, evidence); err != nil || wait > 0 {
		return Step{Wait: wait}, err
	}

	result, verdict, err := measure(ctx, v.Plan, look, evidence)
	if err != nil {
		return Step{}, err
	}
	step := Step{Taken: &look, Result: result, Status: Status(verdict), At: now}
	if verdict.Final() {
		if step.EventID, err = s.newID(); err != nil {
			return Step{}, fmt.Errorf("making an event id: %w", err)
		}
		return step, nil
	}
	next := s.due(v, v.Plan.Looks[number])
	step.Next = &next
	return step, nil
}

// due is the timer of a look.
func (s *Service) due(v Verification, look PlannedLook) Due {
	return Due{AccountID: v.AccountID, VerificationID: v.ID, Number: look.Number, At: look.AsOf.Add(s.timing.Settle)}
}

// lastHour of a day: a signal from it, or a later one, shows that the day's data has arrived.
const lastHour = time.Hour

// wait is how long the look must still wait: until its day has ended and settled, and then until a signal from the end
// of that day or later shows that everything before has arrived, or the product has been silent for too long to wait on.
func (s *Service) wait(ctx context.Context, v Verification, look PlannedLook, now time.Time, evidence Evidence) (time.Duration, error) {
	if due := look.AsOf.Add(s.timing.Settle); now.Before(due) {
		return due.Sub(now), nil
	}
	since := look.AsOf
	if v.RegisteredAt.After(since) {
		since = v.RegisteredAt
	}
	waited := now.Sub(since)
	if waited >= s.timing.MaxWait {
		return 0, nil
	}
	arrived, err := evidence.Arrived(ctx, look.AsOf.Add(-lastHour))
	if err != nil {
		return 0, fmt.Errorf("asking whether the day's data has arrived: %w", err)
	}
	if arrived {
		return 0, nil
	}
	return min(max(waited/4, minRetry), maxRetry, s.timing.MaxWait-waited), nil
}

// measure reads what the look may see and judges it.
func measure(ctx context.Context, plan Plan, look PlannedLook, evidence Evidence) (Result, pcf.Verdict, error) {
	days, err := newCalendar(plan.TimeZone)
	if err != nil {
		return Result{}, "", err
	}
	hours, err := evidence.Hours(ctx, plan, plan.HistoryFrom, look.AsOf)
	if err != nil {
		return Result{}, "", fmt.Errorf("reading the hours: %w", err)
	}
	series := bucket(days, plan, look, hours)

	judged, err := pcf.Judge(series.input(days, plan), look.Number)
	if err != nil {
		return Result{}, "", fmt.Errorf("judging look %d: %w", look.Number, err)
	}
	warnings, err := observedWarnings(ctx, plan, look, evidence)
	if err != nil {
		return Result{}, "", err
	}
	return newResult(judged, plan, series, warnings), judged.Verdict, nil
}

// daySeries are the complete days a look sees. The day of the deployment is kept for drawing even when it is in neither
// side.
type daySeries struct {
	starts []time.Time
	dates  []string
	days   []pcf.Day
	// history counts the days before the window, the day of the deployment among them when it is one of neither side
	// (gap).
	history int
	gap     bool
}

// bucket sums hours into the days from the start of the history to the look.
func bucket(days calendar, plan Plan, look PlannedLook, hours []Hour) daySeries {
	s := daySeries{gap: plan.WindowFrom.After(plan.HistoryTo)}
	for i := 0; ; i++ {
		start := days.start(plan.HistoryFrom, i)
		if !start.Before(look.AsOf) {
			break
		}
		s.starts = append(s.starts, start)
		s.dates = append(s.dates, days.date(start))
		if start.Before(plan.WindowFrom) {
			s.history = len(s.starts)
		}
	}
	s.days = make([]pcf.Day, len(s.starts))
	for _, hour := range hours {
		// The day that holds an hour is the last one that starts at or before it.
		day, exact := slices.BinarySearchFunc(s.starts, hour.Start, time.Time.Compare)
		if !exact {
			day--
		}
		s.days[day].Positive += float64(hour.Positive)
		s.days[day].Negative += float64(hour.Negative)
	}
	return s
}

// input is the series as the method takes it.
func (s daySeries) input(days calendar, plan Plan) pcf.Input {
	in := pcf.Input{
		Metric:       pcf.Ratio,
		FirstWeekday: s.starts[0].In(days.zone).Weekday(),
		History:      slices.Clone(s.days[:s.history]),
		Window:       s.days[s.history:],
		Schedule:     plan.schedule(),
	}
	if s.gap {
		in.History[s.history-1] = pcf.Day{Missing: true}
	}
	if plan.Trigger != nil {
		for i, start := range s.starts[:s.history] {
			if !start.Before(plan.Trigger.From) && start.Before(plan.Trigger.To) {
				in.Trigger = append(in.Trigger, i)
			}
		}
	}
	return in
}

// A type counts as new or vanished from this many a week on the other side.
const typeWeekly = 10

// otherTypes adds up those beyond what an hour counts by themselves. Any type may be
// among them, so none can be said to be new or to be gone.
const otherTypes = ""

// observedWarnings are those that need more than the series: other deployments and signal types.
func observedWarnings(ctx context.Context, plan Plan, look PlannedLook, evidence Evidence) ([]string, error) {
	var warnings []string
	others, err := evidence.OtherDeployments(ctx, Span{From: plan.HistoryTo, To: look.AsOf})
	if err != nil {
		return nil, fmt.Errorf("counting other deployments: %w", err)
	}
	if others > 0 {
		warnings = append(warnings, fmt.Sprintf("Other deployments of this product shipped in the same days (%d); the effect may be theirs.", others))
	}

	const week = 7 * 24 * time.Hour
	before := Span{From: plan.HistoryTo.Add(-4 * week), To: plan.HistoryTo}
	after := Span{From: plan.WindowFrom, To: look.AsOf}
	types, err := evidence.Types(ctx, before, after)
	if err != nil {
		return nil, fmt.Errorf("comparing signal types: %w", err)
	}
	if slices.ContainsFunc(types, func(t TypeCount) bool { return t.Type == otherTypes }) {
		return warnings, nil
	}
	share := float64(after.To.Sub(after.From)) / float64(week)
	for _, t := range types {
		switch {
		case t.After == 0 && float64(t.Before)/4*min(share, 1) >= typeWeekly:
			warnings = append(warnings, fmt.Sprintf("The signal type %q has not been seen since the deployment.", t.Type))
		case t.Before == 0 && float64(t.After) >= typeWeekly:
			warnings = append(warnings, fmt.Sprintf("The signal type %q is new since the deployment.", t.Type))
		}
	}
	return warnings, nil
}
