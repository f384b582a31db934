package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// testIngestContract sends the documented examples and expects the documented answers.
func testIngestContract(t *testing.T, s *system) {
	foreign := uuid.NewString()
	cases := []struct {
		name, path, key, body string
		status                int
		answer                string // exact, for success
		code                  string // problem code
	}{
		{name: "one signal", path: "/api/signals", key: s.IngestKey, body: `{"type":"cta_click","payload":{"path":"/"}}`, status: 200, answer: `{"received":1}`},
		{name: "an array", path: "/api/signals", key: s.IngestKey, body: `[{"type":"page_view"},{"type":"page_view","payload":{"path":"/pricing"}}]`, status: 200, answer: `{"received":2}`},
		{name: "key in the query", path: "/api/signals?key=" + s.IngestKey, body: `{"type":"cta_click"}`, status: 200, answer: `{"received":1}`},
		{name: "own context", path: "/api/signals", key: s.IngestKey, body: `{"type":"cta_click","context_id":"` + s.ContextID.String() + `"}`, status: 200, answer: `{"received":1}`},
		{name: "zapier", path: "/api/ingest?key=" + s.IngestKey, body: `{"event":"invoice_paid","properties":{"amount":12}}`, status: 200, answer: `{"received":1}`},
		{name: "loose fields become the payload", path: "/api/ingest?key=" + s.IngestKey, body: `{"event_type":"ticket_opened","plan":"pro"}`, status: 200, answer: `{"received":1}`},
		{name: "no key", path: "/api/signals", body: `{"type":"a"}`, status: 401, code: "missing_key"},
		{name: "unknown key", path: "/api/signals", key: "spk_000000000000000000000000000000000000", body: `{"type":"a"}`, status: 401, code: "invalid_key"},
		{name: "not JSON", path: "/api/signals", key: s.IngestKey, body: `{"type":`, status: 400, code: "invalid_json"},
		{name: "no type, with the index", path: "/api/signals", key: s.IngestKey, body: `[{"type":"a"},{"payload":{}}]`, status: 400, code: "missing_type"},
		{name: "type too long", path: "/api/signals", key: s.IngestKey, body: `{"type":"` + strings.Repeat("x", 101) + `"}`, status: 400, code: "type_too_long"},
		{name: "foreign context", path: "/api/signals", key: s.IngestKey, body: `{"type":"a","context_id":"` + foreign + `"}`, status: 400, code: "unknown_context"},
	}
	accepted := 0
	for _, c := range cases {
		status, answer := s.post(t, c.path, c.key, c.body)
		require.Equal(t, c.status, status, "%s: %s", c.name, answer)
		if c.answer != "" {
			require.Equal(t, c.answer, strings.TrimSpace(strings.ReplaceAll(answer, `": `, `":`)), c.name)
			var received struct{ Received int }
			require.NoError(t, json.Unmarshal([]byte(answer), &received))
			accepted += received.Received
			continue
		}
		var problem struct {
			Code, Error string
			RequestID   string `json:"request_id"`
			Status      int
			Errors      []struct{ Pointer string }
		}
		require.NoError(t, json.Unmarshal([]byte(answer), &problem), c.name)
		require.Equal(t, c.code, problem.Code, c.name)
		require.NotEmpty(t, problem.Error, c.name)
		require.NotEmpty(t, problem.RequestID, c.name)
		if c.name == "no type, with the index" {
			require.Contains(t, problem.Errors[0].Pointer, "/1")
		}
	}
	program.Await(t, patience, "every accepted signal, and no refused one, to be stored", func() bool {
		return countSignals(t, s, s.ProductID) == accepted
	})
}

// testKeyCannotRead holds promise 7: an ingest key only writes.
func testKeyCannotRead(t *testing.T, s *system) {
	for _, path := range []string{"/api/proposals", "/api/v1/products", "/api/v1/products/" + s.ProductID.String() + "/signals"} {
		res, answer := send(t, http.DefaultClient, http.MethodGet, s.URL+path, http.Header{"Authorization": {"Bearer " + s.IngestKey}}, nil)
		require.Equal(t, http.StatusForbidden, res.StatusCode, "%s: %s", path, answer)
		require.Contains(t, string(answer), `"key_scope"`)
	}
}

// testTenantsAreApart: what another account owns answers as what does not exist.
func testTenantsAreApart(t *testing.T, s *system) {
	other := signUp(t, s.URL)
	for _, path := range []string{"/products/", "/contexts/", "/proposals/", "/deployments/", "/findings/", "/imports/"} {
		foreignID := s.ProductID
		if path == "/contexts/" {
			foreignID = s.ContextID
		}
		foreign, foreignBody := other.Do(t, http.MethodGet, "/api/v1"+path+foreignID.String(), nil)
		random, randomBody := other.Do(t, http.MethodGet, "/api/v1"+path+uuid.NewString(), nil)
		require.Equal(t, http.StatusNotFound, foreign.StatusCode, "%s: %s", path, foreignBody)
		require.Equal(t, random.StatusCode, foreign.StatusCode)
		require.Equal(t, withoutIdentity(t, randomBody), withoutIdentity(t, foreignBody), path)
	}
	products := call[api.ProductPage](t, other, http.MethodGet, "/api/v1/products", nil)
	require.Len(t, products.Items, 1)
	require.Equal(t, other.ProductID, products.Items[0].Id)
}

// withoutIdentity drops what names this very request.
func withoutIdentity(t testing.TB, body []byte) map[string]any {
	t.Helper()
	var problem map[string]any
	require.NoError(t, json.Unmarshal(body, &problem))
	delete(problem, "request_id")
	delete(problem, "instance")
	return problem
}

// countSignals pages through everything the product has stored and fails on a double.
func countSignals(t testing.TB, s *system, product uuid.UUID) int {
	t.Helper()
	return len(storedIDs(t, s, product, func(signal api.Signal) uuid.UUID { return signal.Id }))
}

// storedIDs reads every signal of a product through the API, by an id of the caller's choice.
func storedIDs(t testing.TB, s *system, product uuid.UUID, id func(api.Signal) uuid.UUID) map[uuid.UUID]struct{} {
	t.Helper()
	seen := map[uuid.UUID]struct{}{}
	cursor := ""
	for {
		page := call[api.SignalPage](t, s, http.MethodGet, "/api/v1/products/"+product.String()+"/signals?limit=100"+cursor, nil)
		for _, signal := range page.Items {
			_, double := seen[id(signal)]
			require.False(t, double, "signal %s is stored twice", id(signal))
			seen[id(signal)] = struct{}{}
		}
		if page.NextCursor == nil || *page.NextCursor == "" {
			return seen
		}
		cursor = "&cursor=" + *page.NextCursor
	}
}
