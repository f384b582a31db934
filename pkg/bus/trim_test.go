package bus_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

func TestAFullStreamRefusesAndTrimmingFreesOnlyWhatIsSettledAndOld(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{MaxBytes: map[string]int64{"EVENTS": 256 << 10}})
	var blocked atomic.Bool
	blocked.Store(true)
	o := fast()
	o.Concurrency = 1
	o.MaxBackoff = 50 * time.Millisecond
	run(t, bus.Consume(b, event.ProposalCreated, o, func(_ context.Context, d bus.Delivery[*eventv1.ProposalCreated]) error {
		if d.Body.GetProposalId() == "held" && blocked.Load() {
			return fault.Wrap(errors.New("away"), fault.Unavailable, "unavailable", "away")
		}
		return nil
	}))

	first := func() uint64 {
		stream, err := b.JetStream().Stream(t.Context(), "EVENTS")
		require.NoError(t, err)
		return stream.CachedInfo().State.FirstSeq
	}
	full := func() float64 {
		stream, err := b.JetStream().Stream(t.Context(), "EVENTS")
		require.NoError(t, err)
		return float64(stream.CachedInfo().State.Bytes) / (256 << 10)
	}
	stored := uint64(0)
	fill := func() error {
		stored++
		m := created(noise(4 << 10))
		if stored == 11 {
			m.Body.ProposalId = "held" // its consumer cannot finish it yet
		}
		_, err := bus.Publish(t.Context(), b, event.ProposalCreated, m)
		return err
	}
	for full() < 0.6 {
		require.NoError(t, fill())
	}
	eventually(t, "all but one are settled", func() bool {
		pending, floor, err := b.ConsumerPending(t.Context(), event.ProposalCreated, "test")
		return err == nil && pending == 0 && floor == 10
	})
	require.NoError(t, bus.TrimNow(b, t.Context(), event.Facts(), time.Now().Add(-time.Hour)))
	require.EqualValues(t, 1, first(), "young messages stay: the broker would forget their ids")
	require.NoError(t, bus.TrimNow(b, t.Context(), event.Facts(), time.Now().Add(time.Hour)))
	require.EqualValues(t, 11, first(), "the unsettled message stays, and all after it")

	var err error
	for err == nil {
		err = fill()
	}
	require.True(t, fault.Is(err, fault.Unavailable), "a full stream refuses; it discards nothing: %v", err)
	require.NoError(t, bus.TrimNow(b, t.Context(), event.Facts(), time.Now().Add(-time.Hour)))
	require.EqualValues(t, 11, first(), "not even then is an unsettled message removed")

	blocked.Store(false)
	settled(t, b)
	require.NoError(t, bus.TrimNow(b, t.Context(), event.Facts(), time.Now().Add(-time.Hour)))
	publish(t, b, created("there is room again"))
	require.Greater(t, first(), uint64(11), "a nearly full stream does not spare young ones")
}

// noise does not compress.
func noise(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)[:n]
}
