package detect_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/services/analyzer/internal/detect"
)

// ordinary is an hour's errors of a product: some that are always there, and now and then
// a newcomer that happens a few times.
func ordinary(r *rand.Rand, hour int) []detect.Seen {
	var out []detect.Seen
	for i := range 8 {
		if n := poisson(r, 5/float64(i+1)); n > 0 {
			out = append(out, detect.Seen{Value: fmt.Sprint("usual ", i), N: int64(n)})
		}
	}
	if r.IntN(60) == 0 { // about three a week
		out = append(out, detect.Seen{Value: fmt.Sprint("odd ", hour), N: int64(1 + r.IntN(5))})
	}
	return out
}

// In a quiet product errors turn up and go, and none of them is news; one that explodes is,
// once, within the hours it takes.
func TestNoveltyTellsAnExplosionFromANewcomer(t *testing.T) {
	t.Parallel()
	const runs, weeks = 20, 8
	wrong, found := 0, 0
	for i := range runs {
		r := rand.New(rand.NewPCG(11, uint64(i)))
		n := detect.NewNovelty(detect.Options{Series: 1})
		at := 5*168 + r.IntN(168)
		for h := range weeks * 168 {
			seen := ordinary(r, h)
			if h >= at && h < at+12 {
				seen = append(seen, detect.Seen{Value: "planted", N: int64(20 + r.IntN(20))})
			}
			for _, news := range n.Push(epoch+int64(h), seen) {
				if news.Value != "planted" {
					wrong++
					continue
				}
				found++
				require.EqualValues(t, epoch+at, news.First)
				require.LessOrEqual(t, news.Opened, news.First+11)
				require.Greater(t, news.Surprise, n.Threshold())
			}
		}
	}
	require.Equal(t, runs, found, "each once")
	require.LessOrEqual(t, float64(wrong), 0.01*runs*weeks)
}

// What is there in the first week was there before.
func TestNothingIsNewInTheFirstWeek(t *testing.T) {
	t.Parallel()
	n := detect.NewNovelty(detect.Options{})
	for h := range int64(300) {
		seen := []detect.Seen{{Value: "from the start", N: 100}}
		if h >= 100 {
			seen = append(seen, detect.Seen{Value: "within a week", N: 1000})
		}
		require.Empty(t, n.Push(epoch+h, seen), "hour %d", h)
		require.False(t, n.Young("within a week"))
	}
}

// After a month without a sign a value is new again, and not a day before.
func TestNoveltyForgets(t *testing.T) {
	t.Parallel()
	for gap, want := range map[int64]int{29 * 24: 0, 31 * 24: 1} {
		n := detect.NewNovelty(detect.Options{})
		n.Push(epoch, []detect.Seen{{Value: "a", N: 1}})
		n.Push(epoch+200, []detect.Seen{{Value: "b", N: 500}, {Value: "a", N: 500}})
		require.Len(t, n.Push(epoch+200+gap, []detect.Seen{{Value: "a", N: 500}}), want, "after %d days", gap/24)
		last, ok := n.LastSeen("a")
		require.True(t, ok)
		require.EqualValues(t, epoch+200+gap, last)
	}
}

// Senders begin to tell where errors happen: those that are known stay known; a place
// that turns up a week later is new, and so is a message that nobody had.
func TestKnownErrorsGetAPlace(t *testing.T) {
	t.Parallel()
	bare := detect.Seen{Value: "boom", N: 500, Whole: "boom"}
	at := func(place string) detect.Seen {
		v := "boom @ " + place
		return detect.Seen{Value: v, N: 500, Whole: v, Message: "boom"}
	}
	fresh := func() (*detect.Novelty, int64) {
		n := detect.NewNovelty(detect.Options{})
		hour := int64(epoch)
		for range 20 * 24 {
			n.Push(hour, []detect.Seen{bare, {Value: "other @ x.js", N: 1, Whole: "other @ x.js", Message: "other"}})
			hour++
		}
		return n, hour
	}
	n, hour := fresh()
	require.Empty(t, n.Push(hour, []detect.Seen{at("a.js"), at("b.js")}), "the upgrade")
	require.False(t, n.Young("boom @ a.js"))
	require.Empty(t, n.Push(hour+6*24, []detect.Seen{at("c.js")}), "rare ones come later")
	require.Len(t, n.Push(hour+8*24, []detect.Seen{bare, at("d.js")}), 1, "from a new place, though some tell none")
	require.Len(t, n.Push(hour+8*24+1, []detect.Seen{{Value: "bang @ a.js", N: 500, Whole: "bang @ a.js", Message: "bang"}}), 1)
	require.Empty(t, n.Push(hour+9*24, []detect.Seen{{Value: "other", N: 500, Whole: "other"}}), "a sender without stacks")
	require.Len(t, n.Push(hour+9*24+1, []detect.Seen{{Value: "more", N: 500, Whole: "more"}}), 1)

	n, hour = fresh()
	require.Len(t, n.Push(hour+31*24, []detect.Seen{at("a.js")}), 1, "after a month it is new, place or not")
}

// Crawlers make up errors without end: what is remembered stays bounded, and what goes on
// is not forgotten for it.
func TestNoveltyIsBounded(t *testing.T) {
	t.Parallel()
	n := detect.NewNovelty(detect.Options{})
	hour := int64(epoch)
	for ; hour < epoch+2000; hour++ {
		seen := []detect.Seen{{Value: "usual", N: 100, Whole: "usual"}}
		for i := range 50 {
			v := fmt.Sprintf("%d/%d @ a.js", hour, i)
			seen = append(seen, detect.Seen{Value: v, N: 1, Whole: v, Message: fmt.Sprint(i)})
		}
		for _, news := range n.Push(hour, seen) {
			require.Fail(t, "nothing is news", "%+v", news)
		}
	}
	require.False(t, n.Young("usual"))
	stored, err := json.Marshal(n.State())
	require.NoError(t, err)
	require.Less(t, len(stored), 512<<10)
}

// The order of an hour's values is nobody's: state and news are the same, and so they are
// from a state that was stored.
func TestNoveltyIsDeterministic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		one, other := detect.NewNovelty(detect.Options{Series: 2}), detect.NewNovelty(detect.Options{Series: 2})
		stored := rapid.IntRange(0, 600).Draw(t, "stored after")
		for h := range 600 {
			var seen []detect.Seen
			for i := range r.IntN(12) {
				v := fmt.Sprint("v", i*r.IntN(8))
				s := detect.Seen{Value: v, N: int64(r.IntN(60)), Whole: v}
				if r.IntN(2) == 0 {
					s = detect.Seen{Value: v + " @ a.js", N: s.N, Whole: v + " @ a.js", Message: v}
				}
				if !slices.ContainsFunc(seen, func(o detect.Seen) bool { return o.Value == s.Value }) {
					seen = append(seen, s)
				}
			}
			mixed := slices.Clone(seen)
			r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
			require.Equal(t, one.Push(epoch+int64(h), seen), other.Push(epoch+int64(h), mixed))
			if h == stored {
				raw, err := json.Marshal(other.State())
				require.NoError(t, err)
				var state detect.NoveltyState
				require.NoError(t, json.Unmarshal(raw, &state))
				other = detect.RestoreNovelty(detect.Options{Series: 2}, state)
			}
		}
		require.Equal(t, one.State(), other.State())
	})
}
