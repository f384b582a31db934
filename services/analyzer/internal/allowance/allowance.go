package allowance

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
)

// LimitReached is the outcome of an analysis that was asked for and not made, because the day's are used up.
const LimitReached analysis.Outcome = "limit_reached"

const (
	day = 24 * time.Hour
	// morning is how long the contexts that wait for a new day are spread over.
	morning = time.Hour
)

// Turn is a context whose turn it is.
type Turn struct {
	ContextID uuid.UUID
	Failures  int // of its analysis, in a row
}

// Day is what an account has used of a day.
type Day struct {
	Limit  int // 0: none
	Timed  int // analyses that new signals made due
	Asked  int // analyses that a person asked for
	Own    int // of Timed, those of the context that wants one
	Active int // contexts with one of Timed, or waiting for one; the one that wants it included
}

// Spent reports whether the day's analyses are used up.
func (d Day) Spent() bool { return d.Limit > 0 && d.Timed+d.Asked >= d.Limit }

// Next is when the context may be analysed because of its signals; now when nothing speaks against it.
func (d Day) Next(now time.Time, contextID uuid.UUID) time.Time {
	if d.Limit == 0 {
		return now
	}
	midnight := now.UTC().Truncate(day)
	if d.Spent() {
		return Resets(now).Add(offset(contextID, morning))
	}
	// The first of the account, and of each context, need not wait for a part of the day to pass.
	var share float64
	if d.Timed > 0 {
		share = float64(d.Timed+1) / float64(d.Limit)
	}
	if d.Own > 0 {
		share = max(share, float64(d.Own+1)*float64(max(1, d.Active))/float64(d.Limit))
	}
	at := midnight.Add(time.Duration(math.Ceil(share * float64(day))))
	if share > 1 || !at.Before(Resets(now)) {
		return Resets(now).Add(offset(contextID, morning))
	}
	if at.Before(now) {
		return now
	}
	return at
}

// Refusal says why an analysis that was asked for was not made.
func (d Day) Refusal(now time.Time) string {
	return fmt.Sprintf("the account's %d analyses of this day are used up; the next day begins at %s UTC", d.Limit, Resets(now).Format("2006-01-02 15:04"))
}

// Resets is when the next day begins.
func Resets(now time.Time) time.Time { return now.UTC().Truncate(day).Add(day) }

// offset gives every context its own moment within a span.
func offset(id uuid.UUID, span time.Duration) time.Duration {
	return time.Duration(binary.BigEndian.Uint64(id[8:]) % uint64(span))
}
