package oracle

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/ledger"
)

// TestTheOracleSeesEveryKindOfHarm: an oracle that cannot say no proves nothing.
func TestTheOracleSeesEveryKindOfHarm(t *testing.T) {
	t.Parallel()
	mine, other := uuid.New(), uuid.New()
	ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()} // the third is sent, not acknowledged
	book, err := ledger.Open(t.TempDir(), 2)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, book.Close()) })
	book.Send(mine, ids)
	require.NoError(t, book.Ack(0, ids[:1]))
	require.NoError(t, book.Ack(1, ids[1:2]))

	good := func() Stored {
		s := Stored{Rows: 2, Senders: map[uuid.UUID]uuid.UUID{ids[0]: mine, ids[1]: mine}, Counts: map[string]map[uuid.UUID]int64{}}
		for name := range counts {
			s.Counts[name] = map[uuid.UUID]int64{mine: 2}
		}
		return s
	}
	for name, c := range map[string]struct {
		harm func(*Stored)
		want Verdict
	}{
		"none": {func(*Stored) {}, Verdict{Sent: 3, Acked: 2, Stored: 2}},
		"the unacknowledged one is stored": {func(s *Stored) {
			s.Rows, s.Senders[ids[2]] = 3, mine
			for name := range counts {
				s.Counts[name][mine] = 3
			}
		}, Verdict{Sent: 3, Acked: 2, Stored: 3}},
	} {
		stored := good()
		c.harm(&stored)
		v, err := Judge(book, stored)
		require.NoError(t, err)
		require.Equal(t, c.want, v, name)
		require.True(t, v.Clean(), name)
	}
	for name, harm := range map[string]func(*Stored){
		"one is lost":              func(s *Stored) { delete(s.Senders, ids[0]); s.Rows-- },
		"one is stored twice":      func(s *Stored) { s.Rows++ },
		"one is with another":      func(s *Stored) { s.Senders[ids[0]] = other },
		"one is with both":         func(s *Stored) { s.Rows++; s.Misfiled++ },
		"one was never sent":       func(s *Stored) { s.Rows++; s.Senders[uuid.New()] = mine },
		"a rollup counts one less": func(s *Stored) { s.Counts["rollup_hourly"][mine]-- },
		"an id has no signal":      func(s *Stored) { s.Counts["signal_ids"][mine]++ },
		"a rollup of somebody":     func(s *Stored) { s.Counts["rollup_hourly"][other] = 1 },
	} {
		stored := good()
		harm(&stored)
		v, err := Judge(book, stored)
		require.NoError(t, err)
		require.False(t, v.Clean(), "%s: %+v", name, v)
	}
}
