package age

import "time"

// Kept says in plain words how old a thing may become.
type Kept struct {
	What string
	For  time.Duration
}

// Kept lists what goes at an age of its own, beside signals.
func (k *Keeper) Kept() []Kept {
	return []Kept{
		{"ids of signals, by which a repeated one is recognised", idsKeep},
		{"the log of webhook deliveries, with what was sent and answered", deliveriesKeep},
		{"counts of signals that were refused", refusalsKeep},
		{"cleaned samples of signals that were refused", samplesKeep},
		{"answers kept for repeated requests", answersKeep},
	}
}
