package httpapi

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAVisitorHasItsBurstAndThenOneInAWhile(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	v := newVisitors(3, time.Second, func() time.Time { return now })
	for range 3 {
		require.Zero(t, v.take("203.0.113.9"))
	}
	require.Equal(t, time.Second, v.take("203.0.113.9"))
	require.Equal(t, time.Second, v.take("203.0.113.9"), "a refusal costs nothing")
	require.Zero(t, v.take("203.0.113.10"))
	now = now.Add(time.Second)
	require.Zero(t, v.take("203.0.113.9"))
	require.Positive(t, v.take("203.0.113.9"))
}

func TestAVisitorIsItsNetwork(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", "::ffff:203.0.113.9": "203.0.113.9", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::9": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "nobody": "nobody", "": "",
	} {
		require.Equal(t, want, network(addr), addr)
	}
}

func TestVisitorsTakeBoundedMemory(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	v := newVisitors(1, time.Hour, func() time.Time { return now })
	require.Zero(t, v.take("first"))
	for i := range visitorsKept {
		require.Zero(t, v.take(fmt.Sprint(i)))
	}
	require.Len(t, v.byAddr, visitorsKept)
	require.Equal(t, visitorsKept, v.order.Len())
	require.Zero(t, v.take("first"), "whoever was not seen for longest is forgotten")
}
