package proposal_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

// FuzzCheck: where the evidence has no numbers but zero, a text that passes has no other digits outside of the names it
// quotes, quotes only names of the evidence, and holds nothing that could be markup or an address.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{
		"No numbers.", "12 %", "“Checkout” and “/pay”", "“Check…”", "“", "”12“", "१२ signals", "1٬840", "x\u00a012\u00a0%", "“Checkout“ 12” ”", "４ times",
		"twenty-one", "half of it", "4 May 2026 14:00 UTC", "“Checkout”12", "a.b", "“/pay”/x", "0", "\u202e", "one\u00adtwo", "e.g.12", "−0 %", "٣",
	} {
		f.Add(s)
	}
	facts := proposal.NewFacts(proposal.Brief{Context: proposal.Context{Name: "Checkout", PositiveTypes: []string{"/pay", "Basket 7"}}})
	quoted := regexp.MustCompile(`“([^“”]*)”`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(facts.Check(text)) > 0 {
			return
		}
		for _, name := range quoted.FindAllStringSubmatch(text, -1) {
			beginning, _ := strings.CutSuffix(name[1], "…")
			known := false
			for _, n := range []string{"Checkout", "/pay", "Basket 7"} {
				known = known || strings.HasPrefix(n, beginning)
			}
			require.True(t, known && beginning != "", "%q", name[1])
		}
		rest := quoted.ReplaceAllString(text, " ")
		require.Equal(t, -1, strings.IndexFunc(rest, func(r rune) bool { return unicode.IsNumber(r) && r != '0' }), "%q", text)
		require.False(t, strings.ContainsAny(rest, "<>[]{}*_#`/\\@=|~^$\"“”"), "%q", text)
		require.Equal(t, -1, strings.IndexFunc(rest, func(r rune) bool { return unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Cf, r) }), "%q", text)
	})
}
