package analysis

import (
	"time"

	"github.com/draftlabs/specter/services/analyzer/internal/session"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// Hour is what the rollups hold of one hour of a context.
type Hour struct {
	Hour  time.Time
	Types []TypeCount // rare ones added up under signal.Other
	// Recent hours, those of the last weeks, have Values, by polarity, and Errors, of any
	// type.
	Recent bool
	Values []ValueCount
	Errors []ErrorCount
	// Funnel are the hours of the context's funnel of which it became known whether the
	// sessions that entered in them went on: funnelDelay hours ago, and before that back
	// to the last hour with signals.
	Funnel []session.FunnelHour
}

// ErrorCount is how many signals of a type had an error's fingerprint.
type ErrorCount struct {
	Type  string
	Value string
	N     int64
}

// TypeCount is how many signals had a type.
type TypeCount struct {
	Type string
	N    int64
}

// ValueCount is how many signals had a value, polarity applied.
type ValueCount struct {
	Condition
	Positive int64
	Negative int64
}

// count applies the context's polarity.
func (h *Hour) count(home *signal.Context) HourCount {
	c := HourCount{Hour: h.Hour}
	for _, t := range h.Types {
		c.All += t.N
		switch home.Polarity(t.Type) {
		case signal.Positive:
			c.Positive += t.N
		case signal.Negative:
			c.Negative += t.N
		case signal.Neutral:
		}
	}
	return c
}

// countAll applies it to a history.
func countAll(home *signal.Context, hours []Hour) []HourCount {
	out := make([]HourCount, len(hours))
	for i := range hours {
		out[i] = hours[i].count(home)
	}
	return out
}
