// Package page cuts long lists into pages that stay right while rows are added: a page goes on
// after the last row of the one before (keyset), named by an opaque cursor.
package page

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
)

// Limits of one page.
const (
	DefaultLimit = 50
	MaxLimit     = 100
)

// Cursor is the sort key of a row. Which fields a list uses is its own business.
type Cursor struct {
	At     *time.Time `json:"t,omitempty"`
	ID     *uuid.UUID `json:"i,omitempty"`
	Number *float64   `json:"n,omitempty"`
	Serial *int64     `json:"s,omitempty"`
}

// Request asks for up to Limit rows after After.
type Request struct {
	Limit int
	After Cursor // zero = from the beginning
}

// Fetch is how many rows to read: one more than asked for tells whether there are more.
func (r Request) Fetch() int32 { return int32(r.Limit) + 1 }

// Of is one page of T.
type Of[T any] struct {
	Items []T
	Next  *Cursor // nil on the last page
}

// Cut makes a page of rows read with Fetch.
func Cut[T any](rows []T, r Request, key func(T) Cursor) Of[T] {
	if len(rows) <= r.Limit {
		return Of[T]{Items: rows}
	}
	rows = rows[:r.Limit]
	next := key(rows[len(rows)-1])
	return Of[T]{Items: rows, Next: &next}
}

// AtID is the key of lists in the order of a time and, within it, an id.
func AtID(at time.Time, id uuid.UUID) Cursor { return Cursor{At: &at, ID: &id} }

type opaque struct {
	List string `json:"l"`
	Cursor
}

// Encode writes c as the opaque text of one list.
func Encode(list string, c Cursor) (string, error) {
	text, err := json.Marshal(opaque{List: list, Cursor: c})
	if err != nil {
		return "", fault.Wrap(err, fault.Internal, "internal", "encoding a cursor")
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}

// Parse reads a request's parameters. A cursor of another list is refused.
func Parse(list string, limit *int, cursor *string) (Request, error) {
	r := Request{Limit: DefaultLimit}
	if limit != nil {
		if *limit < 1 || *limit > MaxLimit {
			return r, fault.Newf(fault.Invalid, "invalid_limit", "limit must be between 1 and %d.", MaxLimit)
		}
		r.Limit = *limit
	}
	if cursor == nil || *cursor == "" {
		return r, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(*cursor)
	var o opaque
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil || o.List != list || o.Cursor == (Cursor{}) {
		return r, fault.New(fault.Invalid, "invalid_cursor", "The cursor is not one that this list gave out.")
	}
	r.After = o.Cursor
	return r, nil
}
