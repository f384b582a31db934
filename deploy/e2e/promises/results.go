package promises

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// module is the prefix of our packages' import paths.
const module = "github.com/draftlabs/specter/"

// Results are how tests ended, by "folder.TestName": pass, fail or skip.
type Results map[string]string

// Add reads the events of one run, as go test -json writes them. A test that failed anywhere has failed.
func (r Results) Add(events io.Reader) error {
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 && line[0] == '{' {
			var e struct{ Action, Package, Test string }
			if err := json.Unmarshal(line, &e); err != nil {
				return fmt.Errorf("reading test results: %w", err)
			}
			r.note(e.Action, e.Package, e.Test)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading test results: %w", err)
		}
	}
}

func (r Results) note(action, pkg, test string) {
	if test == "" || strings.Contains(test, "/") || (action != "pass" && action != "fail" && action != "skip") {
		return
	}
	name := strings.TrimPrefix(pkg, module) + "." + test
	if r[name] != "fail" {
		r[name] = action
	}
}

// Unproved lists the tests of claims that did not pass, with how they ended.
func (r Results) Unproved(lists []List) []string {
	var out []string
	for _, l := range lists {
		for _, c := range l.Claims {
			for _, name := range c.Tests {
				switch ended := r[name]; ended {
				case "pass":
				case "":
					out = append(out, fmt.Sprintf("%s %s: %s did not run", l.Document, c.ID, name))
				default:
					out = append(out, fmt.Sprintf("%s %s: %s ended with %s", l.Document, c.ID, name, ended))
				}
			}
		}
	}
	return out
}
