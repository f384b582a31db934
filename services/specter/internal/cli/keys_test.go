package cli_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/config"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	"github.com/draftlabs/specter/services/specter/internal/cli"
)

// keyring is as much of the dashboard as keys and tokens need.
type keyring struct {
	product    api.Product
	key, ended api.ApiKey
	token      api.AccessToken
	secret     string

	mu   sync.Mutex
	last string // method, path and body of the newest change
}

func newKeyring(t *testing.T) (*keyring, config.Source) {
	t.Helper()
	end := now.Add(24 * time.Hour)
	text := apikey.New(apikey.Ingest)
	f := &keyring{
		product: api.Product{Id: uuid.New(), Name: "Shop"},
		key: api.ApiKey{
			Id: uuid.New(), Name: "Storefront", Key: text, Hint: apikey.Display(text), AllowedOrigins: []string{"https://shop.example"}, AllowWithoutOrigin: true,
			Status: api.CredentialActive, LastUsedAt: &now,
		},
		ended:  api.ApiKey{Id: uuid.New(), Name: "Storefront", Hint: "spk_OLDO", Status: api.CredentialRevoked, RevokedAt: &now},
		token:  api.AccessToken{Id: uuid.New(), Name: "CI", Hint: "spt_abcd", Scopes: []api.Scope{api.ProductsRead}, Status: api.CredentialActive, ExpiresAt: &end},
		secret: apikey.New(apikey.Access),
	}
	retiring := f.key
	retiring.Status, retiring.ExpiresAt = api.CredentialRetiring, &end
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	changing := func(status int, v any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			f.mu.Lock()
			f.last = strings.TrimSpace(r.Method + " " + r.URL.Path + " " + strings.TrimSpace(string(body)))
			f.mu.Unlock()
			if v == nil {
				w.WriteHeader(status)
				return
			}
			answer(w, status, v)
		}
	}
	keys := "/api/v1/products/" + f.product.Id.String() + "/keys"
	mux.HandleFunc("GET /api/v1/products", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, api.ProductPage{Items: []api.Product{f.product}})
	})
	mux.HandleFunc("GET "+keys, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, api.ApiKeyPage{Items: []api.ApiKey{f.key, f.ended}})
	})
	mux.HandleFunc("POST "+keys, changing(201, f.key))
	mux.HandleFunc("PATCH "+keys+"/{id}", changing(200, f.key))
	mux.HandleFunc("POST "+keys+"/{id}/roll", changing(201, api.RolledApiKey{Key: f.key, Previous: retiring}))
	mux.HandleFunc("DELETE "+keys+"/{id}", changing(204, nil))
	mux.HandleFunc("GET /api/v1/tokens", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, api.AccessTokenPage{Items: []api.AccessToken{f.token}})
	})
	revoked := f.token
	revoked.Status = api.CredentialRevoked
	mux.HandleFunc("POST /api/v1/tokens", changing(201, api.CreatedAccessToken{AccessToken: f.token, Token: f.secret}))
	mux.HandleFunc("POST /api/v1/tokens/{id}/roll", changing(201, api.RolledAccessToken{AccessToken: f.token, Token: f.secret, Previous: revoked}))
	mux.HandleFunc("DELETE /api/v1/tokens/{id}", changing(204, nil))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return f, config.Source{"SPECTER_URL": s.URL, "SPECTER_TOKEN": "spt_x"}
}

func (f *keyring) asked() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

func TestKeysAndTokensAreManaged(t *testing.T) {
	t.Parallel()
	f, src := newKeyring(t)
	keys, id, token := "/api/v1/products/"+f.product.Id.String()+"/keys", f.key.Id.String(), f.token.Id.String()
	for _, c := range []struct {
		args  []string
		asked string
		out   string
	}{
		{[]string{"keys", "list"}, "", f.key.Key},
		{[]string{"keys", "list"}, "", "https://shop.example,none"},
		{[]string{"keys", "list", "--all", "--product", "Shop"}, "", "spk_OLDO…"},
		{
			[]string{"keys", "create", "Backend", "--origin", "https://a.example", "--origin", "https://*.b.example", "--expires", "90d"},
			"POST " + keys + ` {"allow_without_origin":false,"allowed_origins":["https://a.example","https://*.b.example"],"expires_at":"2026-08-30T12:00:00Z","name":"Backend"}`, f.key.Key,
		},
		{[]string{"keys", "create", "Backend"}, "POST " + keys + ` {"allow_without_origin":false,"allowed_origins":null,"name":"Backend"}`, f.key.Key},
		{[]string{"keys", "rename", "Storefront", "Website"}, "PATCH " + keys + "/" + id + ` {"name":"Website"}`, "renamed"},
		{[]string{"keys", "edit", f.key.Key, "--allow-without-origin"}, "PATCH " + keys + "/" + id + ` {"allow_without_origin":true}`, "changed"},
		{[]string{"keys", "edit", id[:13], "--expires", "never"}, "PATCH " + keys + "/" + id + ` {"never_expires":true}`, "changed"},
		{[]string{"keys", "edit", id, "--origin", "https://a.example", "--expires", "12h"}, "PATCH " + keys + "/" + id + ` {"allowed_origins":["https://a.example"],"expires_at":"2026-06-02T00:00:00Z","never_expires":false}`, "changed"},
		{[]string{"keys", "edit", id, "--origin", ""}, "PATCH " + keys + "/" + id + ` {"allowed_origins":[]}`, "changed"},
		{[]string{"keys", "roll", "Storefront"}, "POST " + keys + "/" + id + `/roll {"grace":"24h"}`, "works until 2026-06-02 12:00 UTC"},
		{[]string{"keys", "roll", "Storefront", "--grace", "7d", "--expires", "2027-01-01T00:00:00Z"}, "POST " + keys + "/" + id + `/roll {"expires_at":"2027-01-01T00:00:00Z","grace":"7d"}`, "rolled"},
		{[]string{"keys", "revoke", "Storefront"}, "DELETE " + keys + "/" + id, "last used 2026-06-01 12:00 UTC"},
		{[]string{"tokens", "list"}, "", "spt_abcd…"},
		{[]string{"tokens", "create", "CI", "--scopes", "products:read,signals:read"}, `POST /api/v1/tokens {"expires_at":"2026-08-30T12:00:00Z","name":"CI","scopes":["products:read","signals:read"]}`, f.secret},
		{[]string{"tokens", "create", "CI", "--scopes", "products:read", "--expires", "never"}, `POST /api/v1/tokens {"name":"CI","scopes":["products:read"]}`, "not shown again"},
		{[]string{"tokens", "roll", "CI", "--grace", "now"}, "POST /api/v1/tokens/" + token + `/roll {"grace":"now"}`, "ended just now"},
		{[]string{"tokens", "revoke", token[:13]}, "DELETE /api/v1/tokens/" + token, "last used never"},
	} {
		code, out, errOut := run(t, src, c.args...)
		require.Zero(t, code, "%v: %s", c.args, errOut)
		require.Contains(t, out, c.out, "%v", c.args)
		if c.asked != "" {
			require.Equal(t, c.asked, f.asked())
		}
		code, out, errOut = run(t, src, append([]string{"-o", "json"}, c.args...)...)
		require.Zero(t, code, "%v: %s", c.args, errOut)
		require.True(t, out == "" || json.Valid([]byte(out)), "%v: %s", c.args, out)
	}
}

func TestWrongKeyCommandsSayWhatIsRight(t *testing.T) {
	t.Parallel()
	f, src := newKeyring(t)
	for _, args := range [][]string{
		{"keys", "create"}, {"keys", "create", "x", "--expires", "soon"}, {"keys", "create", "x", "--expires", "2020-01-01T00:00:00Z"}, {"keys", "create", "x", "--expires", "-1h"},
		{"keys", "create", "x", "--expires", "99999d"}, {"keys", "rename", "Storefront"}, {"keys", "edit", "Storefront"}, {"keys", "edit", "Storefront", "--expires", "0d"},
		{"keys", "roll", "Storefront", "--grace", "2h"}, {"keys", "roll", "Storefront", "--expires", "never"}, {"keys", "revoke", ""}, {"keys", "revoke", f.secret}, {"keys", "list", "--product", "nobody"},
		{"tokens", "create", "x"}, {"tokens", "create", "x", "--scopes", "everything"}, {"tokens", "roll", "nobody"}, {"tokens", "revoke"},
	} {
		code, _, errOut := run(t, src, args...)
		require.Equal(t, 2, code, "%v: %s", args, errOut)
		require.Contains(t, errOut, "hint:", "%v", args)
		require.NotContains(t, errOut, f.secret, "what a person typed may be a secret")
	}
}

// Once a key was rolled two have its name: the one in its place is meant, except by who ends one of them.
func TestANameMeansTheOneInPlace(t *testing.T) {
	t.Parallel()
	f, src := newKeyring(t)
	f.ended.Status, f.ended.Name = api.CredentialRetiring, f.key.Name
	code, _, errOut := run(t, src, "keys", "rename", f.key.Name, "Website")
	require.Zero(t, code, errOut)
	require.Contains(t, f.asked(), f.key.Id.String())
	code, _, errOut = run(t, src, "keys", "revoke", f.key.Name)
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "2 keys are called that")
	code, _, errOut = run(t, src, "keys", "revoke", f.ended.Id.String())
	require.Zero(t, code, errOut)
	require.Contains(t, f.asked(), f.ended.Id.String())
}

// check runs `keys check` on its standard input.
func check(t *testing.T, in string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = cli.Main(t.Context(), cli.Env{
		Args: append([]string{"keys", "check"}, args...), In: strings.NewReader(in), Out: &stdout, Err: &stderr,
		Settings: func() (config.Source, error) { return nil, nil }, Now: func() time.Time { return now },
	})
	return code, stdout.String(), stderr.String()
}

func TestKeysAreFoundInTextsWithoutAServer(t *testing.T) {
	t.Parallel()
	code, out, _ := check(t, "nothing\nhere\n")
	require.Zero(t, code)
	require.Contains(t, out, "no keys")

	key, token := apikey.New(apikey.Ingest), apikey.New(apikey.Access)
	wrong := key[:39] + map[bool]string{true: "1", false: "0"}[key[39] == '0']
	code, out, errOut := check(t, "a\nb "+wrong+"\n")
	require.Zero(t, code, "one that Specter never made is no leak")
	require.Contains(t, out, "wrong")
	require.Empty(t, errOut)

	code, out, errOut = check(t, "a\n{\"token\":\""+token+"\"}\n\n"+key+key+wrong)
	require.Equal(t, 5, code)
	require.Contains(t, errOut, "roll it")
	require.Contains(t, out, "2     access token  "+token[:8])
	require.Equal(t, 3, strings.Count(out, "ingest key"))
	require.NotContains(t, out+errOut, token[4:20])
	require.NotContains(t, out+errOut, key[9:20])

	code, out, _ = check(t, "not read", "-o", "json", key, "x")
	require.Equal(t, 5, code)
	require.JSONEq(t, `[{"line":1,"kind":"ingest key","begins":"`+key[:8]+`","genuine":true}]`, out)
}

// A key is found, once and at its line, wherever the pieces end in which a long text is read.
func TestKeysAreFoundInLongTexts(t *testing.T) {
	t.Parallel()
	const piece = 1 << 20
	key := apikey.New(apikey.Hook)
	for offset := piece - 80; offset <= piece+80; offset++ {
		line := strings.Repeat("a", 62) + "\n"
		text := strings.Repeat(line, piece/len(line)+4)
		text = text[:offset] + key + text[offset:]
		code, out, _ := check(t, text, "-o", "json")
		require.Equal(t, 5, code, offset)
		var found []struct{ Line int }
		require.NoError(t, json.Unmarshal([]byte(out), &found))
		require.Len(t, found, 1, "at %d", offset)
		require.Equal(t, strings.Count(text[:offset], "\n")+1, found[0].Line)
	}
}
