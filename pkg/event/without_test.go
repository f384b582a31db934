package event_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/event"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

func TestWithoutTakesOneAccountsPartOnly(t *testing.T) {
	t.Parallel()
	gone, stays := uuid.New(), uuid.New()
	batch := &eventv1.SignalBatch{ScrubRules: 3, Signals: []*eventv1.Signal{
		{AccountId: gone[:], Type: "a"}, {AccountId: stays[:], Type: "b"}, {AccountId: gone[:], Type: "c"}, {AccountId: stays[:], Type: "d"},
	}}
	removed, left := event.Without(batch, gone)
	require.Equal(t, []int{2, 2}, []int{removed, left})
	require.Equal(t, "b", batch.GetSignals()[0].GetType())
	require.Equal(t, "d", batch.GetSignals()[1].GetType())
	require.EqualValues(t, 3, batch.GetScrubRules())

	refused := &eventv1.IngestRefused{Counts: []*eventv1.RefusalCount{{AccountId: gone[:]}}, Samples: []*eventv1.RefusalSample{{AccountId: gone[:]}, {AccountId: stays[:]}}}
	removed, left = event.Without(refused, gone)
	require.Equal(t, []int{2, 1}, []int{removed, left})
	require.Empty(t, refused.GetCounts())
}

// Whatever carries many accounts' data says of each part whose it is, so that one's can be taken out.
func TestEverySharedMessageNamesTheAccountOfEachPart(t *testing.T) {
	t.Parallel()
	for _, i := range event.All() {
		if i.Scope() != event.ManyAccounts {
			continue
		}
		fields := i.Body().Fields()
		for n := range fields.Len() {
			if f := fields.Get(n); f.IsList() && f.Message() != nil {
				require.NotNil(t, f.Message().Fields().ByName("account_id"), f.FullName())
			}
		}
	}
}
