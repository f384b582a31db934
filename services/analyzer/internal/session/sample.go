package session

import (
	"time"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

const (
	// MaxSessions is how many sessions a context and hour are sampled with at most.
	MaxSessions = 256
	// MaxSignals is how many signals of a session and hour are kept at most; more are
	// only counted.
	MaxSignals = 64
	// maxRepeats is from how many on only a type that the session has not sent yet is kept:
	// an error in a loop must not hide the purchase that comes after it.
	maxRepeats = 48
	// MaxLevel is the level at which a bound of 64 bits ends.
	MaxLevel = 63
)

// Sample is what is kept of a context from From until To.
type Sample struct {
	From, To time.Time
	Hours    []Hour // those with sessions, in order
}

// Hour is a whole hour's sample.
type Hour struct {
	Start    time.Time
	Level    int       // sessions stand for 2^Level each
	Sessions []Session // in order of their hashes
}

// Session is what one session sent in one hour.
type Session struct {
	Hash    uint64
	N       int      // signals, those beyond MaxSignals included
	Signals []Signal // in order of time
}

// Signal is one that was kept.
type Signal struct {
	Offset     time.Duration // since the start of its hour, whole milliseconds
	Type       string
	Dimensions []signal.Dimension
}

// below tells whether a session is in a sample of this level.
func below(hash uint64, level int) bool { return hash>>(64-level) == 0 }

// scale is how many sessions one of this level stands for.
func scale(level int) float64 { return float64(uint64(1) << level) }

// Level is the coarsest level of the sample's hours: a session below it is in every
// hour's sample in which it sent anything.
func (s Sample) Level() int {
	level := 0
	for _, h := range s.Hours {
		level = max(level, h.Level)
	}
	return level
}

// Coarsen halves the hour's sample until it has this level.
func (h Hour) Coarsen(level int) Hour {
	if level <= h.Level {
		return h
	}
	out := Hour{Start: h.Start, Level: level}
	for _, s := range h.Sessions { // in order of their hashes
		if !below(s.Hash, level) {
			break
		}
		out.Sessions = append(out.Sessions, s)
	}
	return out
}

// signals counts what the hour holds.
func (h Hour) signals() (n int) {
	for _, s := range h.Sessions {
		n += len(s.Signals)
	}
	return n
}
