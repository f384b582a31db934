package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAVisitorHasItsBurstAndThenOneInAWhile(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	v := New(3, time.Second, func() time.Time { return now })
	for range 3 {
		require.Zero(t, v.Take("203.0.113.9"))
	}
	require.Equal(t, time.Second, v.Take("203.0.113.9"))
	require.Equal(t, time.Second, v.Take("203.0.113.9"), "a refusal costs nothing")
	require.Zero(t, v.Take("203.0.113.10"))
	now = now.Add(time.Second)
	require.Zero(t, v.Take("203.0.113.9"))
	require.Positive(t, v.Take("203.0.113.9"))
}

func TestAVisitorIsItsNetwork(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", "::ffff:203.0.113.9": "203.0.113.9", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::9": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "nobody": "nobody", "": "",
	} {
		require.Equal(t, want, Network(addr), addr)
	}
}

func TestVisitorsTakeBoundedMemory(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	v := New(1, time.Hour, func() time.Time { return now })
	require.Zero(t, v.Take("first"))
	for i := range kept {
		require.Zero(t, v.Take(fmt.Sprint(i)))
	}
	require.Len(t, v.byName, kept)
	require.Equal(t, kept, v.order.Len())
	require.Zero(t, v.Take("first"), "whoever was not seen for longest is forgotten")
}

func TestWhoProvedToBeRightStartsAfresh(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	v := New(2, time.Hour, func() time.Time { return now })
	require.Zero(t, v.Take("ann"))
	require.Zero(t, v.Take("ann"))
	require.Positive(t, v.Take("ann"))
	v.Forgive("ann")
	v.Forgive("nobody")
	require.Zero(t, v.Take("ann"))
	require.Equal(t, 1, v.order.Len())
}
