package detect

import "math"

const (
	// clusterPrior is how many signals a visit is believed to send: visits come
	// independently, signals do not, so an hour's count varies that many times more than
	// Poisson's, however few come. It is believed as strongly as rhoWeight hours.
	clusterPrior = 2.0
	clusterMax   = 200.0
	// minSpread is the rate below which an hour says nothing of it.
	minSpread = 0.5
)

// spread learns by how much counts vary more than Poisson's: variance ÷ mean is
// clusters + dispersion · mean. The first tells quiet hours, the second busy ones. It is
// a weighted least-squares fit of Pearson's X² against the rate, with forgetting.
type spread struct {
	W   float64 `json:"w"` // sums of weights,
	WM  float64 `json:"wm"`
	WMM float64 `json:"wmm"`
	WX  float64 `json:"wx"` // and of weighted X²
	WMX float64 `json:"wmx"`
}

func newSpread() spread {
	var s spread
	for _, rate := range [...]float64{1, 50} {
		x := clusterPrior + dispersionPrior*rate
		s.add(rate, x, rhoWeight/2/(x*x))
	}
	return s
}

func (s *spread) add(rate, x2, weight float64) {
	s.W += weight
	s.WM += weight * rate
	s.WMM += weight * rate * rate
	s.WX += weight * x2
	s.WMX += weight * rate * x2
}

func (s *spread) learn(rate, x2 float64) {
	clusters, dispersion := s.fit()
	expected := clusters + dispersion*rate
	for _, sum := range [...]*float64{&s.W, &s.WM, &s.WMM, &s.WX, &s.WMX} {
		*sum *= rhoMemory
	}
	s.add(rate, x2, 1/(expected*expected))
}

// fit solves the two normal equations, both answers within their bounds.
func (s *spread) fit() (clusters, dispersion float64) {
	det := s.W*s.WMM - s.WM*s.WM
	if det <= 1e-9*s.W*s.WMM {
		return clamp(s.WX/s.W, 1, clusterMax), dispersionPrior
	}
	dispersion = clamp((s.W*s.WMX-s.WM*s.WX)/det, 1e-3, dispersionMax)
	clusters = clamp((s.WX-dispersion*s.WM)/s.W, 1, clusterMax)
	// Given the one at its bound, the other is fitted anew.
	dispersion = clamp((s.WMX-clusters*s.WM)/s.WMM, 1e-3, dispersionMax)
	return clusters, dispersion
}

// at is the negative binomial's dispersion that gives the variance at a rate.
func (s *spread) at(rate float64) float64 {
	clusters, dispersion := s.fit()
	return math.Max(1e-3, dispersion+(clusters-1)/rate)
}
