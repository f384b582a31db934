package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// row is a signal as the view shows it.
type row struct {
	ID, ContextID            uuid.UUID
	ClientID                 *uuid.UUID
	Type, Payload, Source    string
	Session, Mark            *string
	OccurredAt, ReceivedAt   time.Time
	Imported                 bool
	BlockFirstAt, BlockEndAt time.Time
}

const rowColumns = `id, context_id, client_id, type, payload::text, source, session_id, time_mark, occurred_at, received_at, imported, block_first_at, block_last_at`

func (b *bench) rows(who testkit.Tenant, from string, args ...any) (out []row) {
	b.t.Helper()
	err := tenant.Tx(context.Background(), b.reader, who.AccountID, func(tx pgx.Tx) error {
		list, err := tx.Query(context.Background(), `SELECT `+rowColumns+` FROM `+from, args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(list, pgx.RowToStructByPos[row])
		return err
	})
	require.NoError(b.t, err)
	return out
}

// What the view shows of a signal is what was sent, to the microsecond and the byte.
func TestViewShowsWhatWasStored(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	at := b.now.Load().Add(-90 * time.Minute).Truncate(time.Microsecond)
	mine := uuid.New()
	for i, s := range []signal.Signal{
		b.signal(who, "a", func(s *signal.Signal) {
			s.At, s.ReceivedAt, s.ClientID, s.Source, s.TimeMark = at, at.Add(1234567*time.Microsecond), mine, signal.Webhook, "clamped_future"
			s.Payload = []byte(`{ "b":  [1,2.50, "],[" ], "a": "ü\\"}`)
		}),
		b.signal(who, "b", func(s *signal.Signal) {
			s.At, s.ReceivedAt, s.SessionID, s.Imported, s.Payload = at.Add(time.Second), at, "", true, nil
		}),
	} {
		b.put(s)
		got := b.rows(who, `signals WHERE id = $1`, s.ID)
		require.Len(t, got, 1)
		r := got[0]
		require.Equal(t, []string{s.Type, string(s.Source)}, []string{r.Type, r.Source})
		require.Equal(t, s.At, r.OccurredAt.UTC())
		require.Equal(t, s.ReceivedAt, r.ReceivedAt.UTC())
		require.Equal(t, s.Imported, r.Imported)
		require.Equal(t, who.ContextID, r.ContextID)
		if i == 0 {
			require.Equal(t, &mine, r.ClientID)
			require.Equal(t, "s1", *r.Session)
			require.Equal(t, "clamped_future", *r.Mark)
			require.Equal(t, `{ "b":  [1,2.50, "],[" ], "a": "ü\\"}`, r.Payload)
		} else {
			require.Nil(t, r.ClientID)
			require.Nil(t, r.Session)
			require.Nil(t, r.Mark)
			require.Equal(t, "{}", r.Payload)
		}
	}
}

func TestFindsOneSignalByEitherID(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who, other := testkit.SeedTenant(t, b.db), testkit.SeedTenant(t, b.db)
	old := func(s *signal.Signal) { s.Imported, s.At = true, b.now.Load().AddDate(-1, -1, 0) }
	late := func(s *signal.Signal) { s.At = b.now.Load().Add(-23 * time.Hour) }
	random := func(s *signal.Signal) { s.ClientID = uuid.New() }
	v7 := func(s *signal.Signal) { s.ClientID = uuid.Must(uuid.NewV7()) }
	wrongClock := func(off time.Duration) func(*signal.Signal) {
		return func(s *signal.Signal) { s.ClientID = madeAt(b.now.Load().Add(off)) }
	}
	before := func(received time.Duration) func(*signal.Signal) {
		return func(s *signal.Signal) {
			s.ReceivedAt = b.now.Load().Add(-received)
			s.At = s.ReceivedAt.Add(-24 * time.Hour)
		}
	}
	imported := b.signal(who, "imported", old)
	imported.ID = uuid.NewSHA1(uuid.Nil, []byte("a line of a file"))
	batch := []signal.Signal{b.signal(who, "ours"), b.signal(who, "late", late), b.signal(who, "random", random), b.signal(who, "v7", v7), imported,
		b.signal(who, "v7, three days behind", wrongClock(-72*time.Hour)), b.signal(who, "v7, three days behind and late", wrongClock(-72*time.Hour), late),
		b.signal(who, "v7, a day ahead and late", wrongClock(24*time.Hour), late), b.signal(who, "v7, a year ahead", wrongClock(365*24*time.Hour)),
		b.signal(who, "random, late and received yesterday", random, before(30*time.Hour)), b.signal(who, "random, late and received last week", random, before(8*24*time.Hour)),
	}
	for _, s := range batch {
		b.put(s)
	}
	for range 30 { // company
		b.put(b.signal(who, "noise"), b.signal(other, "noise"))
	}
	check := func() {
		t.Helper()
		for _, s := range batch {
			for _, id := range []uuid.UUID{s.ID, s.Key()} {
				if id == s.ID && s.ReceivedAt.Before(*b.now.Load()) {
					continue // as the test makes them, our ids are of now
				}
				got := b.rows(who, `specter_find_signal($1)`, id)
				require.Len(t, got, 1, "%s by %s", s.Type, id)
				require.Equal(t, s.ID, got[0].ID)
				require.Equal(t, s.Type, got[0].Type)
				require.Empty(t, b.rows(other, `specter_find_signal($1)`, id), "another account's")
			}
		}
		require.Empty(t, b.rows(who, `specter_find_signal($1)`, uuid.Must(uuid.NewV7())))
		require.Empty(t, b.rows(who, `specter_find_signal($1)`, uuid.New()))
	}
	check()
	require.NoError(t, b.store.Merge(context.Background(), who.AccountID))
	check()
}

// A block that holds the id is found by its time, whatever else the account has.
func TestFindingReadsTheIndexOfTimes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	for range 300 {
		b.put(b.signal(who, "noise"))
	}
	_, err := b.db.Owner(t).Exec(context.Background(), `ANALYZE signal_blocks`)
	require.NoError(t, err)
	var plan string
	err = tenant.Tx(context.Background(), b.reader, who.AccountID, func(tx pgx.Tx) error {
		var lines []byte
		if err := tx.QueryRow(context.Background(), `EXPLAIN (FORMAT JSON) SELECT b.block_id, b.first_at FROM signal_blocks b
			WHERE b.last_at >= now() - interval '1 minute' AND b.first_at <= now() AND ('018f0000-0000-7000-8000-000000000001' = ANY (b.ids)) ORDER BY b.last_at LIMIT 1`).Scan(&lines); err != nil {
			return err
		}
		plan = string(lines)
		return nil
	})
	require.NoError(t, err)
	require.NotContains(t, plan, "Seq Scan")
	require.Contains(t, plan, "last_at_first_at_idx", "the partition's index of signal_blocks_time")
}

// Several messages in one transaction: each counts for itself, repeats between them
// once, and one that is done is left out.
func TestStoresSeveralMessagesTogether(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who, other := testkit.SeedTenant(t, b.db), testkit.SeedTenant(t, b.db)
	mine := uuid.New()
	withID := func(s *signal.Signal) { s.ClientID = mine }
	done := signal.Batch{Position: b.position(), Signals: []signal.Signal{b.signal(who, "done")}}
	_, err := b.store.Store(context.Background(), []signal.Batch{done})
	require.NoError(t, err)

	first := signal.Batch{Position: b.position(), Signals: []signal.Signal{b.signal(who, "a", withID), b.signal(other, "a", withID)}}
	second := signal.Batch{Position: b.position(), Signals: []signal.Signal{
		b.signal(who, "b", withID), b.signal(who, "b"),
		b.signal(who, "old", func(s *signal.Signal) { s.At = b.now.Load().AddDate(-3, 0, 0) }),
		b.signal(who, "homeless", func(s *signal.Signal) { s.ProductID = uuid.New() }),
	}}
	got, err := b.store.Store(context.Background(), []signal.Batch{done, first, second, second})
	require.NoError(t, err)
	require.Equal(t, []signal.Stored{{Repeated: true}, {New: 2}, {New: 1, Known: 1, Homeless: 1, TooOld: 1}, {Repeated: true}}, got)
	b.requireCount(who, 3)
	b.requireCount(other, 1)
	var positions int64
	require.NoError(t, b.db.Pool(t, "specter_analyzer").QueryRow(context.Background(), `SELECT count(*) FROM stream_positions`).Scan(&positions))
	require.EqualValues(t, 3, positions)

	// A context that changed since it was remembered is seen.
	dashboard := b.db.Pool(t, "specter_dashboard")
	require.NoError(t, tenant.Tx(context.Background(), dashboard, who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(context.Background(), `UPDATE contexts SET payload_keys = '{plan}' WHERE id = $1`, who.ContextID)
		return err
	}))
	b.put(b.signal(who, "a", func(s *signal.Signal) { s.Payload = []byte(`{"plan":"pro"}`) }))
	var plans int64
	b.read(who, `SELECT sum(n)::bigint FROM rollup_dimension_hourly WHERE dimension = 'plan' AND value = 'pro'`, &plans)
	require.EqualValues(t, 1, plans)
}

// However ids come again within 24 h — in any grouping, order and day, of any kind,
// with a store that was restarted meanwhile — each counts once in its account.
func TestIDsCountOnceHoweverTheyComeAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	midnight := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 3) // with partitions on both sides
	rapid.Check(t, func(rt *rapid.T) {
		tenants := []testkit.Tenant{testkit.SeedTenant(t, b.db), testkit.SeedTenant(t, b.db)}
		start := midnight.Add(time.Duration(rapid.IntRange(-11*60, 11*60).Draw(rt, "start")) * time.Minute)
		// The ids that will be used, of every kind a client may send.
		ids := make([]uuid.UUID, rapid.IntRange(1, 12).Draw(rt, "ids"))
		for i := range ids {
			ids[i] = uuid.New()
			if rapid.Bool().Draw(rt, "v7") {
				carried := start.Add(time.Duration(rapid.IntRange(-60, 60).Draw(rt, "carried")) * time.Hour)
				ids[i] = v7At(carried)
			}
		}
		sent := [2]map[uuid.UUID]bool{{}, {}}
		for range rapid.IntRange(1, 8).Draw(rt, "transactions") {
			now := start.Add(time.Duration(rapid.IntRange(0, 12*60).Draw(rt, "minute")) * time.Minute)
			b.setNow(now)
			var batches []signal.Batch
			for range rapid.IntRange(1, 3).Draw(rt, "messages") {
				m := signal.Batch{Position: b.position()}
				for range rapid.IntRange(1, 6).Draw(rt, "signals") {
					n := rapid.IntRange(0, 1).Draw(rt, "tenant")
					id := rapid.SampledFrom(ids).Draw(rt, "id")
					sent[n][id] = true
					received := now.Add(-time.Duration(rapid.IntRange(0, 60).Draw(rt, "queued")) * time.Minute)
					m.Signals = append(m.Signals, b.signal(tenants[n], "t", func(s *signal.Signal) { s.ClientID, s.ReceivedAt, s.At = id, received, received }))
				}
				batches = append(batches, m)
			}
			if rapid.Bool().Draw(rt, "failing") { // one part is stored, or none
				b.failAt.Store(int64(rapid.IntRange(1, 2).Draw(rt, "failing part")))
				_, _ = b.store.Store(context.Background(), batches)
				b.failAt.Store(0)
			}
			_, err := b.store.Store(context.Background(), batches)
			require.NoError(rt, err)
			if rapid.Bool().Draw(rt, "restart") {
				b.restart()
			}
		}
		for n, who := range tenants {
			c, n := b.counts(who), int64(len(sent[n]))
			require.Equal(rt, counts{Signals: n, Distinct: n, Rolled: n, Blocks: c.Blocks, Total: n}, c)
		}
	})
}

func v7At(at time.Time) uuid.UUID {
	id := uuid.New()
	millis := at.UnixMilli()
	for i := range 6 {
		id[i] = byte(millis >> (40 - 8*i))
	}
	id[6] = id[6]&0x0f | 0x70
	return id
}

// Readers see each signal exactly once while blocks are merged and written.
func TestMergeIsInvisible(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	const fixed = 200
	for range fixed {
		b.put(b.signal(who, "fixed"))
	}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := b.store.Merge(context.Background(), who.AccountID); err != nil {
					t.Errorf("merging: %v", err)
				}
			}
		})
	}
	all.Go(func() {
		for ctx.Err() == nil {
			if _, err := b.one(b.position(), []signal.Signal{b.signal(who, "more")}); err != nil {
				t.Errorf("storing: %v", err)
			}
		}
	})
	for range 60 {
		var n, distinct int64
		b.read(who, `SELECT count(*), count(DISTINCT id) FROM signals WHERE type = 'fixed'`, &n, &distinct)
		require.EqualValues(t, fixed, n)
		require.EqualValues(t, fixed, distinct)
	}
	stop()
	all.Wait()
	c := b.counts(who)
	require.Equal(t, c.Signals, c.Rolled)
	require.NoError(t, b.store.Merge(context.Background(), who.AccountID))
	require.LessOrEqual(t, b.counts(who).Blocks, c.Signals/signal.FullBlock+4)
}

// Imported history is merged like the rest, however old it is, and more than one
// round's worth of it.
func TestMergesImportedHistoryInRounds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	day := b.now.Load().AddDate(0, -7, 0).Truncate(24 * time.Hour)
	var batches []signal.Batch
	for i := range 700 {
		batches = append(batches, signal.Batch{Position: b.position(), Signals: []signal.Signal{b.signal(who, "http_error", func(s *signal.Signal) {
			s.Imported, s.At, s.Payload = true, day.Add(time.Duration(i%100)*time.Second), fmt.Appendf(nil, `{"n":%d}`, i)
		})}})
	}
	for _, m := range batches {
		_, err := b.store.Store(context.Background(), []signal.Batch{m})
		require.NoError(t, err)
	}
	before := b.documents(who)
	require.NoError(t, b.store.Merge(context.Background(), who.AccountID))
	require.Equal(t, before, b.documents(who))
	require.LessOrEqual(t, b.counts(who).Blocks, int64(2))
	require.True(t, json.Valid([]byte(b.rows(who, `signals LIMIT 1`)[0].Payload)))
}
