package consume

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/webhook"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

func TestEveryTypeBecomesAnEvent(t *testing.T) {
	t.Parallel()
	for _, i := range webhook.Types() {
		body := i.New()
		if tested, ok := body.(*eventv1.EndpointTested); ok {
			tested.EndpointId = uuid.NewString()
		}
		e, err := toEvent(bus.Delivery[proto.Message]{ID: uuid.New(), Type: i, Body: body, Time: time.Now(), Sequence: 7})
		require.NoError(t, err, i.Name())
		require.Equal(t, i.Name(), e.Type)
		require.EqualValues(t, 7, e.Sequence)
		require.True(t, json.Valid(e.Body), i.Name())
	}
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

func TestWhatIsToldOfADeploymentCarriesIt(t *testing.T) {
	t.Parallel()
	deployment := uuid.New()
	e, err := toEvent(bus.Delivery[proto.Message]{ID: uuid.New(), Type: event.DeploymentRegressed.Info(), Body: &eventv1.DeploymentRegressed{
		Verdict: &eventv1.Verdict{DeploymentId: deployment.String()},
	}})
	require.NoError(t, err)
	require.Equal(t, deployment, e.Deployment)
	require.True(t, webhook.AboutDeployments(event.DeploymentRegressed))
	require.True(t, webhook.AboutDeployments(event.ProposalApproved), "it comes before deployment.created")
	require.False(t, webhook.AboutDeployments(event.ProposalCreated))
}
