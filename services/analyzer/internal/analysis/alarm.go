package analysis

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/draftlabs/specter/services/analyzer/internal/detect"
)

// alarm is a series that became worse.
type alarm struct {
	subject  Subject
	onset    detect.Onset
	opened   int64 // hour in which it was noticed
	evidence float64
	// threshold it had to pass: alarms of different kinds compare by how far they did.
	threshold float64
	collapse  *detect.Collapse // of a volume
	news      *detect.Newcomer // of an error
}

func (a alarm) strength() float64 { return a.evidence / a.threshold }

// falseAlarm bounds the probability of one such alarm a week with nothing wrong: the
// budget of the series at the threshold, and e-fold less for each nat beyond.
func (a alarm) falseAlarm() float64 {
	return budget * math.Exp(-math.Max(0, a.evidence-a.threshold))
}

// budget is the share of product-weeks that may see a finding with nothing wrong.
const budget = 0.05

// related tells whether an alarm and a finding can be of one incident. How much comes of
// all is one thing and what people experience another, but a type that vanishes shows in
// both.
func (a alarm) related(k Known) bool {
	switch {
	case a.subject.Kind == SubjectVolume:
		return k.Family == Silence || k.Family == VolumeCollapse
	case a.collapse != nil:
		return true
	default:
		return seriesOf(k.Fingerprint) != SubjectVolume
	}
}

// key names the series across runs; a finding's fingerprint begins with it.
func (s Subject) key() string {
	parts := []string{s.Kind}
	for _, c := range s.Conditions {
		parts = append(parts, c.Dimension+"="+c.Value)
	}
	if s.Name != "" {
		parts = append(parts, s.Name)
	}
	return strings.Join(parts, ":")
}

// seriesOf is the key of the series that a fingerprint names.
func seriesOf(fingerprint string) string {
	if i := strings.LastIndex(fingerprint, "@"); i >= 0 {
		return fingerprint[:i]
	}
	return fingerprint
}

func (w *watch) ratioAlarm() alarm {
	in := w.status.Incident
	return alarm{subject: Subject{Kind: SubjectRatio}, onset: in.Onset, opened: in.Opened, evidence: in.Evidence, threshold: w.status.Threshold}
}

func (p *part) alarm() alarm {
	in := p.status.Incident
	return alarm{subject: p.subject, onset: in.Onset, opened: in.Opened, evidence: in.Evidence, threshold: p.status.Threshold}
}

func (w *watch) volumeAlarm() alarm {
	c := w.flow.Collapse
	return alarm{subject: Subject{Kind: SubjectVolume}, onset: c.Onset, opened: c.Opened, evidence: c.Evidence, threshold: w.flow.Threshold, collapse: c}
}

func (f *fall) alarm(kind string) alarm {
	c := f.status.Collapse
	return alarm{
		subject: Subject{Kind: SubjectType, Name: kind}, onset: c.Onset, opened: c.Opened, evidence: c.Evidence,
		threshold: f.status.Threshold, collapse: c,
	}
}

func (w *watch) newsAlarm(n detect.Newcomer) alarm {
	return alarm{
		subject: Subject{Kind: SubjectError, Name: n.Value}, onset: detect.Onset{Hour: n.First, Earliest: n.First, Latest: n.First},
		opened: n.Opened, evidence: n.Surprise, threshold: w.novelty.Threshold(), news: &n,
	}
}

// on tells whether what a finding tells of goes on, and since when it does not: the hour
// after its incident closed, or zero when that is not known.
func (w *watch) on(k Known) (bool, int64) {
	key := seriesOf(k.Fingerprint)
	kind, name, _ := strings.Cut(key, ":")
	switch {
	case kind == SubjectVolume:
		return k.goesOn(spanOf(w.flow.Collapse))
	case kind == SubjectError:
		last, seen := w.novelty.LastSeen(name)
		return seen && w.hour-last < quietHours, last + 1
	case kind == SubjectType && w.falls[name] != nil && w.falls[name].status.Collapse != nil:
		return k.goesOn(spanOf(w.falls[name].status.Collapse))
	}
	status := w.status
	if p := w.parts[key]; kind != SubjectRatio && p != nil && p.detector != nil {
		if p.gone(w.hour) {
			return false, p.last + 1
		}
		// Read from another hour on, a part may be too young to have seen what the whole saw.
		if p.status.Incident != nil {
			status = p.status
		}
	}
	if status.Incident == nil {
		return false, 0
	}
	return k.goesOn(status.Incident.Onset.Hour, status.Incident.Closed)
}

func spanOf(c *detect.Collapse) (start, closed int64) {
	if c == nil {
		return 0, 0
	}
	return c.Onset.Hour, c.Closed
}

// goesOn tells whether the last incident of a finding's series, which may be none, is the
// finding's and lasts. One that began well after the finding is another.
func (k *Known) goesOn(start, closed int64) (bool, int64) {
	switch {
	case start == 0:
		return false, 0
	case timeOf(start).After(k.DetectedAt.Add(after)):
		return false, start
	case closed != 0:
		return false, closed + 1
	}
	return true, 0
}

// quietHours without it end a new error.
const quietHours = 24

const (
	// before and after are how far apart the start of an alarm and the time of a
	// finding may lie for both to be the same incident: series notice the same trouble
	// at different hours.
	before = 6 * time.Hour
	after  = 24 * time.Hour
)

// knownAs is the finding that tells of the alarm already, if there is one.
func (a alarm) knownAs(list []Known) *Known {
	i := slices.IndexFunc(list, a.is)
	if i < 0 {
		return nil
	}
	return &list[i]
}

func (a alarm) is(k Known) bool {
	series := seriesOf(k.Fingerprint)
	if !a.related(k) {
		return false
	}
	start, latest := timeOf(a.onset.Hour), timeOf(a.onset.Latest)
	if k.ResolvedAt != nil && !k.ResolvedAt.After(start) {
		return false
	}
	if series == a.subject.key() {
		return true
	}
	// The context's ratio is the sum of its parts: while one of them is known to be
	// worse, that the sum is worse too is no news. An error may be nobody's bad signal,
	// and a funnel counts sessions: they are no parts.
	kind, _, _ := strings.Cut(series, ":")
	if a.subject.Kind == SubjectRatio && (kind == SubjectSegment || kind == SubjectType) {
		return true
	}
	// A trouble that goes on is noticed by one series after the other; evidence that is
	// renewed tells how it spreads. Only another value of what explains it is another.
	if a.ofRatio() && k.ofRatio() && !start.Before(k.StartedLow.Add(-after)) && !disjoint(a.subject.Conditions, k.Lead) {
		return true
	}
	return !latest.Before(k.StartedLow.Add(-before)) && !start.After(k.DetectedAt.Add(after))
}

// ofRatio tells alarms about shares of what is bad from those about volumes, steps and
// what is new.
func (a alarm) ofRatio() bool {
	return a.subject.Kind == SubjectRatio || a.subject.Kind == SubjectSegment || a.subject.Kind == SubjectType && a.collapse == nil
}

func (k Known) ofRatio() bool {
	switch k.Family {
	case Silence, VolumeCollapse, FunnelDrop, NewError:
		return false
	}
	return true
}

// disjoint segments have another value in the same dimension.
func disjoint(a, b []Condition) bool {
	return slices.ContainsFunc(a, func(c Condition) bool {
		return slices.ContainsFunc(b, func(d Condition) bool { return d.Dimension == c.Dimension && d.Value != c.Value })
	})
}
