package anomaly_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/anomaly"
)

const step = 5 * time.Minute

var begin = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func row(i int) time.Time { return begin.Add(time.Duration(i) * step) }

// course is a day's rhythm with noise, always the same.
func course(rows int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	values := make([]float64, rows)
	for i := range values {
		values[i] = 100 + 30*math.Sin(2*math.Pi*float64(i)/288) + 2*r.NormFloat64()
	}
	return values
}

func push(values []float64) []anomaly.Result {
	d := anomaly.New(anomaly.Options{})
	results := make([]anomaly.Result, len(values))
	for i, v := range values {
		results[i] = d.Push(row(i), v)
	}
	return results
}

// alarms are the rows called anomalous from a row on.
func alarms(results []anomaly.Result, from int) (rows []int) {
	for i, r := range results {
		if i >= from && r.Anomaly {
			rows = append(rows, i)
		}
	}
	return rows
}

func TestWhatGoesWrongIsFoundWithinItsFirstPoints(t *testing.T) {
	t.Parallel()
	const from, rows, at = 600, 4000, 3000
	for name, spoil := range map[string]struct {
		patience int // rows until it must be told
		change   func(values []float64)
	}{
		"a spike":            {1, func(v []float64) { v[at] += 60 }},
		"a dropout":          {2, func(v []float64) { clear(v[at : at+20]) }},
		"another level":      {20, func(v []float64) { add(v[at:], 40) }},
		"a stuck sensor":     {40, func(v []float64) { set(v[at:at+200], v[at]) }},
		"the wrong hour":     {20, func(v []float64) { copy(v[at:at+40], v[at+144:]) }},
		"a restless day":     {40, func(v []float64) { shake(v[at:at+100], 8) }},
		"a slow way up":      {300, func(v []float64) { climb(v[at:at+300], 60) }},
		"a day that is flat": {288, func(v []float64) { set(v[at:at+288], 100) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := course(rows, 1)
			spoil.change(values)
			found := alarms(push(values), at)
			require.NotEmpty(t, found)
			require.Less(t, found[0], at+spoil.patience)
			require.LessOrEqual(t, len(alarms(push(values[:at]), from)), 8, "before it, hardly anything")
		})
	}
}

func add(values []float64, by float64) {
	for i := range values {
		values[i] += by
	}
}

func set(values []float64, to float64) {
	for i := range values {
		values[i] = to
	}
}

func shake(values []float64, by float64) {
	for i := range values {
		values[i] += by * float64(1-2*(i%2))
	}
}

func climb(values []float64, to float64) {
	for i := range values {
		values[i] += to * float64(i) / float64(len(values))
	}
}

// TestADailySeriesHasAWeek: a Sunday like a working day lies outside of the band.
func TestADailySeriesHasAWeek(t *testing.T) {
	t.Parallel()
	const odd = 52*7 + 6 // a Sunday: the first row is a Monday
	r := rand.New(rand.NewPCG(1, 1))
	d := anomaly.New(anomaly.Options{})
	for i := range odd + 1 {
		day := begin.AddDate(0, 0, i)
		value := 1000 + 10*r.NormFloat64()
		if i != odd && day.Weekday() == time.Sunday {
			value -= 600
		}
		result := d.Push(day, value)
		if i == odd {
			require.InDelta(t, 400, result.Expected, 60)
			require.Less(t, result.High, value)
		}
	}
}

func TestOneEventIsToldOnceOrTwiceNotAtEveryPoint(t *testing.T) {
	t.Parallel()
	values := course(4000, 2)
	add(values[3000:], 200)
	require.LessOrEqual(t, len(alarms(push(values), 3000)), 12)
}

func TestAWildValueAtTheStartIsForgotten(t *testing.T) {
	t.Parallel()
	values := course(6000, 8)
	values[20], values[100] = 1e9, -1e9
	add(values[5000:], 40)
	found := alarms(push(values), 5000)
	require.NotEmpty(t, found)
	require.Less(t, found[0], 5030)
}

func TestAConstantSeriesIsSilentAndItsFirstChangeIsTold(t *testing.T) {
	t.Parallel()
	values := make([]float64, 1000)
	set(values, 45)
	require.Empty(t, alarms(push(values), 0))
	values[900] = 46
	require.Equal(t, 900, alarms(push(values), 0)[0])
}

func TestValuesThatAreNoNumbersAreGaps(t *testing.T) {
	t.Parallel()
	values := course(2000, 3)
	d, without := anomaly.New(anomaly.Options{}), anomaly.New(anomaly.Options{})
	for i, v := range values {
		if i%7 == 0 {
			for _, gap := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				r := d.Push(row(i), gap)
				require.False(t, r.Anomaly)
				require.Zero(t, r.Score)
				requireFinite(t, r)
			}
		}
		require.Equal(t, without.Push(row(i), v), d.Push(row(i), v))
	}
}

func TestTheBandHoldsMostPointsOfAQuietSeries(t *testing.T) {
	t.Parallel()
	values := course(6000, 4)
	inside := 0
	for i, r := range push(values)[1000:] {
		if values[i+1000] >= r.Low && values[i+1000] <= r.High {
			inside++
		}
		require.LessOrEqual(t, r.Low, r.Expected)
		require.LessOrEqual(t, r.Expected, r.High)
	}
	require.InDelta(t, 0.95, float64(inside)/5000, 0.02)
}

// TestUnitsDoNotMatter: the same series in other units has the same scores, but where a value lies
// on a quantile exactly and rounding decides on which side.
func TestUnitsDoNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		scale := math.Exp2(float64(rapid.IntRange(-60, 60).Draw(t, "power of two")))
		shift := float64(rapid.IntRange(-50, 50).Draw(t, "shift"))
		seed := rapid.Uint64Range(0, 50).Draw(t, "seed")
		values, other := course(1500, seed), course(1500, seed)
		for i := range values {
			values[i] = math.Round(values[i])
			other[i] = (values[i] + shift) * scale
		}
		want, have := push(values), push(other)
		differ := 0
		for i := range want {
			if math.Abs(want[i].Score-have[i].Score) > 0.03 {
				differ++
			}
		}
		if differ > len(want)/100 {
			t.Fatalf("%d of %d scores differ", differ, len(want))
		}
	})
}

// TestNothingIsKnownOfTheFuture: what is said of a prefix does not depend on what follows.
func TestNothingIsKnownOfTheFuture(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := anySeries(t)
		cut := rapid.IntRange(0, len(values)).Draw(t, "cut")
		whole, prefix := push(values), push(values[:cut])
		for i := range prefix {
			if prefix[i] != whole[i] {
				t.Fatalf("row %d: %+v, knowing the rest %+v", i, prefix[i], whole[i])
			}
		}
	})
}

func TestAStoredDetectorGoesOnAsIfNothingHadHappened(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := anySeries(t)
		cut := rapid.IntRange(0, len(values)).Draw(t, "cut")
		views := anomaly.View(rapid.Uint16Range(0, uint16(anomaly.AllViews)).Draw(t, "views"))
		d := anomaly.New(anomaly.Options{Views: views})
		for i, v := range values[:cut] {
			d.Push(row(i), v)
		}
		stored, err := d.MarshalBinary()
		require.NoError(t, err)
		require.Len(t, stored, anomaly.Bytes)
		var restored anomaly.Detector
		require.NoError(t, restored.UnmarshalBinary(stored))
		for i, v := range values[cut:] {
			require.Equal(t, d.Push(row(cut+i), v), restored.Push(row(cut+i), v))
		}
	})
}

func TestAStateIsSmall(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, anomaly.Bytes, 8192)
}

func TestBytesThatAreNoStateAreRefused(t *testing.T) {
	t.Parallel()
	d := anomaly.New(anomaly.Options{})
	stored, err := d.MarshalBinary()
	require.NoError(t, err)
	for _, bad := range [][]byte{nil, {1}, stored[:len(stored)-1], append(stored, 0), append([]byte{99}, stored[1:]...)} {
		require.ErrorIs(t, d.UnmarshalBinary(bad), anomaly.ErrState)
	}
}

// anySeries has awkward values in any order.
func anySeries(t *rapid.T) []float64 {
	awkward := []float64{0, 1, -1, 1e300, -1e300, math.MaxFloat64, math.SmallestNonzeroFloat64, math.NaN(), math.Inf(1), math.Copysign(0, -1)}
	value := rapid.OneOf(rapid.SampledFrom(awkward), rapid.Float64(), rapid.Float64Range(0, 10), rapid.Just(5.0))
	return rapid.SliceOfN(value, 0, 400).Draw(t, "values")
}

func requireFinite(t require.TestingT, r anomaly.Result) {
	for _, v := range []float64{r.Score, r.Expected, r.Low, r.High} {
		require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "%+v", r)
	}
	require.GreaterOrEqual(t, r.Score, 0.0)
	require.LessOrEqual(t, r.Score, 1.0)
	require.Equal(t, r.Score >= anomaly.Threshold, r.Anomaly)
}

// FuzzPush: eight bytes are a value; no series makes the detector say anything but finite numbers.
func FuzzPush(f *testing.F) {
	f.Add([]byte("12345678abcdefgh"), uint16(100))
	f.Fuzz(func(t *testing.T, data []byte, times uint16) {
		d := anomaly.New(anomaly.Options{})
		i := 0
		for range int(times) % 300 {
			for rest := data; len(rest) >= 8; rest = rest[8:] {
				bits := uint64(0)
				for _, b := range rest[:8] {
					bits = bits<<8 | uint64(b)
				}
				requireFinite(t, d.Push(row(i), math.Float64frombits(bits)))
				i++
				if i > 3000 {
					return
				}
			}
		}
	})
}

// FuzzUnmarshal: whatever is read as a state can be gone on with.
func FuzzUnmarshal(f *testing.F) {
	d := anomaly.New(anomaly.Options{})
	for i, v := range course(300, 5) {
		d.Push(row(i), v)
	}
	stored, err := d.MarshalBinary()
	require.NoError(f, err)
	f.Add(stored, 1.0)
	f.Fuzz(func(t *testing.T, data []byte, value float64) {
		var d anomaly.Detector
		if d.UnmarshalBinary(data) != nil {
			return
		}
		for i := range 10 {
			d.Push(row(i), value)
		}
	})
}

func BenchmarkPush(b *testing.B) {
	values := course(8192, 6)
	d := anomaly.New(anomaly.Options{})
	at := begin
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at = at.Add(step)
		d.Push(at, values[i%len(values)])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "points/s")
	b.ReportMetric(float64(anomaly.Bytes), "bytes/series")
}
