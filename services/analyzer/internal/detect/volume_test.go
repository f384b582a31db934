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

// flow simulates how many signals a context gets.
type flow struct {
	name    string
	perHour float64
	nights  bool    // nothing happens from 0 to 6
	weekend float64 // of a weekday's traffic; 0 counts as 1
	dayVar  float64 // variance of a day's own deviation of the log-rate
	growth  float64 // a day
	waves   float64 // shape of an hour's own rate; 0: none
}

// cut is what is planted: from hour At to End the traffic is Left of what it was.
type cut struct {
	At, End int
	Left    float64
}

func (f flow) simulate(r *rand.Rand, hours int, cuts ...cut) []int64 {
	out := make([]int64, hours)
	day := 0.0
	for h := range out {
		if h%24 == 0 {
			day = math.Sqrt(f.dayVar) * r.NormFloat64()
		}
		hod, dow := h%24, h/24%7
		rate := f.perHour * (1 + 0.8*math.Sin(2*math.Pi*float64(hod-9)/24)) * math.Exp(day) * math.Pow(1+f.growth, float64(h)/24)
		if dow >= 5 && f.weekend > 0 {
			rate *= f.weekend
		}
		if f.nights && hod < 6 {
			rate = 0
		}
		if f.waves > 0 {
			rate *= gamma(r, f.waves) / f.waves
		}
		for _, c := range cuts {
			if h >= c.At && (c.End == 0 || h < c.End) {
				rate *= c.Left
			}
		}
		out[h] = int64(poisson(r, rate))
	}
	return out
}

// collapses are the hours (from 0) in which a collapse opened, with what was known then.
func collapses(series []int64) (hours []int, found []detect.Collapse) {
	v := detect.NewVolume(detect.Options{Series: 1})
	for h, n := range series {
		if s := v.Push(epoch+int64(h), n); s.Opened {
			hours, found = append(hours, h), append(found, *s.Collapse)
		}
	}
	return hours, found
}

// With nothing wrong at most 5 % of product-weeks see a collapse, whatever the rhythm.
func TestVolumeNullBudget(t *testing.T) {
	t.Parallel()
	const weeks, runs = 10, 8
	holiday := cut{At: 44 * 24, End: 45 * 24, Left: 0.6}
	for i, kind := range []struct {
		flow
		cuts []cut
	}{
		{flow{name: "plain"}, nil},
		{flow{name: "nights at zero", nights: true, waves: 8}, nil},
		{flow{name: "weekends at 60 %", weekend: 0.6, waves: 8}, nil},
		{flow{name: "quiet weekends and nights", weekend: 0.2, nights: true, waves: 8}, nil},
		{flow{name: "days deviate", dayVar: 0.02, waves: 8}, nil},
		{flow{name: "growing 2 % a day", growth: 0.02, weekend: 0.8, waves: 8}, nil},
		{flow{name: "a holiday at 60 %", weekend: 0.8, waves: 8}, []cut{holiday}},
	} {
		alarmed, all := 0, 0
		for j, perHour := range []float64{0.5, 2, 10, 50, 300, 1500} {
			f := kind.flow
			f.perHour = perHour
			r := rand.New(rand.NewPCG(uint64(i), uint64(j)))
			for range runs {
				hours, _ := collapses(f.simulate(r, weeks*168, kind.cuts...))
				seen := map[int]bool{}
				for _, h := range hours {
					seen[h/168] = true
				}
				alarmed += len(seen)
				all += weeks
			}
		}
		t.Logf("%-26s %d of %d product-weeks with a collapse", kind.name, alarmed, all)
		require.LessOrEqual(t, float64(alarmed), 0.05*float64(all), kind.name)
	}
}

// Silence and a collapse to a third are found soon, once, with the right start, and
// close when the traffic is back.
func TestVolumeFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	const day, runs = 35, 10
	morning := day*24 + 10
	for i, c := range []struct {
		name  string
		flow  flow
		left  float64
		delay int // hours at most, on average
	}{
		{"silence at 2 an hour", flow{perHour: 2}, 0, 12},
		{"silence at 10 an hour", flow{perHour: 10, nights: true, waves: 8}, 0, 5},
		{"silence at 100 an hour", flow{perHour: 100, nights: true, waves: 8, weekend: 0.6}, 0, 4},
		{"silence at 1500 an hour", flow{perHour: 1500, dayVar: 0.01, waves: 8}, 0, 4},
		{"a third of 10 an hour", flow{perHour: 10, nights: true, waves: 8}, 1.0 / 3, 48},
		{"a third of 100 an hour", flow{perHour: 100, nights: true, waves: 8, weekend: 0.6}, 1.0 / 3, 36},
		{"a third of 1500 an hour", flow{perHour: 1500, dayVar: 0.01, waves: 8}, 1.0 / 3, 24},
	} {
		r := rand.New(rand.NewPCG(7, uint64(i)))
		found, delay, more := 0, 0, 0
		for range runs {
			end := morning + 5*24
			v := detect.NewVolume(detect.Options{Series: 1})
			opened := false
			for h, n := range c.flow.simulate(r, end+4*24, cut{At: morning, End: end, Left: c.left}) {
				s := v.Push(epoch+int64(h), n)
				if s.Opened && h >= morning {
					if opened {
						more++
						continue
					}
					opened = true
					found++
					delay += h - morning
					require.Equal(t, c.left == 0, s.Collapse.Silent(), c.name)
					require.InDelta(t, epoch+morning, s.Collapse.Onset.Hour, 24, c.name)
				}
				if h == end+3*24 {
					require.False(t, s.Active, "%s: it recovered", c.name)
				}
			}
		}
		t.Logf("%s: found %d of %d after %.1f h", c.name, found, runs, float64(delay)/float64(max(1, found)))
		require.GreaterOrEqual(t, found, runs-1, c.name)
		require.LessOrEqual(t, float64(delay)/float64(max(1, found)), float64(c.delay), c.name)
		require.LessOrEqual(t, more, 1, "%s: one collapse is opened once", c.name)
	}
}

// What stays low is what is usual after two weeks, and is judged anew.
func TestVolumeNewNormal(t *testing.T) {
	t.Parallel()
	f := flow{perHour: 60, nights: true, waves: 8}
	at := 35 * 24
	series := f.simulate(rand.New(rand.NewPCG(3, 3)), at+60*24, cut{At: at, Left: 0.25}, cut{At: at + 50*24, Left: 0})
	v := detect.NewVolume(detect.Options{Series: 1})
	var opened []int
	for h, n := range series {
		s := v.Push(epoch+int64(h), n)
		if s.Opened {
			opened = append(opened, h)
		}
		if h == at+16*24 {
			require.False(t, s.Active, "two weeks are the new normal")
			mean, low, high := v.Forecast(epoch + int64(h) + 12)
			require.Less(t, mean, 60.0)
			require.True(t, low <= mean && mean <= high)
		}
	}
	require.Len(t, opened, 2, "the collapse, and the silence seven weeks later: %v", opened)
	require.InDelta(t, at+50*24, opened[1], 24)
}

// A silence in a night that is always quiet is no news until the morning.
func TestVolumeWaitsForTheMorning(t *testing.T) {
	t.Parallel()
	f := flow{perHour: 40, nights: true, waves: 8}
	midnight := 36 * 24
	hours, found := collapses(f.simulate(rand.New(rand.NewPCG(4, 4)), midnight+24, cut{At: midnight}))
	require.Len(t, hours, 1)
	require.GreaterOrEqual(t, hours[0], midnight+7, "nothing ever happens from 0 to 6")
	require.LessOrEqual(t, hours[0], midnight+14)
	require.True(t, found[0].Silent())
}

// Empty hours may be pushed one by one or all at once.
func TestVolumeAdvance(t *testing.T) {
	t.Parallel()
	series := flow{perHour: 8, nights: true}.simulate(rand.New(rand.NewPCG(5, 5)), 40*24)
	one, other := detect.NewVolume(detect.Options{}), detect.NewVolume(detect.Options{})
	for h, n := range series {
		one.Push(epoch+int64(h), n)
		if n > 0 {
			other.Advance(epoch + int64(h))
			other.Push(epoch+int64(h), n)
		}
	}
	one.Advance(epoch + int64(len(series)) + 30)
	other.Advance(epoch + int64(len(series)) + 30)
	require.Equal(t, one.State(), other.State())
}

// A pause of decades costs no more than one of months, and what comes after it is
// learned again within days.
func TestVolumeLongPause(t *testing.T) {
	t.Parallel()
	v := detect.NewVolume(detect.Options{})
	f := flow{perHour: 50}
	r := rand.New(rand.NewPCG(6, 6))
	for h, n := range f.simulate(r, 30*24) {
		v.Push(epoch+int64(h), n)
	}
	const pause = 1 << 40 // hours
	v.Advance(epoch + pause)
	opened := 0
	for h, n := range f.simulate(r, 30*24) {
		if v.Push(epoch+pause+int64(h), n).Opened {
			opened++
		}
	}
	require.Zero(t, opened)
	mean, _, _ := v.Forecast(epoch + pause + 30*24 + 15)
	require.InDelta(t, 90, mean, 45)
}

// A year of silence is not held against what comes after it.
func TestVolumeLearnsAgainAfterAYear(t *testing.T) {
	t.Parallel()
	v := detect.NewVolume(detect.Options{})
	f := flow{perHour: 50}
	r := rand.New(rand.NewPCG(8, 8))
	at := int64(epoch)
	for _, n := range f.simulate(r, 30*24) {
		v.Push(at, n)
		at++
	}
	for range 365 * 24 {
		v.Push(at, 0)
		at++
	}
	for _, n := range f.simulate(r, 21*24) {
		v.Push(at, n)
		at++
	}
	var mean float64
	for h := at; h < at+24; h++ {
		m, _, _ := v.Forecast(h)
		mean += m / 24
	}
	require.InDelta(t, 50, mean, 25)
}

// A state that was stored continues as if it had not been.
func TestVolumeStateContinues(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		f := flow{perHour: rapid.SampledFrom([]float64{0.5, 5, 200}).Draw(t, "an hour"), nights: rapid.Bool().Draw(t, "nights"), waves: 8}
		broken := rapid.IntRange(300, 900).Draw(t, "broken")
		series := f.simulate(r, 1000, cut{At: broken, End: broken + 60, Left: 0.05})
		cutAt := rapid.IntRange(0, len(series)-1).Draw(t, "stored after")
		v := detect.NewVolume(detect.Options{Series: 3})
		for h, n := range series[:cutAt] {
			v.Push(epoch+int64(h), n)
		}
		stored, err := json.Marshal(v.State())
		require.NoError(t, err)
		var state detect.VolumeState
		require.NoError(t, json.Unmarshal(stored, &state))
		w := detect.RestoreVolume(detect.Options{Series: 3}, state)
		for h, n := range series[cutAt:] {
			require.Equal(t, v.Push(epoch+int64(cutAt+h), n), w.Push(epoch+int64(cutAt+h), n))
		}
		one, err := json.Marshal(v.State())
		require.NoError(t, err)
		other, err := json.Marshal(w.State())
		require.NoError(t, err)
		require.JSONEq(t, string(one), string(other))
		require.LessOrEqual(t, len(one), 32<<10)
	})
}

// Whatever the counts, every number stays one.
func TestVolumeIsFinite(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := detect.NewVolume(detect.Options{Series: rapid.IntRange(0, 100).Draw(t, "series")})
		count := rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(0, 1000), rapid.Int64Range(0, math.MaxInt64))
		at := int64(epoch)
		for range rapid.IntRange(1, 60).Draw(t, "spans") {
			n, usual := count.Draw(t, "n"), rapid.Float64Range(0, 10).Draw(t, "usual")
			for range rapid.IntRange(1, 48).Draw(t, "hours") {
				v.PushAmong(at, n, usual)
				at++
			}
			if rapid.IntRange(0, 9).Draw(t, "gap") == 0 {
				at += rapid.Int64Range(0, 5000).Draw(t, "gap of")
				v.Advance(at)
			}
			mean, low, high := v.Forecast(at)
			require.False(t, math.IsNaN(mean+low+high) || math.IsInf(mean+low+high, 0))
			require.True(t, low <= mean && mean <= high && low >= 0)
			require.False(t, math.IsNaN(v.Spread()) || v.Spread() < 0)
		}
		_, err := json.Marshal(v.State()) // refuses NaN and infinities
		require.NoError(t, err)
	})
}

// SilentAfter says what Advance will find.
func TestSilentAfterIsWhatAdvanceFinds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		f := flow{perHour: rapid.SampledFrom([]float64{1, 4, 20, 300}).Draw(t, "an hour"), nights: rapid.Bool().Draw(t, "nights"), waves: 8}
		series := f.simulate(r, rapid.IntRange(100, 900).Draw(t, "hours"))
		v := detect.NewVolume(detect.Options{Series: 2})
		for h, n := range series {
			v.Push(epoch+int64(h), n)
		}
		const limit = 23
		before, err := json.Marshal(v.State())
		require.NoError(t, err)
		hour, will := v.SilentAfter(limit)
		after, err := json.Marshal(v.State())
		require.NoError(t, err)
		require.Equal(t, string(before), string(after), "asking changes nothing")
		last := v.State().Last
		for h := last + 1; h <= last+limit; h++ {
			opened := v.Push(h, 0).Opened
			require.Equal(t, will && h == hour, opened)
			if opened {
				return
			}
		}
	})
}

// Where all types have half of what is usual none is to blame; one that goes is.
func TestPushAmong(t *testing.T) {
	t.Parallel()
	f := flow{perHour: 40, nights: true, waves: 8}
	at := 36*24 + 10
	r := rand.New(rand.NewPCG(9, 9))
	half := f.simulate(r, at+48, cut{At: at, Left: 0.5})
	gone := f.simulate(r, at+48, cut{At: at, Left: 0})
	one, other := detect.NewVolume(detect.Options{Series: 24}), detect.NewVolume(detect.Options{Series: 24})
	found := -1
	for h := range half {
		usual := 1.0
		if h >= at {
			usual = 0.5
		}
		require.False(t, one.PushAmong(epoch+int64(h), half[h], usual).Opened, "hour %d", h-at)
		if other.PushAmong(epoch+int64(h), gone[h], usual).Opened {
			found = h
		}
	}
	require.GreaterOrEqual(t, found, at)
	require.LessOrEqual(t, found, at+8)
}

// Less than usual for weeks is the season, not a collapse, however sure it is.
func TestVolumeShallowFall(t *testing.T) {
	t.Parallel()
	const at, runs = 35 * 24, 20
	for i, perHour := range []float64{20, 200, 1500} {
		alarmed := 0
		for run := range runs {
			r := rand.New(rand.NewPCG(uint64(i), uint64(run)))
			if hours, _ := collapses(flow{perHour: perHour, waves: 8}.simulate(r, at+30*24, cut{At: at, Left: 0.75})); len(hours) > 0 {
				alarmed++
			}
		}
		t.Logf("%v an hour: %d of %d", perHour, alarmed, runs)
		require.LessOrEqual(t, alarmed, runs/5, "%v an hour", perHour)
	}
}
