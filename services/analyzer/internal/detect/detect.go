package detect

import (
	"math"
	"slices"
)

// Hour is the counts of one hour of one context, polarity already applied.
type Hour struct {
	Hour     int64 // hours since the Unix epoch
	Positive int64
	Negative int64
}

const (
	// baseThreshold is the evidence (natural logarithm) one watched series needs:
	// ln(168 h ÷ 5 %) = 8.1 for an exact model, the rest pays for the learned one.
	baseThreshold = 9.0
	// recoveryThreshold closes an incident: odds e^8 for "as before" over "still shifted".
	recoveryThreshold = 8.0

	// hourShare of the threshold is the most one hour can contribute: three bad
	// hours are news, one burst of one visitor is not.
	hourShare = 0.4

	minSpan   = 72 // hours since the first signal before anything is called worse
	minActive = 16 // of them with signals
	minEvents = 60 // signals in the baseline
	minExcess = 5  // negatives above expectation
	// minRise of the share of negatives, or minGrowth of what was expected of them, makes
	// it matter: where all is bad already it cannot get much worse, whatever the odds.
	minRise   = 0.02
	minGrowth = 0.1
	newNormal = 336 // hours after which a shifted level is taken for what is usual
	ringSize  = 168 // active hours kept for the onset

	// derivedVar of the level of a part that nothing is known about: odds within a
	// factor of ten of the whole's, at 95 %.
	derivedVar = 1.4
)

// Options of a Detector.
type Options struct {
	// Series is how many series of its kind the product has watched; the false-alarm
	// budget is shared between them. 0 counts as 1.
	Series int
}

// Incident is a worsening that was noticed.
type Incident struct {
	Opened   int64   `json:"opened"` // hour whose counts crossed the threshold
	Onset    Onset   `json:"onset"`
	Evidence float64 `json:"evidence"` // tempered log-likelihood ratio when it opened
	Expected float64 `json:"expected"` // negatives predicted since the onset
	Observed float64 `json:"observed"` // negatives seen since the onset
	Recovery float64 `json:"recovery"` // evidence gathered for recovery
	Closed   int64   `json:"closed"`   // 0 while it lasts
}

// State is everything a Detector remembers. It serialises to at most 24 KiB of
// JSON and holds about 6 KiB in memory.
type State struct {
	First    int64     `json:"first"` // first active hour
	Last     int64     `json:"last"`  // last hour pushed
	Model    model     `json:"model"`
	Evidence evidence  `json:"evidence"`
	Ring     []point   `json:"ring"`
	Incident *Incident `json:"incident,omitempty"` // the running or the last one
}

// Detector watches one series.
type Detector struct {
	threshold float64
	state     State
}

// New starts a detector that has seen nothing.
func New(o Options) *Detector {
	return Restore(o, State{Model: newModel()})
}

// Restore continues from a state. The caller gives the state away.
func Restore(o Options, s State) *Detector {
	return &Detector{threshold: thresholdOf(o), state: s}
}

func thresholdOf(o Options) float64 {
	return baseThreshold + math.Log(math.Max(1, float64(o.Series)))
}

// Derive starts a detector for a part of what d watches, such as one value of a
// dimension: it has the whole's rhythm and dispersion, and a level of its own to
// learn before it judges.
func (d *Detector) Derive(o Options) *Detector {
	m := d.state.Model
	m.LevelVar, m.Hours, m.Events = derivedVar, 0, 0
	return Restore(o, State{Model: m})
}

// Onset is when the newest hours became worse than they were predicted, by maximum
// likelihood, whether or not that was noticed. False when nothing is kept.
func (d *Detector) Onset() (Onset, bool) {
	s := &d.state
	if s.Incident != nil && s.Incident.Closed == 0 {
		return s.Incident.Onset, true
	}
	if len(s.Ring) == 0 {
		return Onset{}, false
	}
	return onset(s.Ring, s.Model.rho(), s.Evidence.Wander[1].factor()), true
}

// Mood is the variance of the logit that a single day deviates with from the level.
func (d *Detector) Mood() float64 { return d.state.Evidence.beyond(1) }

// Known is the variance with which the level is known, in logits squared.
func (d *Detector) Known() float64 { return d.state.Model.LevelVar }

// Drift is the variance that a week's mean logit deviates with from the level.
func (d *Detector) Drift() float64 { return d.state.Evidence.beyond(3) }

// State to be stored. It shares memory with the detector until the next Push.
func (d *Detector) State() State { return d.state }

// Status is the judgement after an hour.
type Status struct {
	Ready     bool    // enough history to judge
	Evidence  float64 // tempered log-likelihood ratio of the strongest excursion
	Threshold float64
	Active    bool      // an incident is running
	Opened    bool      // it opened with this hour
	Incident  *Incident // the running or the last one; a copy
}

// Push judges one hour, then learns from it. Hours must come in order; an hour
// not after the last one is ignored. Hours without signals may be left out.
func (d *Detector) Push(h Hour) Status {
	s := &d.state
	n, k := float64(h.Positive+h.Negative), float64(h.Negative)
	if s.First != 0 && h.Hour <= s.Last {
		return d.status(false)
	}
	if s.First == 0 {
		if n == 0 {
			return d.status(false)
		}
		s.First, s.Last = h.Hour, h.Hour-1
	}
	s.Model.pass(float64(h.Hour - s.Last))
	s.Last = h.Hour
	if n == 0 {
		return d.status(false)
	}
	p := s.Model.predict(h.Hour)
	if d.active() {
		d.follow(h.Hour, k, n, p)
		return d.status(false)
	}
	s.remember(point{Hour: h.Hour, N: float32(n), K: float32(k), Logit: float32(p.logit)})
	best, which := s.Evidence.add(h.Hour, k, n, p, s.Model.Level, s.Model.LevelVar, d.threshold*hourShare)
	if best > d.threshold && d.ready() && d.open(h.Hour, best, which) {
		return d.status(true)
	}
	if !d.ready() { // nothing is worse than what is not known yet
		s.Evidence.Paths, s.Ring = [len(shifts)]path{}, s.Ring[:0]
	}
	s.Evidence.observe(h.Hour, k, n, p, s.Model.LevelVar)
	s.Model.learn(h.Hour, k, n, p)
	return d.status(false)
}

func (s *State) remember(p point) {
	if len(s.Ring) == ringSize {
		copy(s.Ring, s.Ring[1:])
		s.Ring = s.Ring[:ringSize-1]
	}
	s.Ring = append(s.Ring, p)
}

// Forecast of the share of negatives among n signals of an hour, before they are
// known.
type Forecast struct {
	Share float64
	SD    float64 // of the share that will be seen: sampling, dispersion and model
}

// Forecast an hour that was not pushed yet.
func (d *Detector) Forecast(hour int64, n float64) Forecast {
	p := d.state.Model.predict(hour)
	q := logistic(p.logit)
	variance := q * (1 - q) * q * (1 - q) * (d.state.Model.LevelVar + p.seasonalVar)
	if n > 0 {
		variance += q * (1 - q) / n * p.spread(n)
	}
	return Forecast{Share: q, SD: math.Sqrt(variance)}
}

// Learning says how much of the history needed before anything is judged is there.
func (d *Detector) Learning() (hours, needHours, signals, needSignals int64) {
	if d.state.First != 0 {
		hours = d.state.Last - d.state.First
	}
	return hours, minSpan, int64(d.state.Model.Events), minEvents
}

func (d *Detector) active() bool {
	return d.state.Incident != nil && d.state.Incident.Closed == 0
}

func (d *Detector) ready() bool {
	s := &d.state
	return s.First != 0 && s.Last-s.First >= minSpan && s.Model.Hours >= minActive && s.Model.Events >= minEvents
}

func (d *Detector) status(opened bool) Status {
	st := Status{Ready: d.ready(), Threshold: d.threshold, Active: d.active(), Opened: opened}
	for _, p := range d.state.Evidence.Paths {
		if p.Score > 0 {
			st.Evidence = math.Max(st.Evidence, p.Score/p.temper(d.state.Last))
		}
	}
	if d.state.Incident != nil {
		incident := *d.state.Incident
		st.Incident = &incident
		if st.Active {
			st.Evidence = incident.Evidence
		}
	}
	return st
}

// open starts an incident unless too few negatives carry it, or it is too slight.
func (d *Detector) open(hour int64, best float64, which int) bool {
	s := &d.state
	winner := s.Evidence.Paths[which]
	// The level followed the worsening a little: go back to where it started.
	followed := s.Model.Level - winner.Level
	ring := slices.Clone(s.Ring) // it may come to nothing, and be tried again in an hour
	for i := range ring {
		if ring[i].Hour >= winner.Start {
			ring[i].Logit -= float32(followed * float64(ring[i].Hour-winner.Start) / math.Max(1, float64(hour-winner.Start)))
		}
	}
	found := onset(ring, s.Model.rho(), s.Evidence.Wander[1].factor())
	incident := Incident{Opened: hour, Onset: found, Evidence: best}
	var all float64
	for _, p := range ring {
		if p.Hour >= found.Hour {
			all += float64(p.N)
			incident.Expected += float64(p.N) * logistic(float64(p.Logit))
			incident.Observed += float64(p.K)
		}
	}
	if excess := incident.Observed - incident.Expected; excess < max(minExcess, min(minRise*all, minGrowth*incident.Expected)) {
		return false
	}
	s.Model.Level, s.Model.LevelVar = winner.Level, math.Max(s.Model.LevelVar, winner.Var)
	s.Incident = &incident
	s.Evidence.Paths = [len(shifts)]path{}
	return true
}

// follow gathers evidence for recovery while an incident runs. Nothing is
// learned meanwhile, except that a shift that stays becomes the new normal.
func (d *Detector) follow(hour int64, k, n float64, p prediction) {
	s := &d.state
	in := s.Incident
	in.Observed += k
	in.Expected += n * logistic(p.logit)
	// Back to more than half of what was lost counts as recovering.
	step := -logRatio(p.logit, 0.7*in.Onset.Shift, p.rho, k, n) / s.Evidence.Wander[0].factor()
	in.Recovery = math.Max(0, in.Recovery+clamp(step, -recoveryThreshold, recoveryThreshold*hourShare))
	switch {
	case in.Recovery >= recoveryThreshold:
		in.Closed = hour
	case hour-in.Opened >= newNormal:
		in.Closed = hour
		s.Model.Level = clamp(s.Model.Level+math.Log((in.Observed+0.5)/(in.Expected+0.5)), minLogit, maxLogit)
		// Relearn: the gain is open again, and nothing is judged meanwhile.
		s.Model.LevelVar, s.Model.Hours = 0.25, 0
	default:
		return
	}
	s.Ring = s.Ring[:0]
}
