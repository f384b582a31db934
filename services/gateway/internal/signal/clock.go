package signal

import (
	"errors"
	"strconv"
	"time"
)

const (
	maxAge   = 24 * time.Hour
	maxAhead = 5 * time.Minute

	// Below this a difference between the clocks is the request's own journey.
	minSkew = 5 * time.Second
)

var errTimestamp = errors.New("not an RFC 3339 time or a number of milliseconds since 1970")

// occurred decides when a signal happened. A client that tells the time of sending has its clock
// corrected by the difference; without that, a time slightly ahead of ours can only be skew and
// becomes the time of receipt.
func (r Receipt) occurred(sent time.Time) (time.Time, TimeMark) {
	if !r.SentAt.IsZero() {
		if skew := r.At.Sub(r.SentAt); skew.Abs() >= minSkew {
			sent = sent.Add(skew)
		}
	}
	switch age := r.At.Sub(sent); {
	case age > maxAge:
		return r.At.Add(-maxAge), TimeClampedOld
	case age < -maxAhead:
		return r.At, TimeClampedFuture
	case age < 0:
		return r.At, TimeAsSent
	default:
		return sent, TimeAsSent
	}
}

// parseTimestamp reads a JSON string or number.
func parseTimestamp(literal []byte) (time.Time, error) {
	if literal[0] == '"' {
		t, err := time.Parse(time.RFC3339Nano, unquote(literal))
		if err != nil {
			return time.Time{}, errTimestamp
		}
		return t.UTC(), nil
	}
	ms, err := strconv.ParseFloat(string(literal), 64)
	if err != nil {
		return time.Time{}, errTimestamp
	}
	return millis(ms), nil
}

// millis keeps to the years a time.Duration can span; everything beyond is clamped anyway.
func millis(ms float64) time.Time {
	const far = 8_000_000_000_000 // the year 2223
	ms = min(max(ms, -far), far)
	return time.UnixMicro(int64(ms * 1000)).UTC()
}
