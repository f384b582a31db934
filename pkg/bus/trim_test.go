package bus_test

import (
	"context"
	"errors"
	"strings"
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

	// Act: fill the stream; the 11th message is one its consumer cannot finish yet.
	var err error
	stored := 0
	for ; err == nil; stored++ {
		m := created(strings.Repeat("x", 4<<10))
		if stored == 10 {
			m.Body.ProposalId = "held"
		}
		_, err = bus.Publish(t.Context(), b, event.ProposalCreated, m)
	}
	require.True(t, fault.Is(err, fault.Unavailable), "a full stream refuses; it discards nothing: %v", err)
	eventually(t, "all but one are settled", func() bool {
		pending, floor, err := b.ConsumerPending(t.Context(), event.ProposalCreated, "test")
		return err == nil && pending == 0 && floor == 10
	})

	first := func() uint64 {
		stream, err := b.JetStream().Stream(t.Context(), "EVENTS")
		require.NoError(t, err)
		return stream.CachedInfo().State.FirstSeq
	}
	future := time.Now().Add(time.Hour)
	require.NoError(t, bus.TrimNow(b, t.Context(), event.Facts(), time.Now().Add(-time.Hour)))
	require.EqualValues(t, 1, first(), "young messages stay: the broker would forget their ids")
	require.NoError(t, bus.TrimNow(b, t.Context(), event.Facts(), future))
	require.EqualValues(t, 11, first(), "the unsettled message stays, and all after it")

	blocked.Store(false)
	settled(t, b)
	require.NoError(t, bus.TrimNow(b, t.Context(), event.Facts(), future))
	publish(t, b, created("there is room again"))
	require.Greater(t, first(), uint64(11))
}
