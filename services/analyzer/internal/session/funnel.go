package session

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// FunnelWindow is how long after it entered a funnel a session may take its steps.
const FunnelWindow = time.Hour

// FunnelHour counts the sampled sessions that entered a funnel in one hour. Times
// 2^Level they estimate all.
type FunnelHour struct {
	Hour    time.Time
	Level   int
	Reached []int // by step: those that reached it; the first are those that entered
}

// Sessions estimates how many sessions reached a step.
func (h FunnelHour) Sessions(step int) Estimate { return estimate(h.Reached[step], h.Level) }

// FunnelDigest names a funnel: other steps are another funnel.
func FunnelDigest(steps []string) (digest [16]byte) {
	h := sha256.New()
	for _, s := range steps {
		_ = binary.Write(h, binary.BigEndian, uint32(len(s))) // a hash takes all
		h.Write([]byte(s))
	}
	copy(digest[:], h.Sum(nil))
	return digest
}

// Funnel counts, for each hour of the sample but the last, the sessions that entered in it
// and how far they came. A session enters an hour's funnel with its first signal of the
// first step in that hour, and takes the others in order, at the same time or later, within
// FunnelWindow. The sample of the hour after is read for those that go on in it, so both
// count by the coarser level of the two.
func Funnel(s Sample, steps []string) []FunnelHour {
	byHour := make(map[time.Time]*Hour, len(s.Hours))
	for i := range s.Hours {
		byHour[s.Hours[i].Start] = &s.Hours[i]
	}
	var out []FunnelHour
	for hour := s.From; hour.Before(s.To.Add(-FunnelWindow)); hour = hour.Add(time.Hour) {
		out = append(out, funnelHour(hour, byHour[hour], byHour[hour.Add(time.Hour)], steps))
	}
	return out
}

func funnelHour(start time.Time, this, next *Hour, steps []string) FunnelHour {
	out := FunnelHour{Hour: start, Reached: make([]int, len(steps))}
	if this == nil {
		return out
	}
	later := make(map[uint64][]Signal)
	out.Level = this.Level
	if next != nil {
		out.Level = max(this.Level, next.Level)
		for _, s := range next.Sessions {
			later[s.Hash] = s.Signals
		}
	}
	for _, s := range this.Sessions {
		if !below(s.Hash, out.Level) {
			break
		}
		for step := range reached(s.Signals, later[s.Hash], steps) {
			out.Reached[step]++
		}
	}
	return out
}

// reached is how many steps a session took that sent these signals in its hour and in
// the next.
func reached(this, next []Signal, steps []string) int {
	entered := slices.IndexFunc(this, func(s Signal) bool { return s.Type == steps[0] })
	if entered < 0 {
		return 0
	}
	until := this[entered].Offset + FunnelWindow
	n := 1
	take := func(list []Signal, after time.Duration) {
		// Signals of one moment have no order: each step looks among them again.
		moment := 0
		for i := 0; i < len(list) && n < len(steps); i++ {
			if list[i].Offset+after > until {
				return
			}
			if list[i].Offset != list[moment].Offset {
				moment = i
			}
			if list[i].Type == steps[n] {
				n++
				i = moment - 1
			}
		}
	}
	first := slices.IndexFunc(this, func(s Signal) bool { return s.Offset == this[entered].Offset })
	take(this[first:], 0)
	take(next, time.Hour)
	return n
}

// FunnelStore keeps the hours that were counted.
type FunnelStore interface {
	// Sessions is the sample of the hours from ≤ hour < to, of some types of signals; nil
	// are all.
	Sessions(ctx context.Context, from, to time.Time, types []string) (Sample, error)
	// FunnelHours are the counted ones from ≤ hour < to that no signal came to since.
	FunnelHours(ctx context.Context, steps []string, from, to time.Time) ([]FunnelHour, error)
	SaveFunnelHours(ctx context.Context, steps []string, hours []FunnelHour) error
}

// countedAtOnce bounds how much of the sample is read at a time.
const countedAtOnce = 24 * time.Hour

// FunnelHistory is a funnel's complete hours from ≤ hour < to as of now, in order: those
// in which no session that entered can take another step. What was not counted yet, or
// got signals since, is counted and kept.
func FunnelHistory(ctx context.Context, store FunnelStore, steps []string, from, to, now time.Time) ([]FunnelHour, error) {
	from = from.UTC().Truncate(time.Hour)
	if complete := now.Add(-FunnelWindow).UTC().Truncate(time.Hour); to.After(complete) {
		to = complete
	}
	known, err := store.FunnelHours(ctx, steps, from, to)
	if err != nil {
		return nil, err
	}
	byHour := make(map[time.Time]FunnelHour, len(known))
	for _, h := range known {
		byHour[h.Hour] = h
	}
	var out []FunnelHour
	for hour := from; hour.Before(to); {
		if h, ok := byHour[hour]; ok {
			out = append(out, h)
			hour = hour.Add(time.Hour)
			continue
		}
		end := hour
		for end.Before(to) && end.Sub(hour) < countedAtOnce {
			if _, ok := byHour[end]; ok {
				break
			}
			end = end.Add(time.Hour)
		}
		sample, err := store.Sessions(ctx, hour, end.Add(FunnelWindow), steps)
		if err != nil {
			return nil, err
		}
		counted := Funnel(sample, steps)
		if err := store.SaveFunnelHours(ctx, steps, counted); err != nil {
			return nil, err
		}
		out = append(out, counted...)
		hour = end
	}
	return out, nil
}
