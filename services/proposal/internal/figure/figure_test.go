package figure_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/services/proposal/internal/figure"
	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

func TestNumbersAreRoundedForReaders(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"0": figure.Count(0), "1": figure.Count(1), "0.4": figure.Count(0.4), "6.6": figure.Count(6.551), "10": figure.Count(9.96), "61": figure.Count(61.4),
		"1,840": figure.Count(1840), "26,120": figure.Count(26120), "1,234,567": figure.Count(1234567), "−5": figure.Count(-5), "0.000034": figure.Count(0.0000341),
		"83 %": figure.Part(0.83), "8.4 %": figure.Part(0.084), "all": figure.Part(1.3), "0.012 %": figure.Part(0.000123),
		"64.5 %": figure.Ratio(0.6452), "100 %": figure.Ratio(0.99996), "0 %": figure.Ratio(0), "+18.3 %": figure.Signed(0.183), "−31.2 %": figure.Signed(-0.312),
		"−4.2 %": figure.Ratio(-0.042),
	} {
		require.Equal(t, want, got)
	}
}

// TestWhatIsRoundedIsStillRecognised: the check of a proposal's text knows every number that is written here.
func TestWhatIsRoundedIsStillRecognised(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Float64Range(-1e14, 1e14).Draw(t, "n")
		share := rapid.Float64Range(-1, 1).Draw(t, "share")
		facts := proposal.NewFacts(proposal.Brief{Evidence: proposal.Evidence{
			Types: []proposal.TypeChange{{Window: n}}, Ratio: proposal.Ratio{Window: share},
		}})
		for _, text := range []string{figure.Count(n), figure.Ratio(share), figure.Part(min(0.99, share)), figure.Signed(share)} {
			if share > 0.99 && text == figure.Part(0.99) {
				continue
			}
			if found := facts.Check(text); len(found) > 0 {
				t.Fatalf("%v or %v as %q: %v", n, share, text, found)
			}
		}
	})
}
