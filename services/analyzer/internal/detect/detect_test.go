package detect_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/services/analyzer/internal/detect"
)

func TestIncidentClosesAfterRecoveryAndArmsAgain(t *testing.T) {
	t.Parallel()
	const first, fixed, second = 28 * 24, 32 * 24, 45 * 24
	s := site{perHour: 50, negative: 0.1, rho: 0.005, season: 0.2}
	r := rand.New(rand.NewPCG(5, 5))
	series := s.simulate(r, second, worsening{At: first, Shift: 1.5, End: fixed})
	series = append(series, s.simulate(r, 10*24, worsening{At: 0, Shift: 1.5, End: 10 * 24})...)

	hours, incidents := run(series, 1)

	require.Len(t, hours, 2)
	require.InDelta(t, first, hours[0], 6)
	require.InDelta(t, second, hours[1], 6)
	require.Greater(t, incidents[0].Observed, incidents[0].Expected)
}

func TestShiftThatStaysBecomesNormal(t *testing.T) {
	t.Parallel()
	s := site{perHour: 100, negative: 0.1, rho: 0.005}
	hours, _ := run(s.simulate(rand.New(rand.NewPCG(6, 6)), 70*24, worsening{At: 28 * 24, Shift: 1}), 1)
	require.Len(t, hours, 1)
}

func TestNothingIsJudgedWithoutHistory(t *testing.T) {
	t.Parallel()
	d := detect.New(detect.Options{})
	for h := range int64(70) {
		status := d.Push(detect.Hour{Hour: epoch + h, Positive: 5, Negative: 5 + h})
		require.False(t, status.Ready)
		require.False(t, status.Opened)
	}
}

// A state that went through JSON continues exactly as one that did not, and hours
// without signals may be left out.
func TestStateContinues(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		s := site{
			perHour:  rapid.Float64Range(0.2, 80).Draw(rt, "traffic"),
			negative: rapid.Float64Range(0.01, 0.7).Draw(rt, "negative"),
			nights:   rapid.Bool().Draw(rt, "nights"),
			rho:      rapid.Float64Range(0, 0.1).Draw(rt, "rho"),
		}
		series := s.simulate(r, 20*24, worsening{At: 15 * 24, Shift: 2})
		whole, cut := detect.New(detect.Options{}), detect.New(detect.Options{})
		at := rapid.IntRange(1, len(series)-1).Draw(rt, "cut")
		for h, c := range series {
			hour := detect.Hour{Hour: epoch + int64(h), Positive: c.pos, Negative: c.neg}
			want := whole.Push(hour)
			if h == at {
				stored, err := json.Marshal(cut.State())
				require.NoError(rt, err)
				require.Less(rt, len(stored), 24<<10)
				var state detect.State
				require.NoError(rt, json.Unmarshal(stored, &state))
				cut = detect.Restore(detect.Options{}, state)
			}
			if c.pos+c.neg == 0 && h%3 != 0 {
				continue
			}
			got := cut.Push(hour)
			require.Equal(rt, want.Opened, got.Opened)
			require.Equal(rt, want.Active, got.Active)
			// Idle hours passed at once round differently from hours passed one by one.
			require.InDelta(rt, want.Evidence, got.Evidence, 1e-6*(1+want.Evidence))
		}
	})
}

// Counts of any size never break the arithmetic.
func TestExtremeCounts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		d := detect.New(detect.Options{})
		count := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 3), rapid.Int64Range(0, 50_000_000))
		for h := range int64(300) {
			status := d.Push(detect.Hour{Hour: epoch + h, Positive: count.Draw(rt, "pos"), Negative: count.Draw(rt, "neg")})
			require.False(rt, math.IsNaN(status.Evidence))
			next := d.Forecast(epoch+h+1, 10)
			require.True(rt, next.Share > 0 && next.Share < 1 && next.SD > 0)
		}
	})
}

func BenchmarkPush(b *testing.B) {
	s := site{perHour: 40, negative: 0.1, rho: 0.01}
	series := s.simulate(rand.New(rand.NewPCG(8, 8)), 168*8, worsening{})
	d := detect.New(detect.Options{})
	b.ResetTimer()
	for i := range b.N {
		c := series[i%len(series)]
		d.Push(detect.Hour{Hour: epoch + int64(i), Positive: c.pos, Negative: c.neg})
	}
}

// A context of which nearly all is bad, or nearly all good, is what it is: it is no
// worsening against what was guessed before it was known.
func TestWhatIsKnownIsNoWorsening(t *testing.T) {
	t.Parallel()
	for _, negative := range []float64{0, 0.001, 0.6, 0.9, 0.99, 1} {
		for _, perHour := range []float64{1, 10, 200} {
			r := rand.New(rand.NewPCG(5, uint64(perHour)))
			d := detect.New(detect.Options{Series: 1})
			for h := range int64(40 * 24) {
				n := poisson(r, perHour)
				k := binomial(r, n, negative)
				s := d.Push(detect.Hour{Hour: epoch + h, Positive: int64(n - k), Negative: int64(k)})
				require.False(t, s.Opened, "%v of %v an hour, after %d h", negative, perHour, h)
			}
		}
	}
}
