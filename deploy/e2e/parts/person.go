package parts

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// Caller is somebody who may use the dashboard API.
type Caller interface {
	Do(t testing.TB, method, path string, body io.Reader) (*http.Response, []byte)
}

// Call sends one request and decodes the answer; anything but a success fails the test.
func Call[T any](t testing.TB, c Caller, method, path string, body any) T {
	t.Helper()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		reader = bytes.NewReader(raw)
	}
	res, answer := c.Do(t, method, path, reader)
	require.Less(t, res.StatusCode, 300, "%s %s: %s", method, path, answer)
	var out T
	if len(answer) > 0 {
		require.NoError(t, json.Unmarshal(answer, &out), "%s %s: %s", method, path, answer)
	}
	return out
}

// Person is a signed-in browser: a cookie jar and the session's CSRF token.
type Person struct {
	base   string
	client *http.Client
	csrf   string
}

// NewPerson has not signed in yet.
func NewPerson(t testing.TB, base string) *Person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &Person{base: base, client: &http.Client{Jar: jar, Timeout: 30 * time.Second}}
}

// SignUp makes an account and stays signed in to it.
func (p *Person) SignUp(t testing.TB, email, password string) {
	t.Helper()
	session := Call[api.Session](t, p, http.MethodPost, "/api/v1/auth/sign-up", map[string]string{"email": email, "password": password})
	p.csrf = session.CsrfToken
}

// SignIn opens a session of its own.
func (p *Person) SignIn(t testing.TB, email, password string) {
	t.Helper()
	session := Call[api.Session](t, p, http.MethodPost, "/api/v1/auth/login", map[string]string{"email": email, "password": password})
	p.csrf = session.CsrfToken
}

// Try sends credentials that may well be refused.
func (p *Person) Try(t testing.TB, path, email, password string) (int, string) {
	t.Helper()
	raw, err := json.Marshal(map[string]string{"email": email, "password": password})
	require.NoError(t, err)
	res, answer := p.Do(t, http.MethodPost, path, bytes.NewReader(raw))
	return res.StatusCode, string(answer)
}

// Cookies are what the browser keeps of the server.
func (p *Person) Cookies(t testing.TB) []*http.Cookie {
	t.Helper()
	base, err := url.Parse(p.base)
	require.NoError(t, err)
	return p.client.Jar.Cookies(base)
}

// Do sends one request as this browser.
func (p *Person) Do(t testing.TB, method, path string, body io.Reader) (*http.Response, []byte) {
	t.Helper()
	header := http.Header{"Origin": {p.base}}
	if p.csrf != "" {
		header.Set("X-CSRF-Token", p.csrf)
	}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	return Send(t, p.client, method, p.base+path, header, body)
}

// Send does one request and reads the whole answer.
func Send(t testing.TB, client *http.Client, method, url string, header http.Header, body io.Reader) (*http.Response, []byte) {
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
