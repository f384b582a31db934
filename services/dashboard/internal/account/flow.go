package account

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/draftlabs/specter/pkg/sealed"
)

const (
	sealLabel = "auth-flow"
	// mailFlowLife is longer than any link's; providerFlowLife is for a person who has to type a password there.
	mailFlowLife     = 25 * time.Hour
	providerFlowLife = 10 * time.Minute
	maxPath          = 2000
)

// Paths of the web app that links and providers lead to.
const (
	ConfirmPath  = "/auth/confirm"
	CallbackPath = "/auth/callback"
)

var errFlow = errors.New("the flow is not one of ours, or is over")

// flow is one way to the auth server and back. It is sealed and given away, so that no server has to keep it: to a mail's
// link, which may be opened on another device, or to the cookie of the browser that goes to a provider.
type flow struct {
	Kind     LinkKind  `json:"k,omitempty"`
	Provider string    `json:"p,omitempty"`
	Verifier string    `json:"v"`
	Nonce    string    `json:"n,omitempty"` // in the provider's way back; must be the cookie's
	Next     string    `json:"t,omitempty"` // the path to open afterwards
	Ends     time.Time `json:"e"`
}

// flows seals and opens them.
type flows struct {
	box    *sealed.Box
	origin string // of the web app, "" when it is not known
	now    func() time.Time
}

func newFlows(secretKey, publicURL string, now func() time.Time) (flows, error) {
	box, err := sealed.NewBox(secretKey, sealLabel)
	return flows{box: box, origin: strings.TrimRight(publicURL, "/"), now: now}, err
}

// mail is the way back of a mail's link.
func (f flows) mail(kind LinkKind) Back {
	one := flow{Kind: kind, Verifier: randomText(), Ends: f.now().Add(mailFlowLife)}
	return f.back(one.Verifier, ConfirmPath, f.seal(one))
}

// provider is the way back from a provider, and what the browser's cookie keeps meanwhile.
func (f flows) provider(name, next string) (b Back, cookie string) {
	one := flow{Provider: name, Verifier: randomText(), Nonce: randomText(), Next: SafePath(next), Ends: f.now().Add(providerFlowLife)}
	return f.back(one.Verifier, CallbackPath, one.Nonce), f.seal(one)
}

func (f flows) back(verifier, path, text string) Back {
	sum := sha256.Sum256([]byte(verifier))
	b := Back{Challenge: base64.RawURLEncoding.EncodeToString(sum[:])}
	if f.origin != "" {
		b.URL = f.origin + path + "?" + url.Values{"flow": {text}}.Encode()
	}
	return b
}

func (f flows) seal(one flow) string {
	text, err := json.Marshal(one)
	if err != nil {
		return "" // strings and a time: it cannot fail
	}
	return base64.RawURLEncoding.EncodeToString(f.box.Seal(text))
}

// openMail opens what a mail's link carried.
func (f flows) openMail(text string) (flow, error) {
	one, err := f.open(text)
	if err == nil && !one.Kind.Valid() {
		err = errFlow
	}
	return one, err
}

// openProvider opens a browser's cookie, when it belongs to the way back with this nonce.
func (f flows) openProvider(cookie, nonce string) (flow, error) {
	one, err := f.open(cookie)
	if err == nil && (one.Provider == "" || subtle.ConstantTimeCompare([]byte(one.Nonce), []byte(nonce)) != 1) {
		err = errFlow
	}
	return one, err
}

func (f flows) open(text string) (flow, error) {
	var one flow
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return one, errFlow
	}
	plain, err := f.box.Open(raw)
	if err != nil || json.Unmarshal(plain, &one) != nil || !f.now().Before(one.Ends) {
		return flow{}, errFlow
	}
	return one, nil
}

// SafePath returns the path of the web app that text names, or "/": a way back never leaves our origin.
func SafePath(text string) string {
	if len(text) > maxPath || !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") ||
		strings.ContainsFunc(text, func(r rune) bool { return r == '\\' || unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return "/"
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return text
}
