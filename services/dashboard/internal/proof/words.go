package proof

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// percentSign is kept on the line of its number.
const percentSign = "\u00a0%"

// none stands for what could not be computed.
const none = "–"

// word is the headline.
func (s Status) word() string {
	switch s {
	case Improved:
		return "Improved"
	case Regressed:
		return "Regressed"
	case NoEffect:
		return "No effect"
	case Inconclusive:
		return "Inconclusive"
	case Collecting:
		return "Collecting"
	case Stopped:
		return "Stopped"
	default:
		return "Waiting"
	}
}

// Icon stands before the word, so that no colour has to tell.
func (s Status) Icon() string {
	switch s {
	case Improved:
		return "▲"
	case Regressed:
		return "▼"
	case NoEffect:
		return "="
	case Inconclusive:
		return "?"
	case Collecting:
		return "…"
	case Stopped:
		return "■"
	default:
		return "○"
	}
}

// plain says the status of results that carry no sentence of their own.
func (s Status) plain() string {
	switch s {
	case Improved:
		return "It helped, by more than chance and season explain."
	case Regressed:
		return "It made things worse, by more than chance and season explain."
	case NoEffect:
		return "It changed nothing that matters."
	case Collecting:
		return "There is no verdict yet."
	default:
		return "There is no verdict."
	}
}

// sides name what is counted; bad is empty for a measure per day.
func (m Measure) sides() (good, bad string) {
	switch m.Metric {
	case "type_share":
		return "others", "of that type"
	case "error_free_share":
		return "without the error", "with it"
	case "funnel_conversion":
		return "went on", "did not"
	case metricVolume:
		return "signals", ""
	default:
		return "positive", "negative"
	}
}

// count says one side's raw numbers: "4,512 positive, 1,203 negative in 182 days".
func (p *Proof) count(c Count) string {
	good, bad := p.Measure.sides()
	if bad == "" {
		return fmt.Sprintf("%s %s in %s", thousands(c.Positive), good, days(c.Days))
	}
	return fmt.Sprintf("%s %s, %s %s in %s", thousands(c.Positive), good, thousands(c.Negative), bad, days(c.Days))
}

func (p *Proof) rawCounts() string {
	return "Before: " + p.count(p.Counts.Before) + ". After: " + p.count(p.Counts.After)
}

// amount of the measure in its unit.
func (p *Proof) amount(x *float64) string {
	if x == nil || !finite(*x) {
		return none
	}
	if p.Measure != nil && p.Measure.Unit == PerDay {
		return rounded(*x) + " a day"
	}
	return percent(*x)
}

// amountOf a prediction, which may be of another measure.
func amountOf(metric string, x *float64) string {
	if x == nil || !finite(*x) {
		return none
	}
	if metric == metricVolume {
		return rounded(*x) + " a day"
	}
	return percent(*x)
}

// change of odds or of a number: in percent while percents are readable, as a factor beyond a doubling.
func change(x *float64) string {
	switch {
	case x == nil || !finite(*x):
		return none
	case *x >= 1:
		return "×" + strconv.FormatFloat(1+*x, 'f', 1, 64)
	default:
		return minus(strconv.FormatFloat(100**x, 'f', 1, 64), true) + percentSign
	}
}

func points(x *float64) string {
	if x == nil || !finite(*x) {
		return none
	}
	return minus(strconv.FormatFloat(100**x, 'f', 1, 64), true)
}

// probability never says certain.
func probability(x *float64) string {
	switch {
	case x == nil || !finite(*x):
		return none
	case *x > .999:
		return "> 99.9" + percentSign
	case *x < .001:
		return "< 0.1" + percentSign
	default:
		return percent(*x)
	}
}

// pvalue with as many digits as a boundary has.
func pvalue(x *float64) string {
	switch {
	case x == nil || !finite(*x):
		return none
	case *x < .0001:
		return "< 0.0001"
	default:
		return strconv.FormatFloat(*x, 'f', 4, 64)
	}
}

func percent(x float64) string {
	return minus(strconv.FormatFloat(100*x, 'f', 1, 64), false) + percentSign
}

// level of an interval: 98.8 %.
func level(x float64) string {
	return strings.TrimSuffix(strings.TrimSuffix(strconv.FormatFloat(100*x, 'f', 1, 64), "0"), ".") + percentSign
}

// minus sets the sign in type; zero has none.
func minus(text string, plus bool) string {
	digits, negative := strings.CutPrefix(text, "-")
	switch {
	case strings.Trim(digits, "0.") == "":
		return digits
	case negative:
		return "−" + digits
	case plus:
		return "+" + digits
	default:
		return digits
	}
}

func rounded(x float64) string {
	if math.Abs(x) < 10 {
		return minus(strconv.FormatFloat(x, 'f', 1, 64), false)
	}
	return thousands(int64(math.Round(math.Max(math.MinInt32, math.Min(x, 1<<53)))))
}

func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	digits, negative := strings.CutPrefix(text, "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if negative {
		return "−" + digits
	}
	return digits
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return thousands(int64(n)) + " days"
}

// date is a day in the product's time zone.
func (p *Proof) date(t time.Time) string { return t.In(p.zone).Format("2 January 2006") }

// span names the days of [from, to).
func (p *Proof) span(from, to time.Time) string {
	first, last := p.date(from), p.date(to.Add(-1))
	if first == last {
		return first
	}
	return first + " to " + last
}

// moment is a time in the product's time zone.
func (p *Proof) moment(t time.Time) string {
	return t.In(p.zone).Format("2 January 2006, 15:04") + " (" + p.TimeZone + ")"
}

// shortDay of a chart's date: "2026-06-10" is 10 Jun.
func shortDay(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.Format("2 Jan")
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// readingName says on what other grounds a reading stands.
func readingName(r Reading) string {
	switch r.Name {
	case "without_trigger":
		return "Without the days that led to the finding"
	case "without_controls":
		return "Without the controls"
	default:
		if n, ok := strings.CutPrefix(r.Name, "history_"); ok {
			return "With " + n + " days of history"
		}
		return r.Name
	}
}

// fitWords say how a prediction turned out.
func fitWords(fit string) string {
	switch fit {
	case "within":
		return "within what was predicted"
	case "below":
		return "less than was predicted"
	case "above":
		return "more than was predicted"
	default:
		return ""
	}
}
