package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

func TestAScanTellsWhetherItSawEverything(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	ctx := t.Context()
	stream, err := b.JetStream().Stream(ctx, event.ProposalCreated.Stream().Name)
	require.NoError(t, err)
	var sequences []uint64
	for _, title := range []string{"a", "b", "c", "d", "e"} {
		sequences = append(sequences, publish(t, b, created(title)).Sequence)
	}
	third, err := stream.GetMsg(ctx, sequences[2])
	require.NoError(t, err)
	// The newest were removed, as replayed dead letters are.
	require.NoError(t, stream.DeleteMsg(ctx, sequences[4]))
	scan := func(ctx context.Context, l bus.Look, until string) (titles string, whole bool) {
		whole, err := bus.Scan(ctx, b, event.ProposalCreated, l, func(d bus.Delivery[*eventv1.ProposalCreated]) bool {
			titles += d.Body.GetTitle()
			return d.Body.GetTitle() == until
		})
		require.NoError(t, err)
		return titles, whole
	}
	for _, c := range []struct {
		look  bus.Look
		until string
		want  string
		whole bool
	}{
		{bus.Look{MaxBytes: 1 << 20}, "", "abcd", true},
		{bus.Look{MaxBytes: 1 << 20}, "b", "ab", true},
		{bus.Look{From: sequences[1], MaxBytes: 1 << 20}, "", "bcd", true},
		{bus.Look{MaxBytes: 1}, "", "a", false},
		{bus.Look{First: third.Time, MaxBytes: 1 << 20}, "", "cdab", true},
		{bus.Look{First: third.Time, MaxBytes: 1 << 20}, "a", "cda", true},
		{bus.Look{From: sequences[1], First: third.Time, MaxBytes: 1 << 20}, "", "cdb", true},
		{bus.Look{First: third.Time.Add(time.Hour), MaxBytes: 1 << 20}, "", "abcd", true},
		{bus.Look{First: third.Time.Add(-time.Hour), MaxBytes: 1}, "", "a", false},
		{bus.Look{From: sequences[4] + 10, First: third.Time, MaxBytes: 1}, "", "", true},
	} {
		titles, whole := scan(ctx, c.look, c.until)
		require.Equal(t, c.want, titles, "%+v", c)
		require.Equal(t, c.whole, whole, "%+v", c)
	}
	late, cancel := context.WithCancel(ctx)
	cancel()
	titles, whole := scan(late, bus.Look{MaxBytes: 1 << 20}, "")
	require.Empty(t, titles)
	require.False(t, whole)
}
