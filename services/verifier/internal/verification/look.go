package verification

import (
	"context"
	"fmt"
	"time"

	"github.com/draftlabs/specter/pkg/pcf"
)

// evaluate takes a look of v, unless it was taken already, is not due, belongs to an earlier plan, or still waits for
// its data.
func (s *Service) evaluate(ctx context.Context, v Verification, due Due, evidence Evidence) (Step, error) {
	now := s.now()
	switch {
	case v.Status != StatusCollecting, due.Revision != v.Plan.revision():
		return Step{}, nil
	case v.RolledBack:
		return Step{Status: StatusStopped, At: now}, nil
	case !v.DeployedAt.Equal(v.Plan.DeployedAt):
		return s.edited(ctx, v, evidence)
	}
	look, err := v.Plan.look(due.Number)
	if err != nil {
		return Step{}, err
	}
	if look.Day <= v.LastLookDay {
		return Step{}, nil
	}
	if wait, err := s.wait(ctx, v, look, now, evidence); err != nil || wait > 0 {
		return Step{Wait: wait}, err
	}

	inputs, err := gather(ctx, v, look, evidence)
	if err != nil {
		return Step{}, err
	}
	result, verdict, err := Judge(v.Plan, look, inputs)
	if err != nil {
		return Step{}, err
	}
	step := Step{Taken: &look, Inputs: inputs, Result: result, Status: Status(verdict), At: now}
	if verdict.Final() {
		if step.EventID, err = s.newID(); err != nil {
			return Step{}, fmt.Errorf("making an event id: %w", err)
		}
		return step, nil
	}
	next := s.due(v, v.Plan.Looks[look.Number])
	step.Next = &next
	return step, nil
}

// edited makes the plan for a time that was edited since.
func (s *Service) edited(ctx context.Context, v Verification, evidence Evidence) (Step, error) {
	d, err := evidence.Deployment(ctx)
	if err != nil {
		return Step{}, fmt.Errorf("reading the edited deployment: %w", err)
	}
	revised, err := s.revise(ctx, d, v, evidence)
	if err != nil {
		return Step{}, err
	}
	return Step{Revised: revised}, nil
}

// funnelSettle is how much longer a funnel's day takes: a session has an hour for its steps, and is counted with the
// next analysis.
const funnelSettle = 3 * time.Hour

// settled is when the data of a look should be there.
func (s *Service) settled(plan Plan, look PlannedLook) time.Time {
	at := look.AsOf.Add(s.timing.Settle)
	if plan.Metric == MetricConversion {
		at = at.Add(funnelSettle)
	}
	return at
}

// due is the timer of a look.
func (s *Service) due(v Verification, look PlannedLook) Due {
	return Due{AccountID: v.AccountID, VerificationID: v.ID, Revision: v.Plan.revision(), Number: look.Number, At: s.settled(v.Plan, look)}
}

// lastHour of a day: a signal from it, or a later one, shows that the day's data has arrived.
const lastHour = time.Hour

// wait is how long the look must still wait: until its day has ended and settled, and then until a signal from the end
// of that day or later shows that everything before has arrived, or the product has been silent for too long to wait on.
func (s *Service) wait(ctx context.Context, v Verification, look PlannedLook, now time.Time, evidence Evidence) (time.Duration, error) {
	if due := s.settled(v.Plan, look); now.Before(due) {
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

// The reasons this service adds to those of the method.
const (
	// reasonSpecialDays: without days on which far more or fewer came than usual, there is no verdict yet.
	reasonSpecialDays pcf.Reason = "carried_by_special_days"
	// reasonCanary: that all of the traffic shows no effect says little of the part that has the change; and nothing can
	// be credited to a change that nobody has.
	reasonCanary pcf.Reason = "canary_share"
	// reasonRefused: what is missing was refused, and says nothing of the deployment.
	reasonRefused pcf.Reason = "signals_refused"
)

// Judge computes a look's result from its plan and its inputs, and from nothing else: the same inputs give the same
// bytes.
func Judge(plan Plan, look PlannedLook, inputs Inputs) (Result, pcf.Verdict, error) {
	in := inputs.input(plan, plan.Measure, inputs.Measure)
	special := specialDays(in)
	if plan.Promised == nil {
		in.Predicted = plan.PromisedRange
	}
	judged, err := pcf.Judge(in, look.Number)
	if err != nil {
		return Result{}, "", fmt.Errorf("judging look %d: %w", look.Number, err)
	}
	if err := holdBack(in, special, inputs.Canary, &judged); err != nil {
		return Result{}, "", err
	}
	if missing := judged.Reason == pcf.ReasonZeroTraffic || judged.Reason == pcf.ReasonInstrumentation || judged.Reason == pcf.ReasonFewDays; missing && inputs.refusedSince() > 0 {
		judged.Reason = reasonRefused
	}

	promised := judged
	if plan.Promised != nil {
		whole := inputs.input(plan, *plan.Promised, inputs.Promised)
		whole.Predicted = plan.PromisedRange
		if promised, err = pcf.Judge(whole, look.Number); err != nil {
			return Result{}, "", fmt.Errorf("judging what was predicted: %w", err)
		}
	}
	result := newResult(plan, inputs, judged, promised)
	result.standOut(inputs, special)
	result.placeboDates(in, inputs, look)
	return result, judged.Verdict, nil
}

// holdBack takes back a verdict that should not be given. One that rests on special days waits for ordinary ones; when
// most days up to the horizon are special, that is how it is now. A regression is told all the same: it is better to
// look in vain.
func holdBack(in pcf.Input, special []int, canary Canary, judged *pcf.Result) error {
	last := judged.Look.Day >= judged.Horizon
	hold := func(reason pcf.Reason) {
		judged.Verdict, judged.Reason = pcf.Collecting, reason
		if last {
			judged.Verdict = pcf.Inconclusive
		}
	}
	if canary.Most == 0 && judged.Verdict.Final() || canary.Least < wholeTraffic && judged.Verdict == pcf.NoEffect {
		hold(reasonCanary)
		return nil
	}
	if judged.Verdict != pcf.Improved && judged.Verdict != pcf.NoEffect {
		return nil
	}
	if len(special) == 0 || last && 2*len(special) > len(in.Window) {
		return nil
	}
	window := make([]pcf.Day, len(in.Window))
	copy(window, in.Window)
	for _, day := range special {
		window[day] = pcf.Day{Missing: true}
	}
	in.Window = window
	ordinary, err := pcf.Judge(in, judged.Look.Number)
	if err != nil {
		return fmt.Errorf("judging the ordinary days: %w", err)
	}
	if ordinary.Verdict != judged.Verdict {
		hold(reasonSpecialDays)
	}
	return nil
}
