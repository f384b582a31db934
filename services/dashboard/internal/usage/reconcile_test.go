package usage

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever comes in which order — signals accepted, told, stored, resent, gateways lost, the broker's
// bucket lost — what counts is never below what is stored or on its way, and once all is still exactly
// what is stored and what silent gateways held.
func TestWhatIsCorrectedIsNeverBelowWhatIsStoredOrOnItsWay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		const limit = 1000
		var l Ledger
		var counts Counts
		var untold, waiting, wasted int64 // taken of the lease and not told; accepted and not processed; held by who went silent
		forgotten := false                // the bucket was lost: what was on its way then is known once it is stored
		draw := func(most int64, name string) int64 {
			if most <= 0 {
				return 0
			}
			return rapid.Int64Range(0, most).Draw(r, name)
		}
		r.Repeat(map[string]func(*rapid.T){
			"lease": func(*rapid.T) { l.Held += draw(limit-l.Used-l.Lost-l.Held, "lease") },
			"accept": func(*rapid.T) {
				n := draw(l.Held-untold, "accept")
				untold += n
				waiting += n
			},
			"tell": func(*rapid.T) {
				l.Used += untold
				l.Held -= untold
				untold = 0
			},
			"process": func(*rapid.T) {
				n := draw(waiting, "process")
				again := draw(n, "again")
				waiting -= n
				counts.Stored += n - again
				counts.Unstored += again
			},
			"die": func(*rapid.T) {
				l.Lost += l.Held
				wasted += l.Held
				l.Held, untold = 0, 0
			},
			"lose the bucket": func(*rapid.T) {
				l = Ledger{Held: l.Held}
				forgotten = true
			},
			"correct": func(*rapid.T) {
				l = l.Correct(counts)
				require.Equal(r, l, l.Correct(counts), "once is enough")
			},
			"": func(*rapid.T) {
				require.GreaterOrEqual(r, l.Used, int64(0))
				require.LessOrEqual(r, l.Returned, counts.Unstored)
				if !forgotten {
					require.GreaterOrEqual(r, l.Used+l.Lost+l.Held, counts.Stored+waiting)
					require.LessOrEqual(r, l.Used+l.Lost+l.Held, int64(limit))
				}
			},
		})
		// All is told and stored.
		l.Used += untold
		l.Held -= untold
		counts.Stored += waiting
		l = l.Correct(counts)
		require.GreaterOrEqual(r, l.Used+l.Lost+l.Held, counts.Stored)
		if !forgotten && wasted == 0 {
			require.Equal(r, counts.Stored, l.Used, "exactly what is stored")
		}
	})
}

func TestALostLedgerIsWhatIsStored(t *testing.T) {
	t.Parallel()
	require.Equal(t, Ledger{Used: 70}, Ledger{}.Correct(Counts{Stored: 70}))
	require.Equal(t, Ledger{Used: 60, Held: 10}, Ledger{Held: 10}.Correct(Counts{Stored: 70}))
	require.Equal(t, Ledger{Used: 70, Returned: 5}, Ledger{Used: 75}.Correct(Counts{Stored: 70, Unstored: 5}))
	require.Equal(t, Ledger{Used: 70, Returned: 5}, Ledger{Used: 70, Returned: 5}.Correct(Counts{Stored: 70, Unstored: 5}))
	require.Equal(t, Ledger{Used: 70, Returned: 5}, Ledger{}.Correct(Counts{Stored: 70, Unstored: 5}))
}

// What was not stored before the ledger was lost, or while the account had no limit, is not among what the
// new ledger says was used: giving it back would let gateways pass the limit.
func TestANewLedgerGivesBackNothingOfBefore(t *testing.T) {
	t.Parallel()
	counts := Counts{Stored: 70, Unstored: 5}
	l := Ledger{}.Correct(counts)
	require.Equal(t, int64(70), l.Used)
	l.Held += 10 // leased since
	require.Equal(t, l, l.Correct(counts))
	l.Used, l.Held = l.Used+10, 0 // all of it accepted, and 3 of it had come before
	counts.Stored, counts.Unstored = counts.Stored+7, counts.Unstored+3
	require.Equal(t, int64(77), l.Correct(counts).Used)
}
