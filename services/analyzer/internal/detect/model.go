package detect

import "math"

// Constants of the model, in logits (squared for variances). They describe
// products in general and are not fitted to a series.
const (
	levelPrior    = 4.0    // variance of the level before anything is known
	levelDrift    = 6e-6   // variance the level gains an hour: 0.012 logits a day
	levelMaxVar   = 4.0    // a long silence forgets the level, not more than the prior
	minMemory     = 120.0  // active hours: the level never follows faster than this once known
	dayPrior      = 0.10   // hour-of-day offsets: sd 0.32
	weekPrior     = 0.02   // hour-of-week offsets on top: sd 0.14
	dayDrift      = 1e-4   // a visit
	weekDrift     = 2e-4   // a visit
	maxInnovation = 2.0    // standard deviations one hour may pull
	minLogit      = -9.2   // a share of 1e-4: below it zero negatives teach nothing more
	maxLogit      = 9.2    // a share of 0.9999
	rhoPrior      = 0.004  // dispersion before it is learned
	rhoWeight     = 12.0   // active hours the prior is worth
	rhoMemory     = 0.9975 // an active hour: about 400 hours
	rhoMin        = 1e-5
	rhoMax        = 0.4
)

// offset is one seasonal deviation from the level.
type offset struct {
	Mean float32 `json:"m"`
	Var  float32 `json:"v"`
}

// model predicts the logit of the negative share of the next hour.
type model struct {
	Level    float64     `json:"level"`
	LevelVar float64     `json:"level_var"`
	Day      [24]offset  `json:"day"`
	Week     [168]offset `json:"week"`
	RhoNum   float64     `json:"rho_num"`
	RhoDen   float64     `json:"rho_den"`
	Events   float64     `json:"events"` // signals learned from
	Hours    float64     `json:"hours"`  // active hours learned from
}

func newModel() model {
	m := model{Level: logit(0.2), LevelVar: levelPrior, RhoNum: rhoWeight * rhoPrior, RhoDen: rhoWeight}
	for i := range m.Day {
		m.Day[i].Var = dayPrior
	}
	for i := range m.Week {
		m.Week[i].Var = weekPrior
	}
	return m
}

// prediction of one hour before its counts are known.
type prediction struct {
	logit       float64
	seasonalVar float64 // of the two offsets: errors that other hours do not share
	rho         float64
}

// information is the Fisher information about the logit that n signals carry.
func (p prediction) information(n float64) float64 {
	q := logistic(p.logit)
	return n * q * (1 - q) / p.spread(n)
}

// spread is the factor by which the dispersion widens the binomial variance.
func (p prediction) spread(n float64) float64 { return 1 + (n-1)*p.rho }

func (m *model) predict(hour int64) prediction {
	d, w := &m.Day[hourOfDay(hour)], &m.Week[hourOfWeek(hour)]
	return prediction{
		logit:       clamp(m.Level+float64(d.Mean)+float64(w.Mean), minLogit, maxLogit),
		seasonalVar: float64(d.Var) + float64(w.Var),
		rho:         m.rho(),
	}
}

// rho is the learned intra-class correlation, shrunk to the prior while young.
func (m *model) rho() float64 {
	return clamp(m.RhoNum/m.RhoDen, rhoMin, rhoMax)
}

// pass lets hours go by without evidence.
func (m *model) pass(hours float64) {
	m.LevelVar = math.Min(m.LevelVar+levelDrift*hours, levelMaxVar)
}

// learn moves every part by its share of a clipped innovation (a Kalman step
// with diagonal covariance on the linearised logit).
func (m *model) learn(hour int64, k, n float64, p prediction) {
	m.learnDispersion(k, n, p)
	q := logistic(p.logit)
	info := p.information(n)
	d, w := &m.Day[hourOfDay(hour)], &m.Week[hourOfWeek(hour)]
	dv, wv := float64(d.Var)+dayDrift, float64(w.Var)+weekDrift
	total := m.LevelVar + dv + wv + 1/info
	innovation := (k - n*q) / (n * q * (1 - q))
	limit := maxInnovation * math.Sqrt(total)
	innovation = clamp(innovation, -limit, limit)

	gain := m.LevelVar / total
	// Kalman's gain alone would follow a busy series within a day, and a slow
	// worsening with it: once known, the level keeps a memory of days.
	if ceiling := 1 / math.Min(m.Hours+1, minMemory); m.LevelVar < 1 {
		gain = math.Min(gain, ceiling)
	}
	m.Level = clamp(m.Level+gain*innovation, minLogit, maxLogit)
	// Joseph's form: the variance stays right for a gain that is not the optimal one.
	m.LevelVar = (1-gain)*(1-gain)*m.LevelVar + gain*gain*(dv+wv+1/info)
	d.Mean += float32(dv / total * innovation)
	d.Var = float32(math.Min(dv*(1-dv/total), dayPrior))
	w.Mean += float32(wv / total * innovation)
	w.Var = float32(math.Min(wv*(1-wv/total), weekPrior))
	m.Events += n
	m.Hours++
}

// learnDispersion is a robust moment estimate: Pearson's X² of an hour has mean
// 1+(n−1)·rho, plus what the uncertainty of the prediction itself adds.
func (m *model) learnDispersion(k, n float64, p prediction) {
	if n < 2 {
		return
	}
	q := logistic(p.logit)
	binomial := n * q * (1 - q)
	x2 := (k - n*q) * (k - n*q) / binomial
	spread := p.spread(n)
	predictable := 1 + binomial*(m.LevelVar+p.seasonalVar)/2
	x2 = math.Min(x2, 9*spread*predictable)
	// An hour tells about rho as far as its size lets it.
	weight := ((n - 1) / spread) * ((n - 1) / spread)
	weight = weight / (weight + 25) // hours of few signals say little, busy ones at most one hour's worth
	m.RhoNum = m.RhoNum*rhoMemory + weight*(x2/predictable-1)/(n-1)
	m.RhoDen = m.RhoDen*rhoMemory + weight
}

func hourOfDay(hour int64) int { return int(((hour % 24) + 24) % 24) }

func hourOfWeek(hour int64) int { return int(((hour % 168) + 168) % 168) }
