package scrub_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/scrub"
)

// caseTable is a systematic set: names, things with a shape of their own in every
// context they turn up in, and texts. A broken bar in a token is left out when reading,
// so that scanners for secrets do not take the file for a leak.
type caseTable struct {
	Contexts map[string]json.RawMessage `json:"contexts"`
	Names    []struct {
		Why    string         `json:"why"`
		Remove []string       `json:"remove"`
		Value  string         `json:"value"`
		Keep   map[string]any `json:"keep"`
	} `json:"names"`
	Shapes []tableShapes `json:"shapes"`
	Keeps  []tableShapes `json:"keeps"`
	Texts  []struct {
		Text   string   `json:"text"`
		Remove []string `json:"remove"`
		Keep   []string `json:"keep"`
	} `json:"texts"`
}

type tableShapes struct {
	Why    string   `json:"why"`
	Remove []string `json:"remove"`
	Keep   []string `json:"keep"`
	In     []string `json:"in"`
}

func readTable(t *testing.T) caseTable {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "table.json"))
	require.NoError(t, err)
	var table caseTable
	require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(string(raw), "¦", "")), &table))
	return table
}

func TestNamesInTheTable(t *testing.T) {
	t.Parallel()
	const room = "an ordinary note that leaves room for a marker, because short payloads may not grow"
	for _, group := range readTable(t).Names {
		t.Run(group.Why, func(t *testing.T) {
			t.Parallel()
			var wrong []string
			for _, name := range group.Remove {
				in, err := json.Marshal(map[string]any{"type": "custom", "properties": map[string]any{name: group.Value, "plan": "pro", "room": room}})
				require.NoError(t, err)
				if gone(in, group.Value) != nil {
					wrong = append(wrong, name)
				}
			}
			require.Empty(t, wrong, "the values of these names are still there")
			for name, value := range group.Keep {
				in, err := json.Marshal(map[string]any{"type": "custom", "properties": map[string]any{name: value, "plan": "pro", "room": room}})
				require.NoError(t, err)
				if stays(in) != nil {
					wrong = append(wrong, name)
				}
			}
			slices.Sort(wrong)
			require.Empty(t, wrong, "the values of these names did not stay")
		})
	}
}

func TestShapesInTheTable(t *testing.T) {
	t.Parallel()
	table := readTable(t)
	for _, group := range slices.Concat(table.Shapes, table.Keeps) {
		t.Run(group.Why, func(t *testing.T) {
			t.Parallel()
			var wrong []string
			for _, context := range group.In {
				frame, known := table.Contexts[context]
				require.True(t, known, context)
				for _, value := range group.Remove {
					if err := gone(framed(t, frame, context, value), value); err != nil {
						wrong = append(wrong, context+": "+value)
					}
				}
				for _, value := range group.Keep {
					if err := stays(framed(t, frame, context, value)); err != nil {
						wrong = append(wrong, context+": "+value)
					}
				}
			}
			require.Empty(t, wrong)
		})
	}
}

func TestTextsInTheTable(t *testing.T) {
	t.Parallel()
	s := scrub.New(scrub.Options{})
	for _, c := range readTable(t).Texts {
		t.Run(c.Text, func(t *testing.T) {
			t.Parallel()
			in, err := json.Marshal(map[string]string{"type": "error", "message": c.Text, "url": "https://shop.example/checkout"})
			require.NoError(t, err)
			for _, value := range c.Remove {
				require.NoError(t, gone(in, value))
			}
			out, _, err := s.JSON(in)
			require.NoError(t, err)
			var after map[string]string
			require.NoError(t, json.Unmarshal(out, &after))
			for _, value := range c.Keep {
				require.Contains(t, after["message"], value)
			}
			if len(c.Remove) == 0 {
				require.NoError(t, stays(in))
			}
			bare, _ := s.Text(c.Text)
			for _, value := range c.Remove {
				require.NotContains(t, bare, value)
			}
		})
	}
}

// framed puts the value where the frame has a dollar sign, spelled as that place needs.
func framed(t *testing.T, frame json.RawMessage, context, value string) []byte {
	t.Helper()
	switch context {
	case "query", "fragment", "referrer":
		value = strings.ReplaceAll(value, " ", "%20")
	case "encoded":
		value = url.QueryEscape(value)
	}
	quoted, err := json.Marshal(value)
	require.NoError(t, err)
	return []byte(strings.ReplaceAll(string(frame), "$", string(quoted[1:len(quoted)-1])))
}

// gone scrubs the payload and looks for the value in every spelling.
func gone(in []byte, value string) error {
	s := scrub.New(scrub.Options{})
	out, report, err := s.JSON(in)
	if err != nil {
		return err
	}
	if err := promises(s, in, out, report); err != nil {
		return err
	}
	var after any
	if err := json.Unmarshal(out, &after); err != nil {
		return err
	}
	stored := spellings(out, after)
	if strings.Contains(stored, value) {
		return fmt.Errorf("%q is still there: %s", value, out)
	}
	return nil
}

// stays scrubs the payload and expects it back as it was.
func stays(in []byte) error {
	out, report, err := scrub.New(scrub.Options{}).JSON(in)
	if err != nil {
		return err
	}
	if string(out) != string(in) || report.Total() > 0 {
		return fmt.Errorf("%s became %s", in, out)
	}
	return nil
}
