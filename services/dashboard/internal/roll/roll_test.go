package roll_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/roll"
)

var began = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

func in(d time.Duration) *time.Time {
	at := began.Add(d)
	return &at
}

func TestGraceEndsTheOldOneAndNeverLaterThanItWouldHave(t *testing.T) {
	t.Parallel()
	next := uuid.New()
	for _, c := range []struct {
		grace roll.Grace
		own   *time.Time
		want  *time.Time
	}{
		{roll.Hour, nil, in(time.Hour)},
		{roll.Day, nil, in(24 * time.Hour)},
		{roll.Week, nil, in(7 * 24 * time.Hour)},
		{roll.Week, in(time.Hour), in(time.Hour)},
		{roll.Hour, in(48 * time.Hour), in(time.Hour)},
	} {
		ended, fresh, err := roll.Order{Grace: c.grace}.Roll(roll.Life{CreatedAt: began, ExpiresAt: c.own}, 0, next, began)
		require.NoError(t, err)
		require.Equal(t, c.want, ended.ExpiresAt)
		require.Equal(t, roll.Retiring, ended.Status(began))
		require.Equal(t, roll.Expired, ended.Status(*c.want), "at its end it is over")
		require.Equal(t, roll.Active, fresh.Status(began))
		require.Equal(t, c.own, fresh.ExpiresAt, "it lives as long as the old one was made for")
	}
	ended, _, err := roll.Order{Grace: roll.Now}.Roll(roll.Life{CreatedAt: began}, 0, next, began)
	require.NoError(t, err)
	require.Equal(t, roll.Revoked, ended.Status(began))
	require.Equal(t, next, *ended.ReplacedBy)
}

func TestWhatCannotBeRolled(t *testing.T) {
	t.Parallel()
	replaced := uuid.New()
	for name, c := range map[string]struct {
		order  roll.Order
		life   roll.Life
		beside int
		kind   fault.Kind
	}{
		"no grace":           {roll.Order{}, roll.Life{}, 0, fault.Invalid},
		"another grace":      {roll.Order{Grace: "2h"}, roll.Life{}, 0, fault.Invalid},
		"an end that is now": {roll.Order{Grace: roll.Now, ExpiresAt: in(0)}, roll.Life{}, 0, fault.Invalid},
		"a revoked one":      {roll.Order{Grace: roll.Now}, roll.Life{RevokedAt: in(-1)}, 0, fault.Conflict},
		"an expired one":     {roll.Order{Grace: roll.Now}, roll.Life{ExpiresAt: in(0)}, 0, fault.Conflict},
		"one rolled before":  {roll.Order{Grace: roll.Now}, roll.Life{ExpiresAt: in(1), ReplacedBy: &replaced}, 0, fault.Conflict},
		"a third one":        {roll.Order{Grace: roll.Hour}, roll.Life{}, 1, fault.Conflict},
	} {
		_, _, err := c.order.Roll(c.life, c.beside, uuid.New(), began)
		require.True(t, fault.Is(err, c.kind), "%s: %v", name, err)
	}
	_, _, err := roll.Order{Grace: roll.Now}.Roll(roll.Life{CreatedAt: began}, 1, uuid.New(), began)
	require.NoError(t, err, "at once one ends and one begins: they stay two")
}

func TestWhatWasRolledKeepsItsEnd(t *testing.T) {
	t.Parallel()
	next := uuid.New()
	rolled := roll.Life{CreatedAt: began, ExpiresAt: in(time.Hour), ReplacedBy: &next}
	_, err := rolled.Extend(nil, began)
	require.True(t, fault.Is(err, fault.Invalid))
	_, err = rolled.Extend(in(roll.LongestGrace+1), began)
	require.True(t, fault.Is(err, fault.Invalid))
	longer, err := rolled.Extend(in(roll.LongestGrace), began)
	require.NoError(t, err)
	require.Equal(t, in(roll.LongestGrace), longer.ExpiresAt)
	_, err = roll.Life{}.Extend(in(0), began)
	require.True(t, fault.Is(err, fault.Invalid))
	forever, err := roll.Life{ExpiresAt: in(1)}.Extend(nil, began)
	require.NoError(t, err)
	require.Nil(t, forever.ExpiresAt)
}

// TestOfAChainTwoAreGoodAtMost rolls, revokes, extends and waits in any order.
func TestOfAChainTwoAreGoodAtMost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now, chain := began, []roll.Life{{CreatedAt: began}}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			i := rapid.IntRange(0, len(chain)-1).Draw(t, "which")
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				beside := 0
				for j, l := range chain {
					if j != i && l.Good(now) {
						beside++
					}
				}
				order := roll.Order{Grace: rapid.SampledFrom([]roll.Grace{roll.Now, roll.Hour, roll.Day, roll.Week}).Draw(t, "grace")}
				if rapid.Bool().Draw(t, "with an end") {
					end := now.Add(time.Duration(rapid.IntRange(1, 300).Draw(t, "hours")) * time.Hour)
					order.ExpiresAt = &end
				}
				ended, fresh, err := order.Roll(chain[i], beside, uuid.New(), now)
				if err == nil {
					chain[i] = ended
					chain = append(chain, fresh)
				}
			case 1:
				if chain[i].RevokedAt == nil {
					at := now
					chain[i].RevokedAt = &at
				}
			case 2:
				now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "wait")) * time.Hour)
			case 3:
				if end := now.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "extend")) * time.Hour); chain[i].Good(now) {
					if l, err := chain[i].Extend(&end, now); err == nil {
						chain[i] = l
					}
				}
			}
			good, active := 0, 0
			for _, l := range chain {
				if l.Good(now) {
					good++
				}
				if l.Status(now) == roll.Active {
					active++
				}
			}
			if good > 2 || active > 1 {
				t.Fatalf("%d good and %d active of %+v", good, active, chain)
			}
		}
	})
}
