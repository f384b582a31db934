package privacy

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
)

//go:embed page.css
var pageStyle string

//go:embed page.gohtml
var pageText string

// Page writes statements as HTML. It has no state of a request and may be shared.
type Page struct {
	template *template.Template
	// Policy is its Content-Security-Policy: no script, no other origin, and of styles the one that is ours.
	Policy string
}

// NewPage reads the template.
func NewPage() (*Page, error) {
	text, err := template.New("privacy").Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("reading the page about privacy: %w", err)
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(pageStyle)))
	return &Page{
		template: text,
		Policy:   "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; img-src 'self'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
	}, nil
}

// HTML shows a statement.
func (p *Page) HTML(s Statement) ([]byte, error) {
	view := struct {
		Statement
		Style              template.CSS
		Grace, ContactLink string
	}{s, template.CSS(strings.TrimSpace(pageStyle)), s.grace(), s.contactLink()} //nolint:gosec // our own file
	var out bytes.Buffer
	if err := p.template.Execute(&out, view); err != nil {
		return nil, fmt.Errorf("writing the page about privacy: %w", err)
	}
	return out.Bytes(), nil
}
