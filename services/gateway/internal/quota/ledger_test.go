package quota

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
)

// actor is a gateway reduced to its arithmetic.
type actor struct {
	id                uuid.UUID
	serial            uint64
	recorded, unspent int64
}

// Whatever gateways take, tell, give back, and whenever they die: what is accepted never passes the
// limit, the entry always adds up, and silent gateways cost at most a hundredth (or, below a
// hundred, one signal each).
func TestTheLedgerAlwaysAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		limit := rapid.Int64Range(1, 50_000).Draw(r, "limit")
		q := &catalogv1.Quota{}
		now := time.Unix(1_800_000_000, 0)
		const life = 45 * time.Second
		actors := make([]*actor, rapid.IntRange(1, 5).Draw(r, "gateways"))
		for i := range actors {
			actors[i] = &actor{id: uuid.New()}
		}
		var accepted, deaths int64
		settle := func(a *actor, w wish, leave bool) {
			returned := int64(0)
			if leave {
				returned, a.unspent = a.unspent, 0
			}
			a.serial++
			free := apply(q, statement{
				holder: a.id, serial: a.serial, now: now, expires: now.Add(life), limit: limit,
				recorded: a.recorded, unspent: a.unspent, returned: returned, leave: leave,
			})
			require.GreaterOrEqual(r, free, int64(0))
			if !leave {
				if n := share(q, a.unspent, free, w); n > 0 {
					require.LessOrEqual(r, n, free)
					grow(q, a.id, n)
					a.unspent += n
				}
			}
			a.recorded = a.unspent
			require.LessOrEqual(r, q.GetUsed()+q.GetLost()+held(q), limit)
		}
		for range rapid.IntRange(1, 150).Draw(r, "steps") {
			i := rapid.IntRange(0, len(actors)-1).Draw(r, "gateway")
			a := actors[i]
			switch rapid.SampledFrom([]string{"take", "take", "settle", "leave", "die", "wait"}).Draw(r, "what") {
			case "take":
				n := rapid.Int64Range(1, 20).Draw(r, "n")
				if a.unspent < n {
					settle(a, wish{demand: n, smallest: n}, false)
				}
				if a.unspent >= n {
					a.unspent -= n
					accepted += n
				}
			case "settle":
				settle(a, wish{pace: rapid.Int64Range(0, 10_000).Draw(r, "pace")}, false)
			case "leave":
				settle(a, wish{}, true)
			case "die":
				deaths++
				actors[i] = &actor{id: uuid.New()}
			case "wait":
				now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(r, "seconds")) * time.Second)
			}
			require.LessOrEqual(r, accepted, limit)
		}
		// Everybody alive leaves, the dead expire, and one takes what is left.
		for _, a := range actors {
			settle(a, wish{}, true)
		}
		now = now.Add(time.Hour)
		last := &actor{id: uuid.New()}
		for {
			settle(last, wish{demand: 1, smallest: 1}, false)
			if last.unspent == 0 {
				break
			}
			accepted += last.unspent
			last.unspent = 0
		}
		require.LessOrEqual(r, accepted, limit)
		// A lease that was asked for and then not used up adds what was asked for.
		require.GreaterOrEqual(r, accepted, limit-limit/lossShare-21*deaths)
	})
}

func TestALeaseShrinksWithWhatIsLeft(t *testing.T) {
	t.Parallel()
	me := uuid.New()
	grant := func(used int64) int64 {
		q := &catalogv1.Quota{Used: used}
		free := apply(q, statement{holder: me, serial: 1, limit: 1_000_000})
		return share(q, 0, free, wish{pace: 1 << 40})
	}
	require.EqualValues(t, 2500, grant(0), "a quarter of the hundredth that may be lost")
	require.EqualValues(t, 500, grant(999_000), "half of what is left")
	require.EqualValues(t, 1, grant(999_999))
	require.Zero(t, grant(1_000_000))
}
