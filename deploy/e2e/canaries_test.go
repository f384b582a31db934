package e2e

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// canaries are secrets that must be found nowhere, by where they went in.
type canaries map[string]string

// of makes one up.
func (c canaries) of(where string) string {
	c[where] = rand.Text()
	return c[where]
}

// payloads are payloads of signals with a secret each, in the places where pages and servers leave them.
func (c canaries) payloads() []string {
	var out []string
	for where, payload := range map[string]string{
		"a password field":           `{"password":%q}`,
		"a nested one":               `{"form":{"fields":[{"name":"user[password]","value":%q}]}}`,
		"an access token":            `{"accessToken":%q}`,
		"a header":                   `{"headers":{"Authorization":"Bearer %s"}}`,
		"a header in a list":         `{"headers":[["Authorization","Basic %s"]]}`,
		"a cookie":                   `{"cookie":"session=%s; theme=dark"}`,
		"a query":                    `{"url":"https://shop.example/reset?token=%s"}`,
		"a fragment":                 `{"url":"https://shop.example/#access_token=%s&x=1"}`,
		"an encoded query":           `{"url":"https://shop.example/?next=%%2Freset%%3Ftoken%%3D%s"}`,
		"credentials in a URL":       `{"referrer":"https://ann:%s@shop.example/"}`,
		"an error":                   `{"message":"request failed: api_key=%s was refused"}`,
		"escaped JSON":               `{"body":"{\"client_secret\":\"%s\"}"}`,
		"a command":                  `{"argv":["login","--password","%s"]}`,
		"a connection string":        `{"dsn":"postgres://app:%s@db.internal/shop"}`,
		"a one-time code":            `{"otp":%q}`,
		"a session id":               `{"session_token":%q}`,
		"a CSRF token":               `{"csrf_token":%q}`,
		"a key of another tongue":    `{"contraseña":%q}`,
		"a private key":              `{"note":"-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----"}`,
		"a field of a form":          `{"input":{"type":"password","value":%q}}`,
		"what hides in upper case":   `{"X-API-KEY":%q}`,
		"a webhook's signing secret": `{"webhookSecret":%q}`,
	} {
		out = append(out, fmt.Sprintf(payload, c.of(where)))
	}
	return out
}

// TestSecretsAreFoundNowhere puts secrets into every door there is, and looks for them in the log of everything that can be
// logged, in every table, in every queue, dead letters and refused signals with them, and in every file.
func TestSecretsAreFoundNowhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	customer := newReceiver(t)
	up, running := startUp(t, upOptions{dataDir: dir, addr: program.FreeAddr(t), receiver: customer, env: []string{"SPECTER_LOG_LEVEL=debug"}})
	c := canaries{}
	s, person := newcomer(t, c, up.URL)
	data := filepath.Join(dir, "specter")

	payloads := c.payloads()
	var signals, refused []string
	for _, payload := range payloads {
		signals = append(signals, fmt.Sprintf(`{"type":"page_view","payload":%s}`, payload))
		refused = append(refused, fmt.Sprintf(`{"type":"","payload":%s}`, payload))
	}
	status, answer := s.post(t, "/api/signals", s.IngestKey, "["+strings.Join(signals, ",")+"]")
	require.Equal(t, http.StatusOK, status, answer)
	status, answer = s.post(t, "/api/signals", s.IngestKey, "["+strings.Join(refused, ",")+"]")
	require.Equal(t, http.StatusBadRequest, status, answer)
	awaitStored(t, s, s.ProductID, len(signals))
	program.Await(t, time.Minute, "samples of what was refused", func() bool {
		return len(call[api.Rejections](t, s, http.MethodGet, "/api/v1/products/"+s.ProductID.String()+"/rejections", nil).Samples) > 0
	})
	knock(t, c, s)
	handOut(t, c, s, person, customer)
	require.GreaterOrEqual(t, len(c), 40)

	db := owner(t, data)
	inPostgres(t, db, c)
	inTheBroker(t, data, c)
	names := fileNames(t, db)
	running.Stop(t)
	require.Contains(t, running.WholeOutput(), `"level":"debug"`)
	requireNone(t, "the log", running.WholeOutput(), c)
	onTheDisk(t, dir, deserter{system: s, traces: c}, names)
}

// newcomer signs somebody up whose password, token, key and session are canaries.
func newcomer(t *testing.T, c canaries, base string) (*system, *parts.Person) {
	t.Helper()
	s, person := signUp(t, base), parts.NewPerson(t, base)
	c["an access token that was made"], c["an ingest key that was made"] = s.Token, s.IngestKey
	status, _ := person.Try(t, "/api/v1/auth/login", s.Email, c.of("a wrong password"))
	require.Equal(t, http.StatusUnauthorized, status)
	person.SignIn(t, s.Email, s.Password)
	next := c.of("a password")
	res, answer := person.Do(t, http.MethodPost, "/api/v1/account/password", strings.NewReader(fmt.Sprintf(`{"current_password":%q,"new_password":%q}`, s.Password, next)))
	require.Less(t, res.StatusCode, 300, "%s", answer)
	person.SignIn(t, s.Email, next)
	return s, person
}

// knock shows secrets that open nothing at doors that refuse them.
func knock(t *testing.T, c canaries, s *system) {
	t.Helper()
	for _, try := range []struct {
		method, path string
		header       http.Header
		body         string
	}{
		{"POST", "/api/signals", http.Header{"X-Api-Key": {"spk_" + c.of("an unknown ingest key")}}, `{"type":"x"}`},
		{"POST", "/api/ingest?key=spk_" + c.of("an ingest key in a URL"), nil, `{"type":"x"}`},
		{"GET", "/api/v1/account", http.Header{"Authorization": {"Bearer spt_" + c.of("an unknown token")}}, ""},
		{"GET", "/api/v1/account", http.Header{"Authorization": {"Basic " + c.of("another scheme")}}, ""},
		{"GET", "/api/v1/account", http.Header{"Cookie": {"specter_session=" + c.of("a session of nobody's")}}, ""},
		{"GET", "/api/v1/account?access_token=" + c.of("a token in a query"), nil, ""},
		{"POST", "/api/v1/auth/logout", http.Header{"X-Csrf-Token": {c.of("a CSRF token of nobody's")}}, ""},
		{"POST", "/api/v1/auth/confirm", nil, fmt.Sprintf(`{"token_hash":%q,"type":"recovery"}`, c.of("a link's token"))},
		{"GET", "/auth/callback?code=" + c.of("a provider's code") + "&state=" + c.of("a provider's state"), nil, ""},
		{"POST", "/api/v1/auth/login", nil, fmt.Sprintf(`{"email":"nobody@example.com","password":%q}`, c.of("a password of nobody's"))},
		{"POST", "/api/v1/auth/login", nil, fmt.Sprintf(`{"email":"nobody@example.com","password":%q`, c.of("a password in broken JSON"))},
		{"POST", "/api/hooks/deploy/" + c.of("an unknown hook"), nil, `{"commit":"abc1234"}`},
		{"POST", "/api/hooks/github/" + s.ProductID.String(), http.Header{"X-Hub-Signature-256": {"sha256=" + c.of("a signature of nobody's")}, "X-Github-Event": {"push"}}, `{}`},
		{"POST", "/api/hooks/stripe", http.Header{"Stripe-Signature": {"t=1,v1=" + c.of("a signature of Stripe's")}}, `{"id":"evt_1"}`},
		{"GET", "/proof/" + c.of("a proof's link"), nil, ""},
		{"POST", "/auth/v1/token?grant_type=refresh_token", nil, fmt.Sprintf(`{"refresh_token":%q}`, c.of("a refresh token"))},
	} {
		if try.header == nil {
			try.header = http.Header{}
		}
		try.header.Set("Content-Type", "application/json")
		res, _ := send(t, http.DefaultClient, try.method, s.URL+try.path, try.header, strings.NewReader(try.body))
		require.NotEqual(t, http.StatusInternalServerError, res.StatusCode, "%s %s", try.method, try.path)
	}
}

// handOut has the server make secrets of its own.
func handOut(t *testing.T, c canaries, s *system, person *parts.Person, customer *receiver) {
	t.Helper()
	product := "/api/v1/products/" + s.ProductID.String()
	hook := call[api.DeployHookToken](t, person, http.MethodPost, product+"/deploy-hook/token", map[string]any{})
	c["a deploy hook's token"] = path.Base(hook.Url)
	status, answer := s.post(t, hookPath(t, hook.Url), "", `{"commit":"abc1234","environment":"production"}`)
	require.Equal(t, http.StatusOK, status, answer)
	c["GitHub's secret"] = call[api.GitHubSecret](t, person, http.MethodPost, product+"/deploy-hook/github-secret", map[string]any{}).Secret
	made := call[api.CreatedEndpoint](t, person, http.MethodPost, "/api/v1/webhook-endpoints", map[string]string{"url": customer.server.URL + "/hook"})
	c["a webhook's secret"] = made.Secret
	call[api.Delivery](t, person, http.MethodPost, "/api/v1/webhook-endpoints/"+made.Endpoint.Id.String()+"/test", map[string]any{})
	// An answer that is kept for whoever asks again has the key in it.
	header := http.Header{"Authorization": {"Bearer " + s.Token}, "Content-Type": {"application/json"}, "Idempotency-Key": {uuid.NewString()}}
	res, text := send(t, http.DefaultClient, http.MethodPost, s.URL+product+"/keys", header, strings.NewReader(`{"name":"another"}`))
	require.Less(t, res.StatusCode, 300, "%s", text)
	var key api.ApiKey
	require.NoError(t, json.Unmarshal(text, &key))
	c["a key in an answer that is kept"] = key.Key
	for _, cookie := range person.Cookies(t) {
		c["the cookie "+cookie.Name] = cookie.Value
	}
}
