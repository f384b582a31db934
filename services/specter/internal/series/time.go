package series

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// layouts that timestamps come in; fractions of a second are read with each.
var layouts = []string{
	time.RFC3339,
	time.DateTime,
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05 Z0700",
	"2006-01-02 15:04:05 MST",
	"2006-01-02 15:04",
	"2006-01-02T15:04",
	"2006-01-02T15:04Z07:00",
	time.DateOnly,
	"2006/01/02 15:04:05",
	"2006/01/02 15:04",
	"2006/01/02",
	"01/02/2006 15:04:05",
	"01/02/2006 15:04",
	"01/02/2006",
	"02.01.2006 15:04:05",
	"02.01.2006 15:04",
	"02.01.2006",
}

const compactDate = "20060102"

// ParseTime reads one moment in any form a file may have it in; whole says that it names a day and no
// time of it.
func ParseTime(text string) (at time.Time, whole, ok bool) {
	var r timeReader
	at, ok = r.parse(text)
	switch r.layout {
	case time.DateOnly, compactDate, "2006/01/02", "01/02/2006", "02.01.2006":
		whole = true
	}
	return at, whole, ok
}

// timeReader reads timestamps. A file keeps to one layout, so the last that worked is tried first.
type timeReader struct {
	layout string
}

// parse reads a timestamp; one without a zone is UTC.
func (r *timeReader) parse(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	if r.layout != "" {
		if at, err := time.Parse(r.layout, text); err == nil {
			return at, true
		}
	}
	if len(text) == len(compactDate) { // as seconds it would be a day of 1970
		if at, err := time.Parse(compactDate, text); err == nil {
			r.layout = compactDate
			return at, true
		}
	}
	if at, ok := epoch(text); ok {
		return at, true
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			r.layout = layout
			return at, true
		}
	}
	return time.Time{}, false
}

// epoch reads seconds, milli-, micro- or nanoseconds since 1970, told apart by their size.
func epoch(text string) (time.Time, bool) {
	whole, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(seconds) || math.Abs(seconds) >= 1e11 {
			return time.Time{}, false
		}
		return time.UnixMicro(int64(seconds * 1e6)).UTC(), true
	}
	// The first instant of year 5138 in seconds is 1e11; in milliseconds that was in 1973.
	switch size := max(whole, -whole); {
	case size < 0: // -whole does not exist
		return time.Time{}, false
	case size < 1e11:
		return time.Unix(whole, 0).UTC(), true
	case size < 1e14:
		return time.UnixMilli(whole).UTC(), true
	case size < 1e17:
		return time.UnixMicro(whole).UTC(), true
	default:
		return time.Unix(0, whole).UTC(), true
	}
}
