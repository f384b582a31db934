package postgres_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// madeAt is a UUIDv7 that carries a time: the client's, by its own clock.
func madeAt(at time.Time) uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	var stamp [8]byte
	binary.BigEndian.PutUint64(stamp[:], uint64(at.UnixMilli())<<16)
	copy(id[:6], stamp[:6])
	return id
}

// clientIDs are the kinds of ids that clients send at a time.
func clientIDs(at time.Time) map[string]uuid.UUID {
	return map[string]uuid.UUID{
		"random":                          uuid.New(),
		"v7":                              madeAt(at),
		"v7 of a clock a day ahead":       madeAt(at.Add(24 * time.Hour)),
		"v7 of a clock a day behind":      madeAt(at.Add(-24 * time.Hour)),
		"v7 of a clock three days behind": madeAt(at.Add(-72 * time.Hour)),
		"v7 of a clock a year ahead":      madeAt(at.Add(365 * 24 * time.Hour)),
	}
}

// A client's retry counts once by when the client sent it, not by when it is stored:
// one copy may wait in the queue for a week, as long as the stream keeps it.
func TestRetryCountsOnceHoweverLongItWaits(t *testing.T) {
	t.Parallel()
	for _, retry := range []time.Duration{10 * time.Minute, 23 * time.Hour} {
		for _, waited := range []time.Duration{time.Hour, 30 * time.Hour, 73 * time.Hour, 7 * 24 * time.Hour} {
			t.Run(retry.String()+" later, stored after "+waited.String(), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				who, other := testkit.SeedTenant(t, b.db), testkit.SeedTenant(t, b.db)
				sent := *b.now.Load()
				ids := clientIDs(sent)
				for name, id := range ids {
					require.Equal(t, signal.Stored{New: 1}, b.put(b.signal(who, "purchase", func(s *signal.Signal) { s.ClientID = id })), name)
				}
				b.setNow(sent.Add(retry + waited))
				for name, id := range ids {
					again := func(s *signal.Signal) { s.ClientID, s.ReceivedAt = id, sent.Add(retry) }
					require.Equal(t, signal.Stored{Known: 1}, b.put(b.signal(who, "purchase", again)), name)
					require.Equal(t, signal.Stored{New: 1}, b.put(b.signal(other, "purchase", again)), "another account's "+name)
				}
				b.requireCount(who, int64(len(ids)))
			})
		}
	}
}

// A dead letter may be replayed weeks after it was received, when ids of that time are
// forgotten: the stored signals tell.
func TestRetryCountsOnceInADeadLetterReplayedWeeksLater(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who, other := testkit.SeedTenant(t, b.db), testkit.SeedTenant(t, b.db)
	received := b.now.Load().AddDate(0, 0, -36)
	ids := clientIDs(received)
	put := func(who testkit.Tenant, id uuid.UUID, received time.Time) signal.Stored {
		return b.put(b.signal(who, "purchase", func(s *signal.Signal) { s.ClientID, s.ReceivedAt, s.At = id, received, received.Add(-20*time.Hour) }))
	}
	for name, id := range ids {
		require.Equal(t, signal.Stored{New: 1}, put(who, id, received), name)
	}
	_, err := b.db.Owner(t).Exec(context.Background(), `DELETE FROM signal_ids`)
	require.NoError(t, err)
	for name, id := range ids {
		for _, retry := range []time.Duration{-23 * time.Hour, 10 * time.Minute, 23 * time.Hour} {
			require.Equal(t, signal.Stored{Known: 1}, put(who, id, received.Add(retry)), "%s after %s", name, retry)
		}
		require.Equal(t, signal.Stored{New: 1}, put(other, id, received), "another account's %s", name)
	}
	b.requireCount(who, int64(len(ids)))
}

// Around the age at which ids are forgotten, some copies are filed and others are not.
func TestRetryCountsOnceWhereIDsBeginToBeForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	stored := 0
	for age := 6; age <= 12; age++ {
		received := b.now.Load().AddDate(0, 0, -age)
		for name, id := range clientIDs(received) {
			put := func(received time.Time) signal.Stored {
				return b.put(b.signal(who, "purchase", func(s *signal.Signal) { s.ClientID, s.ReceivedAt, s.At = id, received, received.Add(-24*time.Hour) }))
			}
			require.Equal(t, signal.Stored{New: 1}, put(received), "%s of %d days ago", name, age)
			require.Equal(t, signal.Stored{Known: 1}, put(received.Add(24*time.Hour)), "%s of %d days ago, a day later", name, age)
			require.Equal(t, signal.Stored{Known: 1}, put(received.Add(-24*time.Hour)), "%s of %d days ago, a day before", name, age)
			stored++
		}
	}
	b.requireCount(who, int64(stored))
}

// What is remembered for longer than promised must not swallow an id that is used anew.
func TestIDUsedAnewDaysLaterCounts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	mine, sent := uuid.New(), *b.now.Load()
	put := func(received time.Time) signal.Stored {
		return b.put(b.signal(who, "purchase", func(s *signal.Signal) { s.ClientID, s.ReceivedAt, s.At = mine, received, received }))
	}
	require.Equal(t, signal.Stored{New: 1}, put(sent))
	b.setNow(sent.AddDate(0, 0, 4))
	require.Equal(t, signal.Stored{New: 1}, put(sent.AddDate(0, 0, 4)))
	b.setNow(sent.AddDate(0, 0, 5))
	require.Equal(t, signal.Stored{Known: 2}, b.put(
		b.signal(who, "purchase", func(s *signal.Signal) { s.ClientID, s.ReceivedAt = mine, sent.Add(time.Hour) }),
		b.signal(who, "purchase", func(s *signal.Signal) { s.ClientID, s.ReceivedAt = mine, sent.AddDate(0, 0, 4) })))
	require.Equal(t, signal.Stored{New: 1}, put(sent.AddDate(0, 0, -20)))
	require.Equal(t, signal.Stored{New: 1}, put(sent.AddDate(0, 0, -24)))
}

// Neither must two messages that wait together: one from before the weekend, one from now.
func TestMessagesOfDifferentDaysAreLookedUpEachByItsOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	mine, sent := uuid.New(), *b.now.Load()
	b.put(b.signal(who, "purchase", func(s *signal.Signal) { s.ClientID = mine }))
	b.setNow(sent.AddDate(0, 0, 6))
	stored, err := b.store.Store(context.Background(), []signal.Batch{
		{Position: b.position(), Signals: []signal.Signal{b.signal(who, "purchase", func(s *signal.Signal) { s.ClientID, s.ReceivedAt = uuid.New(), sent })}},
		{Position: b.position(), Signals: []signal.Signal{b.signal(who, "purchase", func(s *signal.Signal) { s.ClientID = mine })}},
	})
	require.NoError(t, err)
	require.Equal(t, []signal.Stored{{New: 1}, {New: 1}}, stored)
}

// A whole message is known, too, when its position is forgotten, and the ids with it.
func TestStoredMessageIsKnownWeeksLater(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	received := b.now.Load().AddDate(0, 0, -36)
	old := func(s *signal.Signal) { s.ID, s.ReceivedAt, s.At = madeAt(received), received, received }
	at, batch := b.position(), []signal.Signal{b.signal(who, "purchase", old), b.signal(who, "js_error", old)}
	_, err := b.one(at, batch)
	require.NoError(t, err)
	owner := b.db.Owner(t)
	for _, forget := range []string{`DELETE FROM signal_ids`, `DELETE FROM stream_positions`} {
		_, err := owner.Exec(context.Background(), forget)
		require.NoError(t, err)
	}
	at.Sequence = b.position().Sequence
	again, err := b.one(at, batch)
	require.NoError(t, err)
	require.Equal(t, signal.Stored{Known: 2}, again)
	b.requireCount(who, 2)
}
