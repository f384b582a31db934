package quota

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/event"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
)

// version is what a bucket's key was at a revision; without a value it was not there.
type version struct {
	jetstream.KeyValueEntry

	value    []byte
	revision uint64
}

func (v version) Value() []byte    { return v.value }
func (v version) Revision() uint64 { return v.revision }

// broken is a bucket of one account's month that does to calls what it is told. So that many thousand histories can be
// gone through, it is none of a broker's.
type broken struct {
	history []version // the last one is what there is
	late    []version // writes on their way, each with the revision that it is for
	read    func() string
	write   func() string
}

var errWrongRevision = &jetstream.APIError{ErrorCode: jetstream.JSErrCodeStreamWrongLastSequence}

func (b *broken) now() version { return b.history[len(b.history)-1] }

func (b *broken) Get(_ context.Context, key string) (jetstream.KeyValueEntry, error) {
	seen := b.now()
	switch b.read() {
	case "fails":
		return nil, context.DeadlineExceeded
	case "old":
		seen = b.history[max(0, len(b.history)-2)]
	}
	if key == event.QuotaComplete {
		return version{revision: 1}, nil
	}
	if seen.value == nil {
		return nil, jetstream.ErrKeyNotFound
	}
	return seen, nil
}

func (b *broken) Update(_ context.Context, _ string, value []byte, revision uint64) (uint64, error) {
	update := version{value: value, revision: revision}
	switch b.write() {
	case "refused":
		return 0, errWrongRevision
	case "lost":
		return 0, context.DeadlineExceeded
	case "late":
		b.late = append(b.late, update)
		return 0, context.DeadlineExceeded
	case "unanswered":
		b.land(update)
		return 0, context.DeadlineExceeded
	}
	if !b.land(update) {
		return 0, errWrongRevision
	}
	return b.now().revision, nil
}

// land is what the broker does with a write once it comes to it.
func (b *broken) land(update version) bool {
	if update.revision != b.now().revision {
		return false
	}
	b.history = append(b.history, version{value: update.value, revision: update.revision + 3})
	return true
}

// landLate handles one of the writes that are on their way.
func (b *broken) landLate(i int) {
	update := b.late[i]
	b.late = slices.Delete(b.late, i, i+1)
	b.land(update)
}

func (b *broken) quota(t require.TestingT) *catalogv1.Quota {
	q := &catalogv1.Quota{}
	require.NoError(t, proto.Unmarshal(b.now().value, q))
	return q
}

// well is a broker without faults.
func well() string { return "" }

// Whatever happens to gateways' reads and writes — late, lost, done and not answered, refused, answered by a replica that
// is behind —, what is accepted and what could be never pass the limit. When none of them was silent for too long, what the
// bucket says was used is exactly what was once a settlement succeeds.
func TestWhateverHappensToWritesTheLimitHoldsAndWhatWasTakenCounts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		limit := rapid.SampledFrom([]int64{20_000, 1000, 77, 3}).Draw(r, "limit")
		b := &broken{history: []version{{}}, read: well, write: well}
		now := time.Unix(1_800_000_000, 0)
		m := New(nil, zap.NewNop(), prometheus.NewRegistry(), func() time.Time { return now })
		bucket := keyValue(b)
		m.bucket.Store(&bucket)
		account := uuid.New()
		living := make([]*lease, rapid.IntRange(1, 2).Draw(r, "gateways"))
		for i := range living {
			living[i] = newLease(account, limit, now)
		}
		taken := map[*lease]int64{}
		var ended []*lease
		var accepted int64
		silent, died, stale := false, false, false
		settle := func(l *lease) (err error) {
			defer l.wake()
			for range 5 {
				var done bool
				if done, err = m.attempt(r.Context(), l); done || err != nil {
					break
				}
			}
			return err
		}
		one := func(r *rapid.T) int { return rapid.IntRange(0, len(living)-1).Draw(r, "gateway") }
		reads := func(r *rapid.T) func() string {
			return func() string {
				what := rapid.SampledFrom([]string{"", "", "", "", "fails", "old"}).Draw(r, "read")
				stale = stale || what == "old"
				return what
			}
		}
		writes := func(r *rapid.T) func() string {
			return func() string {
				return rapid.SampledFrom([]string{"late", "late", "unanswered", "lost", "", "refused"}).Draw(r, "write")
			}
		}
		faulty := func(f func(*rapid.T)) func(*rapid.T) {
			return func(r *rapid.T) {
				b.read, b.write = reads(r), writes(r)
				f(r)
				b.read, b.write = well, well
			}
		}
		spend := func(l *lease, n int64) {
			taken[l] += n
			accepted += n
		}
		take := func(r *rapid.T) {
			l := living[one(r)]
			n := rapid.Int64Range(1, 300).Draw(r, "n")
			if !l.take(n) {
				l.wants(n, n)
				_ = settle(l)
				l.served(n)
				if !l.take(n) {
					return
				}
			}
			spend(l, n)
		}
		r.Repeat(map[string]func(*rapid.T){
			"take":      faulty(take),
			"take well": take,
			"work": faulty(func(r *rapid.T) {
				l := living[one(r)]
				for range rapid.IntRange(1, 4).Draw(r, "settlements") {
					_ = settle(l)
					spend(l, l.takeUpTo(rapid.Int64Range(1, 20).Draw(r, "n"), 1))
				}
			}),
			"settle well": func(r *rapid.T) { _ = settle(living[one(r)]) },
			"give": func(r *rapid.T) {
				l := living[one(r)]
				n := rapid.Int64Range(0, taken[l]).Draw(r, "n")
				taken[l] -= n
				accepted -= n
				l.available.Add(n)
			},
			"land": func(r *rapid.T) {
				if len(b.late) > 0 {
					b.landLate(rapid.IntRange(0, len(b.late)-1).Draw(r, "which"))
				}
			},
			"leave": faulty(func(r *rapid.T) {
				i := one(r)
				l := living[i]
				l.ended.Store(true)
				_ = settle(l)
				ended = append(ended, l)
				living[i] = newLease(account, limit, now)
			}),
			"leave again": faulty(func(*rapid.T) {
				for _, l := range ended {
					_ = settle(l)
				}
			}),
			"die": func(r *rapid.T) {
				living[one(r)] = newLease(account, limit, now)
				died = true
			},
			"wait": func(r *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 60).Draw(r, "seconds")) * time.Second)
				silent = true
			},
			"renew": func(*rapid.T) { // as retention does it
				if b.now().value != nil {
					b.land(b.now())
				}
			},
			"": func(r *rapid.T) {
				could := accepted
				for _, l := range living {
					could += l.available.Load()
				}
				require.LessOrEqual(r, could, limit)
			},
		})
		for len(b.late) > 0 { // the broker has come to them, or never will
			if rapid.Bool().Draw(r, "lands") {
				b.landLate(rapid.IntRange(0, len(b.late)-1).Draw(r, "which"))
			} else {
				b.late = b.late[1:]
			}
		}
		calm := func() {
			for _, l := range slices.Concat(ended, living) {
				require.NoError(r, settle(l))
			}
			q := b.quota(r)
			require.GreaterOrEqual(r, q.GetUsed()+q.GetLost()+held(q), accepted)
			if !silent && !stale {
				require.LessOrEqual(r, q.GetUsed()+q.GetLost()+held(q), limit)
			}
			if !silent && !died && !stale {
				require.Equal(r, accepted, q.GetUsed())
				require.Zero(r, q.GetLost())
			}
		}
		calm()
		for _, l := range living {
			l.ended.Store(true)
		}
		calm()
		if !died && !stale && !silent {
			require.Zero(r, held(b.quota(r)))
		}
		// The dead expire, and somebody takes what is left.
		now = now.Add(time.Hour)
		last := newLease(account, limit, now)
		for accepted <= limit {
			last.wants(1, 1)
			require.NoError(r, settle(last))
			last.served(1)
			if !last.take(1) {
				break
			}
			accepted++
			accepted += last.takeUpTo(limit, 1)
		}
		require.LessOrEqual(r, accepted, limit)
	})
}
