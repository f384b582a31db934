package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
	"github.com/oapi-codegen/runtime/types"

	"github.com/draftlabs/specter/pkg/fault"
)

// strictJSON takes exactly one JSON value that every reader understands alike: nothing after it, no
// name twice in an object, only valid UTF-8. Numbers whose type the contract leaves open keep their
// text.
type strictJSON struct{ echo.DefaultJSONSerializer }

func (strictJSON) Deserialize(c echo.Context, into any) error {
	text, err := io.ReadAll(c.Request().Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return err
	case err != nil:
		return fault.Wrap(err, fault.Invalid, "invalid_json", "The body did not arrive whole.")
	case !utf8.Valid(text):
		return fault.New(fault.Invalid, "invalid_json", "The body is not valid UTF-8.")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return undecodable(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "invalid_json", "Something follows the JSON value.")
	}
	name, twice, err := duplicateName(text)
	if err != nil {
		return undecodable(err)
	}
	if twice {
		return fault.New(fault.Invalid, "invalid_json", "An object has the same name twice.").
			With("", "duplicate_name", fmt.Sprintf("The name %q appears twice in one object.", name))
	}
	return nil
}

func undecodable(err error) error {
	if errors.Is(err, types.ErrValidationEmail) { // only fields of that name are of that type
		const detail = "This is not an e-mail address."
		return fault.New(fault.Invalid, "invalid_request", detail).With("/email", "invalid_email", detail)
	}
	bad := fault.Wrap(err, fault.Invalid, "invalid_json", "The body is not the JSON that this operation takes.")
	var wrongType *json.UnmarshalTypeError
	if !errors.As(err, &wrongType) {
		return bad
	}
	switch field := wrongType.Field; {
	case field == "":
		return bad.With("", "wrong_type", "The body must be "+plainType(wrongType.Type)+".")
	case strings.Contains(field, "."): // further down: the decoder does not say in which item of a list
		return bad.With("", "wrong_type", field+": "+plainType(wrongType.Type)+" is needed here.")
	default:
		return bad.With("/"+field, "wrong_type", field+": "+plainType(wrongType.Type)+" is needed here.")
	}
}

// plainType is what JSON has for a Go type, in words.
func plainType(t reflect.Type) string {
	switch t.Kind() { //nolint:exhaustive // the others do not occur in the contract
	case reflect.String, reflect.Array: // an array is a UUID
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	default:
		return "an object"
	}
}

// duplicateName finds a name that valid JSON text has twice in one object. Readers disagree which
// of the two counts.
func duplicateName(text []byte) (name string, twice bool, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	type level struct {
		names map[string]bool // nil in a list
		value bool            // a name's value comes next
	}
	var open []level
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return "", false, nil
		}
		if err != nil {
			return "", false, err
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			open = open[:len(open)-1]
			continue
		}
		if len(open) > 0 {
			at := &open[len(open)-1]
			if name, isText := token.(string); isText && at.names != nil && !at.value {
				if at.names[name] {
					return name, true, nil
				}
				at.names[name], at.value = true, true
				continue
			}
			at.value = false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		}
	}
}
