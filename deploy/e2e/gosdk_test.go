package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	specter "github.com/draftlabs/specter/pkg/sdk/go"
	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// TestGoSDK uses the Go SDK against a running Specter.
func TestGoSDK(t *testing.T) {
	t.Parallel()
	customer := newReceiver(t)
	s := startOneProcess(t, customer)
	t.Run("a lost answer counts once", func(t *testing.T) { testLostAnswers(t, s) })
	t.Run("one bad signal costs only itself", func(t *testing.T) { testSDKPartial(t, s) })
	t.Run("a refusal is typed and told", func(t *testing.T) { testSDKRefusals(t, s) })
	t.Run("a real delivery is verified", func(t *testing.T) { testSDKWebhook(t, s, customer) })
}

// cutter passes requests on to a running Specter, and breaks off every other answer to signals after
// the server has given it: the signals are stored, and the client does not know.
type cutter struct {
	http.Handler
	cut atomic.Int64
}

func newCutter(t *testing.T, s *system) *cutter {
	t.Helper()
	target, err := url.Parse(s.URL)
	require.NoError(t, err)
	return &cutter{Handler: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}}
}

func (c *cutter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	c.Handler.ServeHTTP(answer, r)
	if answer.Code == http.StatusOK && c.cut.Add(1)%2 == 1 {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.Copy(w, io.LimitReader(answer.Body, 5))
		_ = http.NewResponseController(w).Flush() // the connection is broken next
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(answer.Code)
	_, _ = io.Copy(w, answer.Body)
}

func testLostAnswers(t *testing.T, s *system) {
	made := call[api.CreatedProduct](t, s, http.MethodPost, "/api/v1/products", api.NewProduct{Name: "Go SDK"})
	s.awaitKey(t, made.Key.Key)
	proxy := newCutter(t, s)
	front := httptest.NewServer(proxy)
	defer front.Close()
	lost := make(chan error, 100)
	client, err := specter.New(made.Key.Key, specter.WithHost(front.URL), specter.WithBatchSize(50), specter.WithOnError(func(err error) { lost <- err }))
	require.NoError(t, err)

	const signals = 500
	ctx := specter.ContextWith(t.Context(), specter.WithSession("visit-1"))
	for n := range signals {
		require.NoError(t, client.Track(ctx, "invoice_paid", map[string]any{"n": n, "text": strings.Repeat("payload ", n%20)}))
	}
	closing, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, client.Close(closing))
	require.Equal(t, specter.Stats{Accepted: signals, Delivered: signals}, client.Stats())
	require.Empty(t, lost)
	require.GreaterOrEqual(t, proxy.cut.Load(), int64(2*signals/50), "every batch was sent twice")

	product := "/api/v1/products/" + made.Product.Id.String()
	program.Await(t, 30*time.Second, "every signal to be stored", func() bool {
		return call[api.Product](t, s, http.MethodGet, product, nil).SignalsTotal >= signals
	})
	numbers := map[float64]bool{}
	stored := storedIDs(t, s, made.Product.Id, func(signal api.Signal) uuid.UUID {
		require.EqualValues(t, "sdk", signal.Source)
		require.Equal(t, "visit-1", *signal.SessionId)
		require.EqualValues(t, 7, signal.ClientId.Version())
		n, ok := signal.Payload["n"].(float64)
		require.True(t, ok)
		numbers[n] = true
		return *signal.ClientId
	})
	require.Len(t, stored, signals, "each exactly once")
	require.Len(t, numbers, signals, "and each of them")
}

func testSDKRefusals(t *testing.T, s *system) {
	told := make(chan error, 10)
	client, err := specter.New("spk_000000000000000000000000000000000000", specter.WithHost(s.URL), specter.WithToken(s.Token),
		specter.WithOnError(func(err error) { told <- err }))
	require.NoError(t, err)
	require.NoError(t, client.Track(t.Context(), "a", nil))
	require.NoError(t, client.Flush(t.Context()))
	var loss *specter.LossError
	var refusal *specter.Error
	err = <-told
	require.ErrorAs(t, err, &loss)
	require.Equal(t, 1, loss.Signals)
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, "invalid_key", refusal.Code)
	require.NotEmpty(t, refusal.RequestID)

	for _, err := range client.Proposals().List(t.Context(), specter.ProposalFilter{Status: specter.ProposalPending}) {
		require.NoError(t, err)
	}
	_, err = client.Proposals().Get(t.Context(), uuid.NewString())
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, "not_found", refusal.Code)
	_, err = client.Deployments().Report(t.Context(), uuid.NewString(), specter.DeploymentReport{})
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, http.StatusNotFound, refusal.Status)
	require.NoError(t, client.Close(t.Context()))
}

func testSDKWebhook(t *testing.T, s *system, customer *receiver) {
	endpoint := call[api.CreatedEndpoint](t, s, http.MethodPost, "/api/v1/webhook-endpoints", map[string]string{"url": customer.server.URL + "/hook"})
	call[any](t, s, http.MethodPost, "/api/v1/webhook-endpoints/"+endpoint.Endpoint.Id.String()+"/test", nil)
	var delivery received
	program.Await(t, 30*time.Second, "the test event", func() (ok bool) {
		delivery, ok = customer.find("endpoint.tested")
		return ok
	})
	requireSigned(t, endpoint.Secret, delivery)
	other := "whsec_AAECAwQFBgcICQoLDA0ODw=="
	require.NoError(t, specter.VerifyWebhook(delivery.body, delivery.header, other, endpoint.Secret))
	require.ErrorIs(t, specter.VerifyWebhook(delivery.body, delivery.header, other), specter.ErrWebhookSignature)
	changed := bytes.Replace(delivery.body, []byte("endpoint.tested"), []byte("endpoint.tester"), 1)
	require.ErrorIs(t, specter.VerifyWebhook(changed, delivery.header, endpoint.Secret), specter.ErrWebhookSignature)
}

// testSDKPartial: a signal that is refused is told, and those around it arrive.
func testSDKPartial(t *testing.T, s *system) {
	told := make(chan error, 10)
	client, err := specter.New(s.IngestKey, specter.WithHost(s.URL), specter.WithOnError(func(err error) { told <- err }))
	require.NoError(t, err)
	require.NoError(t, client.Track(t.Context(), "partial_a", nil))
	require.NoError(t, client.Track(t.Context(), "partial_b", nil, specter.WithContext(uuid.NewString())))
	require.NoError(t, client.Track(t.Context(), "partial_c", nil))
	require.NoError(t, client.Close(t.Context()))
	var rejected *specter.RejectedError
	require.ErrorAs(t, <-told, &rejected)
	require.Equal(t, "unknown_context", rejected.Code)
	require.Equal(t, specter.Stats{Accepted: 3, Delivered: 2, Rejected: 1}, client.Stats())
}

// TestGoSDKAgreesWithTheOfficialWebhookLibrary: what either signs or refuses, so does the other.
func TestGoSDKAgreesWithTheOfficialWebhookLibrary(t *testing.T) {
	t.Parallel()
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // published with the specification
	hook, err := webhooks.NewWebhook(secret)
	require.NoError(t, err)
	for _, age := range []time.Duration{0, 4 * time.Minute, 6 * time.Minute, -4 * time.Minute, -6 * time.Minute} {
		for _, payload := range []string{"", "{}", `{"type":"proposal.approved","data":{"text":"ü\u0000"}}`, "\xff\x00"} {
			at := time.Now().Add(-age)
			signature, err := hook.Sign("msg_1", at, []byte(payload))
			require.NoError(t, err)
			for _, s := range []string{signature, "v1,bad " + signature, strings.ToUpper(signature), "v2" + signature[2:], signature[:10], ""} {
				h := http.Header{}
				h.Set(webhooks.HeaderWebhookID, "msg_1")
				h.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
				h.Set(webhooks.HeaderWebhookSignature, s)
				official := hook.Verify([]byte(payload), h)
				require.Equal(t, official == nil, specter.VerifyWebhook([]byte(payload), h, secret) == nil, "%s old, signature %q: %v", age, s, official)
			}
		}
	}
}

// reportByGoSDK finds the approved proposal and reports its deployment, as a pipeline would.
func reportByGoSDK(t *testing.T, s *system, product uuid.UUID, report specter.DeploymentReport) {
	t.Helper()
	client, err := specter.New("", specter.WithHost(s.URL), specter.WithToken(s.Token))
	require.NoError(t, err)
	approved := []specter.Proposal{}
	for proposal, err := range client.Proposals().List(t.Context(), specter.ProposalFilter{ProductID: product.String(), Status: specter.ProposalApproved}) {
		require.NoError(t, err)
		approved = append(approved, proposal)
	}
	require.Len(t, approved, 1)
	read, err := client.Proposals().Get(t.Context(), approved[0].ID)
	require.NoError(t, err)
	require.Equal(t, approved[0].Title, read.Title)
	require.NotEmpty(t, read.Evidence)
	deployment, err := client.Deployments().Report(t.Context(), read.DeploymentID, report)
	require.NoError(t, err)
	require.Equal(t, report.Version, deployment.Version)
	require.WithinDuration(t, report.DeployedAt, *deployment.DeployedAt, time.Second)
	require.NoError(t, client.Close(t.Context()))
}

// TestGoSDKKnowsTheContract: every field of the SDK's types is one of the API's.
func TestGoSDKKnowsTheContract(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]any{
		{specter.Proposal{}, api.Proposal{}}, {specter.PredictedImpact{}, api.PredictedImpact{}}, {specter.Deployment{}, api.Deployment{}},
		{specter.Verification{}, api.Verification{}}, {specter.LookResult{}, api.LookResult{}}, {specter.Counts{}, api.Counts{}},
		{specter.DeploymentReport{}, api.DeploymentReport{}}, {specter.DeploymentEdit{}, api.DeploymentPatch{}}, {specter.DeploymentStep{}, api.DeploymentStep{}},
		{specter.DeploymentOverlap{}, api.DeploymentOverlap{}}, {specter.MergedChange{}, api.MergedChange{}},
		{specter.DeployReport{}, api.DeployHookReport{}}, {specter.DeployAnswer{}, api.DeployHookAnswer{}},
	} {
		known := jsonNames(pair[1])
		for name := range jsonNames(pair[0]) {
			require.Contains(t, known, name, "%T", pair[0])
		}
	}
}

func jsonNames(of any) map[string]bool {
	names := map[string]bool{}
	for _, field := range reflect.VisibleFields(reflect.TypeOf(of)) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names[name] = true
	}
	return names
}
