package explain

import "math"

// upperTail is P(K ≥ k) for K of n, beta-binomial with the given mean and size
// (alpha + beta): a binomial whose share is known as well as size events tell.
func upperTail(n, k int64, mean, size float64) float64 {
	switch {
	case k <= 0:
		return 1
	case k > n || mean <= 0:
		return 0
	case mean >= 1:
		return 1
	}
	alpha, beta := mean*size, (1-mean)*size
	// Terms fall geometrically beyond the mean; below it the lower tail is shorter.
	if float64(k) <= mean*float64(n) {
		return math.Max(0, 1-sum(n, 0, k-1, alpha, beta))
	}
	return math.Min(1, sum(n, k, n, alpha, beta))
}

// sum of the probabilities from…to, both included.
func sum(n, from, to int64, alpha, beta float64) float64 {
	fn := float64(n)
	logAt := func(i float64) float64 {
		return lgamma(fn+1) - lgamma(i+1) - lgamma(fn-i+1) +
			lgamma(i+alpha) + lgamma(fn-i+beta) - lgamma(fn+alpha+beta) +
			lgamma(alpha+beta) - lgamma(alpha) - lgamma(beta)
	}
	term := math.Exp(logAt(float64(from)))
	total := 0.0
	rising := true
	for i := from; i <= to; i++ {
		total += term
		fi := float64(i)
		factor := (fn - fi) / (fi + 1) * (alpha + fi) / (beta + fn - fi - 1)
		rising = rising && factor > 1
		if !rising && term < total*1e-15 {
			break
		}
		if term == 0 && rising {
			// Underflow before the mode: start again where it is representable.
			term = math.Exp(logAt(fi + 1))
			continue
		}
		term *= factor
	}
	return total
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}
