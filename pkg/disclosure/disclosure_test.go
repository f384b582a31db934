package disclosure_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/disclosure"
	"github.com/draftlabs/specter/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

func TestWhatServicesSayIsRead(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	said, err := disclosure.Read(t.Context(), b)
	require.NoError(t, err)
	require.Empty(t, said, "nobody has said anything yet")

	model := disclosure.Recipient{Name: "Language model", Host: "llm.example.test", Purpose: "writes proposals", Receives: "redacted aggregates"}
	for _, d := range []disclosure.Disclosure{
		{Service: "retention", SignalMonths: 24, Kept: []disclosure.Kept{{What: "the log of deliveries", Days: 30}}},
		{Service: "proposal", Recipients: []disclosure.Recipient{model}},
		{Service: "proposal", Recipients: []disclosure.Recipient{model}}, // the next replica
		{Service: "proposal"}, // one with other settings
	} {
		require.NoError(t, disclosure.Tell(t.Context(), b, d))
	}
	said, err = disclosure.Read(t.Context(), b)
	require.NoError(t, err)
	require.Len(t, said, 3)
	require.Equal(t, "retention", said[2].Service)
	require.Equal(t, 24, said[2].SignalMonths)
	require.Equal(t, []disclosure.Kept{{What: "the log of deliveries", Days: 30}}, said[2].Kept)
	require.Equal(t, []disclosure.Recipient{model}, disclosure.Recipients(append(said, said...)))
}

func TestAServiceTellsWhileItRunsAndAnAbsentBrokerStopsNothing(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- disclosure.Telling(b, disclosure.Disclosure{Service: "retention", SignalMonths: 6}, zap.NewNop()).Run(ctx, func() {})
	}()
	testkit.Eventually(t, func() bool {
		said, err := disclosure.Read(t.Context(), b)
		return err == nil && len(said) == 1 && said[0].SignalMonths == 6
	}, "it is told")
	require.NoError(t, b.JetStream().DeleteKeyValue(t.Context(), "INSTANCE"))
	require.Error(t, disclosure.Tell(t.Context(), b, disclosure.Disclosure{Service: "x"}))
	stop()
	require.NoError(t, <-ended)
}
