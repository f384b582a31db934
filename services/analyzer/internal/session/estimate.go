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
	return DistinctWhere(s, func([]Visit) bool { return true })
}

// Visit is what a session sent in one of the sample's hours.
type Visit struct {
	Hour *Hour
	*Session
}

// DistinctWhere estimates how many sessions there were of which match says true. It gets
// all that is kept of a session, hour by hour.
func DistinctWhere(s Sample, match func([]Visit) bool) Estimate {
	level := s.Level()
	sampled := 0
	for _, visits := range bySession(s, level) {
		if match(visits) {
			sampled++
		}
	}
	return estimate(sampled, level)
}

// Any tells whether any signal of a session is as wanted.
func Any(visits []Visit, wanted func(Signal) bool) bool {
	for _, v := range visits {
		for _, one := range v.Signals {
			if wanted(one) {
				return true
			}
		}
	}
	return false
}

// bySession are the sessions below a level's bound, each with its hours in order.
func bySession(s Sample, level int) map[uint64][]Visit {
	out := make(map[uint64][]Visit)
	for i := range s.Hours {
		h := &s.Hours[i]
		for j := range h.Sessions {
			if !below(h.Sessions[j].Hash, level) {
				break
			}
			out[h.Sessions[j].Hash] = append(out[h.Sessions[j].Hash], Visit{h, &h.Sessions[j]})
		}
	}
	return out
}
