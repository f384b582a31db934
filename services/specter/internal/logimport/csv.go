package logimport

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"
)

// maxRecordLines bounds how many lines one quoted CSV field may span.
const maxRecordLines = 256

// csvParser reads a CSV file whose header names at least a timestamp and a type; every
// other column goes to the payload as text, empty cells are left out. The delimiter is
// the header's: comma, semicolon or tab.
type csvParser struct {
	comma                          rune
	columns                        []string
	at, kind, session, context, id int // column indexes, -1 when missing
}

func (p *csvParser) next(lines *lineReader) (int, []byte, error) {
	if p.columns == nil {
		number, header, err := p.record(lines)
		if err != nil {
			return number, nil, err
		}
		if err := p.header(header); err != nil {
			// Without a header no line can be understood, so this one ends the import.
			return number, nil, err
		}
	}
	return p.record(lines)
}

// record reads lines until every quote is closed. When that never happens the first line
// is bad and the others are read again on their own.
func (p *csvParser) record(lines *lineReader) (int, []byte, error) {
	first, err := lines.next()
	if err != nil {
		return first.number, nil, err
	}
	if bytes.Count(first.text, []byte(`"`))%2 == 0 {
		return first.number, first.text, nil
	}
	whole := bytes.Clone(first.text)
	var more []line
	for len(more) < maxRecordLines && len(whole) <= MaxLine {
		l, err := lines.next()
		var bad *badRecord
		if errors.As(err, &bad) {
			more = append(more, line{bad: bad})
			break
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return l.number, nil, err
		}
		more = append(more, l)
		whole = append(append(whole, '\n'), l.text...)
		if bytes.Count(l.text, []byte(`"`))%2 == 1 {
			return first.number, whole, nil
		}
	}
	lines.unread(more)
	return first.number, nil, &badRecord{first.number, "a quote is not closed"}
}

func (p *csvParser) header(text []byte) error {
	p.comma = ','
	for _, other := range ";\t" {
		if bytes.ContainsRune(text, other) && !bytes.ContainsRune(text, ',') {
			p.comma = other
		}
	}
	columns, err := p.fields(text)
	if err != nil {
		return fmt.Errorf("the header is not CSV: %w", err)
	}
	p.at, p.kind, p.session, p.context, p.id = -1, -1, -1, -1, -1
	for i := range columns {
		columns[i] = strings.TrimSpace(columns[i])
	}
	for _, role := range []struct {
		column *int
		names  []string
	}{
		{&p.at, timeNames}, {&p.kind, typeNames}, {&p.session, sessionNames}, {&p.context, []string{"context_id"}}, {&p.id, idNames},
	} {
		*role.column = find(columns, role.names)
	}
	if p.at < 0 || p.kind < 0 {
		return fmt.Errorf("the header must name a timestamp column (%s) and a type column (%s)",
			strings.Join(timeNames, ", "), strings.Join(typeNames, ", "))
	}
	p.columns = columns
	return nil
}

func (p *csvParser) parse(content []byte) (event, error) {
	cells, err := p.fields(content)
	if err != nil {
		return event{}, fmt.Errorf("not CSV: %w", err)
	}
	if len(cells) != len(p.columns) {
		return event{}, fmt.Errorf("has %d columns, the header has %d", len(cells), len(p.columns))
	}
	e := event{kind: strings.TrimSpace(cells[p.kind]), payload: map[string]any{}}
	if e.at, err = parseTime(cells[p.at]); err != nil {
		return event{}, err
	}
	for i, cell := range cells {
		switch i {
		case p.at, p.kind:
		case p.session:
			e.session = cell
		case p.context:
			if e.context, err = contextID(cell); err != nil {
				return event{}, err
			}
		case p.id:
			if parsed, err := uuid.Parse(cell); err == nil {
				e.id = parsed.String()
			} else if cell != "" {
				e.payload[p.columns[i]] = cell
			}
		default:
			if cell != "" && p.columns[i] != "" {
				e.payload[p.columns[i]] = cell
			}
		}
	}
	return e, nil
}

func (p *csvParser) fields(text []byte) ([]string, error) {
	reader := csv.NewReader(bytes.NewReader(text))
	reader.Comma = p.comma
	reader.LazyQuotes = false
	fields, err := reader.Read()
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return nil, parse.Err
	}
	return fields, err
}

// find returns the index of the first name that is a column, or -1.
func find(columns, names []string) int {
	for _, name := range names {
		for i, column := range columns {
			if strings.EqualFold(column, name) {
				return i
			}
		}
	}
	return -1
}
