package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// caller is somebody who may use the dashboard API.
type caller interface {
	do(t testing.TB, method, path string, body io.Reader) (*http.Response, []byte)
}

// call sends one request and decodes the answer; anything but a success fails the test.
func call[T any](t testing.TB, c caller, method, path string, body any) T {
	t.Helper()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		reader = bytes.NewReader(raw)
	}
	res, answer := c.do(t, method, path, reader)
	require.Less(t, res.StatusCode, 300, "%s %s: %s", method, path, answer)
	var out T
	if len(answer) > 0 {
		require.NoError(t, json.Unmarshal(answer, &out), "%s %s: %s", method, path, answer)
	}
	return out
}

// do uses the account's access token.
func (s *system) do(t testing.TB, method, path string, body io.Reader) (*http.Response, []byte) {
	t.Helper()
	header := http.Header{"Authorization": {"Bearer " + s.Token}}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	return send(t, http.DefaultClient, method, s.URL+path, header, body)
}

// person is a signed-in browser: a cookie jar and the session's CSRF token.
type person struct {
	base   string
	client *http.Client
	csrf   string
}

func newPerson(t testing.TB, base string) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &person{base: base, client: &http.Client{Jar: jar, Timeout: 30 * time.Second}}
}

func (p *person) signUp(t testing.TB, email, password string) {
	t.Helper()
	session := call[api.Session](t, p, http.MethodPost, "/api/v1/auth/sign-up", map[string]string{"email": email, "password": password})
	p.csrf = session.CsrfToken
}

func (p *person) do(t testing.TB, method, path string, body io.Reader) (*http.Response, []byte) {
	t.Helper()
	header := http.Header{"Origin": {p.base}}
	if p.csrf != "" {
		header.Set("X-CSRF-Token", p.csrf)
	}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	return send(t, p.client, method, p.base+path, header, body)
}

// send does one request and reads the whole answer.
func send(t testing.TB, client *http.Client, method, url string, header http.Header, body io.Reader) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	require.NoError(t, err)
	req.Header = header
	res, err := client.Do(req)
	require.NoError(t, err, "%s %s", method, url)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, answer
}
