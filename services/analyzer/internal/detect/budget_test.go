package detect_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/analyzer/internal/detect"
)

const epoch = 480_000 // an hour in 2024

// run watches a whole series and returns the hours (from 0) at which an incident
// opened, with the incident as it was known then.
func run(series []counts, contexts int) (hours []int, incidents []detect.Incident) {
	d := detect.New(detect.Options{Series: contexts})
	for h, c := range series {
		status := d.Push(detect.Hour{Hour: epoch + int64(h), Positive: c.pos, Negative: c.neg})
		if status.Opened {
			hours = append(hours, h)
			incidents = append(incidents, *status.Incident)
		}
	}
	return hours, incidents
}

// TestNullBudget: with nothing planted at most 5 % of product-weeks see a finding,
// for every kind of site and every level of traffic, first weeks included.
func TestNullBudget(t *testing.T) {
	t.Parallel()
	const weeks, runs = 8, 10
	kinds := []site{
		{name: "plain"},
		{name: "seasonal with nights", season: 0.3, nights: true},
		{name: "overdispersed", rho: 0.03, season: 0.2},
		{name: "days deviate", rho: 0.01, dayVar: 0.015, season: 0.2, nights: true},
		{name: "days wander", rho: 0.01, dayVar: 0.02, ar: 0.7, season: 0.2},
		{name: "bursts of one visitor", rho: 0.01, bursts: 0.01},
	}
	alarmed, all := 0, 0
	for i, kind := range kinds {
		kindAlarmed, kindAll := 0, 0
		for j, perHour := range []float64{1, 5, 30, 200, 1500} {
			for l, negative := range []float64{0.02, 0.1, 0.4} {
				s := kind
				s.perHour, s.negative = perHour, negative
				r := rand.New(rand.NewPCG(uint64(i), uint64(10*j+l)))
				for range runs {
					hours, _ := run(s.simulate(r, weeks*168, worsening{}), 1)
					seen := map[int]bool{}
					for _, h := range hours {
						seen[h/168] = true
					}
					kindAlarmed += len(seen)
					kindAll += weeks
				}
			}
		}
		t.Logf("%-22s %3d of %d product-weeks with a finding (%.1f %%)", kind.name, kindAlarmed, kindAll, 100*float64(kindAlarmed)/float64(kindAll))
		require.LessOrEqual(t, float64(kindAlarmed), 0.05*float64(kindAll), kind.name)
		alarmed += kindAlarmed
		all += kindAll
	}
	t.Logf("all: %d of %d (%.1f %%)", alarmed, all, 100*float64(alarmed)/float64(all))
	require.LessOrEqual(t, float64(alarmed), 0.03*float64(all))
}

// TestBudgetIsShared: eight contexts of one product have one budget together.
func TestBudgetIsShared(t *testing.T) {
	t.Parallel()
	const weeks, products, contexts = 6, 12, 8
	alarmed := 0
	for p := range products {
		r := rand.New(rand.NewPCG(99, uint64(p)))
		seen := map[int]bool{}
		for range contexts {
			s := site{perHour: 20, negative: 0.1, rho: 0.02, dayVar: 0.01, season: 0.2}
			hours, _ := run(s.simulate(r, weeks*168, worsening{}), contexts)
			for _, h := range hours {
				seen[h/168] = true
			}
		}
		alarmed += len(seen)
	}
	require.LessOrEqual(t, float64(alarmed), 0.05*weeks*products)
}

// TestFindsWorsening: jumps and a slow worsening, small and busy contexts; most
// are found once, soon, and with the right start.
func TestFindsWorsening(t *testing.T) {
	t.Parallel()
	const start, runs = 28*24 + 10, 20
	small := site{perHour: 2, negative: 0.1}
	middle := site{perHour: 10, negative: 0.1, rho: 0.01, season: 0.2, nights: true}
	busy := site{perHour: 50, negative: 0.1, rho: 0.01, dayVar: 0.005, season: 0.2, nights: true}
	large := site{perHour: 500, negative: 0.05, rho: 0.01, dayVar: 0.005, season: 0.2}
	jump := func(shift float64) worsening { return worsening{At: start, Shift: shift} }
	slow := worsening{At: start, Shift: 1, Ramp: 14 * 24}
	for i, c := range []struct {
		site    site
		planted worsening
		found   int // at least, of 20
		delay   int // hours at most, on average
		covered int // of those found, at least this many intervals contain the start
	}{
		{small, jump(1.1), 17, 96, 12},
		{small, jump(1.8), 19, 30, 13},
		{middle, jump(0.7), 17, 72, 12},
		{middle, jump(1.1), 19, 24, 13},
		{middle, jump(1.8), 19, 6, 14},
		{middle, slow, 18, 300, 0},
		{busy, jump(0.4), 16, 120, 13},
		{busy, jump(1.1), 18, 6, 16},
		{busy, slow, 18, 220, 0},
		{large, jump(0.4), 18, 110, 13},
		{large, jump(1.8), 19, 3, 18},
		{large, slow, 18, 220, 0},
	} {
		r := rand.New(rand.NewPCG(2, uint64(i)))
		found, delay, covered, incidents := 0, 0, 0, 0
		for range runs {
			hours, known := run(c.site.simulate(r, start+13*24+c.planted.Ramp, c.planted), 1)
			first := true
			for j, h := range hours {
				if h < start {
					continue
				}
				incidents++
				if first {
					first = false
					found++
					delay += h - start
					if o := known[j].Onset; o.Earliest <= epoch+start && epoch+start <= o.Latest {
						covered++
					}
				}
			}
		}
		name := fmt.Sprintf("%v an hour, %v negative, shift %v over %d h", c.site.perHour, c.site.negative, c.planted.Shift, c.planted.Ramp)
		t.Logf("%s: found %d of %d after %d h, start covered %d, incidents %d", name, found, runs, delay/max(found, 1), covered, incidents)
		require.GreaterOrEqual(t, found, c.found, name)
		require.LessOrEqual(t, delay/max(found, 1), c.delay, name)
		require.GreaterOrEqual(t, covered, c.covered, name)
		require.LessOrEqual(t, incidents, found+runs/5, "one incident is opened once: "+name)
	}
}
