package session_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/services/analyzer/internal/session"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

var (
	start = time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	home  = &signal.Context{ID: uuid.UUID{1}, ProductID: uuid.UUID{9}, PayloadKeys: []string{"plan"}}
)

// placed is a signal that has been read.
func placed(reader *signal.Reader, id, kind, payload string, at time.Time) signal.Placed {
	s := &signal.Signal{ProductID: home.ProductID, Type: kind, Payload: []byte(payload), At: at, SessionID: id}
	reader.Prepare(s)
	return signal.Placed{Signal: s, Context: home}
}

// store is what instances have written of one hour, as the database keeps it.
type store struct{ rows []session.Row }

// take is what one instance does with a batch.
func (st *store) take(m *session.Memory, batch []signal.Placed, reader *signal.Reader) {
	m.Trim()
	sessions := signal.Count(batch, reader).Sessions
	for _, p := range m.Unknown(sessions) {
		for _, r := range st.rows {
			if r.ContextID == p.Context && r.Hour.Unix() == p.Hour {
				m.Learn(p, r.Level, r.Sessions)
			}
		}
	}
	st.rows = append(st.rows, m.Take(batch, sessions, reader)...)
}

// hours reads all there is; merge puts it in its place.
func (st *store) hours(t require.TestingT) []session.Hour {
	parts := map[time.Time][]session.Part{}
	for _, r := range st.rows {
		sessions, err := session.Decode(r.Sessions, r.Signals, 0, nil)
		require.NoError(t, err)
		parts[r.Hour] = append(parts[r.Hour], session.Part{Level: r.Level, Sessions: sessions})
	}
	var out []session.Hour
	for hour, list := range parts {
		out = append(out, session.Combine(hour, list))
	}
	slices.SortFunc(out, func(a, b session.Hour) int { return a.Start.Compare(b.Start) })
	return out
}

func (st *store) merge(t require.TestingT) {
	hours := st.hours(t)
	st.rows = nil
	for _, h := range hours {
		row := session.Row{ProductID: home.ProductID, ContextID: home.ID, Hour: h.Start, Level: h.Level}
		row.Sessions, row.Signals = session.Encode(h.Sessions)
		st.rows = append(st.rows, row)
	}
}

// Whatever the order and the batches in which signals come, on whichever instance, with
// merges and restarts between: the sample is the same, and it estimates what was sent.
func TestSampleDoesNotDependOnHowSignalsCome(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		reader := signal.NewReader()
		sessions := rapid.IntRange(1, 1500).Draw(rt, "sessions")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		var all []signal.Placed
		truth := map[time.Time]map[string]int{}
		for i := range sessions {
			id := fmt.Sprintf("%016x", random.Uint64())
			at := start.Add(time.Duration(random.IntN(90)) * time.Minute)
			for range 1 + random.IntN(4) {
				at = at.Add(time.Duration(random.IntN(600_000)) * time.Millisecond)
				all = append(all, placed(reader, id, fmt.Sprintf("t%d", random.IntN(3)), fmt.Sprintf(`{"path":"/%d","plan":"p%d"}`, i%7, i%3), at))
				if hour := at.Truncate(time.Hour); truth[hour] == nil {
					truth[hour] = map[string]int{id: 1}
				} else {
					truth[hour][id]++
				}
			}
		}
		var once store
		once.take(session.NewMemory(), all, reader)
		want := once.hours(rt)

		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		var often store
		memories := []*session.Memory{session.NewMemory(), session.NewMemory()}
		for rest := all; len(rest) > 0; {
			n := min(len(rest), 1+random.IntN(400))
			m := random.IntN(len(memories))
			often.take(memories[m], rest[:n], reader)
			rest = rest[n:]
			switch random.IntN(8) {
			case 0:
				often.merge(rt)
			case 1:
				memories[m].Forget()
			}
		}
		got := often.hours(rt)
		require.Equal(rt, want, got)
		often.merge(rt)
		require.Equal(rt, want, often.hours(rt))

		for _, h := range got {
			require.LessOrEqual(rt, len(h.Sessions), session.MaxSessions)
			estimate := session.Distinct(session.Sample{Hours: []session.Hour{h}})
			require.LessOrEqual(rt, math.Abs(estimate.Sessions-float64(len(truth[h.Start]))), 6*estimate.SE, "%d sessions at level %d", len(truth[h.Start]), h.Level)
			if h.Level == 0 {
				require.Len(rt, h.Sessions, len(truth[h.Start]))
			} else {
				require.Greater(rt, len(h.Sessions), session.MaxSessions/4)
			}
		}
	})
}

// What a batch that was not stored put into the memory is forgotten with it.
func TestForgottenBatchLeavesNothing(t *testing.T) {
	t.Parallel()
	reader := signal.NewReader()
	batch := func(from, n int) (list []signal.Placed) {
		for i := from; i < from+n; i++ {
			list = append(list, placed(reader, fmt.Sprint("s", i), "a", `{}`, start))
		}
		return list
	}
	var st store
	m := session.NewMemory()
	list := batch(0, 2000)
	sessions := signal.Count(list, reader).Sessions
	m.Unknown(sessions)
	require.Positive(t, m.Take(list, sessions, reader)[0].Level) // never stored
	m.Forget()
	st.take(m, batch(5000, 100), reader)
	require.Equal(t, 0, st.hours(t)[0].Level)
	require.Len(t, st.hours(t)[0].Sessions, 100)
}

// A session has a bounded number of signals, all of them counted; one type that it sends
// over and over leaves room for others.
func TestSessionIsBounded(t *testing.T) {
	t.Parallel()
	reader := signal.NewReader()
	var st store
	m := session.NewMemory()
	at := start
	add := func(kind string, n int) {
		var batch []signal.Placed
		for range n {
			at = at.Add(time.Second)
			batch = append(batch, placed(reader, "s", kind, `{}`, at))
		}
		st.take(m, batch, reader)
	}
	add("js_error", 300)
	add("purchase", 3)
	for i := range 30 {
		add(fmt.Sprint("t", i), 1)
	}
	check := func() {
		s := st.hours(t)[0].Sessions[0]
		require.Equal(t, 333, s.N)
		require.LessOrEqual(t, len(s.Signals), session.MaxSignals)
		kinds := map[string]int{}
		for _, one := range s.Signals {
			kinds[one.Type]++
		}
		require.Equal(t, 48, kinds["js_error"])
		require.Equal(t, 1, kinds["purchase"])
		require.Greater(t, len(kinds), 10)
	}
	check()
	st.merge(t)
	check()
}

// However long and different what it says is, an hour takes a bounded room.
func TestTextOfASessionIsBounded(t *testing.T) {
	t.Parallel()
	reader := signal.NewReader()
	var batch []signal.Placed
	for i := range 64 {
		batch = append(batch, placed(reader, "s", fmt.Sprint("t", i), fmt.Sprintf(`{"path":"/%0150d/x","element":"%0200d","release":"%0200d"}`, i, i, i), start.Add(time.Duration(i)*time.Second)))
	}
	var st store
	st.take(session.NewMemory(), batch, reader)
	s := st.hours(t)[0].Sessions[0]
	require.Equal(t, 64, s.N)
	require.Greater(t, len(s.Signals), 20)
	st.merge(t)
	require.LessOrEqual(t, len(st.rows[0].Signals), 17<<10)
}

// Signals without a session take no part, and products sample sessions of their own.
func TestHash(t *testing.T) {
	t.Parallel()
	reader := signal.NewReader()
	var st store
	st.take(session.NewMemory(), []signal.Placed{placed(reader, "", "a", `{}`, start)}, reader)
	require.Empty(t, st.rows)
	require.Equal(t, signal.HashSession(uuid.UUID{9}, "s1"), signal.HashSession(uuid.UUID{9}, "s1"))
	require.NotEqual(t, signal.HashSession(uuid.UUID{9}, "s1"), signal.HashSession(uuid.UUID{8}, "s1"))
	// Kept for good: a sample read tomorrow was written today.
	require.Equal(t, uint64(0x4df547b05de78a03), signal.HashSession(uuid.UUID{9}, "s1"))
	low := 0
	for i := range 10_000 {
		if signal.HashSession(uuid.UUID{9}, fmt.Sprint("user-", i))>>62 == 0 {
			low++
		}
	}
	require.InDelta(t, 2500, low, 220)
}

func TestRowsAreReadAsWritten(t *testing.T) {
	t.Parallel()
	reader := signal.NewReader()
	var st store
	st.take(session.NewMemory(), []signal.Placed{
		placed(reader, "s", "js_error", `{"path":"/a","message":"boom 7","plan":"pro"}`, start.Add(59*time.Minute+59*time.Second+999_900*time.Microsecond)),
		placed(reader, "s", "page_view", `{}`, start),
	}, reader)
	require.Equal(t, []session.Hour{{Start: start, Sessions: []session.Session{{Hash: signal.HashSession(home.ProductID, "s"), N: 2, Signals: []session.Signal{
		{Type: "page_view"},
		{Offset: time.Hour - time.Millisecond, Type: "js_error", Dimensions: []signal.Dimension{{Name: "path", Value: "/a"}, {Name: "error", Value: "boom <n>"}, {Name: "plan", Value: "pro"}}},
	}}}}}, st.hours(t))

	r := st.rows[0]
	for name, damaged := range map[string][]byte{
		"nothing": nil, "cut": r.Signals[:len(r.Signals)-1], "more": append(slices.Clone(r.Signals), 0), "another version": append([]byte{2}, r.Signals[1:]...),
	} {
		_, err := session.Decode(r.Sessions, damaged, 0, nil)
		require.Error(t, err, name)
	}
	skipped, err := session.Decode(r.Sessions, r.Signals, session.MaxLevel, nil)
	require.NoError(t, err)
	require.Empty(t, skipped)
	some, err := session.Decode(r.Sessions, r.Signals, 0, []string{"page_view", "unknown"})
	require.NoError(t, err)
	require.Equal(t, []session.Session{{Hash: r.Sessions[0], N: 2, Signals: []session.Signal{{Type: "page_view"}}}}, some)
}

// However much there is, a read gives a bounded number of signals: of fewer sessions.
func TestGatheringIsBounded(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	g := session.Gather(start, start.Add(100*time.Hour))
	for n := range 100 {
		h := session.Hour{Start: start.Add(time.Duration(n) * time.Hour), Level: n % 3}
		for range 200 {
			s := session.Session{Hash: random.Uint64() >> (n % 3)}
			for range 20 {
				s.Signals = append(s.Signals, session.Signal{Type: "a"})
			}
			h.Sessions = append(h.Sessions, s)
		}
		slices.SortFunc(h.Sessions, func(a, b session.Session) int {
			if a.Hash < b.Hash {
				return -1
			}
			return 1
		})
		g.Add(h)
	}
	s := g.Sample()
	require.Len(t, s.Hours, 100)
	signals := 0
	for _, h := range s.Hours {
		require.GreaterOrEqual(t, h.Level, g.Floor())
		for _, one := range h.Sessions {
			require.Zero(t, one.Hash>>(64-h.Level))
			signals += len(one.Signals)
		}
	}
	require.Positive(t, g.Floor())
	require.LessOrEqual(t, signals, 100_000)
}

func FuzzDecode(f *testing.F) {
	reader := signal.NewReader()
	var st store
	st.take(session.NewMemory(), []signal.Placed{placed(reader, "s", "js_error", `{"path":"/a","message":"boom"}`, start), placed(reader, "t", "page_view", `{}`, start)}, reader)
	f.Add(st.rows[0].Signals, 2)
	f.Add([]byte("\x01\x000000"), 69) // texts of which there are none
	f.Add([]byte{1, 255, 255, 255, 255, 15}, 1)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		hashes := make([]uint64, min(max(n, 0), 300))
		for i := range hashes {
			hashes[i] = uint64(i)
		}
		sessions, err := session.Decode(hashes, data, 0, nil)
		if err != nil {
			return
		}
		if len(sessions) != len(hashes) {
			t.Fatalf("%d sessions of %d", len(sessions), len(hashes))
		}
		again, encoded := session.Encode(sessions)
		back, err := session.Decode(again, encoded, 0, nil)
		require.NoError(t, err)
		require.Equal(t, sessions, back)
		some, err := session.Decode(again, encoded, 0, []string{"page_view"})
		require.NoError(t, err)
		for i, s := range back {
			wanted := slices.DeleteFunc(slices.Clone(s.Signals), func(one session.Signal) bool { return one.Type != "page_view" })
			require.Equal(t, len(wanted), len(some[i].Signals))
			for j := range wanted {
				require.Equal(t, wanted[j], some[i].Signals[j])
			}
		}
	})
}

func BenchmarkTake(b *testing.B) {
	reader := signal.NewReader()
	var batch []signal.Placed
	for i := range 10_000 {
		batch = append(batch, placed(reader, fmt.Sprintf("018f0000-0000-7000-8000-%012d", i/8), "page_view", `{"path":"/a","browser":"Chrome","release":"1.2"}`, start.Add(time.Duration(i)*time.Millisecond)))
	}
	sessions := signal.Count(batch, reader).Sessions
	for name, learned := range map[string]int{"new hour": 0, "busy hour": 10} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				m := session.NewMemory()
				p := m.Unknown(sessions)
				m.Learn(p[0], learned, nil)
				m.Take(batch, sessions, reader)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(batch)), "ns/signal")
		})
	}
}
