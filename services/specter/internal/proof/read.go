package proof

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/draftlabs/specter/pkg/pcf"
	"github.com/draftlabs/specter/services/specter/internal/series"
)

// Columns says what is read.
type Columns struct {
	// Value is a count or any positive value. Numerator and Denominator are counts of a part and of the whole, Negative
	// counts the other outcome in the denominator's place. With none of them the file has to leave no choice.
	Value, Numerator, Denominator, Negative string
	// Timestamp is guessed when empty.
	Timestamp string
}

// Problem is a file or a question that cannot be answered, with what to do about it.
type Problem struct {
	Code, Message, Hint string
	// Question tells a question that was put wrong from a file that is.
	Question bool
}

func (p *Problem) Error() string { return p.Message }

func problem(code, hint, format string, args ...any) *Problem {
	return &Problem{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint}
}

func badQuestion(code, hint, format string, args ...any) *Problem {
	p := problem(code, hint, format, args...)
	p.Question = true
	return p
}

// maxRows bounds the memory: two hundred years of hours.
const maxRows = 2_000_000

// sample is one row.
type sample struct {
	at            time.Time
	line          int
	value, beside float64
}

// table is a file as it was read.
type table struct {
	rows   []sample // in the order of their times
	metric pcf.Metric
	// name of what is measured, for people.
	name  string
	notes []pcf.Warning
}

func (t *table) note(code, format string, args ...any) {
	t.notes = append(t.notes, pcf.Warning{Code: code, Detail: fmt.Sprintf(format, args...)})
}

// readTable reads every row and finds out what kind of metric it has. *series.MissingColumn and *series.BadRow are
// handed on.
func readTable(in io.Reader, c Columns) (*table, error) {
	reader, err := series.Open(in)
	switch {
	case errors.Is(err, io.EOF):
		return nil, problem("empty_file", "the first line names the columns", "there is not even a header")
	case err != nil:
		return nil, err //nolint:wrapcheck // the caller names the file
	}
	options, negative, err := choose(reader.Columns(), c)
	if err != nil {
		return nil, err
	}
	if err := reader.Choose(options); err != nil {
		return nil, err //nolint:wrapcheck // *series.MissingColumn says it all
	}
	t := &table{name: options.Column}
	if options.Beside != "" {
		t.name += " / " + options.Beside
	}
	for {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err //nolint:wrapcheck // *series.BadRow names its line
		}
		if row.Value < 0 || row.Beside < 0 {
			return nil, problem("negative_value", "a change is a factor, so values are counts or positive: shift or split the series",
				"line %d: %v is below zero", row.Line, math.Min(row.Value, row.Beside))
		}
		if len(t.rows) == maxRows {
			return nil, problem("too_many_rows", "sum the rows up to hours or days first", "more than %d rows", maxRows)
		}
		t.rows = append(t.rows, sample{row.At, row.Line, row.Value, row.Beside})
	}
	sort.SliceStable(t.rows, func(i, j int) bool { return t.rows[i].at.Before(t.rows[j].at) })
	t.tell(options.Beside != "", negative)
	return t, nil
}

// usualTimes are names a column of times often has.
func usualTimes() []string {
	return []string{"timestamp", "ds", "date", "day", "time", "datetime", "week", "hour", "at"}
}

// choose names the columns; negative says that the second one counts the other outcome and not the whole.
func choose(header []string, c Columns) (o series.Options, negative bool, err error) {
	o.Timestamp = c.Timestamp
	if o.Timestamp == "" {
		o.Timestamp = header[0]
		for _, name := range usualTimes() {
			if i := slices.IndexFunc(header, func(column string) bool { return strings.EqualFold(column, name) }); i >= 0 {
				o.Timestamp = header[i]
				break
			}
		}
	}
	switch {
	case c.Value != "" && c.Numerator+c.Denominator+c.Negative != "":
		return o, false, badQuestion("two_metrics", "--value is for one series, --numerator with --denominator for a ratio", "a value and a ratio cannot be had at once")
	case c.Denominator != "" && c.Negative != "":
		return o, false, badQuestion("two_denominators", "--denominator counts the whole, --negative the other outcome alone", "a whole and the other outcome cannot be had at once")
	case (c.Numerator == "") != (c.Denominator+c.Negative == ""):
		return o, false, badQuestion("half_a_ratio", "a ratio needs --numerator and --denominator, or --negative", "only one part of a ratio is named")
	case c.Value != "":
		o.Column = c.Value
		return o, false, nil
	case c.Numerator != "":
		o.Column, o.Beside = c.Numerator, c.Denominator+c.Negative
		return o, c.Negative != "", nil
	}
	var others []string
	for _, name := range header {
		if name != o.Timestamp {
			others = append(others, name)
		}
	}
	switch {
	case len(others) == 1:
		o.Column = others[0]
		return o, false, nil
	case len(others) == 2 && isOneOf(others[0], "pos", "positive", "positives") && isOneOf(others[1], "neg", "negative", "negatives"):
		o.Column, o.Beside = others[0], others[1]
		return o, true, nil
	}
	return o, false, badQuestion("no_metric", "name --value, or --numerator and --denominator; the header names "+strings.Join(header, ", "),
		"what is measured is not clear from %d columns", len(header))
}

func isOneOf(name string, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(name, n) })
}

// tell finds out what the numbers are: counts of two outcomes, counts, or values without a sampling error. Each row's
// value and beside become the positive and the negative count of a pcf.Day.
func (t *table) tell(ratio, negative bool) {
	whole, over := true, 0
	for _, r := range t.rows {
		whole = whole && (isWhole(r.value) && isWhole(r.beside))
		if r.value > r.beside {
			over++
		}
	}
	switch {
	case !ratio && whole:
		t.metric = pcf.Count
	case !ratio:
		t.metric = pcf.Value
	case !whole:
		// A mean, say revenue per visit: a quotient of which no sampling error is known.
		t.metric = pcf.Value
		for i, r := range t.rows {
			t.rows[i].value, t.rows[i].beside = r.value/r.beside, 0
			if r.beside == 0 {
				t.rows[i].value = math.NaN()
			}
		}
	case negative || over > 0:
		t.metric = pcf.Ratio
		if !negative {
			t.note("numerator_exceeds_denominator", "The numerator exceeds the denominator in %d rows, so the two are read as counts of two outcomes.", over)
		}
	default:
		t.metric = pcf.Ratio
		for i, r := range t.rows {
			t.rows[i].beside = r.beside - r.value
		}
	}
}

// isWhole holds for gaps, too.
func isWhole(x float64) bool { return math.IsNaN(x) || x == math.Trunc(x) }
