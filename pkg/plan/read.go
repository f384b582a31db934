package plan

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed default.yaml
var defaults []byte

// Load reads the book in the file at path, or the default one when path is "".
func Load(path string) (Book, error) {
	if path == "" {
		return Parse("default.yaml", defaults)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Book{}, fmt.Errorf("reading the plans: %w", err)
	}
	return Parse(path, text)
}

// Parse reads a book. Errors begin with the file's name and a line; all there are come together.
func Parse(file string, text []byte) (Book, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return Book{}, fmt.Errorf("%s: there are no plans in it", file)
	case err != nil:
		return Book{}, fmt.Errorf("%s: %w", file, err)
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return Book{}, fmt.Errorf("%s: a second document begins: all plans belong in one", file)
	}
	r := reader{file: file}
	var b Book
	r.mapping(document.Content[0], "", fields{
		"plans": func(n *yaml.Node, at string) { b.plans = r.plans(n, at) },
	})
	if len(r.errs) == 0 {
		r.complete(document.Content[0], b)
	}
	if err := errors.Join(r.errs...); err != nil {
		return Book{}, err
	}
	return b, nil
}

// reader goes over a file's nodes and notes what is wrong with them.
type reader struct {
	file string
	errs []error
}

// fields reads the values of a mapping's keys.
type fields map[string]func(n *yaml.Node, at string)

func (r *reader) fail(n *yaml.Node, at, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s:%d: %s: "+format, append([]any{r.file, n.Line, at}, args...)...))
}

// mapping hands each value to the reader of its key. Other keys, and a key that comes twice, are wrong.
func (r *reader) mapping(n *yaml.Node, at string, known fields) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, named(at), "must hold fields (%s)", known)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		path := strings.TrimPrefix(at+"."+key.Value, ".")
		switch read := known[key.Value]; {
		case read == nil:
			r.fail(key, path, "there is no such field here (%s)", known)
		case seen[key.Value]:
			r.fail(key, path, "stands here twice")
		default:
			read(n.Content[i+1], path)
		}
		seen[key.Value] = true
	}
}

// String lists the fields for people.
func (f fields) String() string {
	var names []string
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func named(at string) string {
	if at == "" {
		return "the file"
	}
	return at
}

// list hands each element on.
func (r *reader) list(n *yaml.Node, at string, read func(n *yaml.Node, at string)) {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, at, "must be a list")
		return
	}
	for i, element := range n.Content {
		read(element, fmt.Sprintf("%s[%d]", at, i))
	}
}

func (r *reader) text(n *yaml.Node, at string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.fail(n, at, "must be a text")
		return ""
	}
	return n.Value
}

func (r *reader) number(n *yaml.Node, at string, most int64) int64 {
	var value int64
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag != "!!int" || n.Decode(&value) != nil:
		r.fail(n, at, "must be a whole number (0: unlimited)")
	case value < 0:
		r.fail(n, at, "must not be negative (0: unlimited)")
	case value > most:
		r.fail(n, at, "must be at most %d", most)
	}
	return value
}

func (r *reader) plans(n *yaml.Node, at string) []Plan {
	var all []Plan
	names, prices := map[string]string{}, map[string]string{}
	r.list(n, at, func(n *yaml.Node, at string) {
		var p Plan
		r.mapping(n, at, fields{
			"name": func(n *yaml.Node, at string) {
				p.Name = r.text(n, at)
				r.unique(n, at, p.Name, names)
			},
			"title":  func(n *yaml.Node, at string) { p.Title = r.text(n, at) },
			"limits": func(n *yaml.Node, at string) { p.Limits = r.limits(n, at) },
			"stripe_prices": func(n *yaml.Node, at string) {
				r.list(n, at, func(n *yaml.Node, at string) {
					price := r.text(n, at)
					r.unique(n, at, price, prices)
					p.StripePrices = append(p.StripePrices, price)
				})
			},
		})
		if n.Kind == yaml.MappingNode && !validName.MatchString(p.Name) {
			r.fail(n, at+".name", "must be lower-case letters, digits and hyphens, at most 50")
		}
		if p.Title == "" {
			p.Title = p.Name
		}
		all = append(all, p)
	})
	return all
}

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,49}$`)

// unique notes where a value stands, and that it must not stand twice.
func (r *reader) unique(n *yaml.Node, at, value string, seen map[string]string) {
	switch first, twice := seen[value]; {
	case value == "" && len(r.errs) == 0:
		r.fail(n, at, "must not be empty")
	case twice:
		r.fail(n, at, "%q stands at %s too", value, first)
	default:
		seen[value] = fmt.Sprintf("%s (line %d)", at, n.Line)
	}
}

func (r *reader) limits(n *yaml.Node, at string) Limits {
	var l Limits
	count := func(to *int, most int64) func(*yaml.Node, string) {
		return func(n *yaml.Node, at string) { *to = int(r.number(n, at, most)) }
	}
	r.mapping(n, at, fields{
		"signals_per_month": func(n *yaml.Node, at string) { l.SignalsPerMonth = r.number(n, at, maxSignals) },
		"products":          count(&l.Products, maxCount),
		"contexts":          count(&l.Contexts, maxCount),
		"analyses_per_day":  count(&l.AnalysesPerDay, maxCount),
		"retention_months":  count(&l.RetentionMonths, LongestRetention),
		"webhook_endpoints": count(&l.WebhookEndpoints, maxCount),
	})
	return l
}

// complete notes which plans every book needs are not in it.
func (r *reader) complete(n *yaml.Node, b Book) {
	for name, why := range map[string]string{SelfHosted: "accounts have it while nobody is asked to pay", Free: "accounts have it before they pay"} {
		if _, ok := b.Find(name); !ok {
			r.fail(n, "plans", "the plan %q is missing: %s", name, why)
		}
	}
}
