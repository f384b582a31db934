package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
	"github.com/draftlabs/specter/services/analyzer/internal/postgres"
	"github.com/draftlabs/specter/services/analyzer/internal/session"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// inContext opens the tenant's context as an analysis does.
func (b *bench) inContext(who testkit.Tenant, fn func(analysis.Work) error) {
	b.t.Helper()
	analyses := postgres.NewAnalyses(b.pool, outbox.New("analyzer"), func() time.Time { return *b.now.Load() }, nil)
	require.NoError(b.t, analyses.InContext(context.Background(), who.AccountID, who.ContextID, fn))
}

func (b *bench) sample(who testkit.Tenant, from, to time.Time) (s session.Sample) {
	b.t.Helper()
	b.inContext(who, func(w analysis.Work) (err error) {
		s, err = w.Sessions(context.Background(), from, to, nil)
		return err
	})
	return s
}

// visits are signals of many sessions over some hours from start.
func (b *bench) visits(who testkit.Tenant, sessions, hours int, start time.Time) (list []signal.Signal) {
	for i := range sessions {
		for n := range 2 {
			list = append(list, b.signal(who, []string{"cart", "purchase"}[n], func(s *signal.Signal) {
				s.SessionID = fmt.Sprintf("session-%d", i)
				s.At = start.Add(time.Duration(i%hours)*time.Hour + time.Duration(n)*time.Minute)
				s.Payload = fmt.Appendf(nil, `{"path":"/p%d"}`, i%5)
			}))
		}
	}
	return list
}

// Batches that come in any order and again, at several instances at once, some of whose
// transactions fail: the sample is that of the signals, each once.
func TestSampleOfSessionsIsThatOfTheSignals(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.setNow(time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour))
	who, other, twin := testkit.SeedTenant(t, b.db), testkit.SeedTenant(t, b.db), testkit.SeedTenant(t, b.db)
	start := b.now.Load().Add(-5 * time.Hour)
	all := b.visits(who, 2160, 3, start)
	all = append(all, b.signal(who, "silent", func(s *signal.Signal) { s.SessionID = "" }))
	var batches [][]signal.Signal
	random := rand.New(rand.NewPCG(3, 4))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for batch := range slices.Chunk(all, 150) {
		batches = append(batches, append(slices.Clone(batch), b.signal(other, "page_view")))
	}
	instances := []*postgres.Signals{b.another(), b.another(), b.another()}
	var running sync.WaitGroup
	for i, one := range instances {
		running.Go(func() {
			order := rand.New(rand.NewPCG(uint64(i), 5)).Perm(len(batches))
			for n, j := range order {
				if n%7 == i {
					b.failAt.Store(1) // of whichever instance is next
				}
				at := b.position()
				for range 3 {
					if _, err := one.Store(context.Background(), []signal.Batch{{Position: at, Signals: slices.Clone(batches[j])}}); err == nil {
						break
					}
				}
				if n%10 == 9 {
					if err := one.Merge(context.Background(), who.AccountID); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	running.Wait()
	b.requireCount(who, int64(len(all)))

	got := b.sample(who, start.Truncate(time.Hour), start.Add(10*time.Hour))
	require.Len(t, got.Hours, 3)
	for i, h := range got.Hours {
		require.Equal(t, start.Add(time.Duration(i)*time.Hour), h.Start)
		require.Equal(t, 2, h.Level)
		truth := map[uint64]bool{}
		for n := i; n < 2160; n += 3 {
			if hash := signal.HashSession(who.ProductID, fmt.Sprintf("session-%d", n)); hash>>(64-h.Level) == 0 {
				truth[hash] = true
			}
		}
		require.Len(t, h.Sessions, len(truth))
		for _, s := range h.Sessions {
			require.True(t, truth[s.Hash])
			require.Equal(t, 2, s.N)
			require.Equal(t, []string{"cart", "purchase"}, []string{s.Signals[0].Type, s.Signals[1].Type})
			require.Equal(t, "path", s.Signals[0].Dimensions[0].Name)
		}
	}
	require.NoError(t, instances[0].Merge(context.Background(), who.AccountID))
	require.Equal(t, got, b.sample(who, got.From, got.To))
	var rows, largest int
	require.NoError(t, b.db.Owner(t).QueryRow(context.Background(), `SELECT count(*), max(cardinality(sessions)) FROM session_samples WHERE account_id = $1`, who.AccountID).Scan(&rows, &largest))
	require.Equal(t, 3, rows)
	require.LessOrEqual(t, largest, session.MaxSessions)

	// Sums are exact where every session is kept.
	rest := b.sample(other, start.Truncate(time.Hour), start.Add(10*time.Hour))
	require.Len(t, rest.Hours, 1)
	require.Equal(t, len(batches), rest.Hours[0].Sessions[0].N)
	require.Empty(t, b.sample(twin, got.From, got.To).Hours)
}

// What a failed transaction had taken is forgotten with it.
func TestFailedBatchLeavesNoSample(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	hour := b.now.Load().Truncate(time.Hour)
	at := b.position()
	b.failing.Store(true)
	_, err := b.one(at, b.visits(who, 1500, 1, hour))
	require.ErrorIs(t, err, errPulled)
	b.failing.Store(false)
	require.Empty(t, b.sample(who, hour, hour.Add(time.Hour)).Hours)

	// The level rises only by what is stored.
	b.put(b.visits(who, 100, 1, hour)...)
	s := b.sample(who, hour, hour.Add(time.Hour))
	require.Len(t, s.Hours[0].Sessions, 100)
	require.Zero(t, s.Hours[0].Level)
}

// A context's own payload keys are in the sample, and imported history has one, too.
func TestSampleHasWhatTheContextNames(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	_, err := b.db.Owner(t).Exec(context.Background(), `UPDATE contexts SET payload_keys = '{plan}', funnel = '{cart, purchase}' WHERE id = $1`, who.ContextID)
	require.NoError(t, err)
	old := b.now.Load().AddDate(0, -14, 0)
	b.put(b.signal(who, "cart", func(s *signal.Signal) {
		s.Imported, s.At, s.Payload = true, old, []byte(`{"plan":"pro","browser":"Safari"}`)
	}))
	s := b.sample(who, old.Truncate(time.Hour), old.Add(time.Hour))
	require.Equal(t, []signal.Dimension{{Name: "browser", Value: "Safari"}, {Name: "plan", Value: "pro"}}, s.Hours[0].Sessions[0].Signals[0].Dimensions)
	b.inContext(who, func(w analysis.Work) error {
		require.Equal(t, []string{"cart", "purchase"}, w.Context().Funnel)
		return nil
	})
	for _, bad := range []string{`{a}`, `{a,a}`, `{a,""}`, `{a,b,c,d,e,f,g,h,i}`, `{{a,b},{c,d}}`} {
		_, err := b.db.Owner(t).Exec(context.Background(), `UPDATE contexts SET funnel = $2::text::text[] WHERE id = $1`, who.ContextID, bad)
		require.ErrorContains(t, err, "contexts_funnel_check", bad)
	}
}

// A funnel's hours are counted once, again when signals came to them, and each funnel
// for itself.
func TestFunnelHoursAreCountedAgainWhenSignalsCome(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.setNow(time.Now().UTC().Truncate(time.Hour).Add(50 * time.Minute))
	now := *b.now.Load()
	who := testkit.SeedTenant(t, b.db)
	steps := []string{"cart", "purchase"}
	from := now.Truncate(time.Hour).Add(-10 * time.Hour)
	b.put(b.visits(who, 40, 4, from)...)
	history := func(steps []string) (list []session.FunnelHour) {
		t.Helper()
		b.inContext(who, func(w analysis.Work) (err error) {
			list, err = session.FunnelHistory(context.Background(), w, steps, from, now, now)
			return err
		})
		return list
	}
	kept := func() (list []session.FunnelHour) {
		t.Helper()
		b.inContext(who, func(w analysis.Work) (err error) {
			list, err = w.FunnelHours(context.Background(), steps, from, now)
			return err
		})
		return list
	}
	b.setNow(now.Add(10 * time.Minute)) // what was stored has settled
	first := history(steps)
	require.Len(t, first, 9)
	require.Equal(t, session.FunnelHour{Hour: from, Reached: []int{10, 10}}, first[0])
	require.Equal(t, session.FunnelHour{Hour: from.Add(8 * time.Hour), Reached: []int{0, 0}}, first[8])
	require.Equal(t, first, kept())
	require.Equal(t, []int{10, 10, 0}, history([]string{"cart", "purchase", "thanks"})[0].Reached)
	require.Equal(t, first, kept())

	// One more session enters in the second hour and goes on in the third.
	b.setNow(now.Add(20 * time.Minute))
	late := func(kind string, after time.Duration) signal.Signal {
		return b.signal(who, kind, func(s *signal.Signal) { s.SessionID, s.At = "late", from.Add(after) })
	}
	b.put(late("cart", 110*time.Minute), late("purchase", 130*time.Minute))
	require.Equal(t, first[3:], kept(), "the first hour's sessions may go on in the second")
	b.setNow(now.Add(30 * time.Minute))
	second := history(steps)
	require.Equal(t, []int{11, 11}, second[1].Reached)
	require.Equal(t, second, kept())
	require.Equal(t, first[2:], second[2:])
}
