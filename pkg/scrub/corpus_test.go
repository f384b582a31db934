package scrub_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/scrub"
)

// corpusCase is one payload with what must go and what must stay. An entry that starts
// with a slash is a JSON pointer (or an original URL path in a text), anything else a
// part of the stored bytes.
type corpusCase struct {
	ID         string          `json:"id"`
	Class      string          `json:"cls"`
	Tier       string          `json:"tier"`
	Payload    json.RawMessage `json:"payload"`
	Raw        string          `json:"raw"`
	MustRedact []string        `json:"must_redact"`
	MustKeep   []string        `json:"must_keep"`
	Why        string          `json:"why"`
}

func TestScrubberAnswersItsOwnCases(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"cases.json", "payloads.json"} {
		raw, err := os.ReadFile(filepath.Join("testdata", file))
		require.NoError(t, err)
		var cases []corpusCase
		require.NoError(t, json.Unmarshal(raw, &cases))
		for _, c := range cases {
			t.Run(c.Why, func(t *testing.T) {
				t.Parallel()
				require.NoError(t, judge(c))
			})
		}
	}
}

// TestScrubberAnswersTheSharedCorpus runs the larger set where the environment names it
// (`make test` does).
func TestScrubberAnswersTheSharedCorpus(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("SPECTER_CORPORA")
	if dir == "" {
		t.Log("SPECTER_CORPORA is not set: only the cases in testdata ran")
		return
	}
	raw, err := os.ReadFile(filepath.Join(dir, "pii-dev.json"))
	require.NoError(t, err)
	var file struct {
		Cases []corpusCase `json:"cases"`
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	require.NotEmpty(t, file.Cases)
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, judge(c), "%s (%s, %s)", c.Why, c.Class, c.Tier)
		})
	}
}

// judge scrubs the case's payload and compares; it also checks what the package promises
// about every payload.
func judge(c corpusCase) error {
	in := []byte(c.Payload)
	if c.Raw != "" {
		in = []byte(c.Raw)
	}
	s := scrub.New(scrub.Options{})
	out, report, err := s.JSON(in)
	if err != nil {
		return err
	}
	if err := promises(s, in, out, report); err != nil {
		return err
	}
	var before, after any
	if err := json.Unmarshal(in, &before); err != nil {
		return err
	}
	if err := json.Unmarshal(out, &after); err != nil {
		return err
	}
	stored := spellings(out, after)
	for _, m := range c.MustRedact {
		if old, ok := at(before, m); ok {
			if kept, still := at(after, m); still && sharesText(old, kept) {
				return fmt.Errorf("%s is still there: %s", m, out)
			}
			continue
		}
		if strings.Contains(stored, m) {
			return fmt.Errorf("%q is still there: %s", m, out)
		}
	}
	for _, m := range c.MustKeep {
		if old, ok := at(before, m); ok {
			kept, still := at(after, m)
			if !still || !reflect.DeepEqual(old, kept) {
				return fmt.Errorf("%s did not stay: %s", m, out)
			}
			continue
		}
		if !strings.Contains(stored, m) {
			return fmt.Errorf("%q did not stay: %s", m, out)
		}
	}
	return nil
}

// promises checks the properties that hold for every payload.
func promises(s *scrub.Scrubber, in, out []byte, report scrub.Report) error {
	if !json.Valid(out) {
		return fmt.Errorf("output is not JSON: %q", out)
	}
	if shape(in) != shape(out) {
		return fmt.Errorf("containers changed: %s to %s", in, out)
	}
	if len(out) > len(in)+len(in)/5 {
		return fmt.Errorf("output grew from %d to %d bytes", len(in), len(out))
	}
	if changed := string(in) != string(out); changed != (report.Total() > 0) {
		return fmt.Errorf("changed is %v, reported are %v", changed, report.Counts)
	}
	if report.Total() == 0 && len(in) > 0 && &in[0] != &out[0] {
		return fmt.Errorf("a clean payload was copied: %s", in)
	}
	valid, _, err := s.Valid(in)
	if err != nil || string(valid) != string(out) {
		return fmt.Errorf("Valid makes %s (%w), JSON %s", valid, err, out)
	}
	if fresh, _, err := scrub.New(scrub.Options{}).JSON(in); err != nil || string(fresh) != string(out) {
		return fmt.Errorf("a new scrubber makes %s, one that remembers names %s", fresh, out)
	}
	again, second, err := s.JSON(out)
	if err != nil {
		return fmt.Errorf("scrubbing twice: %w", err)
	}
	if string(again) != string(out) {
		return fmt.Errorf("second pass changed %s to %s (%v)", out, again, second.Counts)
	}
	return nil
}

// shape is the sequence of containers and members, without values and names.
func shape(b []byte) string {
	var out strings.Builder
	inString := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case !inString && strings.ContainsRune("{}[],:", rune(c)):
			out.WriteByte(c)
		}
	}
	return out.String()
}

// spellings joins the ways in which a secret could be read back from stored bytes.
func spellings(out []byte, value any) string {
	var texts []string
	collect(value, &texts)
	all := string(out) + "\x00" + strings.Join(texts, "\x00")
	if decoded, err := url.PathUnescape(all); err == nil {
		all += "\x00" + decoded
	}
	return all
}

func collect(v any, into *[]string) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			*into = append(*into, k)
			collect(e, into)
		}
	case []any:
		for _, e := range x {
			collect(e, into)
		}
	case string:
		*into = append(*into, x)
	}
}

// at resolves a JSON pointer; anything that is none, or leads nowhere, is not found.
func at(v any, pointer string) (any, bool) {
	if !strings.HasPrefix(pointer, "/") {
		return nil, false
	}
	for part := range strings.SplitSeq(pointer[1:], "/") {
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		switch x := v.(type) {
		case map[string]any:
			next, ok := x[part]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func sharesText(a, b any) bool {
	var old, kept []string
	scalars(a, &old)
	scalars(b, &kept)
	for _, o := range old {
		for _, k := range kept {
			if len(o) >= 3 && strings.Contains(k, o) {
				return true
			}
		}
	}
	return false
}

func scalars(v any, into *[]string) {
	switch x := v.(type) {
	case map[string]any:
		for _, e := range x {
			scalars(e, into)
		}
	case []any:
		for _, e := range x {
			scalars(e, into)
		}
	case nil:
	default:
		*into = append(*into, fmt.Sprint(x))
	}
}
