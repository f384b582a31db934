package session

import (
	"cmp"
	"slices"
	"time"
)

// Part is what one row holds of an hour.
type Part struct {
	Level    int
	Sessions []Session
}

// Combine makes an hour's sample of its rows. Its level is the lowest that leaves at most
// MaxSessions of all the sessions there were, however the rows came to be: writers never
// go higher, and what lies below its bound is in the rows in full.
func Combine(start time.Time, parts []Part) Hour {
	out := Hour{Start: start}
	for _, p := range parts {
		out.Level = max(out.Level, p.Level)
	}
	byHash := make(map[uint64]int)
	for _, p := range parts {
		for _, s := range p.Sessions {
			if !below(s.Hash, out.Level) {
				continue
			}
			i, ok := byHash[s.Hash]
			if !ok {
				byHash[s.Hash] = len(out.Sessions)
				out.Sessions = append(out.Sessions, s)
				continue
			}
			to := &out.Sessions[i]
			to.N += s.N
			to.Signals = slices.Concat(to.Signals, s.Signals)
		}
	}
	slices.SortFunc(out.Sessions, func(a, b Session) int { return cmp.Compare(a.Hash, b.Hash) })
	for len(out.Sessions) > MaxSessions && out.Level < MaxLevel {
		out = out.Coarsen(out.Level + 1)
	}
	for i := range out.Sessions {
		out.Sessions[i].Signals = bounded(out.Sessions[i].Signals)
	}
	return out
}

// maxText bounds the text of a session and hour, should each of its signals say something
// long and new.
const maxText = 16 << 10

// bounded sorts a session's signals and keeps as many as a session may have.
func bounded(list []Signal) []Signal {
	slices.SortFunc(list, compare)
	size := 0
	for i, s := range list {
		if size += s.text(); size > maxText {
			list = list[:i]
			break
		}
	}
	if len(list) <= maxRepeats {
		return list
	}
	seen := make(map[string]bool)
	out := make([]Signal, 0, MaxSignals)
	for _, s := range list {
		if hasRoom(len(out), seen[s.Type]) {
			seen[s.Type] = true
			out = append(out, s)
		}
	}
	return out
}

// text is how long a signal's texts are.
func (s Signal) text() int {
	n := len(s.Type)
	for _, d := range s.Dimensions {
		n += len(d.Name) + len(d.Value)
	}
	return n
}

// maxSampled bounds how many signals a read gives: some 20 MB.
const maxSampled = 100_000

// Gathering collects hours into a sample of bounded size: what is beyond halves all of it.
type Gathering struct {
	sample Sample
	floor  int // the lowest level of its hours
	n      int // signals
}

// Gather begins one from from until to.
func Gather(from, to time.Time) *Gathering { return &Gathering{sample: Sample{From: from, To: to}} }

// Floor is the level that is wanted of the hours to come.
func (g *Gathering) Floor() int { return g.floor }

// Add the next hour.
func (g *Gathering) Add(h Hour) {
	h = h.Coarsen(g.floor)
	g.sample.Hours = append(g.sample.Hours, h)
	g.n += h.signals()
	for g.n > maxSampled && g.floor < MaxLevel {
		g.floor++
		g.n = 0
		for i := range g.sample.Hours {
			g.sample.Hours[i] = g.sample.Hours[i].Coarsen(g.floor)
			g.n += g.sample.Hours[i].signals()
		}
	}
}

// Sample is what was gathered.
func (g *Gathering) Sample() Sample { return g.sample }
