package session

import "math"

// Estimate of a number of sessions.
type Estimate struct {
	Sessions float64
	SE       float64 // standard error; 0 where every session was kept
	Sampled  int     // how many it rests on
}

// estimate all from those of a level: each is kept with probability 2^-level.
func estimate(sampled, level int) Estimate {
	by := scale(level)
	return Estimate{Sessions: float64(sampled) * by, SE: math.Sqrt(float64(sampled) * by * (by - 1)), Sampled: sampled}
}

// Distinct estimates how many sessions sent signals.
func Distinct(s Sample) Estimate {
	level := s.Level()
	seen := make(map[uint64]bool)
	for _, h := range s.Hours {
		for _, one := range h.Sessions { // in order of their hashes
			if !below(one.Hash, level) {
				break
			}
			seen[one.Hash] = true
		}
	}
	return estimate(len(seen), level)
}
