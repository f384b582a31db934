package webhook

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	maxExcerpt     = 500 // bytes of an answer that are kept
	maxError       = 300
	maxURL         = 500
	maxHeaderValue = 200
)

// shownSignature is how much of a signature is kept: enough to compare, too little to send again.
const shownSignature = 12

// plainURL is a URL as the log keeps it: what may be a secret in it is not.
func (s *Sender) plainURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	u.User, u.Fragment = nil, ""
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	text, _ := s.scrub.Text(u.Scheme + "://" + u.Host + u.Path)
	if u.RawQuery != "" {
		text += "?…"
	}
	return cut(text, maxURL)
}

// requestHeaders are the headers that were sent, with signatures shortened.
func requestHeaders(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name := range h {
		value := h.Get(name)
		if strings.EqualFold(name, standardwebhooks.HeaderWebhookSignature) {
			signatures := strings.Fields(value)
			for i, signature := range signatures {
				signatures[i] = cut(signature, shownSignature) + "…"
			}
			value = strings.Join(signatures, " ")
		}
		out[strings.ToLower(name)] = cut(value, maxHeaderValue)
	}
	return out
}

// responseHeaders are those of an answer that help to find a mistake. Cookies and what an application
// makes up stay out.
func (s *Sender) responseHeaders(h http.Header) map[string]string {
	out := map[string]string{}
	for _, name := range []string{"Content-Type", "Content-Length", "Date", "Server", "Retry-After", "Location", "Via", "X-Request-Id", "Cf-Ray", "Allow"} {
		value := h.Get(name)
		if value == "" {
			continue
		}
		if name == "Location" {
			value = s.plainURL(value)
		}
		out[strings.ToLower(name)] = cut(s.clean(value), maxHeaderValue)
	}
	return out
}

// excerpt is what people may read of an answer: text without secrets or control characters.
func (s *Sender) excerpt(body []byte) string { return cut(s.clean(string(body)), maxExcerpt) }

func (s *Sender) clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || (r < ' ' && r != '\n' && r != '\t') {
			return -1
		}
		return r
	}, text)
	text, _ = s.scrub.Text(text)
	return text
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}
