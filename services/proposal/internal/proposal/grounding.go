package proposal

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TimeLayout is how a time of the evidence is written in a proposal's text, in UTC.
const TimeLayout = "2 Jan 2006 15:04 UTC"

// ErrUngrounded means that a text says something the evidence does not.
var ErrUngrounded = errors.New("the text is not grounded in the evidence")

// Facts are what a proposal's text may say: every number, name and time of the evidence.
type Facts struct {
	numbers []float64
	names   []string
	times   []string
}

// NewFacts collects the facts of a brief.
func NewFacts(b Brief) (Facts, error) {
	var f Facts
	var document any
	if err := json.Unmarshal(b.Raw, &document); err != nil {
		return Facts{}, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	f.collect(document)
	f.names = append(f.names, b.Context.Name)
	f.names = append(f.names, b.Context.PositiveTypes...)
	f.names = append(f.names, b.Context.NegativeTypes...)
	f.addTime(b.StartedAt)
	f.addTime(b.DetectedAt)
	if b.Shipped != nil {
		f.names = append(f.names, b.Shipped.Title, b.Shipped.Version)
		f.addTime(b.Shipped.DeployedAt)
	}
	return f, nil
}

func (f *Facts) collect(v any) {
	switch x := v.(type) {
	case map[string]any:
		for _, e := range x {
			f.collect(e)
		}
	case []any:
		for _, e := range x {
			f.collect(e)
		}
	case float64:
		f.numbers = append(f.numbers, x)
	case string:
		f.names = append(f.names, x)
		if t, err := time.Parse(time.RFC3339Nano, x); err == nil {
			f.addTime(t)
		}
	}
}

func (f *Facts) addTime(t time.Time) {
	if text := t.UTC().Format(TimeLayout); !t.IsZero() && !slices.Contains(f.times, text) {
		f.times = append(f.times, text)
	}
}

var (
	quoted = regexp.MustCompile(`“[^”]*”`)
	// Digits of any script: one that is no ASCII digit is no number of the evidence, but it reads like one.
	number = regexp.MustCompile(`\p{Nd}[\p{Nd},]*(?:\.\p{Nd}+)?(?:\s?%)?`)
)

// Check verifies a text: what stands in “quotes” must be a name of the evidence (or the beginning of one, before "…"),
// times must be its times, and every number left must be one of its numbers at the precision it is written in, as it is
// or as a percentage.
func (f Facts) Check(text string) error {
	for _, q := range quoted.FindAllString(text, -1) {
		if name := strings.TrimSuffix(strings.TrimPrefix(q, "“"), "”"); !f.knows(name) {
			return fmt.Errorf("%w: the name %q", ErrUngrounded, name)
		}
	}
	rest := quoted.ReplaceAllString(text, " ")
	for _, t := range f.times {
		rest = strings.ReplaceAll(rest, t, " ")
	}
	for _, n := range number.FindAllString(rest, -1) {
		if !f.occurs(n) {
			return fmt.Errorf("%w: the number %s", ErrUngrounded, n)
		}
	}
	return nil
}

func (f Facts) knows(name string) bool {
	beginning, cut := strings.CutSuffix(name, "…")
	return slices.ContainsFunc(f.names, func(known string) bool {
		known = PlainName(known)
		return known == name || cut && beginning != "" && strings.HasPrefix(known, beginning)
	})
}

func (f Facts) occurs(text string) bool {
	digits, percent := strings.CutSuffix(text, "%")
	digits = strings.TrimRight(strings.ReplaceAll(digits, ",", ""), " \u00a0")
	said, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return false
	}
	decimals := 0
	if _, fraction, ok := strings.Cut(digits, "."); ok {
		decimals = len(fraction)
	}
	tolerance := 0.5*math.Pow10(-decimals) + 1e-9
	return slices.ContainsFunc(f.numbers, func(v float64) bool {
		if percent {
			v *= 100
		}
		return math.Abs(math.Abs(v)-said) <= tolerance
	})
}

// PlainName is a name as it may stand in quotes: on one line and without the quotes themselves.
func PlainName(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '“', '”':
			return '"'
		case '\n', '\r', '\t':
			return ' '
		}
		return r
	}, s)
}
