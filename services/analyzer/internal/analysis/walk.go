package analysis

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Walk is imported history of one context to be judged hour by hour.
type Walk struct {
	AccountID uuid.UUID
	ContextID uuid.UUID
	ImportID  uuid.UUID
	From      time.Time // first imported moment
	To        time.Time // last imported moment
}

// Walk judges each hour of the history as of its end, as if it had come in live:
// the detector sees an hour only once the one before is judged, and a finding's
// evidence holds nothing later than the hour that opened it. It leaves one analysis
// per finding and one that sums the walk up. Walking again changes nothing.
func (s *Service) Walk(ctx context.Context, in Walk) error {
	started := s.now()
	stored, err := s.stored(ctx)
	if err != nil {
		return fmt.Errorf("asking how far signals are stored: %w", err)
	}
	err = s.store.InContext(ctx, in.AccountID, in.ContextID, func(w Work) error {
		home := w.Context()
		end := in.To.UTC().Truncate(time.Hour).Add(time.Hour)
		if end.After(started) {
			end = started
		}
		total := Analysis{
			ID: uuid.NewSHA1(in.ImportID, append([]byte("walk"), in.ContextID[:]...)), Context: home, Trigger: Import,
			RequestedBy: "import:" + in.ImportID.String(), From: in.From, AsOf: end, StartedAt: started,
		}
		run := newWatch(&home, w.Watched())
		l := walking{Walk: in, service: s, work: w, run: run, stored: earlier(started, stored), end: end}
		if err := l.all(ctx); err != nil {
			return err
		}
		opened := l.opened
		total.Signals24h = signalsSince(l.tail, end.Add(-24*time.Hour))
		total.Detail = run.detail(l.tail, end)
		total.FindingCount = opened
		span := fmt.Sprintf("%d hours with signals judged one by one", run.judged)
		switch {
		case opened > 0:
			total.Outcome, total.Reason = Findings, fmt.Sprintf("%s: %d found", span, opened)
		case !run.status.Ready:
			have, need, events, needEvents := run.ratio.Learning()
			total.Outcome = NotEnoughData
			total.Reason = fmt.Sprintf("%s: still learning what is usual (%d of %d hours of history, %d of %d positive or negative signals)",
				span, have, need, min(events, needEvents), needEvents)
		default:
			total.Outcome, total.Reason = NothingSignificant, span+": nothing significant"
		}
		total.FinishedAt = s.now()
		return w.Record(ctx, total)
	})
	return ignoreGone(err)
}

// chunk is how much history a walk holds at a time.
const chunk = 4 * 7 * 24 * time.Hour

// walking is a walk on its way.
type walking struct {
	Walk
	service *Service
	work    Work
	run     *watch
	stored  time.Time // all that was accepted before
	end     time.Time
	tail    []HourCount // of the last day
	open    []Known     // findings that are not resolved, later ones included
	opened  int
}

// all pushes the hours one by one. Hours before the import are history too; the first
// is wherever data begins.
func (l *walking) all(ctx context.Context) error {
	var err error
	if l.open, err = l.work.Unresolved(ctx, l.end); err != nil {
		return err
	}
	begin := weekOf(l.From.Add(-lookback))
	if l.run.cuts.hours, err = l.work.Refused(ctx, begin, l.end); err != nil {
		return err
	}
	for from := begin; from.Before(l.end); from = from.Add(chunk) {
		hours, err := history(ctx, l.work, from, from, earlier(from.Add(chunk), l.end))
		if err != nil {
			return err
		}
		for _, h := range hours {
			if err := l.quiet(ctx, hourOf(h.Hour)); err != nil {
				return err
			}
			if err := l.hour(ctx, h); err != nil {
				return err
			}
		}
	}
	return l.quiet(ctx, hourOf(l.end)) // a context may have stopped before the import ends
}

// quiet judges the hours without signals before one, as long as anybody would be told.
func (l *walking) quiet(ctx context.Context, until int64) error {
	if l.run.first == 0 {
		return nil
	}
	until = min(until, l.run.hour+24, hourOf(settled(l.end, l.stored)))
	for hour := l.run.hour + 1; hour < until; hour++ {
		l.run.silence(hour + 1)
		if err := l.judge(ctx, timeOf(hour+1)); err != nil {
			return err
		}
	}
	return nil
}

// hour judges one with signals.
func (l *walking) hour(ctx context.Context, h Hour) error {
	home := l.work.Context()
	l.tail = append(l.tail, h.count(&home))
	for len(l.tail) > 1 && l.tail[0].Hour.Before(h.Hour.Add(-24*time.Hour)) {
		l.tail = l.tail[1:]
	}
	end := h.Hour.Add(time.Hour)
	asOf := earlier(end, l.end)
	whole := !end.After(settled(asOf, l.stored))
	if whole {
		l.run.silence(hourOf(h.Hour))
	}
	l.run.push(h, whole)
	return l.judge(ctx, asOf)
}

// judge what was pushed, as of then, as Run does: first what is over, then what is on.
func (l *walking) judge(ctx context.Context, asOf time.Time) error {
	signals := signalsSince(l.tail, asOf.Add(-24*time.Hour))
	if !asOf.After(l.From) || signals < MinSignals {
		return nil
	}
	over := slices.ContainsFunc(l.open, func(k Known) bool {
		on, _ := l.run.on(k)
		return !on && !k.DetectedAt.After(asOf)
	})
	if over {
		if err := resolve(ctx, l.work, asOf, l.run); err != nil {
			return err
		}
	}
	on := l.run.active()
	if len(on) > 0 {
		if err := l.tell(ctx, asOf, on, signals); err != nil {
			return err
		}
	}
	if !over && len(on) == 0 {
		return nil
	}
	var err error
	l.open, err = l.work.Unresolved(ctx, l.end)
	return err
}

// tell opens findings of what is on, and leaves an analysis if there is a new one.
func (l *walking) tell(ctx context.Context, asOf time.Time, on []alarm, signals int64) error {
	a := Analysis{
		ID: uuid.NewSHA1(l.ImportID, append([]byte(asOf.Format(time.RFC3339)), l.ContextID[:]...)), Context: l.work.Context(), Trigger: Import,
		RequestedBy: "import:" + l.ImportID.String(), From: l.From, AsOf: asOf,
		Signals24h: signals, Outcome: Findings, StartedAt: l.service.now(), Detail: l.run.detail(l.tail, asOf),
	}
	opened, _, err := l.service.incidents(ctx, l.work, &a, l.run, on)
	if err != nil || len(opened) == 0 {
		return err
	}
	l.opened += len(opened)
	a.FindingCount, a.Reason, a.FinishedAt = len(opened), opened[0].summary(), l.service.now()
	return l.work.Record(ctx, a)
}
