package supabase_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/dashboard/internal/supabase"
)

const sharedSecret = "a secret that the auth server and we share"

// complaints counts what the operator is told.
type complaints struct {
	n   int
	err error
	fix string
}

func (c *complaints) heard(o *supabase.Options) {
	o.Distrusted = func(err error, fix string) { c.n, c.err, c.fix = c.n+1, err, fix }
}

// TestAnAddressIsEnough: where its keys are, the auth server's address says; a server that signs with a secret shows
// none, and then the operator is told what to set, once and not for every sign-in.
func TestAnAddressIsEnough(t *testing.T) {
	t.Parallel()
	s := newKeyServer(t)
	var told complaints
	c := s.client(t, time.Hour, func(o *supabase.Options) { o.Issuer, o.URL = "", s.URL+"/" }, told.heard)
	bySecret := signed(t, jwt.SigningMethodHS256, []byte(sharedSecret), nil, s.claims())
	for range 5 {
		require.False(t, s.believed(t, c, bySecret))
	}
	require.Equal(t, 1, told.n)
	require.Contains(t, told.fix, "set SPECTER_SUPABASE_JWT_SECRET")
	require.NotContains(t, told.err.Error(), bySecret)

	key := ecKey(t)
	s.set(func() { s.keys["k"] = key })
	require.True(t, s.believed(t, c, signed(t, jwt.SigningMethodES256, key, map[string]any{"kid": "k"}, s.claims())))
	keys, err := c.Probe(t.Context())
	require.ErrorContains(t, err, "404", "it has no settings")
	require.Zero(t, keys)
}

// TestAnAddressAndASecret is a project that moves from its secret to signing keys while people are signed in: tokens of
// both are believed, each by its own key alone.
func TestAnAddressAndASecret(t *testing.T) {
	t.Parallel()
	s := newKeyServer(t)
	key, own := ecKey(t), ecKey(t)
	s.set(func() { s.keys["k"] = key })
	var told complaints
	c := s.client(t, time.Hour, func(o *supabase.Options) { o.JWTSecret = sharedSecret }, told.heard)
	kid := map[string]any{"kid": "k"}
	bySecret := signed(t, jwt.SigningMethodHS256, []byte(sharedSecret), nil, s.claims())
	require.True(t, s.believed(t, c, bySecret))
	require.True(t, s.believed(t, c, signed(t, jwt.SigningMethodHS256, []byte(sharedSecret), map[string]any{"kid": "legacy"}, s.claims())))
	s.set(func() { require.Zero(t, s.reads, "the keys are not asked for before a token needs them") })
	require.True(t, s.believed(t, c, signed(t, jwt.SigningMethodES256, key, kid, s.claims())))
	require.True(t, s.believed(t, c, bySecret), "a session from before goes on")
	require.Zero(t, told.n)

	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	point, err := key.PublicKey.Bytes()
	require.NoError(t, err)
	for name, token := range map[string]string{
		"the public key as a secret (PEM)":   signed(t, jwt.SigningMethodHS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), kid, s.claims()),
		"the public key as a secret (DER)":   signed(t, jwt.SigningMethodHS256, der, kid, s.claims()),
		"the public key as a secret (point)": signed(t, jwt.SigningMethodHS256, point, kid, s.claims()),
		"an empty secret":                    signed(t, jwt.SigningMethodHS256, []byte{}, kid, s.claims()),
		"another secret":                     signed(t, jwt.SigningMethodHS256, []byte("another secret, of some length too"), nil, s.claims()),
		"the secret, by a longer sum":        signed(t, jwt.SigningMethodHS512, []byte(sharedSecret), nil, s.claims()),
		"somebody's own key":                 signed(t, jwt.SigningMethodES256, own, kid, s.claims()),
		"somebody's own key, no kid":         signed(t, jwt.SigningMethodES256, own, nil, s.claims()),
		"none":                               signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, s.claims()),
	} {
		require.False(t, s.believed(t, c, token), name)
	}
	require.Equal(t, 1, told.n)
}

// TestKeysThatSomebodyCouldPutInAreNoneBesideASecret: over a network in clear text the secret alone is believed, until
// the keys' address is set.
func TestKeysThatSomebodyCouldPutInAreNoneBesideASecret(t *testing.T) {
	t.Parallel()
	s := newKeyServer(t)
	key := ecKey(t)
	s.set(func() { s.keys["k"] = key })
	byKey := signed(t, jwt.SigningMethodES256, key, map[string]any{"kid": "k"}, s.claims())
	bySecret := signed(t, jwt.SigningMethodHS256, []byte(sharedSecret), nil, s.claims())
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	// This machine, but not by an address that says so.
	elsewhere := func(o *supabase.Options) { o.URL, o.JWTSecret = "http://0.0.0.0"+port, sharedSecret }

	var told complaints
	c := s.client(t, time.Hour, elsewhere, told.heard)
	require.True(t, s.believed(t, c, bySecret))
	require.False(t, s.believed(t, c, byKey))
	require.Contains(t, told.fix, "set SPECTER_SUPABASE_JWKS_URL")
	s.set(func() { require.Zero(t, s.reads) })

	c = s.client(t, time.Hour, elsewhere, func(o *supabase.Options) { o.JWKSURL = s.URL + "/.well-known/jwks.json" })
	require.True(t, s.believed(t, c, bySecret))
	require.True(t, s.believed(t, c, byKey))
}

// TestWithoutASecretNoSecretIsGood: not even the empty one.
func TestWithoutASecretNoSecretIsGood(t *testing.T) {
	t.Parallel()
	s := newKeyServer(t)
	c := s.client(t, time.Hour)
	require.False(t, s.believed(t, c, signed(t, jwt.SigningMethodHS256, []byte{}, nil, s.claims())))
}

// TestAnIssuerIsDemandedOrKnown: a server without GOTRUE_JWT_ISSUER names none, which is refused only where one is
// demanded; another's is always refused.
func TestAnIssuerIsDemandedOrKnown(t *testing.T) {
	t.Parallel()
	s := newKeyServer(t)
	named := func(issuer any) string {
		claims := s.claims()
		if claims["iss"] = issuer; issuer == nil {
			delete(claims, "iss")
		}
		return signed(t, jwt.SigningMethodHS256, []byte(sharedSecret), nil, claims)
	}
	var told complaints
	known := s.client(t, time.Hour, func(o *supabase.Options) { o.Issuer, o.JWTSecret = "", sharedSecret }, told.heard)
	require.True(t, s.believed(t, known, named(s.URL)))
	require.True(t, s.believed(t, known, named(nil)))
	require.Zero(t, told.n)
	require.False(t, s.believed(t, known, named("https://other.supabase.co/auth/v1")))
	require.ErrorContains(t, told.err, "https://other.supabase.co/auth/v1")
	require.Contains(t, told.fix, "SPECTER_SUPABASE_JWT_ISSUER")

	demanded := s.client(t, time.Hour, func(o *supabase.Options) { o.Issuer, o.JWTSecret = "https://public.test/auth/v1", sharedSecret })
	require.True(t, s.believed(t, demanded, named("https://public.test/auth/v1")))
	require.False(t, s.believed(t, demanded, named(nil)))
	require.False(t, s.believed(t, demanded, named(s.URL)))
}

// TestAServerThatIsNotSetUpForPeopleIsNamed: one's own names no audience and no role until it is told.
func TestAServerThatIsNotSetUpForPeopleIsNamed(t *testing.T) {
	t.Parallel()
	s := newKeyServer(t)
	for claim, fix := range map[string]string{"aud": "GOTRUE_JWT_AUD", "role": "GOTRUE_JWT_DEFAULT_GROUP_NAME"} {
		var told complaints
		c := s.client(t, time.Hour, func(o *supabase.Options) { o.JWTSecret = sharedSecret }, told.heard)
		claims := s.claims()
		claims[claim] = ""
		require.False(t, s.believed(t, c, signed(t, jwt.SigningMethodHS256, []byte(sharedSecret), nil, claims)))
		require.Contains(t, told.fix, fix)
	}
}

// TestKeysAsSupabaseShowsThem: with a use, operations and an algorithm each.
func TestKeysAsSupabaseShowsThem(t *testing.T) {
	t.Parallel()
	const private = `{"kty":"EC","crv":"P-256","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/settings":
			_, _ = w.Write([]byte(`{"external":{"email":true}}`))
		case "/.well-known/jwks.json":
			_, _ = w.Write([]byte(`{"keys":[{"alg":"ES256","crv":"P-256","ext":true,"key_ops":["verify"],"kid":"b2bde3f2-4a9b-4b3e-9a0e-6e9e3c0f5b11","kty":"EC","use":"sig","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`))
		default:
			_, _ = w.Write([]byte(`{"access_token":"` + r.Header.Get("Apikey") + `","refresh_token":"r"}`))
		}
	}))
	t.Cleanup(server.Close)
	claims := (&keyServer{Server: server}).claims()
	key, err := jwkset.NewJWKFromRawJSON([]byte(private), jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{}) // of RFC 7515, A.3
	require.NoError(t, err)
	token := signed(t, jwt.SigningMethodES256, key.Key(), map[string]any{"kid": "b2bde3f2-4a9b-4b3e-9a0e-6e9e3c0f5b11"}, claims)
	c := supabase.New(t.Context(), supabase.Options{URL: server.URL, AnonKey: token, Now: time.Now}) // it answers with what it was sent
	t.Cleanup(c.Close)
	who, err := c.SignIn(t.Context(), "a@example.test", "password")
	require.NoError(t, err)
	require.Equal(t, claims["sub"], who.UserID.String())
	keys, err := c.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, keys)
}
