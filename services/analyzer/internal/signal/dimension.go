package signal

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

// The fixed dimensions. A context may name payload keys of its own beside them.
const (
	Path    = "path"
	Element = "element"
	Error   = "error"
	Release = "release"
	Browser = "browser"
	Country = "country"
	Bot     = "bot"
)

// Dimension is one property a signal can be grouped by.
type Dimension struct {
	Name  string
	Value string // never empty, at most 200 bytes
}

// fixed lists the fixed dimensions with the payload keys each is read from, the
// first that is there wins. The script, the SDKs and the import write the first of
// each; the others are what people's own events are found to call them.
var fixed = [fixedCount]struct {
	name  string
	keys  []string // at most maxKeys
	value func(string) string
}{
	{Path, []string{"path", "url", "page", "pathname", "route"}, cleanPath},
	{Element, []string{"element", "selector", "target"}, short},
	errorField: {Error, []string{"message", "error", "error_message", "exception"}, Fingerprint},
	3:          {Release, []string{"release", "version", "app_version"}, short},
	4:          {Browser, []string{"browser"}, short},
	5:          {Country, []string{"country", "country_code"}, short},
	6:          {Bot, []string{"bot"}, short},
}

// errorField is the place of Error.
const errorField = 2

// errorTypes marks the types whose "message" is an error's: elsewhere a message
// may be anything, a chat's for instance.
var errorTypes = regexp.MustCompile(`(?i)error|exception|crash|fail`)

func isFixed(name string) bool {
	for _, d := range fixed {
		if d.name == name {
			return true
		}
	}
	return false
}

// scalar is the text of a string, number or boolean; of an object its "message",
// "name" or "value"; "" for anything else.
func scalar(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '"':
		return clean(unquote(raw))
	case 't', 'f':
		return string(raw)
	case '{':
		var inner struct {
			Message string `json:"message"`
			Name    string `json:"name"`
		}
		if json.Unmarshal(raw, &inner) != nil {
			return ""
		}
		if inner.Message != "" {
			return clean(inner.Message)
		}
		return clean(inner.Name)
	case '[', 'n':
		return ""
	default:
		return cut(string(raw), 40)
	}
}

func short(s string) string { return cut(strings.TrimSpace(s), maxValue) }

var (
	idSegment = regexp.MustCompile(`(?i)^(?:\d+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,}|[\w-]*\d[\w-]{19,})$`)
	year      = regexp.MustCompile(`^(?:19|20)\d\d$`)
)

// cleanPath keeps what names a page: no origin, no query, no fragment; a segment
// that is an id reads ":id", so that /orders/1 and /orders/2 are one page.
func cleanPath(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	if u, err := url.Parse(s); err == nil && (u.Scheme != "" || strings.HasPrefix(s, "//")) {
		s = u.EscapedPath()
	}
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i]
	}
	parts := strings.Split(s, "/")
	for i, p := range parts {
		if idSegment.MatchString(p) && !year.MatchString(p) {
			parts[i] = ":id"
		}
	}
	s = strings.Join(parts, "/")
	if s == "" {
		s = "/"
	}
	if len(s) > 1 {
		s = strings.TrimRight(s, "/")
		if s == "" {
			s = "/"
		}
	}
	return cut(s, maxValue)
}
