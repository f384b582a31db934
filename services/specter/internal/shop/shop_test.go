package shop_test

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/specter/internal/shop"
)

var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func newShop(t *testing.T, cfg shop.Config) *shop.Shop {
	t.Helper()
	if cfg.Start.IsZero() {
		cfg.Start = start
	}
	s, err := shop.New(cfg)
	require.NoError(t, err)
	return s
}

func fingerprint(t *testing.T, s *shop.Shop) [32]byte {
	t.Helper()
	h := sha256.New()
	enc := json.NewEncoder(h)
	for signal := range s.Signals() {
		require.NoError(t, enc.Encode(signal))
	}
	return [32]byte(h.Sum(nil))
}

func TestSameSeedIsTheSameWorldByteForByte(t *testing.T) {
	t.Parallel()
	a := fingerprint(t, newShop(t, shop.Config{Seed: 7, SessionsPerDay: 40}))
	require.Equal(t, a, fingerprint(t, newShop(t, shop.Config{Seed: 7, SessionsPerDay: 40})))
	require.NotEqual(t, a, fingerprint(t, newShop(t, shop.Config{Seed: 8, SessionsPerDay: 40})))
}

func TestEightWeeksAreBoundedOrderedAndUniquelyNamed(t *testing.T) {
	t.Parallel()
	s := newShop(t, shop.Config{Seed: 1})
	known := map[string]bool{}
	for _, c := range s.Contexts() {
		known[c.Key] = true
	}
	seen := map[uuid.UUID]bool{}
	last := start
	for signal := range s.Signals() {
		require.False(t, signal.Time.Before(last), "signals come in time order")
		require.True(t, signal.Time.Before(s.Story().End))
		require.False(t, seen[signal.ID], "every id is new")
		require.True(t, known[signal.Context], signal.Context)
		require.NotEmpty(t, signal.SessionID)
		require.NotEmpty(t, signal.Payload["path"])
		seen[signal.ID], last = true, signal.Time
	}
	require.GreaterOrEqual(t, len(seen), 100_000)
	require.LessOrEqual(t, len(seen), 150_000)
}

func TestProductsDoNotShareIDs(t *testing.T) {
	t.Parallel()
	first := func(namespace uuid.UUID) uuid.UUID {
		for signal := range newShop(t, shop.Config{Seed: 1, Namespace: namespace}).Signals() {
			return signal.ID
		}
		return uuid.Nil
	}
	require.NotEqual(t, first(uuid.UUID{1}), first(uuid.UUID{2}))
}

// ratios returns each day's positive ratio of every context.
func ratios(s *shop.Shop) map[string][]float64 {
	type counts struct{ positive, negative [56]float64 }
	all := map[string]*counts{}
	contexts := map[string]shop.Context{}
	for _, c := range s.Contexts() {
		contexts[c.Key], all[c.Key] = c, &counts{}
	}
	for signal := range s.Signals() {
		day := int(signal.Time.Sub(start).Hours() / 24)
		if slices.Contains(contexts[signal.Context].Positive, signal.Type) {
			all[signal.Context].positive[day]++
		}
		if slices.Contains(contexts[signal.Context].Negative, signal.Type) {
			all[signal.Context].negative[day]++
		}
	}
	out := map[string][]float64{}
	for key, c := range all {
		for day := range c.positive {
			out[key] = append(out[key], c.positive[day]/(c.positive[day]+c.negative[day]))
		}
	}
	return out
}

func TestTheRegressionHurtsCheckoutOnlyAndOnlyWhileItIsLive(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		s := newShop(t, shop.Config{Seed: seed})
		byContext := ratios(s)
		for day, ratio := range byContext["checkout"] {
			at := start.AddDate(0, 0, day)
			switch live := at.Sub(s.Story().BadAt); {
			case at.Before(s.Story().BadAt) || !at.Before(s.Story().FixAt):
				require.Greater(t, ratio, .65, "seed %d day %d", seed, day)
			case live < 3*24*time.Hour:
				require.Less(t, ratio, .7, "seed %d day %d: rolling out", seed, day)
			default:
				require.Less(t, ratio, .3, "seed %d day %d: everybody has it", seed, day)
			}
		}
		all := byContext["browse"]
		require.Less(t, slices.Max(all)-slices.Min(all), .3, "browse stays as it is")
		searching := byContext["search"]
		broke := int(s.Story().SearchBrokeAt.Sub(start).Hours() / 24)
		fixed := int(s.Story().SearchFixedAt.Sub(start).Hours() / 24)
		require.Less(t, mean(searching[broke+1:fixed]), mean(searching[:broke])-.08)
		require.InDelta(t, mean(searching[:broke]), mean(searching[fixed:]), .06)
	}
}

func mean(list []float64) (sum float64) {
	for _, x := range list {
		sum += x / float64(len(list))
	}
	return sum
}

func TestTheHelpWidgetFallsSilent(t *testing.T) {
	t.Parallel()
	s := newShop(t, shop.Config{Seed: 1})
	before, after := 0, 0
	for signal := range s.Signals() {
		switch {
		case signal.Context != "help":
		case signal.Time.Before(s.Story().HelpGoneAt.Add(5 * time.Minute)):
			before++
		default:
			after++
		}
	}
	require.Greater(t, before, 50*60)
	require.Zero(t, after)
}

func TestNightsAreQuietAndWeekendsBusy(t *testing.T) {
	t.Parallel()
	var hours [24]int
	var weekdays [7]int
	for signal := range newShop(t, shop.Config{Seed: 3, SessionsPerDay: 80}).Signals() {
		hours[signal.Time.Hour()]++
		weekdays[signal.Time.Weekday()]++
	}
	require.Greater(t, hours[20], 8*hours[3])
	require.Greater(t, weekdays[time.Sunday], weekdays[time.Tuesday])
}

func TestStoppingEarlyStops(t *testing.T) {
	t.Parallel()
	count := 0
	for range newShop(t, shop.Config{Seed: 1}).Signals() {
		if count++; count == 10 {
			break
		}
	}
	require.Equal(t, 10, count)
}

func TestImpossibleWorldsAreRefused(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]shop.Config{
		"too short":     {Start: start, Days: 20},
		"too long":      {Start: start, Days: 1000},
		"too many":      {Start: start, SessionsPerDay: 1e9},
		"negative":      {Start: start, SessionsPerDay: -1},
		"no start time": {},
	} {
		_, err := shop.New(cfg)
		require.Error(t, err, name)
	}
}
