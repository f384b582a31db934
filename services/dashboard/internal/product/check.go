package product

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/draftlabs/specter/pkg/fault"
)

const (
	maxName        = 100
	maxDescription = 2000
	maxTypes       = 200
	maxType        = 100
	maxPayloadKeys = 10
	minFunnel      = 2
	maxFunnel      = 8
	maxOrigins     = 50
	maxOrigin      = 300
)

func invalid(pointer, code, detail string) error {
	return fault.New(fault.Invalid, "invalid_request", detail).With(pointer, code, detail)
}

func checkName(pointer, name string) error {
	if n := utf8.RuneCountInString(name); n < 1 || n > maxName || hasControl(name) {
		return invalid(pointer, "invalid_name", "A name has 1 to 100 characters.")
	}
	return nil
}

func (p *Product) check() error {
	if err := checkName("/name", p.Name); err != nil {
		return err
	}
	// "Local" would mean the server's zone and "" is UTC by accident.
	if _, err := time.LoadLocation(p.TimeZone); err != nil || p.TimeZone == "Local" || p.TimeZone == "" {
		return invalid("/time_zone", "unknown_time_zone", "This is no IANA time zone, such as Europe/Berlin.")
	}
	return nil
}

func (c *Context) check() error {
	if err := checkName("/name", c.Name); err != nil {
		return err
	}
	if utf8.RuneCountInString(c.Description) > maxDescription || strings.ContainsRune(c.Description, 0) {
		return invalid("/description", "too_long", "A description has at most 2,000 characters.")
	}
	for pointer, list := range map[string][]string{"/positive_types": c.PositiveTypes, "/negative_types": c.NegativeTypes} {
		if err := checkWords(pointer, list, maxTypes); err != nil {
			return err
		}
	}
	if err := checkWords("/payload_keys", c.PayloadKeys, maxPayloadKeys); err != nil {
		return err
	}
	if err := checkWords("/funnel", c.Funnel, maxFunnel); err != nil {
		return err
	}
	if n := len(c.Funnel); n > 0 && n < minFunnel {
		return invalid("/funnel", "too_few", "A funnel has 2 to 8 steps, or none.")
	}
	for _, t := range c.PositiveTypes {
		if slices.Contains(c.NegativeTypes, t) {
			return invalid("/negative_types", "both_polarities", "A type cannot be positive and negative at once.")
		}
	}
	return nil
}

func checkWords(pointer string, words []string, limit int) error {
	if len(words) > limit {
		return invalid(pointer, "too_many", "The list is too long.")
	}
	for i, w := range words {
		if n := utf8.RuneCountInString(w); n < 1 || n > maxType || hasControl(w) {
			return invalid(pointer, "invalid_item", "Each item has 1 to 100 characters.")
		}
		if slices.Contains(words[:i], w) {
			return invalid(pointer, "duplicate_item", "An item is named twice.")
		}
	}
	return nil
}

func hasControl(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
