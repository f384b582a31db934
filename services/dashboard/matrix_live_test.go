package dashboard_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// TestLiveStreamsOfTwoTenantsAreApart opens every stream of the contract as two tenants at once, from now and from a place
// that is the other's, while signals and facts of both arrive: each sees its own, all of it, and nothing else.
func TestLiveStreamsOfTwoTenantsAreApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenants := []testkit.Tenant{w.tenant(), w.tenant()}
	fact := func(of testkit.Tenant, title string) {
		_, err := bus.Publish(t.Context(), w.bus, event.ProposalCreated, bus.Message[*eventv1.ProposalCreated]{
			ID: uuid.New(), AccountID: of.AccountID, Time: w.clock.Now(), Body: &eventv1.ProposalCreated{ProposalId: uuid.NewString(), Title: title},
		})
		require.NoError(t, err)
	}
	name := func(i, n int) string { return fmt.Sprintf("of_%s_%d", []string{"ann", "bob"}[i], n) }

	// What was there before: the signal's and the fact's places are where the other's streams go on from.
	before := []stored{signalAt(time.Now(), name(0, 0)), signalAt(time.Now(), name(1, 0))}
	for i, tenant := range tenants {
		w.block(tenant, before[i])
		fact(tenant, name(i, 0))
	}
	type opened struct {
		owner  int
		path   string
		events <-chan map[string]string
	}
	var streams []opened
	for i, tenant := range tenants {
		for path, foreign := range map[string]string{
			"/api/v1/products/" + tenant.ProductID.String() + "/signals/stream": before[1-i].ID.String(),
			"/api/v1/webhook-events/stream":                                     "0",
		} {
			streams = append(streams, opened{i, path, w.withToken(tenant.Token).live(path)},
				opened{i, path, w.withToken(tenant.Token).with("Last-Event-ID", foreign).live(path)})
		}
	}
	const each = 10
	for n := 1; n <= each; n++ {
		for i, tenant := range tenants {
			w.block(tenant, signalAt(time.Now(), name(i, n)))
			fact(tenant, name(i, n))
		}
	}
	var readers sync.WaitGroup
	for _, s := range streams {
		readers.Go(func() {
			for n := 0; n < each; {
				select {
				case e := <-s.events:
					if strings.Contains(e["data"], "of_"+[]string{"bob", "ann"}[s.owner]) {
						t.Errorf("%s of %d shows the other's: %s", s.path, s.owner, e["data"])
					}
					if !strings.Contains(e["data"], name(s.owner, 0)+`"`) {
						n++
					}
				case <-time.After(20 * time.Second):
					t.Errorf("%s of %d told only %d", s.path, s.owner, n)
					return
				}
			}
		})
	}
	readers.Wait()
	for _, s := range streams {
		require.Empty(t, s.events, "%s told more than was there", s.path)
	}
}

// Every stream of the contract is in the test above.
func TestEveryStreamIsTriedByTwoTenants(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{"streamSignals": true, "streamWebhookEvents": true}
	for _, o := range operations(t) {
		if o.method == http.MethodGet && strings.HasSuffix(o.path, "/stream") {
			require.True(t, tried[o.id], "%s: try it in TestLiveStreamsOfTwoTenantsAreApart", o.id)
		}
	}
}

// A proof is a document of one deployment: no form of another's is given, with what is one's own in the same product or not.
func TestProofsAreTheirOwners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim, hostile := w.tenant(), w.tenant()
	ids := w.ids(victim)
	mine := w.withToken(hostile.Token).with("X-Request-Id", "same-request")
	for _, format := range []string{"", "?format=json", "?format=md", "?format=csv", "?format=svg", "?format=html"} {
		foreign := mine.get("/api/v1/deployments/" + ids["deployment_id"] + "/report" + format)
		invented := mine.get("/api/v1/deployments/" + uuid.NewString() + "/report" + format)
		require.Contains(t, []int{http.StatusNotFound, http.StatusBadRequest}, foreign.status, foreign.text)
		require.Equal(t, invented.text, foreign.text, format)
	}
}
