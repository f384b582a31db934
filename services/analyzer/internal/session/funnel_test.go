package session_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/services/analyzer/internal/session"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// sampleOf makes the sample of what is written as "minute.second type, …" a session.
func sampleOf(t require.TestingT, from, to time.Time, sessions map[string][]signal.Placed) session.Sample {
	reader := signal.NewReader()
	var st store
	m := session.NewMemory()
	for _, list := range sessions {
		st.take(m, list, reader)
	}
	s := session.Sample{From: from, To: to}
	for _, h := range st.hours(t) {
		if !h.Start.Before(from) && h.Start.Before(to) {
			s.Hours = append(s.Hours, h)
		}
	}
	return s
}

func TestFunnelTakesStepsInOrder(t *testing.T) {
	t.Parallel()
	steps := []string{"cart", "checkout", "purchase"}
	type sent struct {
		at   time.Duration
		kind string
	}
	for _, c := range []struct {
		name string
		sent []sent
		want []int // of the first hour
		next []int // of the second
	}{
		{"all steps", []sent{{0, "cart"}, {time.Minute, "checkout"}, {2 * time.Minute, "purchase"}}, []int{1, 1, 1}, []int{0, 0, 0}},
		{"others between", []sent{{0, "cart"}, {1, "x"}, {time.Minute, "checkout"}, {2 * time.Minute, "cart"}, {3 * time.Minute, "purchase"}}, []int{1, 1, 1}, []int{0, 0, 0}},
		{"left", []sent{{0, "cart"}, {time.Minute, "checkout"}}, []int{1, 1, 0}, []int{0, 0, 0}},
		{"never entered", []sent{{0, "checkout"}, {time.Minute, "purchase"}}, []int{0, 0, 0}, []int{0, 0, 0}},
		{"out of order", []sent{{0, "purchase"}, {time.Minute, "checkout"}, {2 * time.Minute, "cart"}}, []int{1, 0, 0}, []int{0, 0, 0}},
		{"a step left out", []sent{{0, "cart"}, {2 * time.Minute, "purchase"}}, []int{1, 0, 0}, []int{0, 0, 0}},
		{"at one moment", []sent{{time.Minute, "purchase"}, {time.Minute, "checkout"}, {time.Minute, "cart"}}, []int{1, 1, 1}, []int{0, 0, 0}},
		{"into the next hour", []sent{{50 * time.Minute, "cart"}, {61 * time.Minute, "checkout"}, {110 * time.Minute, "purchase"}}, []int{1, 1, 1}, []int{0, 0, 0}},
		{"too late", []sent{{50 * time.Minute, "cart"}, {61 * time.Minute, "checkout"}, {111 * time.Minute, "purchase"}}, []int{1, 1, 0}, []int{0, 0, 0}},
		{"twice in an hour", []sent{{0, "cart"}, {20 * time.Minute, "cart"}, {30 * time.Minute, "checkout"}}, []int{1, 1, 0}, []int{0, 0, 0}},
		{"again an hour later", []sent{{0, "cart"}, {70 * time.Minute, "cart"}, {75 * time.Minute, "checkout"}}, []int{1, 0, 0}, []int{1, 1, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reader := signal.NewReader()
			var list []signal.Placed
			for _, s := range c.sent {
				list = append(list, placed(reader, "s", s.kind, `{}`, start.Add(s.at)))
			}
			sample := sampleOf(t, start, start.Add(3*time.Hour), map[string][]signal.Placed{"s": list})
			require.Equal(t, []session.FunnelHour{{Hour: start, Reached: c.want}, {Hour: start.Add(time.Hour), Reached: c.next}}, session.Funnel(sample, steps))
		})
	}
}

// However busy the hours are, the share that continues and the number that entered are
// estimated within their errors.
func TestFunnelEstimatesABusyHour(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n, share := rapid.IntRange(200, 6000).Draw(rt, "n"), rapid.Float64Range(0.1, 0.9).Draw(rt, "share")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 2))
		reader := signal.NewReader()
		all := map[string][]signal.Placed{}
		went := 0
		for i := range n {
			id := fmt.Sprintf("%d-%x", i, random.Uint64())
			at := start.Add(time.Duration(random.IntN(3600)) * time.Second)
			list := []signal.Placed{placed(reader, id, "cart", `{}`, at)}
			if random.Float64() < share {
				went++
				list = append(list, placed(reader, id, "purchase", `{}`, at.Add(30*time.Minute)))
			}
			all[id] = list
		}
		h := session.Funnel(sampleOf(rt, start, start.Add(2*time.Hour), all), []string{"cart", "purchase"})[0]
		for step, truth := range []int{n, went} {
			e := h.Sessions(step)
			require.LessOrEqual(rt, math.Abs(e.Sessions-float64(truth)), 6*e.SE, "step %d", step)
		}
		truth := float64(went) / float64(n)
		se := math.Sqrt(truth * (1 - truth) / float64(h.Reached[0]))
		require.InDelta(rt, truth, float64(h.Reached[1])/float64(h.Reached[0]), 6*se)
	})
}

func TestFunnelDigestNamesTheSteps(t *testing.T) {
	t.Parallel()
	require.Equal(t, session.FunnelDigest([]string{"a", "b"}), session.FunnelDigest([]string{"a", "b"}))
	require.NotEqual(t, session.FunnelDigest([]string{"a", "b"}), session.FunnelDigest([]string{"b", "a"}))
	require.NotEqual(t, session.FunnelDigest([]string{"ab", "c"}), session.FunnelDigest([]string{"a", "bc"}))
}

// history keeps funnel hours in memory, over a sample that is there.
type history struct {
	sample  session.Sample
	kept    map[time.Time]session.FunnelHour
	counted int
	failing bool
}

func (h *history) Sessions(_ context.Context, from, to time.Time, _ []string) (session.Sample, error) {
	out := session.Sample{From: from, To: to}
	for _, one := range h.sample.Hours {
		if !one.Start.Before(from) && one.Start.Before(to) {
			out.Hours = append(out.Hours, one)
		}
	}
	return out, nil
}

func (h *history) FunnelHours(_ context.Context, _ []string, from, to time.Time) (out []session.FunnelHour, _ error) {
	for hour := from; hour.Before(to); hour = hour.Add(time.Hour) {
		if one, ok := h.kept[hour]; ok {
			out = append(out, one)
		}
	}
	return out, nil
}

func (h *history) SaveFunnelHours(_ context.Context, _ []string, hours []session.FunnelHour) error {
	if h.failing {
		return errors.New("full")
	}
	for _, one := range hours {
		h.kept[one.Hour] = one
		h.counted++
	}
	return nil
}

// What was counted is not counted again, whatever holes there are, and the hours that are
// still open are left out.
func TestFunnelHistoryCountsWhatIsMissing(t *testing.T) {
	t.Parallel()
	steps := []string{"cart", "purchase"}
	reader := signal.NewReader()
	var list []signal.Placed
	for n := range 40 {
		at := start.Add(time.Duration(n)*time.Hour + 50*time.Minute)
		list = append(list, placed(reader, fmt.Sprint("s", n), "cart", `{}`, at), placed(reader, fmt.Sprint("s", n), "purchase", `{}`, at.Add(20*time.Minute)))
	}
	h := &history{sample: sampleOf(t, start, start.Add(50*time.Hour), map[string][]signal.Placed{"": list}), kept: map[time.Time]session.FunnelHour{}}
	now := start.Add(40*time.Hour + 30*time.Minute)
	read := func() []session.FunnelHour {
		t.Helper()
		got, err := session.FunnelHistory(t.Context(), h, steps, start.Add(10*time.Minute), now, now)
		require.NoError(t, err)
		require.Len(t, got, 39, "the last complete hour is that which ended an hour ago")
		for n, one := range got {
			require.Equal(t, session.FunnelHour{Hour: start.Add(time.Duration(n) * time.Hour), Reached: []int{1, 1}}, one)
		}
		return got
	}
	read()
	require.Equal(t, 39, h.counted)
	read()
	require.Equal(t, 39, h.counted)
	for _, n := range []int{0, 5, 6, 38} {
		delete(h.kept, start.Add(time.Duration(n)*time.Hour))
	}
	read()
	require.Equal(t, 43, h.counted)

	h.failing = true
	delete(h.kept, start)
	_, err := session.FunnelHistory(t.Context(), h, steps, start, now, now)
	require.Error(t, err)
	none, err := session.FunnelHistory(t.Context(), h, steps, now, now, now)
	require.NoError(t, err)
	require.Empty(t, none)
}

// Over several hours a session counts once, and only those that are as asked.
func TestDistinctCountsASessionOnce(t *testing.T) {
	t.Parallel()
	reader := signal.NewReader()
	all := map[string][]signal.Placed{}
	for i := range 3000 {
		id := fmt.Sprint("session-", i)
		for hour := range 3 {
			all[id] = append(all[id], placed(reader, id, "page_view", `{}`, start.Add(time.Duration(hour)*time.Hour)))
		}
	}
	s := sampleOf(t, start, start.Add(3*time.Hour), all)
	e := session.Distinct(s)
	require.Positive(t, e.SE)
	require.InDelta(t, 3000, e.Sessions, 4*e.SE)
	few := sampleOf(t, start, start.Add(3*time.Hour), map[string][]signal.Placed{"a": all["session-1"], "b": all["session-2"]})
	require.Equal(t, session.Estimate{Sessions: 2, Sampled: 2}, session.Distinct(few))
	require.Zero(t, session.Distinct(session.Sample{}))
}
