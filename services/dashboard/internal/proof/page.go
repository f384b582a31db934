package proof

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
)

//go:embed page.css
var pageStyle string

//go:embed page.gohtml
var pageText string

//go:embed gone.gohtml
var goneText string

// Renderer makes pages. It has no state of a request and may be shared.
type Renderer struct {
	page *template.Template
	gone []byte
	// PagePolicy and PicturePolicy are the Content-Security-Policy of the pages and of the chart on its own: no script, no
	// other origin, no form, no frame, and of styles the one that is ours.
	PagePolicy, PicturePolicy string
}

// NewRenderer reads the templates.
func NewRenderer() (*Renderer, error) {
	page, err := template.New("page").Funcs(template.FuncMap{"command": isCommand}).Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("reading the page of a proof: %w", err)
	}
	gone, err := template.New("gone").Parse(goneText)
	if err != nil {
		return nil, fmt.Errorf("reading the page for links that open nothing: %w", err)
	}
	var text bytes.Buffer
	if err := gone.Execute(&text, map[string]any{"Style": style()}); err != nil {
		return nil, fmt.Errorf("making the page for links that open nothing: %w", err)
	}
	const closed = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-%s'"
	return &Renderer{
		page: page, gone: text.Bytes(),
		PagePolicy:    fmt.Sprintf(closed, digest(string(style()))) + "; img-src 'self'",
		PicturePolicy: fmt.Sprintf(closed, digest(chartStyle)) + "; sandbox",
	}, nil
}

// style is of the page and its charts.
func style() template.CSS { return template.CSS(pageStyle + chartStyle) } //nolint:gosec // our own files

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Gone is the page for every link that opens nothing, whatever the reason. It never differs.
func (r *Renderer) Gone() []byte { return r.gone }

// Page shows a proof. path is its own address, below which the other forms are.
func (r *Renderer) Page(p Proof, path string) ([]byte, error) {
	view := map[string]any{
		"Style": style(), "Path": path, "Proof": &p, "Icon": p.Status.Icon(), "Subtitle": p.subtitle(), "Decided": p.decided(),
		"Numbers": p.numbers(), "Registered": p.registered(), "Remarks": p.remarks(),
	}
	// The charts are markup of our own making in which every text is escaped.
	if len(p.Daily) > 0 {
		view["Wide"] = template.HTML(p.chart("wide", wide, ""))       //nolint:gosec // as above
		view["Narrow"] = template.HTML(p.chart("narrow", narrow, "")) //nolint:gosec // as above
		view["Daily"] = p.dailyTable()
	}
	view["Placebos"] = template.HTML(p.placeboChart("placebos", narrow)) //nolint:gosec // as above
	if len(p.Looks) > 0 {
		view["Looks"] = p.looksTable()
	}
	if s := p.Sensitivity; s != nil {
		if len(s.Readings) > 0 {
			view["Readings"] = p.readingsTable()
		}
		if len(s.PlaceboDates) > 0 {
			view["PlaceboDates"] = p.placeboTable()
		}
	}
	var out bytes.Buffer
	if err := r.page.Execute(&out, view); err != nil {
		return nil, fmt.Errorf("writing the page of a proof: %w", err)
	}
	return out.Bytes(), nil
}
