// Package evidencetest builds findings' evidence for this service's tests.
package evidencetest

import (
	"encoding/json"
	"testing"
	"time"
)

// Start is when the incident of the default evidence began.
var Start = time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC)

// Document is a finding's evidence that a test may change before it is encoded.
type Document map[string]any

// New returns evidence of rage clicks on one element of a page, detected asOf.
func New(asOf time.Time) Document {
	return Document{
		"version": 1, "metric": "positive_ratio", "as_of": asOf,
		"window":   map[string]any{"from": Start, "to": asOf},
		"baseline": map[string]any{"from": Start.Add(-14 * 24 * time.Hour), "to": Start},
		"counts": map[string]any{
			"window":   map[string]any{"positive": 1840, "negative": 1012, "sessions": 1405},
			"baseline": map[string]any{"positive": 26120, "negative": 7893, "sessions": nil},
		},
		"ratio": map[string]any{"window": 0.6452, "baseline": 0.7679, "expected": 0.7655, "low": 0.748, "high": 0.782},
		"score": map[string]any{"p": 0.00012, "evidence": 9.03},
		"segments": []any{map[string]any{
			"conditions": []any{
				map[string]any{"dimension": "path", "value": "/checkout"}, map[string]any{"dimension": "element", "value": "button#pay"},
			},
			"type": "rage_click", "window": 402, "expected": 61.4, "excess": 340.6, "share_of_change": 0.83, "share_of_traffic": 0.214,
			"share_of_sessions": 0.19, "q": 0.0001, "first_seen": false, "explains": true,
		}},
		"types": []any{
			map[string]any{"type": "rage_click", "polarity": "negative", "window": 512, "expected": 150.2, "excess": 361.8, "q": 0.0001},
			map[string]any{"type": "js_error", "polarity": "negative", "window": 500, "expected": 455.5, "excess": 44.5, "q": 0.03},
		},
		"ruled_out":         []any{map[string]any{"dimension": "browser", "reason": `no value worsened more than the rest: "Chrome", the worst of 3, has 40 % of the negatives`}, map[string]any{"dimension": "country", "reason": `only one value was seen, "DE", so it cannot be told from the rest`}},
		"examples":          []any{"0196a2f2-0000-7000-8000-000000000001"},
		"affected_sessions": 267,
		"series":            []any{},
		"subject":           map[string]any{"kind": "ratio"},
		"counterfactual":    map[string]any{"metric": "positive_ratio", "now": 0.6452, "then": 0.7321, "sd": 0.08},
	}
}

// Lead changes the leading segment.
func (d Document) Lead(signalType string, conditions ...string) Document {
	segments, _ := d["segments"].([]any)
	lead, _ := segments[0].(map[string]any)
	lead["type"], lead["conditions"] = signalType, Conditions(conditions...)
	return d
}

// LeadWith sets a member of the leading segment.
func (d Document) LeadWith(name string, value any) Document {
	segments, _ := d["segments"].([]any)
	lead, _ := segments[0].(map[string]any)
	lead[name] = value
	return d
}

// Conditions of a segment from dimensions and their values in turn.
func Conditions(pairs ...string) []any {
	list := []any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, map[string]any{"dimension": pairs[i], "value": pairs[i+1]})
	}
	return list
}

// Volume adds how much came against what was expected; nothing at all when window is 0.
func (d Document) Volume(window int) Document {
	volume := map[string]any{"window": window, "expected": 2104.6, "low": 1890, "high": 2310}
	if window == 0 {
		volume["last_signal_at"] = Start.Add(-time.Hour)
	}
	return d.of("share_of_usual_volume").With("volume", volume)
}

// of makes the document one of a metric other than the positive ratio: signals are not counted by type then.
func (d Document) of(metric string) Document {
	return d.With("metric", metric).With("types", []any{}).With("counterfactual", nil)
}

// Funnel adds a step between two types.
func (d Document) Funnel(from, to string) Document {
	return d.of("funnel_conversion").LeadWith("share_of_sessions", nil).With("funnel", map[string]any{
		"steps": []any{"page_view", from, to}, "from": from, "to": to,
		"window": map[string]any{"entered": 1210, "continued": 487}, "baseline": map[string]any{"entered": 15020, "continued": 8290},
		"expected": 0.552, "low": 0.521, "high": 0.583,
	}).With("subject", map[string]any{"kind": "funnel", "name": to})
}

// FirstSeen adds an error that was never seen before.
func (d Document) FirstSeen(signalType, message string) Document {
	return d.of("error_free_share").With("first_seen", map[string]any{
		"dimension": "error", "value": message, "type": signalType, "first_at": Start, "count": 402, "sessions": 118, "share_of_sessions": 0.084,
	}).With("subject", map[string]any{"kind": "error", "name": message})
}

// With sets a member.
func (d Document) With(name string, value any) Document {
	d[name] = value
	return d
}

// JSON encodes the document.
func (d Document) JSON(t testing.TB) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatalf("encoding the evidence: %v", err)
	}
	return raw
}
