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
		// Hours before the import are history too; the first is wherever data begins.
		from := weekOf(in.From.Add(-lookback))
		end := in.To.UTC().Truncate(time.Hour).Add(time.Hour)
		if end.After(started) {
			end = started
		}
		hours, err := w.Hours(ctx, from, end)
		if err != nil {
			return err
		}
		total := Analysis{
			ID: uuid.NewSHA1(in.ImportID, append([]byte("walk"), in.ContextID[:]...)), Context: w.Context(), Trigger: Import,
			RequestedBy: "import:" + in.ImportID.String(), From: in.From, AsOf: end, Signals24h: signalsSince(hours, end.Add(-24*time.Hour)), StartedAt: started,
		}
		run, opened, err := s.walk(ctx, w, in, hours)
		if err != nil {
			return err
		}
		total.Detail = run.detail(hours, end)
		total.FindingCount = opened
		span := fmt.Sprintf("%d hours with signals judged one by one", run.judged)
		switch {
		case opened > 0:
			total.Outcome, total.Reason = Findings, fmt.Sprintf("%s: %d found", span, opened)
		case !run.status.Ready:
			have, need, events, needEvents := run.detector.Learning()
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

func (s *Service) walk(ctx context.Context, w Work, in Walk, hours []HourCount) (*watch, int, error) {
	run := newWatch(w.Watched())
	opened, wasActive := 0, false
	for i, h := range hours {
		run.push(h)
		status := run.status
		asOf := h.Hour.UTC().Add(time.Hour)
		if h.Hour.Before(in.From.UTC().Truncate(time.Hour)) {
			wasActive = status.Active
			continue
		}
		switch {
		case status.Opened && signalsSince(hours[:i+1], asOf.Add(-24*time.Hour)) >= MinSignals:
			a := Analysis{
				ID: uuid.NewSHA1(in.ImportID, append([]byte(asOf.Format(time.RFC3339)), in.ContextID[:]...)), Context: w.Context(), Trigger: Import,
				RequestedBy: "import:" + in.ImportID.String(), From: in.From, AsOf: asOf,
				Signals24h: signalsSince(hours[:i+1], asOf.Add(-24*time.Hour)), Outcome: Findings, StartedAt: s.now(),
				Detail: run.detail(hours[:i+1], asOf),
			}
			finding, known, err := s.incident(ctx, w, &a, run, hours[:i+1])
			if err != nil {
				return nil, 0, err
			}
			if known != nil {
				break
			}
			opened++
			a.FindingCount, a.Reason, a.FinishedAt = 1, describe(finding), s.now()
			if err := w.Record(ctx, a); err != nil {
				return nil, 0, err
			}
		case wasActive && !status.Active:
			if err := resolve(ctx, w, asOf, status); err != nil {
				return nil, 0, err
			}
		}
		wasActive = status.Active
	}
	return run, opened, nil
}
