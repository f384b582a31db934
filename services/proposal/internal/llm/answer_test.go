package llm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesGetTheQuotesThatAreChecked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`the page "/a" and ` + "`b`":               "the page “/a” and “b”",
		`“Make "button#pay" respond” is "done"`:    `“Make "button#pay" respond” is “done”`,
		`a single " stays, and is refused later`:   `a single " stays, and is refused later`,
		"  around \r\n lines ":                     "around \n lines",
		`"a“b”c"`:                                  `"a“b”c"`, // never two in each other
		"don't touch apostrophes, ‘single’ either": "don't touch apostrophes, ‘single’ either",
	} {
		require.Equal(t, want, plain(text))
	}
}

// FuzzRead: whatever a model says, a draft that comes of it has its three texts, and reading never fails but by an error.
func FuzzRead(f *testing.F) {
	const good = `{"title":"Fix “a”.","diagnosis":"It broke.","steps":["Look.","Mend."]}`
	for _, s := range []string{good, "<think>{}</think>" + good, "```json\n" + good + "\n```", `{"title":1}`, `{`, ``, `{"title":"\ud800","diagnosis":"x","steps":["\u0000"]}`, good + good} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content string) {
		draft, err := read(content)
		if err != nil {
			require.Empty(t, draft)
			require.NotContains(t, err.Error(), "\x00")
			return
		}
		require.NotEmpty(t, strings.TrimSpace(draft.Diagnosis))
		require.NotContains(t, draft.Title, "\n")
		require.LessOrEqual(t, strings.Count(draft.SuggestedChange, "\n"), maxSteps)
		require.Equal(t, draft.Diagnosis, plain(draft.Diagnosis), "once is enough")
	})
}
