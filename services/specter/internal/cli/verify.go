package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/services/specter/internal/proof"
	"github.com/draftlabs/specter/services/specter/internal/series"
)

func (a *app) verify() *cobra.Command {
	var file string
	var q proof.Question
	cmd := &cobra.Command{
		Use:   "verify --csv FILE --at TIME (--value NAME | --numerator NAME --denominator NAME)",
		Short: "Say whether any series changed at a moment by more than it does by itself",
		Long: `Reads a series from a CSV file with a header (- is standard input) and runs the test that judges
deployments on it: a forecast from the rows before --at, held against the rows after it and against
how wrong the same forecast was at every earlier date. It needs no server.

Rows may be hourly or finer, daily, or weekly. --value is a count or any positive value; --numerator
and --denominator are counts of a part and of the whole. Days without a row are
not known; neither is the day of --at, unless that is a date or the day's very beginning.

The product's looks are taken in order (days 1, 2, 3, 5, 7, 10, 14 after --at; weeks 1, 2, 3, 5, 8),
each at a level that keeps false verdicts at 5 % over all of them, and the first that decides does. A
regression may be called on day 1, an improvement on day 7; the effect is measured over a whole week
where the file has one. --once looks a single time instead, for who has not looked before. With fewer
than 28 rows of history there is an early read: the same numbers, wide, and no verdict.

  -o table  the verdict with its numbers, warnings and other grounds
  -o json   all of it, with every look and every earlier date's change`,
		Example: `  specter verify --csv signups.csv --at 2026-03-02 --numerator signups --denominator visits
  specter verify --csv orders.csv --at 2026-03-02T14:30:00Z --value orders --horizon 28 -o json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.verifyFile(file, q) },
	}
	flags := cmd.Flags()
	flags.StringVar(&file, "csv", "", "the file, - for standard input")
	flags.StringVar(&q.At, "at", "", "when the change went live: a date or a moment")
	flags.StringVar(&q.Columns.Value, "value", "", "the column with a count or a positive value (default the only one beside the times)")
	flags.StringVar(&q.Columns.Numerator, "numerator", "", "the column that counts the part")
	flags.StringVar(&q.Columns.Denominator, "denominator", "", "the column that counts the whole")
	flags.StringVar(&q.Columns.Negative, "negative", "", "the column that counts the other outcome, in place of --denominator")
	flags.StringVar(&q.Columns.Timestamp, "timestamp", "", "the column with the times (default one with a usual name, or the first)")
	flags.IntVar(&q.Horizon, "horizon", 0, "the day of the last look (default 14; 56, which is week 8, for weekly rows)")
	flags.BoolVar(&q.Once, "once", false, "look a single time, at the horizon or the end of the file")
	_ = cmd.MarkFlagRequired("csv") // fails only for a flag that does not exist
	_ = cmd.MarkFlagRequired("at")  // as above
	return cmd
}

func (a *app) verifyFile(file string, q proof.Question) error {
	in := a.In
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return usage(err, "give the path of a readable file, or - for standard input")
		}
		defer opened.Close()
		in = opened
	}
	answer, err := proof.Verify(in, q)
	var missing *series.MissingColumn
	var bad *series.BadRow
	var problem *proof.Problem
	switch {
	case errors.As(err, &missing):
		return usage(fmt.Errorf("no_such_column: %w", err), "the header names "+printable(strings.Join(missing.Columns, ", ")))
	case errors.As(err, &bad):
		return failed(fmt.Errorf("bad_row: %s, %w", file, err), "put the row right or take it out; an empty cell is a gap, text is not")
	case errors.As(err, &problem):
		err = fmt.Errorf("%s: %s", problem.Code, printable(problem.Message))
		if problem.Question {
			return usage(err, printable(problem.Hint))
		}
		return failed(err, printable(problem.Hint))
	case err != nil:
		return failed(fmt.Errorf("reading %s: %w", file, err), "the first line names the columns, separated by comma, semicolon or tab")
	}
	if a.format == "json" {
		return a.out.json(answer)
	}
	a.verdict(answer)
	return nil
}

// verdict writes an answer for people.
func (a *app) verdict(v proof.Answer) {
	word := strings.ToUpper(strings.ReplaceAll(v.Verdict, "_", " "))
	switch v.Verdict {
	case "improved":
		word = a.out.green(word)
	case "regressed":
		word = a.out.red(word)
	}
	a.out.line(a.out.bold(word) + "  " + printable(v.Reason))
	rows := [][]string{}
	add := func(name, format string, args ...any) {
		rows = append(rows, []string{name, fmt.Sprintf(format, args...)})
	}
	if v.Effect != nil {
		add("effect", "%s", proof.Signed(*v.Effect))
		add("interval", "%s … %s at %.2f %%, which holds at every look", proof.Signed(*v.EffectLow), proof.Signed(*v.EffectHigh), 100*v.IntervalLevel)
		add("", "%s … %s at 95 %%, for who looks once", proof.Signed(v.Effect95[0]), proof.Signed(v.Effect95[1]))
		add("p", "%.4g, this look decides at %.4g", *v.PValue, v.NominalP)
		add("probability of an improvement", "%.1f %%", 100**v.Probability)
		add("smallest effect to be seen", "%s", proof.Signed(*v.MDE))
		add("expected", "%s … %s, observed %s", plain(v.Expected.Low), plain(v.Expected.High), plain(*v.Observed))
	}
	add("before", "%s", totals(v.Before, v.Unit))
	add("after", "%s", totals(v.After, v.Unit))
	add("look", "%d of %d, %s %d of %d; history %d %ss", v.Look, v.Looks, v.Unit, v.Day, v.Horizon, v.HistoryDays, v.Unit)
	if v.PlaceboShare != nil {
		add("earlier dates", "%d, of which %.0f %% changed by as much", len(v.Placebos), 100**v.PlaceboShare)
	}
	for _, s := range v.Sensitivity {
		add(s.Name, "%s, %s … %s, p %.4g", proof.Signed(s.Effect), proof.Signed(s.EffectLow), proof.Signed(s.EffectHigh), s.PValue)
	}
	add("method", "%s", v.Method)
	a.out.table(rows)
	for _, w := range v.Warnings {
		a.out.line("! " + printable(w.Detail))
	}
}

// totals are the raw numbers of one side.
func totals(c proof.Counts, unit string) string {
	switch {
	case c.Numerator != nil && c.Ratio != nil:
		return fmt.Sprintf("%.0f of %.0f (%.2f %%) in %d %ss", *c.Numerator, *c.Denominator, 100**c.Ratio, c.Days, unit)
	case c.Sum != nil && c.Mean != nil:
		return fmt.Sprintf("%s in %d %ss, %s on average", plain(*c.Sum), c.Days, unit, plain(*c.Mean))
	}
	return fmt.Sprintf("nothing in %d %ss", c.Days, unit)
}

// plain is a number as people write it, without an exponent.
func plain(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return short(v)
}
