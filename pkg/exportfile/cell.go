package exportfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kind is how a value is written. Values come as Postgres prints them with its clock in UTC.
type Kind uint8

// The kinds.
const (
	KindText   Kind = iota
	KindNumber      // printed as it is stored, however long
	KindBool        // t or f
	KindTime        // with time zone: RFC 3339 in UTC
	KindJSON        // a document; also arrays
)

// KindOf finds the kind of a Postgres type ("timestamptz", "text[]").
func KindOf(pgType string) Kind {
	switch {
	case strings.HasSuffix(pgType, "[]"), pgType == "json", pgType == "jsonb":
		return KindJSON
	case pgType == "timestamptz":
		return KindTime
	case pgType == "bool":
		return KindBool
	}
	switch pgType {
	case "int2", "int4", "int8", "float4", "float8", "numeric":
		return KindNumber
	}
	return KindText
}

// AppendJSON appends a row as one line of JSON. A nil value is null.
func AppendJSON(dst []byte, columns []Column, row [][]byte) ([]byte, error) {
	dst = append(dst, '{')
	for i, c := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, []byte(c.Name)), ':')
		var err error
		if dst, err = appendValue(dst, KindOf(c.Type), row[i]); err != nil {
			return dst, fmt.Errorf("writing column %s: %w", c.Name, err)
		}
	}
	return append(dst, "}\n"...), nil
}

func appendValue(dst []byte, kind Kind, v []byte) ([]byte, error) {
	if v == nil {
		return append(dst, "null"...), nil
	}
	switch kind {
	case KindJSON:
		// Only space between tokens goes: a document must stay on its line.
		out := bytes.NewBuffer(dst)
		if err := json.Compact(out, v); err != nil {
			return dst, err
		}
		return out.Bytes(), nil
	case KindNumber:
		if finite(v) {
			return append(dst, v...), nil
		}
		return appendQuoted(dst, v), nil // NaN and Infinity are no JSON
	case KindBool:
		return append(dst, boolText(v)...), nil
	case KindTime:
		return appendQuoted(dst, timeText(v)), nil
	default:
		return appendQuoted(dst, v), nil
	}
}

// AppendCSVHeader appends the line of names.
func AppendCSVHeader(dst []byte, columns []Column) []byte {
	for i, c := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendCell(dst, []byte(c.Name))
	}
	return append(dst, "\r\n"...)
}

// AppendCSV appends a row as one record of CSV. Null is an empty cell, an empty text is "".
func AppendCSV(dst []byte, columns []Column, row [][]byte) ([]byte, error) {
	for i, c := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		v := row[i]
		if v == nil {
			continue
		}
		switch KindOf(c.Type) {
		case KindNumber:
			dst = append(dst, v...)
		case KindBool:
			dst = append(dst, boolText(v)...)
		case KindTime:
			dst = append(dst, timeText(v)...)
		case KindJSON:
			var compact bytes.Buffer
			if err := json.Compact(&compact, v); err != nil {
				return dst, fmt.Errorf("writing column %s: %w", c.Name, err)
			}
			dst = appendCell(dst, guarded(compact.Bytes()))
		case KindText:
			dst = appendCell(dst, guarded(v))
		}
	}
	return append(dst, "\r\n"...), nil
}

// Guard makes a text harmless for spreadsheets, which run a cell that begins like a formula: such a
// cell gets an apostrophe in front. So does one that begins with an apostrophe, so that Unguard can
// always tell.
func Guard(text string) string { return string(guarded([]byte(text))) }

// Unguard gives the text back that Guard was given.
func Unguard(cell string) string { return strings.TrimPrefix(cell, "'") }

func guarded(v []byte) []byte {
	first, _ := utf8.DecodeRune(v)
	switch first {
	case '=', '+', '-', '@', '\t', '\r', '\n', '\'', '＝', '＋', '－', '＠': // the wide ones count in some languages
		return append([]byte{'\''}, v...)
	default:
		return v
	}
}

// appendCell quotes where RFC 4180 asks for it, and an empty text, to tell it from null.
func appendCell(dst, v []byte) []byte {
	if len(v) > 0 && !bytes.ContainsAny(v, "\",\r\n") && v[0] != ' ' && v[len(v)-1] != ' ' {
		return append(dst, v...)
	}
	dst = append(dst, '"')
	for _, b := range v {
		if b == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, b)
	}
	return append(dst, '"')
}

func appendQuoted(dst, v []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, b := range v {
		switch {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b == '\n':
			dst = append(dst, `\n`...)
		case b < 0x20 || b == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		default:
			dst = append(dst, b)
		}
	}
	return append(dst, '"')
}

func finite(v []byte) bool {
	v = bytes.TrimPrefix(v, []byte("-"))
	return len(v) > 0 && v[0] >= '0' && v[0] <= '9'
}

func boolText(v []byte) string {
	if string(v) == "t" {
		return "true"
	}
	return "false"
}

// timeText turns "2026-11-26 08:02:37.5+00" into "2026-11-26T08:02:37.5Z". What RFC 3339 cannot say
// (infinity, years before Christ or after 9999) stays as Postgres prints it.
func timeText(v []byte) []byte {
	const shortest = len("2026-11-26 08:02:37+00")
	if len(v) < shortest || v[4] != '-' || v[10] != ' ' || !bytes.HasSuffix(v, []byte("+00")) {
		return v
	}
	out := append([]byte(nil), v[:len(v)-2]...)
	out[10], out[len(out)-1] = 'T', 'Z'
	return out
}
