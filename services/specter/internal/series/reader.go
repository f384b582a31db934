package series

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

const defaultTime = "timestamp"

// Options names the columns.
type Options struct {
	Column    string // with the values
	Beside    string // with a second value of each row; none when empty
	Timestamp string // with the times; "timestamp" if there is one when empty
}

// MissingColumn is that the header has no such column.
type MissingColumn struct {
	Column  string
	Columns []string // there are
}

func (e *MissingColumn) Error() string { return fmt.Sprintf("there is no column %q", e.Column) }

// Row is one row of the series.
type Row struct {
	Line      int       // where it begins in the file, from 1
	Timestamp string    // as it was written; empty without such a column
	At        time.Time // zero without such a column
	Text      string    // the value as it was written
	Value     float64   // NaN where there is none
	Beside    float64   // of the second column; NaN where there is none, 0 without such a column
}

// Reader reads the rows of a series.
type Reader struct {
	records   records
	times     timeReader
	columns   []string
	value, at int // indexes; at is -1 without times
	beside    int // -1 without a second column
}

// NewReader reads the header and chooses its columns. *MissingColumn when one is not there, io.EOF when nothing is.
func NewReader(in io.Reader, o Options) (*Reader, error) {
	r, err := Open(in)
	if err != nil {
		return nil, err
	}
	return r, r.Choose(o)
}

// Open reads the header: its separator is comma, semicolon or tab. A byte order mark is skipped.
// Choose says which columns are read. io.EOF when nothing is there.
func Open(in io.Reader) (*Reader, error) {
	buffered := bufio.NewReaderSize(in, 64<<10)
	if mark, _ := buffered.Peek(3); string(mark) == "\xef\xbb\xbf" {
		_, _ = buffered.Discard(len(mark)) // they were just seen
	}
	r := &Reader{records: records{in: buffered, comma: separator(buffered)}}
	if err := r.records.next(); err != nil {
		return nil, err
	}
	for _, cell := range r.records.cells {
		r.columns = append(r.columns, strings.TrimSpace(string(cell)))
	}
	return r, nil
}

// Columns are the names in the header, in its order.
func (r *Reader) Columns() []string { return r.columns }

// Choose says which columns the rows to come are read from. *MissingColumn when one is not there.
func (r *Reader) Choose(o Options) error {
	if r.value = find(r.columns, o.Column); r.value < 0 {
		return &MissingColumn{o.Column, r.columns}
	}
	r.beside = -1
	if o.Beside != "" {
		if r.beside = find(r.columns, o.Beside); r.beside < 0 {
			return &MissingColumn{o.Beside, r.columns}
		}
	}
	if r.at = find(r.columns, first(o.Timestamp, defaultTime)); r.at < 0 && o.Timestamp != "" {
		return &MissingColumn{o.Timestamp, r.columns}
	}
	return nil
}

// separator is the first of the three that occurs outside of quotes in the header. It waits for no
// more than the header.
func separator(in *bufio.Reader) byte {
	quoted := false
	for n := 1; n <= in.Size(); n++ {
		header, err := in.Peek(n)
		if err != nil {
			break
		}
		switch b := header[n-1]; {
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == ',' || b == ';' || b == '\t':
			return b
		case b == '\n':
			return ','
		}
	}
	return ','
}

// find prefers the exact name to one that differs in case.
func find(columns []string, name string) int {
	if i := slices.Index(columns, name); i >= 0 {
		return i
	}
	return slices.IndexFunc(columns, func(column string) bool { return strings.EqualFold(column, name) })
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Waiting says that the next row has not arrived yet, as far as is known.
func (r *Reader) Waiting() bool { return r.records.in.Buffered() == 0 }

// Next is the next row; io.EOF after the last, *BadRow when it cannot be read. Empty lines are rows
// without a value where there is one column, and no rows where there are more.
func (r *Reader) Next() (Row, error) {
	for {
		if err := r.records.next(); err != nil {
			return Row{}, err
		}
		if cells := r.records.cells; len(r.columns) == 1 || len(cells) > 1 || len(cells[0]) > 0 {
			return r.row(cells)
		}
	}
}

func (r *Reader) row(cells [][]byte) (Row, error) {
	row := Row{Line: r.records.line}
	bad := func(format string, args ...any) (Row, error) {
		return Row{}, &BadRow{row.Line, fmt.Sprintf(format, args...)}
	}
	if len(cells) != len(r.columns) {
		return bad("has %d columns, the header has %d", len(cells), len(r.columns))
	}
	row.Text = string(bytes.TrimSpace(cells[r.value]))
	var ok bool
	if row.Value, ok = number(row.Text); !ok {
		return bad("%s is %q, not a number", r.columns[r.value], clip(row.Text))
	}
	if r.beside >= 0 {
		text := string(bytes.TrimSpace(cells[r.beside]))
		if row.Beside, ok = number(text); !ok {
			return bad("%s is %q, not a number", r.columns[r.beside], clip(text))
		}
	}
	if r.at >= 0 {
		row.Timestamp = string(cells[r.at])
		if row.At, ok = r.times.parse(row.Timestamp); !ok {
			return bad("the timestamp %q cannot be read", clip(row.Timestamp))
		}
	}
	return row, nil
}

// number is NaN for a cell that says that there is none, and for infinities.
func number(text string) (float64, bool) {
	value, err := strconv.ParseFloat(text, 64)
	if err == nil {
		if math.IsInf(value, 0) {
			return math.NaN(), true
		}
		return value, true
	}
	if errors.Is(err, strconv.ErrRange) {
		return math.Copysign(math.MaxFloat64, value), true
	}
	switch strings.ToLower(text) {
	case "", "null", "none", "na", "n/a", "-":
		return math.NaN(), true
	}
	return 0, false
}

// clip keeps a message on one line of a terminal.
func clip(text string) string {
	if len(text) > 60 {
		return strings.ToValidUTF8(text[:60], "") + "…"
	}
	return text
}
