package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	specter "github.com/draftlabs/specter/pkg/sdk/go"
)

// receiver is a customer's webhook endpoint.
type receiver struct {
	server *httptest.Server

	mu     sync.Mutex
	events []received
}

type received struct {
	header http.Header
	body   []byte
	Type   string          `json:"type"`
	Data   json.RawMessage `json:"data"`
}

func newReceiver(t testing.TB) *receiver {
	t.Helper()
	r := &receiver{}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil {
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	event := received{header: req.Header.Clone(), body: body}
	if err := json.Unmarshal(body, &event); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) port() string {
	parsed, err := url.Parse(r.server.URL)
	if err != nil {
		panic(err) // httptest made it
	}
	return parsed.Port()
}

func (r *receiver) find(eventType string) (received, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, event := range r.events {
		if event.Type == eventType {
			return event, true
		}
	}
	return received{}, false
}

// requireSigned checks a delivery with the official library, with our Go SDK and,
// independently of both, by the formula of the Standard Webhooks specification.
func requireSigned(t testing.TB, secret string, event received) {
	t.Helper()
	hook, err := webhooks.NewWebhook(secret)
	require.NoError(t, err)
	require.NoError(t, hook.Verify(event.body, event.header))
	require.NoError(t, specter.VerifyWebhook(event.body, event.header, secret))

	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	require.NoError(t, err)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(event.header.Get("webhook-id") + "." + event.header.Get("webhook-timestamp") + "." + string(event.body)))
	require.Contains(t, strings.Fields(event.header.Get("webhook-signature")), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
