package detect

import "math"

// betaBinomial is the distribution of the negatives among n signals when the
// share itself varies from hour to hour: mean q, intra-class correlation rho.
// Its variance is n·q·(1−q)·(1+(n−1)·rho).
type betaBinomial struct{ q, rho float64 }

// logLikelihood of k negatives among n, without what does not depend on q: that
// cancels in every ratio taken here.
func (b betaBinomial) logLikelihood(k, n float64) float64 {
	size := 1/b.rho - 1
	return logRising(b.q*size, k) + logRising((1-b.q)*size, n-k)
}

// logRatio is the log-likelihood ratio of "the odds are e^shift times higher"
// against "they are as predicted".
func logRatio(logit, shift, rho, k, n float64) float64 {
	worse := betaBinomial{logistic(logit + shift), rho}
	usual := betaBinomial{logistic(logit), rho}
	return worse.logLikelihood(k, n) - usual.logLikelihood(k, n)
}

// logRising is the logarithm of x·(x+1)·…·(x+n−1).
func logRising(x, n float64) float64 { return lgamma(x+n) - lgamma(x) }

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func logit(p float64) float64 { return math.Log(p / (1 - p)) }

func clamp(x, lo, hi float64) float64 { return math.Max(lo, math.Min(hi, x)) }
