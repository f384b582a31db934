package analysis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/analyzer/internal/session"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// ErrNoContext is returned when the context was deleted; nothing was written.
var ErrNoContext = errors.New("the context does not exist")

// Store opens a context for one analysis: everything fn does is one transaction,
// and no other analysis of the context runs meanwhile. It fails when one does for long.
type Store interface {
	InContext(ctx context.Context, account, contextID uuid.UUID, fn func(Work) error) error
}

// Work is what one analysis reads and writes.
type Work interface {
	Context() signal.Context
	// Watched is how many contexts the account's product has.
	Watched() int
	// History is every hour with signals, from ≤ hour < to, ascending; values and errors
	// only of hours from recent on. It leaves the funnel out.
	History(ctx context.Context, from, recent, to time.Time) ([]Hour, error)
	// Refused are the hours in which signals of the product were refused, from ≤ hour < to,
	// ascending.
	Refused(ctx context.Context, from, to time.Time) ([]RefusedHour, error)
	// Totals contrasts two windows by type and by dimension value; nil types: all.
	Totals(ctx context.Context, window, baseline Window, types []string) ([]TypeTotal, []ValueTotal, error)
	// FunnelStore holds the sample of sessions and what was counted from it.
	session.FunnelStore
	// Raw signals of these types in [from, to), a bounded sample, newest first.
	Raw(ctx context.Context, from, to time.Time, types []string) ([]RawSignal, error)
	// Around are the findings whose time meets [from, to], the newest first, but for those
	// of deployments.
	Around(ctx context.Context, from, to time.Time) ([]Known, error)
	// Unresolved are the open findings detected at or before asOf, but for those of
	// deployments.
	Unresolved(ctx context.Context, asOf time.Time) ([]Known, error)
	// Elsewhere is how many signals the product's other contexts had in [from, to), and
	// whether a silence of one of them in it is known.
	Elsewhere(ctx context.Context, from, to time.Time) (signals int64, silence bool, err error)
	// Deployment's moment, for a regression.
	DeployedAt(ctx context.Context, deployment uuid.UUID) (time.Time, error)

	// Record an analysis and announce it; recording the same id again does nothing.
	Record(ctx context.Context, a Analysis) error
	// Open a finding and announce it; one with the same fingerprint is kept as it is.
	Open(ctx context.Context, f Finding) (fresh bool, err error)
	// Renew a finding's evidence and what follows from it; tell says whether that is news.
	Renew(ctx context.Context, known uuid.UUID, f Finding, tell bool) error
	// Resolve a finding, or take that back with a nil time.
	Resolve(ctx context.Context, finding uuid.UUID, at *time.Time) error
	// LookAgain at a moment unless signals of a later hour than last have come until then:
	// the context's silence would be a finding.
	LookAgain(ctx context.Context, at, last time.Time) error
}

// Stored is the moment before which everything that was accepted is stored.
type Stored func(ctx context.Context) (time.Time, error)

// Service runs analyses.
type Service struct {
	store  Store
	stored Stored
	now    func() time.Time
	newID  func() uuid.UUID
}

// New returns a service; newID must give UUIDv7s.
func New(store Store, stored Stored, now func() time.Time, newID func() uuid.UUID) *Service {
	return &Service{store: store, stored: stored, now: now, newID: newID}
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
	past := !asOf.UTC().Truncate(time.Hour).Equal(started.UTC().Truncate(time.Hour))
	if past {
		asOf = asOf.UTC().Truncate(time.Hour)
	}
	if r.ID == uuid.Nil {
		r.ID = s.newID()
	}
	stored, err := s.stored(ctx)
	if err != nil {
		return fmt.Errorf("asking how far signals are stored: %w", err)
	}
	whole := settled(asOf, earlier(started, stored))
	err = s.store.InContext(ctx, r.AccountID, r.ContextID, func(w Work) error {
		from := weekOf(asOf.Add(-lookback))
		hours, err := history(ctx, w, from, weekOf(asOf.Add(-recent)), asOf)
		if err != nil {
			return err
		}
		home := w.Context()
		counts := countAll(&home, hours)
		a := Analysis{
			ID: r.ID, Context: home, Trigger: r.Trigger, RequestedBy: r.RequestedBy, DryRun: r.DryRun,
			From: from, AsOf: asOf, Signals24h: signalsSince(counts, asOf.Add(-24*time.Hour)), StartedAt: started,
		}
		if a.Signals24h < MinSignals {
			a.Outcome, a.Reason = NotEnoughData, fmt.Sprintf("%d of %d signals in 24 h", a.Signals24h, MinSignals)
			a.FinishedAt = s.now()
			return w.Record(ctx, a)
		}
		run := newWatch(&home, w.Watched())
		if run.cuts.hours, err = w.Refused(ctx, from, asOf); err != nil {
			return err
		}
		for _, h := range hours {
			run.push(h, !h.Hour.Add(time.Hour).After(whole))
		}
		run.silence(hourOf(whole))
		if err := s.conclude(ctx, w, &a, run, counts); err != nil {
			return err
		}
		a.FinishedAt = s.now()
		if err := w.Record(ctx, a); err != nil || r.DryRun || past {
			return err
		}
		return lookAgain(ctx, w, run)
	})
	return ignoreGone(err)
}

// funnelDelay is after how many hours it is known how sessions went on.
const funnelDelay = int64(session.FunnelWindow/time.Hour) + 1

// history reads the hours with their funnels.
func history(ctx context.Context, w Work, from, recent, to time.Time) ([]Hour, error) {
	hours, err := w.History(ctx, from, recent, to)
	home := w.Context()
	if err != nil || len(home.Funnel) == 0 {
		return hours, err
	}
	// Its last hours may have become known in the first of these.
	funnel, err := session.FunnelHistory(ctx, w, home.Funnel, recent.AddDate(0, 0, -1), to, to)
	if err != nil {
		return nil, err
	}
	for i := range hours {
		if !hours[i].Recent {
			continue
		}
		known := hourOf(hours[i].Hour) - funnelDelay
		n := 0
		for n < len(funnel) && hourOf(funnel[n].Hour) <= known {
			n++
		}
		hours[i].Funnel, funnel = funnel[:n:n], funnel[n:]
	}
	return hours, nil
}

// lookAgain makes sure that silence is noticed, though no signal will ask for it. Where
// signals are stored late, that moment may have passed.
func lookAgain(ctx context.Context, w Work, run *watch) error {
	hour, ok := run.volume.SilentAfter(longestSilence)
	if !ok {
		return nil
	}
	return w.LookAgain(ctx, timeOf(hour+1).Add(onTheWay+time.Minute), timeOf(run.last))
}

// longestSilence is how many hours ahead a silence is waited for: within them, the last
// 24 hours must still hold signals.
const longestSilence = 23

func ignoreGone(err error) error {
	if errors.Is(err, ErrNoContext) {
		return nil
	}
	return err
}

// conclude fills in the outcome after the last hour was pushed.
func (s *Service) conclude(ctx context.Context, w Work, a *Analysis, run *watch, hours []HourCount) error {
	a.Detail = run.detail(hours, a.AsOf)
	if !a.DryRun {
		if err := resolve(ctx, w, a.AsOf, run); err != nil {
			return err
		}
	}
	opened, known, err := s.incidents(ctx, w, a, run, run.active())
	if err != nil {
		return err
	}
	switch {
	case len(opened) > 0:
		a.Outcome, a.FindingCount = Findings, len(opened)
		a.Reason = opened[0].summary()
		if more := len(opened) - 1; more > 0 {
			a.Reason += fmt.Sprintf("; and %d more", more)
		}
	case known != nil:
		a.Outcome = NothingSignificant
		a.Reason = "nothing new: the worsening since " + known.StartedAt.UTC().Format("2006-01-02 15:04") + " UTC is known and goes on"
		a.Detail.OpenFindingID = known.ID.String()
	case a.Detail.Pending != "":
		a.Outcome = NothingSignificant
		a.Reason = "waiting to see what explains it: " + a.Detail.Pending
	case !run.status.Ready:
		have, need, events, needEvents := run.ratio.Learning()
		a.Outcome = NotEnoughData
		a.Reason = fmt.Sprintf("learning what is usual: %d of %d hours of history, %d of %d positive or negative signals", have, need, min(events, needEvents), needEvents)
	default:
		a.Outcome = NothingSignificant
		a.Reason = fmt.Sprintf("nothing significant: evidence %.1f of the %.1f a finding needs", run.status.Evidence, run.status.Threshold)
	}
	return nil
}

// maxOpened bounds how many findings one analysis opens: when more goes wrong at once,
// the first ones say so.
const maxOpened = 3

// incidents opens a finding for each alarm that nobody was told about, the strongest
// first, and returns one that tells of what goes on already. A dry run opens none.
func (s *Service) incidents(ctx context.Context, w Work, a *Analysis, run *watch, on []alarm) (opened []*Finding, known *Known, err error) {
	if len(on) == 0 {
		return nil, nil, nil
	}
	from := timeOf(on[0].onset.Hour)
	for _, one := range on {
		from = earlier(from, timeOf(one.onset.Hour))
	}
	around, err := w.Around(ctx, from.Add(-after), a.AsOf)
	if err != nil {
		return nil, nil, err
	}
	for i := range around { // a dry run resolves none, but knows what is over
		if k := &around[i]; a.DryRun && k.ResolvedAt == nil && !k.DetectedAt.After(a.AsOf) {
			k.ResolvedAt = run.end(*k, a.AsOf)
		}
	}
	for _, one := range on {
		if k := one.knownAs(around); k != nil {
			// It had looked better for a while; what was resolved later still was not then.
			if on, _ := run.on(*k); k.ResolvedAt != nil && !k.ResolvedAt.After(a.AsOf) && on && !a.DryRun {
				if err := w.Resolve(ctx, k.ID, nil); err != nil {
					return nil, nil, err
				}
				k.ResolvedAt = nil
			}
			if known == nil && (k.ResolvedAt == nil || k.ResolvedAt.After(a.AsOf)) {
				known = k
			}
			if err := s.renew(ctx, w, a, run, one, k); err != nil {
				return nil, nil, err
			}
			continue
		}
		if len(opened) == maxOpened {
			continue
		}
		if elsewhere, err := s.knownElsewhere(ctx, w, one); err != nil || elsewhere {
			if err != nil {
				return nil, nil, err
			}
			continue
		}
		f, err := s.findingOf(ctx, w, a, run, one)
		if err != nil {
			return nil, nil, err
		}
		if f.unclear && a.AsOf.Sub(f.StartedAt) < patience {
			a.Detail.Pending = f.summary()
			continue
		}
		fresh := true
		if a.DryRun {
			a.Detail.Preview = append(a.Detail.Preview, Preview{Family: f.Family, Severity: f.Severity, StartedAt: f.StartedAt, Summary: f.summary(), Evidence: f.Evidence})
		} else if fresh, err = w.Open(ctx, f); err != nil {
			return nil, nil, err
		}
		now := Known{
			ID: f.ID, Family: f.Family, Fingerprint: f.Fingerprint, StartedAt: f.StartedAt, StartedLow: f.StartedLow, DetectedAt: f.DetectedAt,
			AsOf: a.AsOf, Severity: f.Severity, Lead: f.lead(),
		}
		around = append(around, now)
		if fresh {
			opened = append(opened, &f)
		} else if known == nil {
			known = &now
		}
	}
	return opened, known, nil
}

// renewals are when the evidence of what goes on is gathered anew, after its start: what
// is noticed after two hours is explained better after six, and a day shows how far it
// reaches.
func renewals() []time.Duration {
	return []time.Duration{6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 72 * time.Hour}
}

// renewable is how long after such a time it is made up for.
const renewable = 6 * time.Hour

// risen is by how much a severity must rise to be told again; another explanation is
// news by itself.
const risen = 0.15

// renew gathers the evidence of a known finding anew when it is due and its own series
// goes on.
func (s *Service) renew(ctx context.Context, w Work, a *Analysis, run *watch, one alarm, k *Known) error {
	due := slices.ContainsFunc(renewals(), func(d time.Duration) bool {
		at := k.StartedAt.Add(d)
		return k.AsOf.Before(at) && !a.AsOf.Before(at) && a.AsOf.Before(at.Add(renewable))
	})
	if !due || a.DryRun || k.ResolvedAt != nil || seriesOf(k.Fingerprint) != one.subject.key() {
		return nil
	}
	f, err := s.findingOf(ctx, w, a, run, one)
	if err != nil {
		return err
	}
	if len(k.Lead) > 0 && len(f.lead()) == 0 {
		// What a rollout did to some is soon what it did to all: the part that explained
		// it can be told from the rest no more, and was right.
		return nil
	}
	f.ID, f.Fingerprint, f.DetectedAt = k.ID, k.Fingerprint, k.DetectedAt
	tell := f.Family != k.Family || f.Severity >= k.Severity+risen || !slices.Equal(f.lead(), k.Lead)
	if err := w.Renew(ctx, k.ID, f, tell); err != nil {
		return err
	}
	k.AsOf, k.Family, k.Severity, k.Lead = a.AsOf, f.Family, f.Severity, f.lead()
	return nil
}

// lead are the conditions of the segment that explains the finding, or nothing.
func (f *Finding) lead() []Condition {
	if s := f.Evidence.Segments; len(s) > 0 && s[0].Explains {
		return s[0].Conditions
	}
	return nil
}

// knownElsewhere tells whether a whole product fell silent and another of its contexts
// says so already.
func (s *Service) knownElsewhere(ctx context.Context, w Work, one alarm) (bool, error) {
	if one.collapse == nil || one.subject.Name != "" || !one.collapse.Stopped {
		return false, nil
	}
	// Until it was noticed: once signals come again, it still was one silence.
	signals, silence, err := w.Elsewhere(ctx, timeOf(one.onset.Hour+1), timeOf(one.opened+1))
	return silence && signals == 0, err
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// resolve closes what is open once its series is not in trouble any more.
func resolve(ctx context.Context, w Work, asOf time.Time, run *watch) error {
	open, err := w.Unresolved(ctx, asOf)
	if err != nil {
		return err
	}
	for _, k := range open {
		if end := run.end(k, asOf); end != nil {
			if err := w.Resolve(ctx, k.ID, end); err != nil {
				return err
			}
		}
	}
	return nil
}

// end of what a finding tells of, as of a moment; nil while it goes on.
func (w *watch) end(k Known, asOf time.Time) *time.Time {
	on, ended := w.on(k)
	if on {
		return nil
	}
	end := asOf
	if ended != 0 {
		end = timeOf(ended)
	}
	if end.Before(k.DetectedAt) {
		end = k.DetectedAt
	}
	return &end
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
