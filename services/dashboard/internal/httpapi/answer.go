package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// answer is an answer with a header of its own, which the generated answers have no room for.
type answer struct {
	status int
	body   any // nil = none
	etag   string
	cookie *http.Cookie
}

func (a answer) write(w http.ResponseWriter) error {
	if a.cookie != nil {
		http.SetCookie(w, a.cookie)
	}
	if a.etag != "" {
		w.Header().Set("ETag", a.etag)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return nil
	}
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(a.body); err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, err := text.WriteTo(w)
	return err
}

// The operations that answer with a header.
func (a answer) VisitSignUpResponse(w http.ResponseWriter) error         { return a.write(w) }
func (a answer) VisitLoginResponse(w http.ResponseWriter) error          { return a.write(w) }
func (a answer) VisitConfirmLinkResponse(w http.ResponseWriter) error    { return a.write(w) }
func (a answer) VisitStartProviderResponse(w http.ResponseWriter) error  { return a.write(w) }
func (a answer) VisitChangePasswordResponse(w http.ResponseWriter) error { return a.write(w) }
func (a answer) VisitLogoutResponse(w http.ResponseWriter) error         { return a.write(w) }
func (a answer) VisitGetProductResponse(w http.ResponseWriter) error     { return a.write(w) }
func (a answer) VisitUpdateProductResponse(w http.ResponseWriter) error  { return a.write(w) }
func (a answer) VisitUpdateKeyResponse(w http.ResponseWriter) error      { return a.write(w) }
func (a answer) VisitCreateContextResponse(w http.ResponseWriter) error  { return a.write(w) }
func (a answer) VisitGetContextResponse(w http.ResponseWriter) error     { return a.write(w) }
func (a answer) VisitUpdateContextResponse(w http.ResponseWriter) error  { return a.write(w) }
func (a answer) VisitGetEndpointResponse(w http.ResponseWriter) error    { return a.write(w) }
func (a answer) VisitUpdateEndpointResponse(w http.ResponseWriter) error { return a.write(w) }

// each converts a page's items; never nil, so that it is [] in JSON.
func each[D, T any](items []D, to func(D) (T, error)) ([]T, error) {
	out := make([]T, len(items))
	for i, item := range items {
		var err error
		if out[i], err = to(item); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// plain is a conversion that cannot fail, for each.
func plain[D, T any](to func(D) T) func(D) (T, error) {
	return func(d D) (T, error) { return to(d), nil }
}

func nextCursor(list string, c *page.Cursor) (*string, error) {
	if c == nil {
		return nil, nil //nolint:nilnil // the last page has no cursor, and that is no error
	}
	text, err := page.Encode(list, *c)
	return &text, err
}

// document passes a JSON document of another service on. Its numbers keep their text: an order's
// number may have more digits than a float64.
func document[T any](text []byte) (T, error) {
	var out T
	if len(text) == 0 {
		text = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		return out, fmt.Errorf("reading a stored document: %w", err)
	}
	return out, nil
}

func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}
