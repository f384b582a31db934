package proof

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// seriesDay is one day of what the newest look was computed from.
type seriesDay struct {
	date               string
	positive, negative float64
	part               string
	trigger            bool
}

// newSeries leaves out the day of the deployment, which is in neither side, and those on which signals were refused. Documents that do not fit together are none.
func newSeries(in inputsDocument) []seriesDay {
	if len(in.Measure) != len(in.Dates) || in.HistoryDays > len(in.Dates) {
		return nil
	}
	refused := map[int]bool{}
	for _, r := range in.Refused {
		refused[r.Place] = true
	}
	var out []seriesDay
	for i, date := range in.Dates {
		if in.Gap && i == in.HistoryDays-1 || refused[i] {
			continue
		}
		day := seriesDay{date: tidy(date), positive: in.Measure[i][0], negative: in.Measure[i][1], part: "before", trigger: slices.Contains(in.Trigger, i)}
		if i >= in.HistoryDays {
			day.part = "after"
		}
		out = append(out, day)
	}
	return out
}

// CSV is the series of what was measured, a row a day, as `specter verify --csv` reads it. There are no rows before the
// first look, nor of looks that kept no inputs beyond what the chart draws.
func (p *Proof) CSV() []byte {
	var b strings.Builder
	volume := p.Measure != nil && p.Measure.Unit == PerDay
	b.WriteString("day,positive,total,part,trigger\n")
	if volume {
		b.Reset()
		b.WriteString("day,count,part,trigger\n")
	}
	for _, d := range p.counted() {
		if volume {
			fmt.Fprintf(&b, "%s,%s,%s,%t\n", field(d.date), number(d.positive), d.part, d.trigger)
		} else {
			fmt.Fprintf(&b, "%s,%s,%s,%s,%t\n", field(d.date), number(d.positive), number(d.positive+d.negative), d.part, d.trigger)
		}
	}
	return []byte(b.String())
}

// counted is the whole series, or what the chart draws where that is all there is.
func (p *Proof) counted() []seriesDay {
	if p.series != nil {
		return p.series
	}
	var out []seriesDay
	for _, d := range p.Daily {
		if d.Between || len(d.Refused) > 0 {
			continue
		}
		day := seriesDay{date: d.Date, positive: float64(d.Positive), negative: float64(d.Negative), part: "before", trigger: d.Trigger}
		if d.Post {
			day.part = "after"
		}
		out = append(out, day)
	}
	return out
}

// steps say how to compute the same again.
func (p *Proof) steps() []string {
	if p.Counts == nil {
		return []string{}
	}
	steps := []string{
		fmt.Sprintf("The plan was registered on %s and never changes; a look reads nothing later than the end of its own day. Method: %s.", p.moment(p.Plan.RegisteredAt), p.Method),
	}
	if p.ResultSHA256 != "" {
		steps = append(steps, "The inputs of every look are kept with its result. SHA-256 of the newest result as it was stored: "+p.ResultSHA256+".")
	}
	series := p.counted()
	after := slices.IndexFunc(series, func(d seriesDay) bool { return d.part == "after" })
	if after < 1 {
		return steps
	}
	columns := "--numerator positive --denominator total"
	if p.Measure.Unit == PerDay {
		columns = "--value count"
	}
	steps = append(steps, "Save the daily counts as proof.csv and run the same forecast over them:", fmt.Sprintf("specter verify --csv proof.csv --at %s %s", series[after].date, columns))
	return append(steps, "The command sees this one series: not the days that led to the finding, controls, other deployments or who came. "+
		"What the test held a verdict back for, it cannot know, so it may decide at an earlier look.")
}

// field keeps a value from being taken for a formula by a spreadsheet, or for two.
func field(text string) string {
	if strings.ContainsAny(text, "\",=+@\t") || strings.HasPrefix(text, "-") {
		return `"'` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	return text
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
