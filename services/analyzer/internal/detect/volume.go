package detect

import (
	"math"
	"slices"
)

// Constants of the volume's model, on the logarithm of signals an hour.
const (
	volumeLevelPrior = 9.0  // nothing is known before the first hours
	volumeDrift      = 4e-5 // variance an hour: 3 % a day
	volumeDayPrior   = 1.0  // nights may be a twentieth of the day
	volumeWeekPrior  = 0.09 // a weekday's hour against the same hour of all days
	dispersionPrior  = 0.08 // relative variance of an hour's count beyond Poisson's
	dispersionMax    = 2.0  //
	minRate          = 0.01 // signals an hour: below it silence says nothing
	volumeSpan       = 15 * 24
	volumeEvents     = 200
	// collapsed is the share of what was expected below which volume has collapsed:
	// less than that is a holiday, a campaign that ended, the weather.
	collapsed = 0.6
	// collapseHours is the least time it lasts.
	collapseHours = 3
	// leastMissing is how many signals must be missing: a small site has whole nights in
	// which nobody happens to come.
	leastMissing = 20
	// silent is the share of what was expected that counts as nothing at all: a
	// health check or a robot may go on.
	silent = 0.01
	// longestPause is how many empty hours in a row are judged: after four weeks they are
	// the new normal, and more of them tell nothing.
	longestPause = 4 * 7 * 24
	minLogRate   = -6.0
	maxLogRate   = 25.0
)

// drops are the changes of the log-rate that the CUSUMs look for: half, a third, a tenth,
// next to nothing.
var drops = [len(shifts)]float64{-0.7, -1.2, -2.2, -4}

// Collapse is a fall of the volume that was noticed.
type Collapse struct {
	Opened   int64   `json:"opened"`
	Onset    Onset   `json:"onset"` // Shift is the change of the log-rate, below 0
	Evidence float64 `json:"evidence"`
	Expected float64 `json:"expected"` // signals since the onset
	Observed float64 `json:"observed"`
	Recovery float64 `json:"recovery"`
	Closed   int64   `json:"closed"`
	Stopped  bool    `json:"stopped"` // it was silent when it was noticed
}

// Silent tells a stop from a fall.
func (c *Collapse) Silent() bool { return c.Observed <= silent*c.Expected }

// VolumeState is everything a Volume remembers, about 5 KiB.
type VolumeState struct {
	First    int64         `json:"first"`
	Last     int64         `json:"last"`
	Level    float64       `json:"level"`
	LevelVar float64       `json:"level_var"`
	Day      [24]offset    `json:"day"`
	Week     [168]offset   `json:"week"`
	Spread   spread        `json:"spread"`
	Events   float64       `json:"events"`
	Hours    float64       `json:"hours"`
	Evidence evidence      `json:"evidence"`
	Ring     []volumePoint `json:"ring"`
	Collapse *Collapse     `json:"collapse,omitempty"` // the running or the last one
}

// volumePoint is what the ring keeps of an hour.
type volumePoint struct {
	Hour     int64   `json:"h"`
	N        float32 `json:"n"`
	Expected float32 `json:"e"`
}

// Volume watches how many signals a context gets and notices that they stop, or
// that far fewer come. More of them is no finding. It follows the pattern of a
// Detector, with negative-binomial counts in place of beta-binomial shares; hours
// without signals are evidence here and must be pushed (Advance does).
type Volume struct {
	threshold float64
	state     VolumeState
}

// NewVolume starts one that has seen nothing.
func NewVolume(o Options) *Volume {
	s := VolumeState{LevelVar: volumeLevelPrior, Spread: newSpread()}
	for i := range s.Day {
		s.Day[i].Var = volumeDayPrior
	}
	for i := range s.Week {
		s.Week[i].Var = volumeWeekPrior
	}
	return RestoreVolume(o, s)
}

// RestoreVolume continues from a state. The caller gives the state away.
func RestoreVolume(o Options, s VolumeState) *Volume {
	return &Volume{threshold: thresholdOf(o), state: s}
}

// State to be stored. It shares memory with the watcher until the next Push.
func (v *Volume) State() VolumeState { return v.state }

// VolumeStatus is the judgement after an hour.
type VolumeStatus struct {
	Ready     bool
	Evidence  float64
	Threshold float64
	Active    bool
	Opened    bool
	Collapse  *Collapse // the running or the last one; a copy
}

// Advance pushes every hour before hour that was not pushed yet as an empty one.
func (v *Volume) Advance(hour int64) VolumeStatus { return v.AdvanceAmong(hour, 1) }

// AdvanceAmong is Advance for hours in which others did as PushAmong's usual says.
func (v *Volume) AdvanceAmong(hour int64, usual float64) VolumeStatus {
	status := v.status(false)
	if v.state.First == 0 {
		return status
	}
	opened := false
	judged := min(hour, v.state.Last+1+longestPause)
	for h := v.state.Last + 1; h < judged; h++ {
		status = v.PushAmong(h, 0, usual)
		opened = opened || status.Opened
	}
	v.state.pass(hour - 1)
	status.Opened = opened
	return status
}

// Skip lets an hour pass of which it is not known how many there would have been: it is no
// evidence, and nothing is learned from it.
func (v *Volume) Skip(hour int64) {
	if v.state.First != 0 {
		v.state.pass(hour)
	}
}

// Push judges one hour, then learns from it. Hours must come in order, without gaps.
func (v *Volume) Push(hour, n int64) VolumeStatus { return v.PushAmong(hour, n, 1) }

// PushAmong is Push for a series that belongs to others: usual is how those did in
// the hour against what they were expected to. Where all are low, none is to blame; it
// never raises what is expected of one.
func (v *Volume) PushAmong(hour, n int64, usual float64) VolumeStatus {
	s := &v.state
	k := float64(n)
	if s.First != 0 && hour <= s.Last || s.First == 0 && n == 0 {
		return v.status(false)
	}
	if s.First == 0 {
		s.First, s.Last = hour, hour-1
		s.Level = math.Log(k)
	}
	s.pass(hour)
	p := s.predict(hour)
	among := p
	among.rate = math.Max(minRate, p.rate*clamp(usual, 0, 1))
	if v.active() {
		v.follow(hour, k, among)
		return v.status(false)
	}
	if len(s.Ring) == ringSize {
		copy(s.Ring, s.Ring[1:])
		s.Ring = s.Ring[:ringSize-1]
	}
	s.Ring = append(s.Ring, volumePoint{Hour: hour, N: float32(k), Expected: float32(among.rate)})
	best, which := s.weigh(hour, k, among, v.threshold*hourShare)
	if best > v.threshold && v.ready() && v.open(hour, best, which) {
		return v.status(true)
	}
	s.observe(hour, k, p)
	s.learn(hour, k, p)
	return v.status(false)
}

// pass lets the hours up to one go by.
func (s *VolumeState) pass(hour int64) {
	if hour <= s.Last {
		return
	}
	s.LevelVar = math.Min(s.LevelVar+volumeDrift*float64(hour-s.Last), volumeLevelPrior)
	s.Last = hour
}

// Forecast of an hour that was not pushed yet: signals, and their 95 % interval.
func (v *Volume) Forecast(hour int64) (mean, low, high float64) {
	p := v.state.predict(hour)
	sd := math.Sqrt(p.rate*(1+p.dispersion*p.rate) + p.rate*p.rate*(v.state.LevelVar+p.seasonalVar))
	return p.rate, math.Max(0, p.rate-1.96*sd), p.rate + 1.96*sd
}

// Spread is the relative variance of what a day's worth of signals is expected to be.
func (v *Volume) Spread() float64 { return v.state.LevelVar + v.state.Evidence.beyond(1) }

// SilentAfter is the hour at whose end no signal since the last pushed one would be
// a finding, if none comes until then. False when it would take longer than limit hours
// or too little is known.
func (v *Volume) SilentAfter(limit int64) (int64, bool) {
	if v.active() {
		return 0, false
	}
	quiet := Volume{threshold: v.threshold, state: v.state}
	quiet.state.Ring = append([]volumePoint(nil), v.state.Ring...)
	for h := v.state.Last + 1; h <= v.state.Last+limit; h++ {
		if quiet.Push(h, 0).Opened {
			return h, true
		}
	}
	return 0, false
}

type volumePrediction struct {
	rate        float64 // signals in the hour
	seasonalVar float64 // of the two offsets
	dispersion  float64
}

// information about the log-rate that the hour carries.
func (p volumePrediction) information() float64 { return p.rate / (1 + p.dispersion*p.rate) }

// logRatio of "the rate is e^shift times as high" against "it is as predicted", for
// a negative binomial with variance rate + dispersion·rate².
func (p volumePrediction) logRatio(shift, k float64) float64 {
	size := 1 / p.dispersion
	worse := p.rate * math.Exp(shift)
	return k*shift - (k+size)*(math.Log(size+worse)-math.Log(size+p.rate))
}

func (s *VolumeState) predict(hour int64) volumePrediction {
	d, w := &s.Day[hourOfDay(hour)], &s.Week[hourOfWeek(hour)]
	rate := math.Max(minRate, math.Exp(clamp(s.Level+float64(d.Mean)+float64(w.Mean), minLogRate, maxLogRate)))
	return volumePrediction{
		rate:        rate,
		seasonalVar: float64(d.Var) + float64(w.Var),
		dispersion:  s.Spread.at(rate),
	}
}

// weigh accumulates one hour as evidence.add does for shares.
func (s *VolumeState) weigh(hour int64, k float64, p volumePrediction, limit float64) (best float64, which int) {
	info := p.information()
	own := 1 / (1 + info*p.seasonalVar)
	for i, shift := range drops {
		c := &s.Evidence.Paths[i]
		if c.Score <= 0 || hour-c.Start > longest {
			*c = path{Start: hour, Level: s.Level, Var: s.LevelVar}
			for j := range s.Evidence.Wander {
				c.Wander[j] = s.Evidence.Wander[j].factor()
			}
		}
		c.Info += info * own
		temper := c.temper(hour)
		before := p
		before.rate = math.Max(minRate, p.rate*math.Exp(clamp(c.Level-s.Level, -25, 25)))
		c.Score = math.Max(0, c.Score+math.Min(before.logRatio(shift, k)*own, limit*temper))
		if tempered := c.Score / temper; tempered > best {
			best, which = tempered, i
		}
	}
	return best, which
}

func (s *VolumeState) observe(hour int64, k float64, p volumePrediction) {
	info := p.information()
	own := 1 / (1 + info*p.seasonalVar)
	score := (k - p.rate) / (1 + p.dispersion*p.rate) * own
	s.Evidence.addRate(hour, info*own)
	for i := range s.Evidence.Wander {
		s.Evidence.Wander[i].add(hour/blocks[i], score, info*own, s.LevelVar)
	}
}

// learn is model.learn for counts.
func (s *VolumeState) learn(hour int64, k float64, p volumePrediction) {
	d, w := &s.Day[hourOfDay(hour)], &s.Week[hourOfWeek(hour)]
	predictable := 1 + p.rate*(s.LevelVar+p.seasonalVar)/2
	x2 := math.Min((k-p.rate)*(k-p.rate)/p.rate, 9*(1+p.dispersion*p.rate)*predictable)
	if p.rate >= minSpread {
		s.Spread.learn(p.rate, x2/predictable)
	}
	dv, wv := float64(d.Var)+dayDrift, float64(w.Var)+weekDrift
	total := s.LevelVar + dv + wv + 1/p.information()
	limit := maxInnovation * math.Sqrt(total)
	innovation := clamp((k-p.rate)/p.rate, -limit, limit)
	gain := s.LevelVar / total
	if ceiling := 1 / math.Min(s.Hours+1, minMemory); s.LevelVar < 1 {
		gain = math.Min(gain, ceiling)
	}
	s.Level = clamp(s.Level+gain*innovation, minLogRate, maxLogRate)
	s.LevelVar = (1-gain)*(1-gain)*s.LevelVar + gain*gain*(dv+wv+1/p.information())
	d.Mean += float32(dv / total * innovation)
	d.Var = float32(math.Min(dv*(1-dv/total), volumeDayPrior))
	w.Mean += float32(wv / total * innovation)
	w.Var = float32(math.Min(wv*(1-wv/total), volumeWeekPrior))
	s.Events += k
	s.Hours++
}

func (v *Volume) active() bool { return v.state.Collapse != nil && v.state.Collapse.Closed == 0 }

// ready after two whole weeks: a first weekend is not a collapse.
func (v *Volume) ready() bool {
	s := &v.state
	return s.First != 0 && s.Last-s.First >= volumeSpan && s.Events >= volumeEvents
}

func (v *Volume) status(opened bool) VolumeStatus {
	st := VolumeStatus{Ready: v.ready(), Threshold: v.threshold, Active: v.active(), Opened: opened}
	for _, p := range v.state.Evidence.Paths {
		if p.Score > 0 {
			st.Evidence = math.Max(st.Evidence, p.Score/p.temper(v.state.Last))
		}
	}
	if v.state.Collapse != nil {
		c := *v.state.Collapse
		st.Collapse = &c
		if st.Active {
			st.Evidence = c.Evidence
		}
	}
	return st
}

// open starts a collapse unless it is too short or too shallow.
func (v *Volume) open(hour int64, best float64, which int) bool {
	s := &v.state
	winner := s.Evidence.Paths[which]
	followed := math.Exp(winner.Level - s.Level)
	ring := slices.Clone(s.Ring) // it may come to nothing, and be tried again in an hour
	for i := range ring {
		if ring[i].Hour >= winner.Start {
			ring[i].Expected *= float32(math.Pow(followed, float64(ring[i].Hour-winner.Start)/math.Max(1, float64(hour-winner.Start))))
		}
	}
	c := Collapse{Opened: hour, Evidence: best, Onset: volumeOnset(ring, &s.Spread, s.Evidence.Wander[1].factor())}
	for _, p := range ring {
		if p.Hour >= c.Onset.Hour {
			c.Expected += float64(p.Expected)
			c.Observed += float64(p.N)
		}
	}
	if c.Observed > collapsed*c.Expected || c.Expected-c.Observed < leastMissing || hour-c.Onset.Hour+1 < collapseHours {
		return false
	}
	c.Stopped = c.Silent()
	s.Level, s.LevelVar = winner.Level, math.Max(s.LevelVar, winner.Var)
	s.Collapse = &c
	s.Evidence.Paths = [len(shifts)]path{}
	return true
}

// volumeOnset maximises the likelihood over the start and the drop.
func volumeOnset(ring []volumePoint, varies *spread, wander float64) Onset {
	best, found := math.Inf(-1), Onset{}
	profile := make([]float64, len(ring))
	for i := range profile {
		profile[i] = math.Inf(-1)
	}
	for _, shift := range [...]float64{-0.5, -0.7, -1, -1.6, -2.5, -4, -7} {
		sum := 0.0
		for i := len(ring) - 1; i >= 0; i-- {
			rate := math.Max(minRate, float64(ring[i].Expected))
			p := volumePrediction{rate: rate, dispersion: varies.at(rate)}
			sum += p.logRatio(shift, float64(ring[i].N))
			profile[i] = math.Max(profile[i], sum)
			// Of equal likelihoods the latest: an empty night says nothing of its start.
			if sum > best+1e-9 {
				best = sum
				found.Hour, found.Shift = ring[i].Hour, shift
			}
		}
	}
	cut := best - 3.84/2*wander
	found.Earliest, found.Latest = found.Hour, found.Hour
	for i, p := range ring {
		if profile[i] >= cut {
			found.Earliest = min(found.Earliest, p.Hour)
			found.Latest = max(found.Latest, p.Hour)
		}
	}
	return found
}

// follow gathers evidence for recovery; what stays low becomes the new normal.
func (v *Volume) follow(hour int64, k float64, p volumePrediction) {
	s := &v.state
	c := s.Collapse
	c.Observed += k
	c.Expected += p.rate
	step := -p.logRatio(0.7*clamp(c.Onset.Shift, -2, -0.5), k) / s.Evidence.Wander[0].factor()
	c.Recovery = math.Max(0, c.Recovery+clamp(step, -recoveryThreshold, recoveryThreshold*hourShare))
	switch {
	case c.Recovery >= recoveryThreshold:
		c.Closed = hour
	case hour-c.Opened >= newNormal:
		c.Closed = hour
		s.Level = clamp(s.Level+math.Log((c.Observed+0.5)/(c.Expected+0.5)), minLogRate, maxLogRate)
		s.LevelVar, s.Hours = 0.5, 0
		s.First = hour // nothing is judged until the new level is known
	default:
		return
	}
	s.Ring = s.Ring[:0]
}
