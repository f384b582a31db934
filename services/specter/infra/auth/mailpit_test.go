package auth_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
)

// mailpit reads the mails that a Mailpit has caught, by its HTTP API (https://mailpit.axllent.org/docs/api-v1/).
type mailpit struct {
	url    string
	client *http.Client
}

// caught is a mail in its list.
type caught struct {
	ID      string
	Created time.Time
}

// await waits for the nth mail to an address and returns its text, or what it says in HTML: Supabase's own mails have
// nothing else.
func (m mailpit) await(t *testing.T, to string, nth int) string {
	t.Helper()
	var found struct {
		Messages []caught `json:"messages"`
	}
	testkit.Eventually(t, func() bool {
		m.get(t, "/api/v1/search?"+url.Values{"query": {`to:"` + to + `"`}}.Encode(), &found)
		return len(found.Messages) >= nth
	}, "mail %d to %s", nth, to)
	slices.SortFunc(found.Messages, func(a, b caught) int { return a.Created.Compare(b.Created) })
	var message struct{ Text, HTML string }
	m.get(t, "/api/v1/message/"+found.Messages[nth-1].ID, &message)
	if message.HTML != "" {
		return html.UnescapeString(message.HTML)
	}
	return message.Text
}

func (m mailpit) get(t *testing.T, path string, into any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimRight(m.url, "/")+path, nil)
	require.NoError(t, err)
	response, err := m.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode, path)
	require.NoError(t, json.NewDecoder(response.Body).Decode(into))
}

// TestMailpitIsRead with answers as Mailpit gives them: the newest mail first.
func TestMailpitIsRead(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/search", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("query") == `to:"ann@example.com"` {
			_, _ = w.Write([]byte(`{"total":2,"messages":[{"ID":"second","Created":"2026-03-01T12:00:01.5Z"},{"ID":"first","Created":"2026-03-01T12:00:00Z"}]}`))
			return
		}
		_, _ = w.Write([]byte(`{"total":0,"messages":[]}`))
	})
	mux.HandleFunc("GET /api/v1/message/first", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"ID":"first","Text":"plain","HTML":""}`))
	})
	mux.HandleFunc("GET /api/v1/message/second", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"ID":"second","Text":"","HTML":"<a href=\"http://auth.test/verify?token=x&amp;type=signup\">Confirm</a>"}`))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	box := mailpit{url: server.URL + "/", client: server.Client()}
	require.Equal(t, "plain", box.await(t, "ann@example.com", 1))
	require.Contains(t, box.await(t, "ann@example.com", 2), `verify?token=x&type=signup"`)
}
