package consume

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/bus"
)

// What waits holds back what is said of the hours it is of; one message that cannot be stored,
// while all others are, does so for an hour.
func TestStoring(t *testing.T) {
	t.Parallel()
	var behind bus.Behind
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	s := newStoring(func(context.Context) (bus.Behind, error) { return behind, nil }, func() time.Time { return now })
	until := func(b bus.Behind) time.Time {
		behind = b
		at, err := s.Until(t.Context())
		require.NoError(t, err)
		return at
	}
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	require.Equal(t, now, until(bus.Behind{}))
	require.Equal(t, ago(time.Second), until(bus.Behind{Open: ago(time.Second)}), "in work")
	old := ago(5 * time.Hour)
	require.Equal(t, old, until(bus.Behind{Open: old}), "all were given, and none is stored: it was stopped for hours")
	require.Equal(t, old, until(bus.Behind{Open: old, Waiting: ago(4 * time.Hour)}))

	now = now.Add(59 * time.Minute)
	require.Equal(t, old, until(bus.Behind{Open: old}))
	now = now.Add(time.Minute)
	require.Equal(t, now, until(bus.Behind{Open: old}), "it cannot be stored")
	require.Equal(t, ago(time.Minute), until(bus.Behind{Open: old, Waiting: ago(time.Minute)}))
	next := ago(3 * time.Hour)
	require.Equal(t, next, until(bus.Behind{Open: next}), "it was, and another waits")
}
