package cli

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/pkg/anomaly"
	"github.com/draftlabs/specter/services/specter/internal/series"
)

func (a *app) detect() *cobra.Command {
	var file string
	var columns series.Options
	threshold := anomaly.Threshold
	cmd := &cobra.Command{
		Use:   "detect --csv FILE --column NAME",
		Short: "Say which points of any series are out of the ordinary",
		Long: `Reads a series from a CSV file with a header (- is standard input) and says of every row how far
out of the ordinary it is, judged by the rows before it alone. It needs no server, reads the file
once, and its memory does not grow with the file; a row that arrives is answered at once.

  -o csv    a line for every row: timestamp,value,score,is_anomaly,expected,low,high
  -o json   the same, one JSON object a line
  -o table  the anomalous rows alone, and how many there were

The score is 0 to 1; a row is anomalous from --threshold, 0.5 unless given, for every series.
That is set for cheap false alarms: some in every thousand rows are. Who reads alarms one by one asks
for a higher one, 0.6 say. Expected is the forecast before the row was seen,
low and high the band in which about 95 % of the rows lie. Times may be RFC 3339, "2006-01-02
15:04:05", dates, or seconds or milliseconds since 1970; without times no season is learned. A cell
that is empty, NaN or null is a gap: its row has score 0.

` + exitCodes,
		Example: "  specter detect --csv cpu.csv --column value\n  specter detect --csv orders.csv --column count --timestamp day -o csv > scored.csv",
		Args:    cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.format != "table" && a.format != "csv" && a.format != "json" {
				return usage(fmt.Errorf("unknown output format %q", a.format), "-o takes table, csv or json")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.detectFile(cmd.Context(), file, columns, threshold)
		},
	}
	cmd.Flags().StringVar(&file, "csv", "", "the file, - for standard input")
	cmd.Flags().StringVar(&columns.Column, "column", "", "the column with the values")
	cmd.Flags().StringVar(&columns.Timestamp, "timestamp", "", `the column with the times (default "timestamp" if there is one)`)
	cmd.Flags().Float64Var(&threshold, "threshold", threshold, "the score from which a row is anomalous, above 0 and at most 1")
	_ = cmd.MarkFlagRequired("csv")    // fails only for a flag that does not exist
	_ = cmd.MarkFlagRequired("column") // as above
	return cmd
}

func (a *app) detectFile(ctx context.Context, file string, columns series.Options, threshold float64) error {
	if !(threshold > 0 && threshold <= 1) {
		return usage(fmt.Errorf("--threshold %v", threshold), "a score is above 0 and at most 1")
	}
	in := a.In
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return usage(err, "give the path of a readable file, or - for standard input")
		}
		defer opened.Close()
		in = opened
	}
	reader, err := series.NewReader(in, columns)
	var missing *series.MissingColumn
	switch {
	case errors.As(err, &missing):
		return usage(err, "the header names "+printable(strings.Join(missing.Columns, ", ")))
	case errors.Is(err, io.EOF):
		return failed(fmt.Errorf("reading %s: there is not even a header", file), "the first line names the columns")
	case err != nil:
		return failed(fmt.Errorf("reading %s: %w", file, err), "the first line names the columns, separated by comma, semicolon or tab")
	}
	out := bufio.NewWriterSize(a.Out, 64<<10)
	err = detectRows(ctx, reader, threshold, a.scored(out))
	// What was said of the rows before a bad one is still true.
	if flushed := out.Flush(); flushed != nil && err == nil {
		err = fmt.Errorf("writing the result: %w", flushed)
	}
	var bad *series.BadRow
	if errors.As(err, &bad) {
		return failed(fmt.Errorf("%s, %w", file, err), "put the row right or take it out; an empty cell is a gap, text is not")
	}
	return err
}

// scoredWriter writes rows with what was said of them.
type scoredWriter interface {
	header() error
	row(series.Row, anomaly.Result) error
	flush() error // shows what was written so far
	end() error
}

func (a *app) scored(out *bufio.Writer) scoredWriter {
	switch a.format {
	case "csv":
		return &scoredCSV{csv.NewWriter(out), out}
	case "json":
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		return &scoredJSON{encoder, out}
	}
	return &scoredTable{out: out, red: a.out.red}
}

// detectRows says of each row what is known when it arrives.
func detectRows(ctx context.Context, reader *series.Reader, threshold float64, out scoredWriter) error {
	if err := out.header(); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	detector := anomaly.New(anomaly.Options{})
	for {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err //nolint:wrapcheck // the caller says which file it was
		}
		result := detector.Push(row.At, row.Value)
		result.Anomaly = result.Score >= threshold
		if err := out.row(row, result); err != nil {
			return fmt.Errorf("writing the result: %w", err)
		}
		if reader.Waiting() {
			if err := out.flush(); err != nil {
				return fmt.Errorf("writing the result: %w", err)
			}
		}
	}
	if err := out.end(); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

type scoredCSV struct {
	*csv.Writer
	out *bufio.Writer
}

func (s *scoredCSV) header() error {
	return s.Write([]string{"timestamp", "value", "score", "is_anomaly", "expected", "low", "high"})
}

func (s *scoredCSV) row(row series.Row, r anomaly.Result) error {
	return s.Write([]string{
		row.Timestamp, row.Text, exact(r.Score), strconv.FormatBool(r.Anomaly), exact(r.Expected), exact(r.Low), exact(r.High),
	})
}

func (s *scoredCSV) flush() error {
	s.Flush()
	if err := s.Error(); err != nil {
		return err //nolint:wrapcheck // wrapped by detectRows
	}
	return s.out.Flush() //nolint:wrapcheck // wrapped by detectRows
}

func (s *scoredCSV) end() error { return s.flush() }

// exact is the shortest text that reads back as the same number.
func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

type scoredJSON struct {
	*json.Encoder
	out *bufio.Writer
}

// scoredRow is a line of `specter detect -o json`.
type scoredRow struct {
	Timestamp string   `json:"timestamp,omitempty"`
	Value     *float64 `json:"value"` // null is a gap
	Score     float64  `json:"score"`
	IsAnomaly bool     `json:"is_anomaly"`
	Expected  float64  `json:"expected"`
	Low       float64  `json:"low"`
	High      float64  `json:"high"`
}

func (s *scoredJSON) header() error { return nil }

func (s *scoredJSON) row(row series.Row, r anomaly.Result) error {
	line := scoredRow{Timestamp: row.Timestamp, Score: r.Score, IsAnomaly: r.Anomaly, Expected: r.Expected, Low: r.Low, High: r.High}
	if !math.IsNaN(row.Value) {
		line.Value = &row.Value
	}
	return s.Encode(line)
}

func (s *scoredJSON) flush() error { return s.out.Flush() } //nolint:wrapcheck // wrapped by detectRows
func (s *scoredJSON) end() error   { return s.flush() }

// scoredTable has the anomalous rows alone, and a line of totals.
type scoredTable struct {
	out                   *bufio.Writer
	red                   func(string) string
	rows, gaps, anomalies int
}

const scoredColumns = "%-25s  %12s  %5s  %12s  %s"

func (s *scoredTable) header() error { return nil }

func (s *scoredTable) row(row series.Row, r anomaly.Result) error {
	s.rows++
	if math.IsNaN(row.Value) {
		s.gaps++
	}
	if !r.Anomaly {
		return nil
	}
	if s.anomalies++; s.anomalies == 1 {
		if err := s.linef(scoredColumns, "when", "value", "score", "expected", "usual"); err != nil {
			return err
		}
	}
	when := printable(row.Timestamp)
	if when == "" {
		when = "line " + strconv.Itoa(row.Line)
	}
	return s.linef("%s", s.red(fmt.Sprintf(scoredColumns, when, printable(row.Text), fmt.Sprintf("%.2f", r.Score), short(r.Expected), short(r.Low)+" … "+short(r.High))))
}

func (s *scoredTable) flush() error { return s.out.Flush() } //nolint:wrapcheck // wrapped by detectRows

func (s *scoredTable) end() error {
	return s.linef("%d rows, %d anomalous, %d without a value", s.rows, s.anomalies, s.gaps)
}

func (s *scoredTable) linef(format string, args ...any) error {
	_, err := fmt.Fprintf(s.out, format+"\n", args...)
	return err //nolint:wrapcheck // wrapped by detectRows
}

func short(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }
