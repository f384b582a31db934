package supabase_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/supabase"
)

func deleting(t *testing.T, status int, answer string, change func(*supabase.Options)) (*supabase.Client, *http.Request) {
	t.Helper()
	seen := &http.Request{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*seen = *r.Clone(r.Context())
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	o := supabase.Options{URL: server.URL, JWTSecret: "a secret that only tests know, long enough", Now: time.Now}
	if change != nil {
		change(&o)
	}
	client := supabase.New(t.Context(), o)
	t.Cleanup(client.Close)
	return client, seen
}

func TestOnlyAnUnknownPersonIsAsGoodAsADeletedOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		answer string
		gone   bool
	}{
		"deleted":              {200, `{}`, true},
		"unknown":              {404, `{"code":404,"error_code":"user_not_found","msg":"User not found"}`, true},
		"unknown, by API date": {404, `{"code":"user_not_found","message":"User not found"}`, true},
		"unknown, before 2024": {404, `{"code":404,"msg":"User not found"}`, true},
		"a wrong URL":          {404, `404 page not found`, false},
		"a gateway's route":    {404, `{"message":"no Route matched with those values"}`, false},
		"a wrong key":          {403, `{"code":403,"error_code":"not_admin","msg":"User not allowed"}`, false},
		"no key":               {401, `{"code":401,"error_code":"no_authorization","msg":"This endpoint requires a Bearer token"}`, false},
		"a bad request":        {400, `{"code":400,"error_code":"validation_failed"}`, false},
		"too fast":             {429, `{"code":429,"error_code":"over_request_rate_limit"}`, false},
		"broken":               {500, `oops`, false},
	} {
		client, _ := deleting(t, c.status, c.answer, nil)
		err := client.Delete(t.Context(), uuid.New())
		if c.gone {
			require.NoError(t, err, name)
			continue
		}
		require.True(t, fault.Is(err, fault.Unavailable), "%s: %v", name, err)
		require.False(t, fault.IsPermanent(err), name)
	}
}

func TestAMadeServiceKeyIsGoodForAMomentOnly(t *testing.T) {
	t.Parallel()
	client, seen := deleting(t, http.StatusOK, `{}`, func(o *supabase.Options) { o.Issuer = "https://auth.example"; o.AnonKey = "anon" })
	require.NoError(t, client.Delete(t.Context(), uuid.New()))
	require.Equal(t, "anon", seen.Header.Get("Apikey"))
	var c jwt.MapClaims
	_, err := jwt.ParseWithClaims(seen.Header.Get("Authorization")[len("Bearer "):], &c,
		func(*jwt.Token) (any, error) { return []byte("a secret that only tests know, long enough"), nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer("https://auth.example"), jwt.WithExpirationRequired())
	require.NoError(t, err)
	require.Equal(t, "service_role", c["role"])
	expires, err := c.GetExpirationTime()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Minute), expires.Time, 10*time.Second)
}

func TestAnUnreachableAuthServerIsNotNamedWithThePerson(t *testing.T) {
	t.Parallel()
	client, _ := deleting(t, http.StatusOK, ``, func(o *supabase.Options) { o.URL = "http://127.0.0.1:1" })
	person := uuid.New()
	err := client.Delete(t.Context(), person)
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.NotContains(t, err.Error(), person.String())
}
