package usage

import (
	"fmt"
	"math"
)

// tipShare is the part of all signals from which on a type is worth a tip.
const tipShare = 0.4

// Tip says how an account would use less.
type Tip struct {
	Type  string
	Share float64
	Text  string
}

// less says how each type that the script tag sends by itself is turned off.
var less = map[string]string{
	"page_view":   "turn it off with data-track-pageviews=false",
	"js_error":    "turn it off with data-track-errors=false",
	"rage_click":  "turn it off with data-track-rage-clicks=false",
	"dead_click":  "turn it off with data-track-dead-clicks=false",
	"form_submit": "turn it off with data-track-forms=false",
	"click":       "turn it off with data-track-clicks=false",
}

// tips are for the types that make up most of a month.
func tips(byType []TypeCount, stored int64) []Tip {
	out := []Tip{}
	for _, t := range byType {
		share := float64(t.Count) / float64(max(1, stored))
		if share < tipShare || t.Type == "" {
			continue
		}
		how, known := less[t.Type]
		if !known {
			how = "send it less often, or a part of all sessions with data-sample-rate"
		}
		out = append(out, Tip{Type: t.Type, Share: share, Text: fmt.Sprintf("%s is %.0f %%: %s", t.Type, math.Round(share*100), how)})
	}
	return out
}

// withDropped adds what was refused for the limit to the days on which that was.
func withDropped(stored, dropped []DayCount) []DayCount {
	out := make([]DayCount, 0, len(stored)+len(dropped))
	for len(stored) > 0 || len(dropped) > 0 {
		switch {
		case len(dropped) == 0 || len(stored) > 0 && stored[0].Day.Before(dropped[0].Day):
			out = append(out, stored[0])
			stored = stored[1:]
		case len(stored) == 0 || dropped[0].Day.Before(stored[0].Day):
			out = append(out, DayCount{Day: dropped[0].Day, Dropped: dropped[0].Count})
			dropped = dropped[1:]
		default:
			out = append(out, DayCount{Day: stored[0].Day, Count: stored[0].Count, Dropped: dropped[0].Count})
			stored, dropped = stored[1:], dropped[1:]
		}
	}
	return out
}
