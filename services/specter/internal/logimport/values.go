package logimport

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// maxDigits bounds a number's text: a few bytes such as 1e131071 would print as megabytes.
const maxDigits = 64

// timeLayouts are tried in order; those without a zone are read as UTC.
var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05.999999999 MST", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", time.DateOnly,
}

// parseTime reads a date in words or an epoch in seconds, milli-, micro- or nanoseconds,
// told apart by size (they do not overlap between 1973 and 5138).
func parseTime(value any) (time.Time, error) {
	var text string
	switch v := value.(type) {
	case string:
		text = strings.TrimSpace(v)
	case json.Number:
		text = v.String()
	default:
		return time.Time{}, errors.New("the timestamp is neither text nor a number")
	}
	if text == "" {
		return time.Time{}, errors.New("the timestamp is empty")
	}
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) >= 9 {
		return epoch(whole), nil
	}
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		if number < 1e8 || number >= 1e11 {
			return time.Time{}, errors.New("the timestamp is no epoch and no date")
		}
		whole, fraction := math.Modf(number) // seconds with a fraction
		return time.Unix(int64(whole), int64(math.Round(fraction*1e6))*1000).UTC(), nil
	}
	for _, layout := range timeLayouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, errors.New("the timestamp is no RFC 3339 date and no epoch")
}

func epoch(n int64) time.Time {
	switch magnitude := max(n, -n); {
	case magnitude < 1e11:
		return time.Unix(n, 0).UTC()
	case magnitude < 1e14:
		return time.UnixMilli(n).UTC()
	case magnitude < 1e17:
		return time.UnixMicro(n).UTC()
	default:
		return time.Unix(0, n).UTC()
	}
}

func contextID(text string) (uuid.UUID, error) {
	if text == "" {
		return uuid.Nil, nil
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil, errors.New("the context_id is not a uuid")
	}
	return id, nil
}

// cleanPayload returns the payload as the server will accept it, or why it would not.
func cleanPayload(payload map[string]any) (map[string]any, error) {
	if len(payload) == 0 {
		return nil, nil
	}
	nodes := 0
	clean, err := cleanValue(payload, 1, &nodes)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(clean)
	if err != nil {
		return nil, fmt.Errorf("the payload cannot be written as JSON: %w", err)
	}
	if len(encoded) > MaxPayload {
		return nil, fmt.Errorf("the payload is larger than %d bytes", MaxPayload)
	}
	return clean.(map[string]any), nil
}

func cleanValue(value any, depth int, nodes *int) (any, error) {
	if *nodes++; *nodes > MaxNodes {
		return nil, fmt.Errorf("the payload has more than %d values", MaxNodes)
	}
	if depth > MaxDepth {
		return nil, fmt.Errorf("the payload is nested deeper than %d levels", MaxDepth)
	}
	switch v := value.(type) {
	case string:
		return cleanText(v), nil
	case json.Number:
		number, err := v.Float64()
		if err != nil || math.IsInf(number, 0) || len(v) > maxDigits {
			return nil, errors.New("the payload has a number that is too large")
		}
		return v, nil
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			clean, err := cleanValue(element, depth+1, nodes)
			if err != nil {
				return nil, err
			}
			out[i] = clean
		}
		return out, nil
	case map[string]any:
		if len(v) > MaxKeys {
			return nil, fmt.Errorf("the payload has an object with more than %d keys", MaxKeys)
		}
		out := make(map[string]any, len(v))
		for key, element := range v {
			clean, err := cleanValue(element, depth+1, nodes)
			if err != nil {
				return nil, err
			}
			out[cleanText(key)] = clean
		}
		return out, nil
	default:
		return v, nil
	}
}

// cleanText replaces what Postgres cannot store in JSON: NUL and broken UTF-8.
func cleanText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
