package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	specter "github.com/draftlabs/specter/pkg/sdk/go"
	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// TestTheLoop drives signals to proof in both modes with the same assertions.
func TestTheLoop(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			customer := newReceiver(t)
			s := mode.start(t, customer)
			t.Run("the ingest contract holds", func(t *testing.T) { testIngestContract(t, s) })
			t.Run("what README.md says to try", func(t *testing.T) { testDocumentedCurl(t, s) })
			t.Run("an ingest key cannot read", func(t *testing.T) { testKeyCannotRead(t, s) })
			t.Run("tenants are apart", func(t *testing.T) { testTenantsAreApart(t, s) })
			t.Run("signals become proof", func(t *testing.T) { testSignalsBecomeProof(t, s, customer) })
			t.Run("deployments are noticed", func(t *testing.T) { testDeploymentsAreNoticed(t, s) })
			t.Run("a real web server log", func(t *testing.T) { testImportLog(t, s) })
			t.Run("the script tag", func(t *testing.T) { testScriptTag(t, s) })
			if mode.edge {
				t.Run("the edge", func(t *testing.T) { testEdge(t, s) })
			}
		})
	}
}

func testSignalsBecomeProof(t *testing.T, s *system, customer *receiver) {
	endpoint := call[api.CreatedEndpoint](t, s, http.MethodPost, "/api/v1/webhook-endpoints", map[string]string{"url": customer.server.URL + "/hook"})

	shop := call[api.CreatedProduct](t, s, http.MethodPost, "/api/v1/products", api.NewProduct{Name: "Loop"})
	product := "/api/v1/products/" + shop.Product.Id.String()
	checkout := call[api.Context](t, s, http.MethodPost, product+"/contexts", map[string]any{
		"name": "Checkout", "positive_types": []string{"checkout_completed"}, "negative_types": []string{"rage_click"},
	})
	h := sixteenWeeks()
	importAll(t, s, shop.Product.Id, h.signals(checkout.Id, 7))

	var proposal api.Proposal
	program.Await(t, 90*time.Second, "a proposal", func() bool {
		page := call[api.ProposalPage](t, s, http.MethodGet, product+"/proposals?status=pending", nil)
		if len(page.Items) == 0 {
			return false
		}
		proposal = page.Items[0]
		return true
	})
	require.Equal(t, checkout.Id, proposal.ContextId)
	require.NotEmpty(t, proposal.Diagnosis)
	require.NotEmpty(t, proposal.SuggestedChange)
	require.Contains(t, proposal.Title+proposal.Diagnosis, "#pay")
	finding := call[api.Finding](t, s, http.MethodGet, "/api/v1/findings/"+proposal.FindingId.String(), nil)
	require.WithinDuration(t, h.broken, finding.StartedAt, 12*time.Hour, "the start of the regression")
	require.False(t, finding.DetectedAt.Before(h.broken), "nothing is found before it happened")
	require.True(t, finding.DetectedAt.Before(h.broken.Add(72*time.Hour)), "found by %s, broken at %s", finding.DetectedAt, h.broken)

	// Rejected, undone, approved: approval creates the deployment.
	path := "/api/v1/proposals/" + proposal.Id.String()
	decide := func(decision string) api.Proposal {
		return call[api.Proposal](t, s, http.MethodPost, path+"/decision", map[string]string{"decision": decision, "content_hash": proposal.ContentHash})
	}
	require.EqualValues(t, "rejected", decide("rejected").Status)
	require.EqualValues(t, "pending", call[api.Proposal](t, s, http.MethodDelete, path+"/decision", nil).Status)
	approved := decide("approved")
	require.EqualValues(t, "approved", approved.Status)
	require.NotNil(t, approved.DeploymentId)

	deployment := "/api/v1/deployments/" + approved.DeploymentId.String()
	planned := call[api.Deployment](t, s, http.MethodGet, deployment, nil)
	require.EqualValues(t, "planned", planned.Status)
	reportByGoSDK(t, s, shop.Product.Id, specter.DeploymentReport{DeployedAt: h.fixed, Version: "2.3.2"})

	var proven api.Deployment
	program.Await(t, 90*time.Second, "the verdict", func() bool {
		proven = call[api.Deployment](t, s, http.MethodGet, deployment, nil)
		switch proven.Status {
		case "planned", "deployed", "collecting":
			return false
		default:
			return true
		}
	})
	result := proven.Verification.Result
	require.NotNil(t, result)
	require.EqualValues(t, "verified", proven.Status, "%s", asJSON(t, result))
	require.Positive(t, *result.Effect)
	require.Positive(t, *result.EffectLow, "the interval of an improvement does not span zero")
	require.Positive(t, *result.MinimumDetectableEffect)
	require.Positive(t, result.Before.Positive)
	require.Positive(t, result.After.Positive)
	seeProof(t, s, shop.Product.Id)

	for _, event := range []string{"proposal.created", "proposal.rejected", "proposal.approved", "deployment.created", "deployment.deployed", "deployment.verified"} {
		var got received
		program.Await(t, 30*time.Second, "the webhook "+event, func() (ok bool) {
			got, ok = customer.find(event)
			return ok
		})
		requireSigned(t, endpoint.Secret, got)
		require.True(t, json.Valid(got.Data), event)
	}
	t.Run("the proof is shared", func(t *testing.T) { testSharedProof(t, s, shop.Product.Id, *approved.DeploymentId) })
}

func asJSON(t testing.TB, value any) string {
	t.Helper()
	raw, err := json.MarshalIndent(value, "", " ")
	require.NoError(t, err)
	return string(raw[:min(len(raw), 3000)])
}
