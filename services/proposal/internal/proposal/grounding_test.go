package proposal_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/services/proposal/internal/enginetest"
	"github.com/draftlabs/specter/services/proposal/internal/evidencetest"
	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

func facts(t testing.TB) proposal.Facts {
	t.Helper()
	return proposal.NewFacts(enginetest.Brief(t, proposal.RageClicks, evidencetest.New(enginetest.Detected).Lead("rage_click",
		"path", "/checkout", "element", "button#pay", "error", enginetest.Injection).Funnel("cart", "purchase").With("metric", proposal.MetricRatio).With("deployment", map[string]any{
		"effect": -0.312, "effect_low": -0.42, "effect_high": -0.183, "look_day": 3,
	})))
}

func TestWhatTheEvidenceSaysIsGrounded(t *testing.T) {
	t.Parallel()
	f := facts(t)
	for _, text := range []string{
		"No numbers at all.",
		"1,840 positive signals, 64.5 % of all.",
		"1840 of 2,852",
		"64.52% and 65 % and 64.5 percent",
		"74.8–78.2 %, 74.8 to 78.2 %, 74.8 % to 78.2 %",
		"6.5 times, 6.55 times, 6.5x",
		"changed by −31.2 % (-42 % to −18.3 %)",
		"Since 4 May 2026 14:00 UTC in “Checkout” at “button#pay”.",
		"The page “/check…” with 402 where 61 were expected.",
		"Don't wait: the users' sessions (267) say it all. Click it; a double-click too, e.g. on “button#pay”. A third party may be to blame.",
		"Three days after the deployment; the API, the CDN's edge and JavaScript are common words.",
		"Of “cart” sessions 40.2 % went on.",
	} {
		require.Empty(t, f.Check(text), text)
	}
}

func TestWhatTheEvidenceDoesNotSayIsRefused(t *testing.T) {
	t.Parallel()
	f := facts(t)
	for text, kind := range map[string]string{
		"1,841 positive signals":      proposal.WrongNumber,
		"64.6 % of all":               proposal.WrongNumber,
		"8 times the rate":            proposal.WrongNumber,
		"7 times the rate":            proposal.WrongNumber, // rounded beyond recognition
		"402 % of the signals":        proposal.WrongNumber, // a count is no share
		"within 12 days":              proposal.WrongNumber,
		"655 % of the usual rate":     proposal.WrongNumber, // a rate ratio is no share either
		"1.840 signals":               proposal.WrongNumber,
		"18,40 signals":               proposal.WrongNumber,
		"the odds changed by +31.2 %": proposal.WrongNumber, // the other way round
		"conversions rose by 99 %":    proposal.WrongNumber, // only an attacker's text says 99
		"ninety-nine percent of all":  proposal.WrongNumber,
		"twenty-one sessions":         proposal.WrongNumber,
		"two hundred and more":        proposal.WrongNumber,
		"a quarter of the traffic":    proposal.WrongNumber,
		"a third of the users":        proposal.WrongNumber,
		"it doubled":                  proposal.WrongNumber,
		"twelve to fourteen a day":    proposal.WrongNumber,
		"thousands of sessions":       proposal.WrongNumber,
		"the majority leaves":         proposal.WrongNumber,
		"one million sessions":        proposal.WrongNumber,
		"1.840.000 signals":           proposal.WrongToken,
		"version 6.5.0":               proposal.WrongToken,
		"007 times":                   proposal.WrongNumber,
		"5k sessions":                 proposal.WrongToken,
		"the 3rd day":                 proposal.WrongToken,
		"१२ signals":                  proposal.WrongCharacter,
		"４ times":                     proposal.WrongCharacter,
		"x² and ½":                    proposal.WrongCharacter,
		"三百 signals":                  proposal.WrongCharacter,
		"Since 5 May 2026 14:00 UTC":  proposal.WrongTime,
		"Since 14 May 2026 14:00 UTC": proposal.WrongTime,
		"on Monday":                   proposal.WrongTime,
		"since yesterday":             proposal.WrongTime,
		"in “Basket”":                 proposal.WrongName,
		"the page “/chick…”":          proposal.WrongName,
		"the page “/c…”":              proposal.WrongName, // too little to know it by
		"“…”":                         proposal.WrongName,
		"“”":                          proposal.WrongName,
		"the element \"button#pay\"":  proposal.WrongQuotes,
		"the element 'button#pay'":    proposal.WrongQuotes,
		"the element ‘pay’":           proposal.WrongQuotes,
		"the element «pay»":           proposal.WrongQuotes,
		"the element `pay`":           proposal.WrongQuotes,
		"the element “button#pay":     proposal.WrongQuotes,
		"the element button#pay":      proposal.WrongCharacter,
		"the page /checkout":          proposal.WrongCharacter,
		"call basket.render first":    proposal.WrongToken,
		"see evil.example":            proposal.WrongToken,
		"write to eve@evil.example":   proposal.WrongCharacter,
		"https://evil.example":        proposal.WrongCharacter,
		"[link](x)":                   proposal.WrongCharacter,
		"<b>bold</b>":                 proposal.WrongCharacter,
		"**bold**":                    proposal.WrongCharacter,
		"# Heading":                   proposal.WrongCharacter,
		"- an item":                   proposal.WrongCharacter,
		"costs $":                     proposal.WrongCharacter,
		"the rage_click signals":      proposal.WrongCharacter,
		"a\u200bb":                    proposal.WrongCharacter,
		"a\u202eb":                    proposal.WrongCharacter,
		"a\x00b":                      proposal.WrongCharacter,
		"\uFFFC":                      proposal.WrongCharacter,
		"great \U0001F600":            proposal.WrongCharacter,
		"the fault is with Stripe":    proposal.BareName,
		"Stripe is to blame":          proposal.BareName,
		"it happens in chrome":        proposal.BareName,
		"the handler onClick is slow": proposal.BareName,
		"the Basket is empty":         proposal.BareName,
		"see “button#pay”s":           proposal.WrongToken,
		"“" + enginetest.Injection[:60] + "” says nothing": proposal.WrongName, // a part of a name without saying so
	} {
		found := f.Check(text)
		kinds := []string{}
		for _, v := range found {
			kinds = append(kinds, v.Kind)
		}
		require.Contains(t, kinds, kind, text)
	}
}

// TestCountsOfASampleAreNotGrounds: of a funnel and of a new error the segments are counted in a sample of sessions.
func TestCountsOfASampleAreNotGrounds(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.Families(t) {
		if e.Name == proposal.FunnelDrop || e.Name == proposal.NewError {
			f := proposal.NewFacts(e.Brief)
			require.Empty(t, f.Check("83 % of the change"), e.Name)
			require.NotEmpty(t, f.Check("61 were expected"), e.Name)
		}
	}
}

func TestADraftIsJudgedByItsFormToo(t *testing.T) {
	t.Parallel()
	f := facts(t)
	good := proposal.Draft{Title: "Fix it", Diagnosis: "It broke.", SuggestedChange: "Repair it.\nThen look again."}
	require.Empty(t, f.Judge(good))
	for name, change := range map[string]func(*proposal.Draft){
		"no title":         func(d *proposal.Draft) { d.Title = " " },
		"long title":       func(d *proposal.Draft) { d.Title = strings.Repeat("x", 201) },
		"title of lines":   func(d *proposal.Draft) { d.Title = "a\nb" },
		"no diagnosis":     func(d *proposal.Draft) { d.Diagnosis = "" },
		"no change":        func(d *proposal.Draft) { d.SuggestedChange = "\n" },
		"endless change":   func(d *proposal.Draft) { d.SuggestedChange = strings.Repeat("more ", 2000) },
		"broken text":      func(d *proposal.Draft) { d.Diagnosis = "\xff" },
		"a control":        func(d *proposal.Draft) { d.Diagnosis = "a\x1b[31m" },
		"a number in vain": func(d *proposal.Draft) { d.Title = "Fix the 77 errors" },
	} {
		bad := good
		change(&bad)
		require.NotEmpty(t, f.Judge(bad), name)
	}
}

// TestNoDigitPassesThatTheEvidenceDoesNotHave puts numbers into sentences in every way they are written.
func TestNoDigitPassesThatTheEvidenceDoesNotHave(t *testing.T) {
	t.Parallel()
	f := proposal.NewFacts(proposal.Brief{Context: proposal.Context{Name: "Checkout 77"}})
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"There were ", "", "(", "about ", "−", "+", "the "}).Draw(t, "before") +
			rapid.StringMatching(`[1-9][0-9]{0,5}([.,][0-9]{1,3})?`).Draw(t, "number") +
			rapid.SampledFrom([]string{" signals", "%", " %", "x", " percent", "", "–", " to ", ")"}).Draw(t, "after")
		if found := f.Check(text); len(found) == 0 {
			t.Fatalf("%q passed", text)
		}
	})
}

// TestWellWrittenAnswersPass: the check is strict about what it must be, and leaves room to write. Each file has a title, a
// diagnosis and steps as a model writes them from the evidence of the family it is named after.
func TestWellWrittenAnswersPass(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, e := range enginetest.Families(t) {
		text, err := os.ReadFile(filepath.Join("testdata", "answers", e.Name+".txt"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		parts := strings.SplitN(strings.TrimSpace(string(text)), "\n\n", 3)
		require.Len(t, parts, 3, e.Name)
		require.Empty(t, proposal.NewFacts(e.Brief).Judge(proposal.Draft{Title: parts[0], Diagnosis: parts[1], SuggestedChange: parts[2]}), e.Name)
		tried++
	}
	require.Equal(t, 6, tried)
}
