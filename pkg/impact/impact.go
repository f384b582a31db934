package impact

import "math"

const (
	// z80 spans the central 80 % of a normal distribution.
	z80 = 1.2816
	// priorMean and priorSD are what is believed of a family before its first verdict.
	priorMean, priorSD = 0.7, 0.25
	// priorSpread is by how much predictions of one family differ in what they are
	// worth, believed as strongly as spreadWeight verdicts.
	priorSpread, spreadWeight = 0.2, 3.0
	// widest ratio of observed to predicted that one verdict counts for: one odd
	// deployment must not turn a family's predictions around.
	widest = 3.0
	// leastSD of an observed gain, in logits: nothing is measured better than that.
	leastSD = 1e-3
)

// Counterfactual is a share as it is and as it would be without the trouble, both
// within 0 and 1. SD is the standard error of what it would be, in logits.
type Counterfactual struct {
	Now, Then, SD float64
	// Volume: the share is of a usual amount, so that it comes near to 1 as to any other
	// number. Gains are plain differences then, and SD is relative.
	Volume bool
}

// gain in logits.
func (c Counterfactual) gain() float64 { return logit(c.Then) - logit(c.Now) }

// Outcome is how a past prediction turned out: gains in logits, before calibration, and
// the standard error of the observed one.
type Outcome struct {
	Predicted, Observed, SD float64
}

// Calibration is how much of a predicted gain comes true, of one family.
type Calibration struct {
	Mean float64 // 1: all of it
	SD   float64 // of the next one
	N    int     // verdicts it is learned from
}

// Calibrate learns from past outcomes by empirical Bayes: the mean is shrunk towards
// 0.7, and how much predictions differ among themselves is estimated by moments
// (DerSimonian & Laird 1986). Predictions of no gain teach nothing.
func Calibrate(past []Outcome) Calibration {
	type verdict struct{ ratio, variance float64 }
	var list []verdict
	for _, o := range past {
		if math.Abs(o.Predicted) < 1e-6 || math.IsNaN(o.Observed) || o.SD <= 0 {
			continue
		}
		r := math.Max(-widest, math.Min(widest, o.Observed/o.Predicted))
		list = append(list, verdict{r, sq(math.Max(o.SD, leastSD) / o.Predicted)})
	}
	var weights, squares, mean float64
	for _, v := range list {
		weights += 1 / v.variance
		squares += 1 / sq(v.variance)
		mean += v.ratio / v.variance
	}
	spread := sq(priorSpread)
	if n := float64(len(list)); n > 1 {
		mean /= weights
		var q float64
		for _, v := range list {
			q += sq(v.ratio-mean) / v.variance
		}
		own := math.Max(0, (q-(n-1))/(weights-squares/weights))
		spread = (spreadWeight*spread + (n-1)*own) / (spreadWeight + n - 1)
	}
	precision, sum := 1/sq(priorSD), priorMean/sq(priorSD)
	for _, v := range list {
		w := 1 / (v.variance + spread)
		precision += w
		sum += v.ratio * w
	}
	return Calibration{Mean: sum / precision, SD: math.Sqrt(1/precision + spread), N: len(list)}
}

// Prediction of a share; Low and High span 80 %.
type Prediction struct {
	Value, Low, High float64
	center, sd       float64 // in logits
}

// Predict the share once the trouble ends.
func Predict(c Counterfactual, k Calibration) Prediction {
	if c.Volume {
		return predictVolume(c, k)
	}
	gain := c.gain()
	center := logit(c.Now) + k.Mean*gain
	sd := math.Max(leastSD, math.Sqrt(sq(k.Mean*c.SD)+sq(gain*k.SD)+sq(c.SD*k.SD)))
	return Prediction{Value: expit(center), Low: expit(center - z80*sd), High: expit(center + z80*sd), center: center, sd: sd}
}

func predictVolume(c Counterfactual, k Calibration) Prediction {
	gain := c.Then - c.Now
	value := c.Now + k.Mean*gain
	sd := math.Sqrt(sq(k.Mean*c.SD*c.Then) + sq(gain*k.SD) + sq(c.SD*c.Then*k.SD))
	bound := func(x float64) float64 { return math.Max(0, math.Min(1, x)) }
	p := Prediction{Value: bound(value), Low: bound(value - z80*sd), High: bound(value + z80*sd)}
	inside := func(x float64) float64 { return math.Max(1e-6, math.Min(1-1e-6, x)) }
	p.center = logit(inside(value))
	p.sd = math.Max(leastSD, sd/(inside(value)*(1-inside(value))))
	return p
}

// Stated is the prediction that was once told as a value and the range of 80 % around it, all within 0 and 1. ok is
// false for what is no such range.
func Stated(value, low, high float64) (p Prediction, ok bool) {
	if !(0 < value && value < 1 && 0 <= low && low <= value && value <= high && high <= 1) {
		return Prediction{}, false
	}
	inside := func(x float64) float64 { return math.Max(1e-6, math.Min(1-1e-6, x)) }
	return Prediction{
		Value: value, Low: low, High: high, center: logit(value),
		sd: math.Max(leastSD, (logit(inside(high))-logit(inside(low)))/(2*z80)),
	}, true
}

// Covers tells whether an observed share lies within the range.
func (p Prediction) Covers(share float64) bool { return p.Low <= share && share <= p.High }

// CRPS is the continuous ranked probability score against the observed share, in
// logits: 0 is perfect, and a wide range costs as a wrong one does (Gneiting & Raftery
// 2007, for a normal distribution).
func (p Prediction) CRPS(share float64) float64 {
	z := (logit(share) - p.center) / p.sd
	cdf := 0.5 * math.Erfc(-z/math.Sqrt2)
	pdf := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
	return p.sd * (z*(2*cdf-1) + 2*pdf - 1/math.Sqrt(math.Pi))
}

// Gain of an observed share over another, in logits.
func Gain(from, to float64) float64 { return logit(to) - logit(from) }

func sq(x float64) float64    { return x * x }
func logit(p float64) float64 { return math.Log(p / (1 - p)) }
func expit(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
