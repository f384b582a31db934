package detect

import "math"

// shifts are the rises of the log-odds of a negative that the CUSUMs look for:
// a slow worsening, a plain one and a break (odds ×1.35 to ×5).
var shifts = [4]float64{0.3, 0.5, 0.9, 1.6}

// blocks are the lengths in hours over which wander is measured.
var blocks = [4]int64{6, 24, 72, 168}

const (
	wanderWeight = 4.0   // blocks the prior is worth
	wanderMemory = 0.97  // a block
	longest      = 504   // hours an excursion may last without a finding
	wanderClip   = 5.0   // one odd block counts at most this many times what is usual
	dayWander    = 0.004 // prior variance of a day's own deviation, in logits squared
)

// path is one CUSUM: the excursion since the ratio was last as expected.
type path struct {
	Score float64 `json:"s"` // sum of log-likelihood ratios
	Info  float64 `json:"w"` // information gathered in the excursion
	Start int64   `json:"t"` // its first hour
	Level float64 `json:"l"` // the model's level when it started
	Var   float64 `json:"v"` // and that level's variance
	// Wander factors as they were when it started: an excursion must not excuse itself.
	Wander [len(blocks)]float64 `json:"f"`
}

// wander measures how much more than independent hours the sums of a block vary.
type wander struct {
	Block int64   `json:"b"` // number of the running block
	Sum   float64 `json:"s"` // of scores (negatives above expectation ÷ spread)
	Info  float64 `json:"i"`
	Num   float64 `json:"n"` // of closed blocks: discounted sums of squared score ÷ information
	Den   float64 `json:"d"`
}

// factor is ≥ 1: the long-run variance of scores over this block length.
func (w *wander) factor() float64 {
	if w.Den == 0 {
		return 1
	}
	return math.Max(1, w.Num/w.Den)
}

// add counts an hour's score into its block and closes the previous one.
// levelVar takes out what the uncertainty of the level explains already.
func (w *wander) add(block int64, score, info, levelVar float64) {
	if block != w.Block {
		w.close(levelVar)
		w.Block = block
	}
	w.Sum += score
	w.Info += info
}

func (w *wander) close(levelVar float64) {
	if w.Info > 0 {
		prior := 1 + dayWander*w.Info
		if w.Den == 0 {
			w.Num, w.Den = wanderWeight*prior, wanderWeight
		}
		ratio := w.Sum * w.Sum / w.Info / (1 + levelVar*w.Info)
		// A block that closes with little in it weighs less.
		weight := w.Info / (w.Info + 1)
		w.Num = w.Num*wanderMemory + weight*math.Min(ratio, wanderClip*w.factor())
		w.Den = w.Den*wanderMemory + weight
	}
	w.Sum, w.Info = 0, 0
}

// evidence holds the accumulators of one series.
type evidence struct {
	Paths  [len(shifts)]path   `json:"paths"`
	Wander [len(blocks)]wander `json:"wander"`
	// Rate of information an hour, of about the last week, idle hours included.
	Rate     float64 `json:"rate"`
	RateHour int64   `json:"rate_hour"`
}

// rateMemory of Rate, in hours.
const rateMemory = 168.0

func (e *evidence) addRate(hour int64, info float64) {
	if e.RateHour == 0 {
		e.Rate, e.RateHour = info, hour
		return
	}
	gap := float64(hour - e.RateHour)
	e.Rate = e.Rate*math.Exp(-gap/rateMemory) + info*(1-math.Exp(-1/rateMemory))
	e.RateHour = hour
}

// beyond is the variance that sums over a block have beyond what independent hours
// would: of the mean over the block, on the scale of the level.
func (e *evidence) beyond(block int) float64 {
	info := e.Rate * float64(blocks[block])
	if info <= 0 {
		return 0
	}
	return (e.Wander[block].factor() - 1) / info
}

// temper is the factor by which an excursion's score is divided before it meets
// the threshold: wander of its length, and the shared uncertainty of the level.
func (p *path) temper(hour int64) float64 {
	factor := p.Wander[0]
	for i := 1; i < len(blocks); i++ {
		if hour-p.Start+1 > blocks[i]/4 {
			factor = math.Max(factor, p.Wander[i])
		}
	}
	return factor * (1 + p.Var*p.Info)
}

// add accumulates one hour and returns the largest tempered score and its path.
// limit caps what a single hour can contribute, so that one burst of one visitor
// is not a finding.
func (e *evidence) add(hour int64, k, n float64, p prediction, level, levelVar, limit float64) (best float64, which int) {
	info := p.information(n)
	own := 1 / (1 + info*p.seasonalVar)
	season := p.logit - level
	for i, shift := range shifts {
		c := &e.Paths[i]
		if c.Score <= 0 || hour-c.Start > longest {
			*c = path{Start: hour, Level: level, Var: levelVar}
			for j := range e.Wander {
				c.Wander[j] = e.Wander[j].factor()
			}
		}
		c.Info += info * own
		temper := c.temper(hour)
		// Against the level as it was before the excursion: the level follows.
		step := logRatio(c.Level+season, shift, p.rho, k, n) * own
		c.Score += math.Min(step, limit*temper)
		if c.Score < 0 {
			c.Score = 0
		}
		if tempered := c.Score / temper; tempered > best {
			best, which = tempered, i
		}
	}
	return best, which
}

// observe feeds the wander estimates; not called during an incident.
func (e *evidence) observe(hour int64, k, n float64, p prediction, levelVar float64) {
	info := p.information(n)
	own := 1 / (1 + info*p.seasonalVar)
	score := (k - n*logistic(p.logit)) / p.spread(n) * own
	e.addRate(hour, info*own)
	for i := range e.Wander {
		e.Wander[i].add(hour/blocks[i], score, info*own, levelVar)
	}
}
