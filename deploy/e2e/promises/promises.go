package promises

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed promises.yaml
var promisesText []byte

//go:embed threats.yaml
var threatsText []byte

// Claim is a promise kept or a threat met.
type Claim struct {
	ID   string // unique in its list: "P3", "T-reuse"
	Kind string // of threats, the STRIDE letter; of promises ""
	What string // the promise or the threat, one sentence
	How  string // the mechanism
	// Tests prove it: "services/dashboard.TestIngestKeysCannotRead", the package by its folder.
	Tests []string
}

// List is one document's claims.
type List struct {
	Document string // the file below docs/
	Heads    [3]string
	Claims   []Claim
}

// Lists reads both lists.
func Lists() ([]List, error) {
	promises, err := read(promisesText)
	if err != nil {
		return nil, fmt.Errorf("reading promises.yaml: %w", err)
	}
	threats, err := read(threatsText)
	if err != nil {
		return nil, fmt.Errorf("reading threats.yaml: %w", err)
	}
	return []List{
		{Document: "PRIVACY.md", Heads: [3]string{"Promise", "How it is kept", "Proved by"}, Claims: promises},
		{Document: "SECURITY.md", Heads: [3]string{"Threat", "What meets it", "Proved by"}, Claims: threats},
	}, nil
}

func read(text []byte) ([]Claim, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	var claims []Claim
	if err := d.Decode(&claims); err != nil {
		return nil, fmt.Errorf("decoding: %w", err)
	}
	if err := d.Decode(&claims); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	seen := map[string]bool{}
	for _, c := range claims {
		switch {
		case c.ID == "" || c.What == "" || c.How == "":
			return nil, fmt.Errorf("claim %q lacks its id, its text or its mechanism", c.ID)
		case seen[c.ID]:
			return nil, fmt.Errorf("claim %s is there twice", c.ID)
		case len(c.Tests) == 0:
			return nil, fmt.Errorf("claim %s has no test", c.ID)
		}
		seen[c.ID] = true
		for _, name := range c.Tests {
			if _, _, err := Split(name); err != nil {
				return nil, fmt.Errorf("claim %s: %w", c.ID, err)
			}
		}
	}
	return claims, nil
}

// Split takes a test's name apart: its package's folder, and the function.
func Split(name string) (folder, function string, err error) {
	folder, function, ok := strings.Cut(name, ".Test")
	if !ok || folder == "" || function == "" || strings.ContainsAny(function, "./ ") {
		return "", "", fmt.Errorf("%q is not folder.TestName", name)
	}
	return folder, "Test" + function, nil
}

const (
	begin = "<!-- written from deploy/e2e/promises; edit it there -->"
	end   = "<!-- end of what is written -->"
)

// Write puts the list's table into its document, between the two marks.
func (l List) Write(document string) (string, error) {
	before, rest, ok := strings.Cut(document, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("docs/%s lacks the marks between which the table stands", l.Document)
	}
	return before + begin + "\n\n" + l.table() + "\n" + end + after, nil
}

func (l List) table() string {
	var out strings.Builder
	fmt.Fprintf(&out, "| | %s | %s | %s |\n|---|---|---|---|\n", l.Heads[0], l.Heads[1], l.Heads[2])
	for _, c := range l.Claims {
		label := c.ID
		if c.Kind != "" {
			label = c.Kind
		}
		tests := make([]string, len(c.Tests))
		for i, name := range c.Tests {
			folder, function, _ := Split(name) // read checked it
			tests[i] = fmt.Sprintf("[`%s`](../%s)", function, folder)
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", label, cell(c.What), cell(c.How), strings.Join(tests, "<br>"))
	}
	return out.String()
}

func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "\\|")
}
