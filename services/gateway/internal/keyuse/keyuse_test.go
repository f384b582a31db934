package keyuse_test

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/gateway/internal/keyuse"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

// told is what was published, by key.
type told struct {
	mu    sync.Mutex
	at    map[uuid.UUID]time.Time
	owner map[uuid.UUID]uuid.UUID
	sizes []int
}

func listen(t testing.TB, b *bus.Bus) *told {
	t.Helper()
	out := &told{at: map[uuid.UUID]time.Time{}, owner: map[uuid.UUID]uuid.UUID{}}
	_, err := b.Conn().Subscribe(event.KeysUsed.Subject(uuid.Nil), func(m *nats.Msg) {
		out.mu.Lock()
		defer out.mu.Unlock()
		var body eventv1.KeysUsed
		if proto.Unmarshal(m.Data, &body) != nil {
			return
		}
		out.sizes = append(out.sizes, len(m.Data))
		for _, u := range body.GetUses() {
			out.at[uuid.UUID(u.GetKeyId())] = u.GetAt().AsTime()
			out.owner[uuid.UUID(u.GetKeyId())] = uuid.UUID(u.GetAccountId())
		}
	})
	require.NoError(t, err)
	return out
}

func (o *told) keys() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.at)
}

func (o *told) use(key uuid.UUID) (time.Time, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at, ok := o.at[key]
	return at, ok
}

func start(t testing.TB, r *keyuse.Recorder) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, func() {}) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return stop
}

func TestTheNewestUseOfAKeyIsTold(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	out := listen(t, b)
	r := keyuse.New(b, zap.NewNop(), prometheus.NewRegistry(), time.Now)
	account, key, other := uuid.New(), uuid.New(), uuid.New()
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	r.Note(account, key, at.Add(time.Minute))
	r.Note(account, key, at)
	r.Note(account, other, at)
	r.Note(uuid.Nil, uuid.New(), at)
	r.Note(account, uuid.Nil, at)
	start(t, r)() // what was noted leaves at the latest when it stops
	testkit.Eventually(t, func() bool { return out.keys() == 2 }, "both keys are told")
	got, _ := out.use(key)
	require.Equal(t, at.Add(time.Minute), got)
	require.Equal(t, account, out.owner[key])
}

// Requests that are still answered note uses until the end.
func TestKeysAreUsedWhileItStops(t *testing.T) {
	t.Parallel()
	r := keyuse.New(testkit.Bus(t), zap.NewNop(), prometheus.NewRegistry(), time.Now)
	stop := start(t, r)
	var requests sync.WaitGroup
	stopped := make(chan struct{})
	requests.Go(func() {
		for {
			select {
			case <-stopped:
				return
			default:
				r.Note(uuid.New(), uuid.New(), time.Now())
			}
		}
	})
	stop()
	close(stopped)
	requests.Wait()
}

// An outage costs no use as long as there is room for it, and no memory beyond that.
func TestAnOutageIsSatOut(t *testing.T) {
	t.Parallel()
	broker := testkit.NATS(t)
	b := broker.Bus(t)
	out := listen(t, b)
	registry := prometheus.NewRegistry()
	r := keyuse.New(b, zap.NewNop(), registry, time.Now)
	r.Hasten(20 * time.Millisecond)
	broker.Kill(t)
	stop := start(t, r)
	const n = keyuse.MaxKeys + 100
	account, at := uuid.New(), time.Now().UTC()
	first := uuid.New()
	r.Note(account, first, at)
	for i := range n {
		var key uuid.UUID
		binary.BigEndian.PutUint64(key[8:], uint64(i)+1)
		r.Note(account, key, at)
	}
	broker.Start(t)
	testkit.Eventually(t, func() bool { return out.keys() >= keyuse.MaxKeys-1 }, "what was kept is told")
	stop()
	_, ok := out.use(first)
	require.True(t, ok, "what was noted first is not what makes room")
	dropped, err := testutil.GatherAndCount(registry, "specter_gateway_key_uses_dropped_total")
	require.NoError(t, err)
	require.Equal(t, 1, dropped)
	out.mu.Lock()
	defer out.mu.Unlock()
	for _, size := range out.sizes {
		require.Less(t, size, event.MaxMessageBytes/2)
	}
}
