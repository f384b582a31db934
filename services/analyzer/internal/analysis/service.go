package analysis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/analyzer/internal/detect"
	"github.com/draftlabs/specter/services/analyzer/internal/session"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// ErrNoContext is returned when the context was deleted; nothing was written.
var ErrNoContext = errors.New("the context does not exist")

// Store opens a context for one analysis: everything fn does is one transaction,
// and no other analysis of the context runs meanwhile.
type Store interface {
	InContext(ctx context.Context, account, contextID uuid.UUID, fn func(Work) error) error
}

// Work is what one analysis reads and writes.
type Work interface {
	Context() signal.Context
	// Watched is how many contexts the account's product has.
	Watched() int
	// Hours with signals, from ≤ hour < to, ascending.
	Hours(ctx context.Context, from, to time.Time) ([]HourCount, error)
	// Totals contrasts two windows by type and by dimension value.
	Totals(ctx context.Context, window, baseline Window) ([]TypeTotal, []ValueTotal, error)
	// Raw signals of these types in [from, to), a bounded sample, newest first.
	Raw(ctx context.Context, from, to time.Time, types []string) ([]RawSignal, error)
	// Overlapping is the newest ratio finding whose time meets [from, to].
	Overlapping(ctx context.Context, from, to time.Time) (*Known, error)
	// Unresolved are the open ratio findings detected at or before asOf.
	Unresolved(ctx context.Context, asOf time.Time) ([]Known, error)
	// FunnelStore holds the sample of sessions and what was counted from it.
	session.FunnelStore
	// Deployment's moment, for a regression.
	DeployedAt(ctx context.Context, deployment uuid.UUID) (time.Time, error)

	// Record an analysis and announce it; recording the same id again does nothing.
	Record(ctx context.Context, a Analysis) error
	// Open a finding and announce it; one with the same fingerprint is kept as it is.
	Open(ctx context.Context, f Finding) (fresh bool, err error)
	// Resolve a finding, or take that back with a nil time.
	Resolve(ctx context.Context, finding uuid.UUID, at *time.Time) error
}

// Service runs analyses.
type Service struct {
	store Store
	now   func() time.Time
	newID func() uuid.UUID
}

// New returns a service; newID must give UUIDv7s.
func New(store Store, now func() time.Time, newID func() uuid.UUID) *Service {
	return &Service{store: store, now: now, newID: newID}
}

// Request of one analysis.
type Request struct {
	ID          uuid.UUID // uuid.Nil: a new one
	AccountID   uuid.UUID
	ContextID   uuid.UUID
	Trigger     Trigger
	RequestedBy string
	AsOf        time.Time // zero: now
	DryRun      bool      // say what would be found, and open nothing
}

// Run judges a context as of one moment. A context that is gone is not an error.
func (s *Service) Run(ctx context.Context, r Request) error {
	started := s.now()
	asOf := r.AsOf
	// The running hour is judged as far as it has come; a past hour only whole,
	// because its rollup holds what came after the moment.
	if asOf.IsZero() || asOf.After(started) {
		asOf = started
	}
	if !asOf.UTC().Truncate(time.Hour).Equal(started.UTC().Truncate(time.Hour)) {
		asOf = asOf.UTC().Truncate(time.Hour)
	}
	if r.ID == uuid.Nil {
		r.ID = s.newID()
	}
	err := s.store.InContext(ctx, r.AccountID, r.ContextID, func(w Work) error {
		from := weekOf(asOf.Add(-lookback))
		hours, err := w.Hours(ctx, from, asOf)
		if err != nil {
			return err
		}
		a := Analysis{
			ID: r.ID, Context: w.Context(), Trigger: r.Trigger, RequestedBy: r.RequestedBy,
			From: from, AsOf: asOf, Signals24h: signalsSince(hours, asOf.Add(-24*time.Hour)), StartedAt: started,
		}
		if a.Signals24h < MinSignals {
			a.Outcome, a.Reason = NotEnoughData, fmt.Sprintf("%d of %d signals in 24 h", a.Signals24h, MinSignals)
			a.FinishedAt = s.now()
			return w.Record(ctx, a)
		}
		run := newWatch(w.Watched())
		for _, h := range hours {
			run.push(h)
		}
		if err := s.conclude(ctx, w, &a, run, hours); err != nil {
			return err
		}
		a.FinishedAt = s.now()
		return w.Record(ctx, a)
	})
	return ignoreGone(err)
}

func ignoreGone(err error) error {
	if errors.Is(err, ErrNoContext) {
		return nil
	}
	return err
}

// conclude fills in the outcome after the last hour was pushed.
func (s *Service) conclude(ctx context.Context, w Work, a *Analysis, run *watch, hours []HourCount) error {
	status := run.status
	a.Detail = run.detail(hours, a.AsOf)
	if !status.Active {
		if err := resolve(ctx, w, a.AsOf, status); err != nil {
			return err
		}
		a.Outcome, a.Reason = NothingSignificant, fmt.Sprintf("nothing significant: evidence %.1f of the %.1f a finding needs", status.Evidence, status.Threshold)
		if !status.Ready {
			have, need, events, needEvents := run.detector.Learning()
			a.Outcome = NotEnoughData
			a.Reason = fmt.Sprintf("learning what is usual: %d of %d hours of history, %d of %d positive or negative signals", have, need, min(events, needEvents), needEvents)
		}
		return nil
	}
	opened, known, err := s.incident(ctx, w, a, run, hours)
	if err != nil {
		return err
	}
	if known != nil {
		a.Outcome = NothingSignificant
		a.Reason = "nothing new: the worsening since " + known.StartedAt.UTC().Format("2006-01-02 15:04") + " UTC is known and goes on"
		a.Detail.OpenFindingID = known.ID.String()
		return nil
	}
	a.Outcome, a.FindingCount = Findings, 1
	a.Reason = describe(opened)
	return nil
}

// incident opens a finding for the running incident, or returns the one that tells
// of it already.
func (s *Service) incident(ctx context.Context, w Work, a *Analysis, run *watch, hours []HourCount) (*Finding, *Known, error) {
	in := run.status.Incident
	known, err := w.Overlapping(ctx, timeOf(in.Onset.Hour), a.AsOf)
	if err != nil {
		return nil, nil, err
	}
	if known != nil {
		if known.ResolvedAt != nil { // it had looked better for a while
			err = w.Resolve(ctx, known.ID, nil)
		}
		return nil, known, err
	}
	f, err := s.findingOf(ctx, w, a, run, hours)
	if err != nil {
		return nil, nil, err
	}
	fresh, err := w.Open(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	if !fresh {
		return nil, &Known{ID: f.ID, StartedAt: f.StartedAt, DetectedAt: f.DetectedAt}, nil
	}
	return &f, nil, nil
}

// resolve closes what is open once the detector sees no incident any more.
func resolve(ctx context.Context, w Work, asOf time.Time, status detect.Status) error {
	open, err := w.Unresolved(ctx, asOf)
	if err != nil {
		return err
	}
	at := asOf
	if status.Incident != nil && status.Incident.Closed != 0 {
		at = timeOf(status.Incident.Closed + 1)
	}
	for _, k := range open {
		end := at
		if end.Before(k.DetectedAt) {
			end = k.DetectedAt
		}
		if err := w.Resolve(ctx, k.ID, &end); err != nil {
			return err
		}
	}
	return nil
}

func describe(f *Finding) string {
	e := f.Evidence
	text := fmt.Sprintf("the positive ratio fell from %.1f %% to %.1f %% (expected %.1f %%) since %s UTC",
		100*e.Ratio.Baseline, 100*e.Ratio.Window, 100*e.Ratio.Expected, f.StartedAt.UTC().Format("2006-01-02 15:04"))
	if len(e.Segments) > 0 && e.Segments[0].Explains {
		c := e.Segments[0].Conditions[0]
		text += fmt.Sprintf("; %s %q explains %.0f %% of it", c.Dimension, c.Value, 100*e.Segments[0].ShareOfChange)
	}
	return text
}

func signalsSince(hours []HourCount, since time.Time) int64 {
	var n int64
	for _, h := range hours {
		if h.Hour.Add(time.Hour).After(since) {
			n += h.All
		}
	}
	return n
}

// weekOf is the Monday before: histories start there, so that runs of one week
// see the same one.
func weekOf(t time.Time) time.Time {
	t = t.UTC().Truncate(24 * time.Hour)
	return t.AddDate(0, 0, -(int(t.Weekday())+6)%7)
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

func timeOf(hour int64) time.Time { return time.Unix(hour*3600, 0).UTC() }
