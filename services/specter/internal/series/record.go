package series

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxRecord bounds one record: a quote that is never closed does not read the whole file.
const maxRecord = 1 << 20 // bytes

// records splits CSV (RFC 4180, with LF or CRLF) into records. encoding/csv drops empty lines,
// which are rows of a file with one column; nor does it say how many lines it dropped.
type records struct {
	in    *bufio.Reader
	comma byte
	line  int // the last record's first line, from 1
	lines int // read so far
	size  int // of the record being read

	cells  [][]byte // of the last record; valid until the next is read
	buffer []byte
	ends   []int // of the cells in the buffer
}

// BadRow is a row that cannot be read.
type BadRow struct {
	Line   int
	Reason string
}

func (e *BadRow) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// next reads one record into cells; io.EOF after the last. An empty line is a record of one empty
// cell.
func (r *records) next() error {
	r.buffer, r.ends, r.cells, r.size = r.buffer[:0], r.ends[:0], r.cells[:0], 0
	r.line = r.lines + 1
	if _, err := r.in.Peek(1); err != nil {
		return err //nolint:wrapcheck // io.EOF is part of the contract; the caller names the file
	}
	r.lines++
	for {
		last, err := r.cell()
		if err != nil {
			return err
		}
		r.ends = append(r.ends, len(r.buffer))
		if last {
			break
		}
	}
	start := 0
	for _, end := range r.ends {
		r.cells = append(r.cells, r.buffer[start:end])
		start = end
	}
	return nil
}

// cell reads one cell; last says that the record ends with it.
func (r *records) cell() (last bool, err error) {
	b, err := r.read()
	if err == nil && b == '"' {
		return r.quoted()
	}
	start := len(r.buffer)
	for ; err == nil; b, err = r.read() {
		switch b {
		case r.comma:
			return false, nil
		case '\n':
			if n := len(r.buffer); n > start && r.buffer[n-1] == '\r' {
				r.buffer = r.buffer[:n-1]
			}
			return true, nil
		case '"':
			return false, &BadRow{r.line, "a quote inside of a cell that does not begin with one"}
		}
		r.buffer = append(r.buffer, b)
	}
	if !errors.Is(err, io.EOF) {
		return false, err
	}
	if n := len(r.buffer); n > start && r.buffer[n-1] == '\r' {
		r.buffer = r.buffer[:n-1]
	}
	return true, nil
}

// quoted reads the rest of a cell whose quote was opened.
func (r *records) quoted() (last bool, err error) {
	for {
		b, err := r.read()
		if errors.Is(err, io.EOF) {
			return false, &BadRow{r.line, "a quote is not closed"}
		}
		if err != nil {
			return false, err
		}
		if b == '\n' {
			r.lines++
		}
		if b != '"' {
			r.buffer = append(r.buffer, b)
			continue
		}
		b, err = r.read()
		if err == nil && b == '\r' {
			b, err = r.read()
			if err == nil && b != '\n' {
				return false, &BadRow{r.line, "text after a closing quote"}
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return true, nil
		case err != nil:
			return false, err
		case b == '"':
			r.buffer = append(r.buffer, '"')
		case b == r.comma:
			return false, nil
		case b == '\n':
			return true, nil
		default:
			return false, &BadRow{r.line, "text after a closing quote"}
		}
	}
}

func (r *records) read() (byte, error) {
	if r.size++; r.size > maxRecord {
		return 0, &BadRow{r.line, "longer than a mebibyte: is a quote not closed?"}
	}
	return r.in.ReadByte() //nolint:wrapcheck // io.EOF is part of the contract
}
