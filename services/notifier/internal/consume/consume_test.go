package consume

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

func TestEveryTypeHasAFormInWebhooks(t *testing.T) {
	t.Parallel()
	for _, i := range Types() {
		data, err := dataOf(i.New())
		require.NoError(t, err, i.Name())
		require.True(t, json.Valid(data), i.Name())
	}
}

func TestAVerdictReadsAsPeopleExpect(t *testing.T) {
	t.Parallel()
	data, err := dataOf(&eventv1.DeploymentVerified{Verdict: &eventv1.Verdict{
		DeploymentId: "d", Outcome: "improved", Effect: 0.21, EffectHigh: math.Inf(1), PositiveBefore: 1 << 40, LookDay: 7,
		AsOf: timestamppb.New(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), Warnings: []string{"weekday"},
	}})
	require.NoError(t, err)
	require.JSONEq(t, `{"deployment_id":"d","proposal_id":"","product_id":"","context_id":"","verification_id":"",
		"outcome":"improved","effect":0.21,"effect_low":0,"effect_high":null,"probability_improved":0,
		"positive_before":1099511627776,"negative_before":0,"positive_after":0,"negative_after":0,
		"minimum_detectable_effect":0,"look_day":7,"as_of":"2026-03-01T09:00:00Z","warnings":["weekday"],"reason":""}`, string(data))
}

func TestATestGoesToItsEndpointOnly(t *testing.T) {
	t.Parallel()
	endpoint := uuid.New()
	d := bus.Delivery[proto.Message]{ID: uuid.New(), Type: event.EndpointTested.Info(), Body: &eventv1.EndpointTested{EndpointId: endpoint.String()}}
	e, err := toEvent(d)
	require.NoError(t, err)
	require.Equal(t, endpoint, e.Only)
	require.Equal(t, "endpoint.tested", e.Type)

	d.Body = &eventv1.EndpointTested{EndpointId: "nonsense"}
	_, err = toEvent(d)
	require.Error(t, err)
}
