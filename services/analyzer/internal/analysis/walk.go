package analysis

import (
	"context"
	"fmt"
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
	err := s.store.InContext(ctx, in.AccountID, in.ContextID, func(w Work) error {
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
		tail, opened, err := s.walk(ctx, w, in, run, end)
		if err != nil {
			return err
		}
		total.Signals24h = signalsSince(tail, end.Add(-24*time.Hour))
		total.Detail = run.detail(tail, end)
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

// walk pushes the hours one by one. Hours before the import are history too; the first
// is wherever data begins. It returns the last day's counts.
func (s *Service) walk(ctx context.Context, w Work, in Walk, run *watch, end time.Time) (tail []HourCount, opened int, err error) {
	home := w.Context()
	for from := weekOf(in.From.Add(-lookback)); from.Before(end); from = from.Add(chunk) {
		to := earlier(from.Add(chunk), end)
		hours, err := history(ctx, w, from, from, to)
		if err != nil {
			return nil, 0, err
		}
		for _, h := range everyHour(hours, run.hour, to) {
			tail = append(tail, h.count(&home))
			for len(tail) > 1 && tail[0].Hour.Before(h.Hour.Add(-24*time.Hour)) {
				tail = tail[1:]
			}
			n, err := s.step(ctx, w, in, run, h, tail)
			if err != nil {
				return nil, 0, err
			}
			opened += n
		}
	}
	return tail, opened, nil
}

// everyHour fills the hours without signals in, from the one after last on (0: from the
// first with signals) until to: that nothing came is something to judge, too.
func everyHour(hours []Hour, last int64, to time.Time) []Hour {
	next := last + 1
	if last == 0 {
		if len(hours) == 0 {
			return nil
		}
		next = hourOf(hours[0].Hour)
	}
	out := make([]Hour, 0, max(0, hourOf(to)-next))
	for _, h := range hours {
		for ; next < hourOf(h.Hour); next++ {
			out = append(out, Hour{Hour: timeOf(next)})
		}
		out = append(out, h)
		next++
	}
	for ; next < hourOf(to); next++ {
		out = append(out, Hour{Hour: timeOf(next)})
	}
	return out
}

// step judges one hour as of its end and says how many findings it opened.
func (s *Service) step(ctx context.Context, w Work, in Walk, run *watch, h Hour, tail []HourCount) (int, error) {
	asOf := h.Hour.UTC().Add(time.Hour)
	on := run.push(h, true)
	if h.Hour.Before(in.From.UTC().Truncate(time.Hour)) {
		return 0, nil
	}
	if run.changed() {
		if err := resolve(ctx, w, asOf, run); err != nil {
			return 0, err
		}
	}
	signals := signalsSince(tail, asOf.Add(-24*time.Hour))
	on = append(on, run.lasting(asOf)...)
	if len(on) == 0 || signals < MinSignals {
		return 0, nil
	}
	sortAlarms(on)
	a := Analysis{
		ID: uuid.NewSHA1(in.ImportID, append([]byte(asOf.Format(time.RFC3339)), in.ContextID[:]...)), Context: w.Context(), Trigger: Import,
		RequestedBy: "import:" + in.ImportID.String(), From: in.From, AsOf: asOf,
		Signals24h: signals, Outcome: Findings, StartedAt: s.now(), Detail: run.detail(tail, asOf),
	}
	opened, _, err := s.incidents(ctx, w, &a, run, on)
	if err != nil || len(opened) == 0 {
		return 0, err
	}
	a.FindingCount, a.Reason, a.FinishedAt = len(opened), opened[0].summary(), s.now()
	return len(opened), w.Record(ctx, a)
}
