package detect

import "math"

// point is what the ring keeps of an active hour.
type point struct {
	Hour  int64   `json:"h"`
	N     float32 `json:"n"`
	K     float32 `json:"k"` // negatives
	Logit float32 `json:"l"` // predicted before the counts were known
}

// Onset is when a worsening began, as whole hours since the Unix epoch.
// Earliest…Latest is the 95 % likelihood interval.
type Onset struct {
	Hour     int64   `json:"hour"`
	Earliest int64   `json:"earliest"`
	Latest   int64   `json:"latest"`
	Shift    float64 `json:"shift"` // rise of the log-odds of a negative since then
}

// candidateShifts is the grid the onset's likelihood is profiled over.
var candidateShifts = [...]float64{0.15, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 4}

// onset maximises the likelihood of "as predicted before s, shifted from s on"
// over s and the shift. The ring bounds the search; wander widens the interval.
func onset(ring []point, rho, wander float64) Onset {
	if len(ring) == 0 {
		return Onset{}
	}
	best := math.Inf(-1)
	found := Onset{}
	profile := make([]float64, len(ring))
	for i := range profile {
		profile[i] = math.Inf(-1)
	}
	for _, shift := range candidateShifts {
		sum := 0.0
		for i := len(ring) - 1; i >= 0; i-- {
			p := ring[i]
			sum += logRatio(float64(p.Logit), shift, rho, float64(p.K), float64(p.N))
			profile[i] = math.Max(profile[i], sum)
			if sum > best {
				best = sum
				found.Hour, found.Shift = p.Hour, shift
			}
		}
	}
	// χ²₁ at 95 % is 3.84; wander makes the likelihood that much flatter.
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
