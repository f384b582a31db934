package series_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/draftlabs/specter/services/specter/internal/series"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func read(t *testing.T, text string, o series.Options) ([]series.Row, error) {
	t.Helper()
	reader, err := series.NewReader(strings.NewReader(text), o)
	if err != nil {
		return nil, err
	}
	var rows []series.Row
	for {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
}

func TestTheSameRowsFromEveryDialect(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"plain":                  "timestamp,value\n2026-03-01 10:00:00,1.5\n2026-03-01 10:05:00,\n2026-03-01 10:10:00,-2e3\n",
		"no newline at the end":  "timestamp,value\n2026-03-01 10:00:00,1.5\n2026-03-01 10:05:00,\n2026-03-01 10:10:00,-2e3",
		"carriage returns":       "timestamp,value\r\n2026-03-01 10:00:00,1.5\r\n2026-03-01 10:05:00,\r\n2026-03-01 10:10:00,-2e3\r\n",
		"byte order mark":        "\xef\xbb\xbftimestamp,value\n2026-03-01 10:00:00,1.5\n2026-03-01 10:05:00,\n2026-03-01 10:10:00,-2e3\n",
		"quotes":                 "\"timestamp\",\"value\"\n\"2026-03-01 10:00:00\",\"1.5\"\n\"2026-03-01 10:05:00\",\"\"\r\n\"2026-03-01 10:10:00\",\"-2e3\"",
		"semicolons, other ones": "note;value;timestamp\n\"a;\"\"b\nc\";1.5;2026-03-01 10:00:00\n;NaN;2026-03-01 10:05:00\n;-2e3;2026-03-01 10:10:00\n",
		"tabs, other case":       "Timestamp\tVALUE\n2026-03-01 10:00:00\t1.5\n2026-03-01 10:05:00\tnull\n2026-03-01 10:10:00\t -2e3 \n",
		"empty lines":            "timestamp,value\n\n2026-03-01 10:00:00,1.5\n\r\n2026-03-01 10:05:00,N/A\n2026-03-01 10:10:00,-2e3\n\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := read(t, text, series.Options{Column: "value"})
			require.NoError(t, err)
			require.Len(t, rows, 3)
			begin := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
			for i, row := range rows {
				require.Equal(t, begin.Add(time.Duration(i)*5*time.Minute), row.At)
			}
			require.Equal(t, "2026-03-01 10:00:00", rows[0].Timestamp)
			require.InDelta(t, 1.5, rows[0].Value, 0)
			require.True(t, math.IsNaN(rows[1].Value))
			require.InDelta(t, -2000, rows[2].Value, 0)
			require.Equal(t, "-2e3", rows[2].Text)
		})
	}
}

func TestTimesAreReadInTheUsualForms(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 3, 1, 10, 5, 0, 0, time.UTC)
	for _, text := range []string{
		"2026-03-01T10:05:00Z", "2026-03-01T12:05:00+02:00", "2026-03-01T10:05:00.000Z", "2026-03-01 10:05:00", "2026-03-01 10:05:00.000000",
		"2026-03-01T10:05:00", "2026-03-01 10:05", "2026-03-01 12:05:00+02:00", "2026-03-01 10:05:00 UTC", "2026/03/01 10:05:00", "03/01/2026 10:05",
		"01.03.2026 10:05:00", "1772359500", "1772359500.0", "1772359500000", "1772359500000000", "1772359500000000000", " 2026-03-01 10:05:00 ",
	} {
		rows, err := read(t, "timestamp,value\n"+text+",1\n", series.Options{Column: "value"})
		require.NoError(t, err, text)
		require.True(t, want.Equal(rows[0].At), "%s: %s", text, rows[0].At)
	}
	rows, err := read(t, "when,value\n2026-03-01,1\n", series.Options{Column: "value", Timestamp: "when"})
	require.NoError(t, err)
	require.True(t, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Equal(rows[0].At))
}

func TestEmptyLinesOfOneColumnAreRows(t *testing.T) {
	t.Parallel()
	rows, err := read(t, "value\n1\n\n3\n", series.Options{Column: "value"})
	require.NoError(t, err)
	require.Len(t, rows, 3)
	require.True(t, math.IsNaN(rows[1].Value))
	require.True(t, rows[2].At.IsZero())
}

func TestBadRowsNameTheirLine(t *testing.T) {
	t.Parallel()
	const good = "timestamp,value,note\n2026-03-01,1,\n2026-03-02,2,\"two\nlines\"\n"
	for name, c := range map[string]struct{ row, reason string }{
		"no number":        {"2026-03-03,many,", `line 5: value is "many", not a number`},
		"no time":          {"yesterday,1,", `line 5: the timestamp "yesterday" cannot be read`},
		"an empty time":    {",1,", `line 5: the timestamp "" cannot be read`},
		"too few columns":  {"2026-03-03,1", "line 5: has 2 columns, the header has 3"},
		"too many columns": {"2026-03-03,1,,", "line 5: has 4 columns, the header has 3"},
		"an open quote":    {"2026-03-03,1,\"x", "line 5: a quote is not closed"},
		"a stray quote":    {"2026-03-03,1,x\"", "line 5: a quote inside"},
		"after a quote":    {"2026-03-03,1,\"x\"y", "line 5: text after a closing quote"},
		"endless":          {"2026-03-03,1,\"" + strings.Repeat("x", 2<<20), "line 5: longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := read(t, good+c.row+"\n", series.Options{Column: "value"})
			var bad *series.BadRow
			require.ErrorAs(t, err, &bad)
			require.ErrorContains(t, err, c.reason)
			require.Len(t, rows, 2, "those before it are read")
		})
	}
}

func TestMissingColumnsAreNamed(t *testing.T) {
	t.Parallel()
	var missing *series.MissingColumn
	_, err := read(t, "timestamp,cpu\n", series.Options{Column: "value"})
	require.ErrorAs(t, err, &missing)
	require.Equal(t, []string{"timestamp", "cpu"}, missing.Columns)
	_, err = read(t, "at,cpu\n", series.Options{Column: "cpu", Timestamp: "time"})
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "time", missing.Column)
	_, err = read(t, "", series.Options{Column: "cpu"})
	require.ErrorIs(t, err, io.EOF)
}

// TestARowIsReadAsSoonAsItsLineIsThere: nothing waits for more than it needs.
func TestARowIsReadAsSoonAsItsLineIsThere(t *testing.T) {
	t.Parallel()
	in, out := io.Pipe()
	type answer struct {
		row series.Row
		err error
	}
	rows := make(chan answer)
	go func() {
		defer close(rows)
		reader, err := series.NewReader(in, series.Options{Column: "value"})
		for err == nil {
			var row series.Row
			if row, err = reader.Next(); err == nil {
				rows <- answer{row, nil}
			}
		}
		if !errors.Is(err, io.EOF) {
			rows <- answer{err: err}
		}
	}()
	for i, line := range []string{"value\n1\n", "2\n"} {
		_, err := io.WriteString(out, line)
		require.NoError(t, err)
		got := <-rows
		require.NoError(t, got.err)
		require.InDelta(t, float64(i+1), got.row.Value, 0)
	}
	require.NoError(t, out.Close())
	_, open := <-rows
	require.False(t, open)
}

// FuzzReader: whatever the file, every row is finite or a gap; what encoding/csv reads as
// well-formed rows of several columns is read alike.
func FuzzReader(f *testing.F) {
	f.Add([]byte("timestamp,value\n2026-03-01,1\n"))
	f.Add([]byte("\xef\xbb\xbf\"timestamp\";\"value\"\r\n1772359500;\"1,5\"\r\n"))
	f.Add([]byte("value\n\n1e999\ninf\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		reader, err := series.NewReader(bytes.NewReader(data), series.Options{Column: "value"})
		if err != nil {
			return
		}
		var texts []string
		line := 1
		for {
			row, err := reader.Next()
			if err != nil {
				var bad *series.BadRow
				require.True(t, errors.Is(err, io.EOF) || errors.As(err, &bad), err)
				if bad != nil {
					return
				}
				break
			}
			require.False(t, math.IsInf(row.Value, 0))
			require.Greater(t, row.Line, line)
			line = row.Line
			texts = append(texts, row.Text)
		}
		theirs := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
		records, err := theirs.ReadAll()
		if err != nil || len(records) == 0 || len(records[0]) < 2 {
			return
		}
		column := -1
		for i, name := range records[0] {
			if strings.TrimSpace(name) == "value" {
				column = i
				break
			}
		}
		if column < 0 {
			return
		}
		var want []string
		for _, record := range records[1:] {
			want = append(want, strings.TrimSpace(record[column]))
		}
		require.Equal(t, want, texts)
	})
}
