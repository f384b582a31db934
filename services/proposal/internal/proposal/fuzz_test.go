package proposal_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

// FuzzCheck: where the evidence has no numbers, a text that passes has no digits but in the names it
// quotes, and quotes only names of the evidence.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"No numbers.", "12 %", "“Checkout” and “/pay”", "“Check…”", "“", "”12“", "१२ signals", "1٬840", "x\u00a012\u00a0%", "“Checkout“ 12” ”", "４ times"} {
		f.Add(s)
	}
	facts, err := proposal.NewFacts(proposal.Brief{Context: proposal.Context{Name: "Checkout"}, Raw: []byte(`{"page":"/pay","deep":[{"name":"Basket 7"}]}`)})
	require.NoError(f, err)
	quoted := regexp.MustCompile(`“([^”]*)”`)
	f.Fuzz(func(t *testing.T, text string) {
		if err := facts.Check(text); err != nil {
			require.ErrorIs(t, err, proposal.ErrUngrounded)
			return
		}
		for _, name := range quoted.FindAllStringSubmatch(text, -1) {
			beginning, _ := strings.CutSuffix(name[1], "…")
			known := false
			for _, n := range []string{"Checkout", "/pay", "Basket 7"} {
				known = known || strings.HasPrefix(n, beginning)
			}
			require.True(t, known && beginning != "" || name[1] == "", "%q", name[1])
		}
		require.Equal(t, -1, strings.IndexFunc(quoted.ReplaceAllString(text, " "), unicode.IsDigit), "%q", text)
	})
}
