package proposal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/proposal/internal/evidencetest"
	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

func TestOnlyWhatTheEvidenceSaysIsGrounded(t *testing.T) {
	t.Parallel()
	asOf := evidencetest.Start.Add(31 * time.Hour)
	facts, err := proposal.NewFacts(proposal.Brief{
		Context: proposal.Context{Name: "Checkout"}, Raw: evidencetest.New(asOf).JSON(t), StartedAt: evidencetest.Start, DetectedAt: asOf,
	})
	require.NoError(t, err)
	for _, text := range []string{
		"No numbers at all.",
		"1,840 positive signals, 64.5 % of all.",
		"64.52% and 65 %",
		"6.5 times, 6.55 times, 7 times",
		"Since 4 May 2026 14:00 UTC in “Checkout” at “button#pay”.",
		"The page “/check…” with 402 where 61 were expected.",
	} {
		require.NoError(t, facts.Check(text), text)
	}
	for _, text := range []string{
		"1,841 positive signals",
		"64.6 % of all",
		"8 times the rate",
		"Since 5 May 2026 14:00 UTC",
		"in “Basket”",
		"the page “/chick…”",
		"“…”",
		"within 12 days",
	} {
		require.ErrorIs(t, facts.Check(text), proposal.ErrUngrounded, text)
	}
}
