package deletion

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestNobodyWaitsLongerThanPolicyPromises(t *testing.T) {
	t.Parallel()
	d := Deletion{RequestedAt: now, PurgeAt: now.AddDate(1, 0, 0)}.Normal()
	require.Equal(t, now.Add(29*24*time.Hour), d.PurgeAt)
	d.PurgeAt = now.Add(time.Hour)
	require.Equal(t, now.Add(time.Hour), d.Normal().PurgeAt)
}

// racing is a store into which somebody writes while the purge runs, as often as writes says.
type racing struct {
	phase   Phase
	writes  int
	rounds  int
	finally bool
}

func (r *racing) Begin(context.Context, uuid.UUID, uuid.UUID, time.Time) (Phase, time.Time, error) {
	return r.phase, now.Add(time.Hour), nil
}
func (r *racing) Tables(context.Context) ([]string, error) { return []string{"a"}, nil }
func (r *racing) DeleteFrom(context.Context, string, uuid.UUID, uuid.UUID) (int64, error) {
	r.rounds++
	return 1, nil
}

func (r *racing) Finish(context.Context, []string, uuid.UUID, uuid.UUID, []string, time.Time) error {
	if r.rounds <= r.writes {
		return ErrRowsLeft
	}
	r.finally = true
	return nil
}

func (r *racing) PurgeAccount(context.Context, uuid.UUID) ([]string, error) { return nil, nil }

func (r *racing) run() (time.Duration, error) {
	return NewPurger(r, r, func() time.Time { return now }).Run(context.Background(), uuid.New(), uuid.New())
}

func TestRowsWrittenMeanwhileAreSweptToo(t *testing.T) {
	t.Parallel()
	once := &racing{phase: Begun, writes: 1}
	_, err := once.run()
	require.NoError(t, err)
	require.True(t, once.finally)
	require.Equal(t, 2, once.rounds)

	forever := &racing{phase: Begun, writes: 99}
	_, err = forever.run()
	require.True(t, errors.Is(err, ErrRowsLeft), "it is left to the next run, never declared done")
	require.False(t, forever.finally)
	require.Equal(t, rounds, forever.rounds)
}

func TestAnEarlyPurgeComesBackAndAnEndedOneDoesNot(t *testing.T) {
	t.Parallel()
	early := &racing{phase: Early}
	again, err := early.run()
	require.NoError(t, err)
	require.Equal(t, time.Hour, again)
	over := &racing{phase: Over}
	again, err = over.run()
	require.NoError(t, err)
	require.Zero(t, again)
	require.Zero(t, early.rounds+over.rounds)
}
