package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
	"pgregory.net/rapid"
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
	require.Zero(t, v.Take("first"), "of those that took as much, whoever took first is forgotten")
}

func TestWhoTookALotIsNotForgottenForThoseWhoTookALittle(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	v := New(3, time.Hour, func() time.Time { return now })
	for range 3 {
		require.Zero(t, v.Take("ann"))
	}
	for i := range kept + 10 {
		require.Zero(t, v.Take(fmt.Sprint(i)))
	}
	require.Len(t, v.byName, kept)
	require.Positive(t, v.Take("ann"))
}

func TestABucketThatIsFullAgainTakesNoMemory(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	v := New(3, time.Second, func() time.Time { return now })
	for i := range 100 {
		require.Zero(t, v.Take(fmt.Sprint(i)))
	}
	for range 3 {
		require.Zero(t, v.Take("ann"))
	}
	now = now.Add(time.Second)
	require.Zero(t, v.Take("bob"))
	require.Len(t, v.byName, 2, "ann still has something to wait for")
	now = now.Add(time.Hour)
	require.Zero(t, v.Take("bob"))
	require.Len(t, v.byName, 1)
}

// TestForgettingChangesNoAnswer compares with buckets that are never forgotten.
func TestForgettingChangesNoAnswer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, 0)
		burst, every := rapid.IntRange(1, 5).Draw(t, "burst"), time.Duration(rapid.IntRange(1, 20).Draw(t, "every"))*time.Second
		v, limiters := New(burst, every, func() time.Time { return now }), map[string]*rate.Limiter{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"ann", "bob", "cid"}).Draw(t, "name")
			if limiters[name] == nil {
				limiters[name] = rate.NewLimiter(rate.Every(every), burst)
			}
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				now = now.Add(time.Duration(rapid.IntRange(1, 40_000).Draw(t, "ms")) * time.Millisecond)
			case 1:
				v.Forgive(name)
				delete(limiters, name)
			default:
				r := limiters[name].ReserveN(now, 1)
				want := r.DelayFrom(now)
				if want > 0 {
					r.CancelAt(now)
				}
				if got := v.Take(name); (got - want).Abs() > time.Microsecond {
					t.Fatalf("%s waits %s, not %s", name, got, want)
				}
			}
		}
	})
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
	require.Len(t, v.byName, 1)
}
