package httpapi

import (
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/pkg/fault"
)

// readableQuery refuses a query that is not well-formed or says what no stored text can be: NUL
// and invalid UTF-8.
func readableQuery(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		query, err := url.ParseQuery(c.Request().URL.RawQuery)
		if err != nil {
			return fault.Wrap(err, fault.Invalid, "invalid_request", "The query of the address is not well-formed.")
		}
		for name, values := range query {
			if !readable(name) {
				return fault.New(fault.Invalid, "invalid_request", "A parameter's name has characters that cannot be used.")
			}
			for _, text := range values {
				if !readable(text) {
					return invalidParameter(name, name+" has characters that cannot be used.")
				}
			}
		}
		return next(c)
	}
}

func readable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// plainParameters says in plain words which parameter the generated binding could not read; its
// own text speaks of Go's parsers.
func plainParameters(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		var he *echo.HTTPError
		if !errors.As(err, &he) {
			return err
		}
		text, _ := he.Message.(string)
		rest, ok := strings.CutPrefix(text, "Invalid format for parameter ")
		if !ok {
			return err
		}
		name, _, _ := strings.Cut(rest, ":")
		return invalidParameter(name, name+" does not have the right form.")
	}
}
