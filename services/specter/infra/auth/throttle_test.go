package auth

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whoever asks for mails to somebody all day long uses up their own, whatever kind they ask for.
func TestNobodyUsesUpTheMailsOfSomebodyElse(t *testing.T) {
	t.Parallel()
	const here, elsewhere, ann = "198.51.100.7", "203.0.113.9", "ann@example.test"
	now := time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)
	throttles := newThrottles(func() time.Time { return now })
	sent := 0
	for range 24 * 60 {
		if throttles.mail(here, "signup", ann) == 0 {
			sent++
		}
		now = now.Add(time.Minute)
	}
	require.InDelta(t, 5+24*5, sent, 1)
	require.Zero(t, throttles.mail(elsewhere, "recovery", ann))
}
