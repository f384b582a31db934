package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	"github.com/draftlabs/specter/services/specter/internal/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers as told and closes its connections with the test.
func server(t *testing.T, handler http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, "spt_token")
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestARefusalKeepsTheServersWords(t *testing.T) {
	t.Parallel()
	c := server(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "Bearer spt_token", r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"type":"about:blank","title":"Not found","status":404,"code":"not_found","detail":"no such product","request_id":"r1","errors":[{"pointer":"/id","code":"x","detail":"y"}]}`)
	})
	_, err := c.Product(t.Context(), uuid.New())
	require.EqualError(t, err, "the server answered 404 not_found: no such product (/id: y) [request r1]")
	require.True(t, client.HasCode(err, "not_found"))
}

func TestNotNowIsTriedAgain(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	c := server(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(api.Account{Email: "a@example.com"})
	})
	account, err := c.Account(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a@example.com", account.Email)
	require.EqualValues(t, 3, calls.Load())
}

func TestALostConnectionIsRepeatedOnlyWhenThatIsHarmless(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	drop := func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		_ = json.NewEncoder(w).Encode(api.Import{Id: uuid.New()})
	}
	_, err := server(t, drop).Import(t.Context(), uuid.New())
	require.NoError(t, err)
	calls.Store(0)
	_, err = server(t, drop).BeginImport(t.Context(), uuid.New(), "x")
	require.ErrorIs(t, err, client.ErrUnreachable)
	require.EqualValues(t, 1, calls.Load())
}

func TestListingsAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	c := server(t, func(w http.ResponseWriter, r *http.Request) {
		page := api.ProductPage{Items: []api.Product{{Name: "product " + r.URL.Query().Get("cursor")}}}
		if r.URL.Query().Get("cursor") == "" {
			next := "2"
			page.NextCursor = &next
		}
		_ = json.NewEncoder(w).Encode(page)
	})
	products, err := c.Products(t.Context())
	require.NoError(t, err)
	require.Len(t, products, 2)
	require.Equal(t, "product 2", products[1].Name)
}

func TestATokenDoesNotFollowARedirect(t *testing.T) {
	t.Parallel()
	c := server(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
	})
	_, err := c.Account(t.Context())
	var refused *client.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusFound, refused.Status)
}

func TestWhatIsNoSpecterIsSaid(t *testing.T) {
	t.Parallel()
	c := server(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") })
	_, err := c.Account(t.Context())
	require.ErrorContains(t, err, "is this a Specter?")
	for _, bad := range []string{"", "127.0.0.1:8080", "ftp://x", "http://"} {
		_, err := client.New(bad, "")
		require.Error(t, err, bad)
	}
}

func TestTailReadsEventsAndRemembersWhereItWas(t *testing.T) {
	t.Parallel()
	c := server(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "41", r.Header.Get("Last-Event-ID"))
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, ": hello\n\nid: 42\nevent: signal\ndata: {\"type\":\"a\",\ndata: \"payload\":{}}\n\n: heartbeat\n\nid: 43\ndata: {\"type\":\"b\"}\n\n")
	})
	var types []string
	last, err := c.Tail(t.Context(), uuid.New(), "41", func(s api.Signal) error {
		types = append(types, s.Type)
		return nil
	})
	require.ErrorIs(t, err, client.ErrUnreachable, "an end of the stream is not an end of the signals")
	require.Equal(t, []string{"a", "b"}, types)
	require.Equal(t, "43", last)
}

func TestTailEndsQuietlyWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := server(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "data: {\"type\":\"a\"}\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	_, err := c.Tail(ctx, uuid.New(), "", func(api.Signal) error { cancel(); return nil })
	require.NoError(t, err)
	stop := errors.New("enough")
	_, err = server(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "data: {\"type\":\"a\"}\n\n") }).
		Tail(t.Context(), uuid.New(), "", func(api.Signal) error { return stop })
	require.ErrorIs(t, err, stop)
}
