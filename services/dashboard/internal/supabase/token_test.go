package supabase_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit"

	"github.com/draftlabs/specter/services/dashboard/internal/supabase"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

// server is an auth server that signs with ES256 and publishes its keys.
type server struct {
	*httptest.Server
	key  *ecdsa.PrivateKey
	sign func(jwt.MapClaims) (string, error)
}

func newServer(t *testing.T) *server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s := &server{key: key}
	s.sign = func(c jwt.MapClaims) (string, error) {
		token := jwt.NewWithClaims(jwt.SigningMethodES256, c)
		token.Header["kid"] = "k1"
		return token.SignedString(key)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		public, err := key.PublicKey.Bytes()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, `{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","alg":"ES256","use":"sig","x":%q,"y":%q}]}`,
			base64.RawURLEncoding.EncodeToString(public[1:33]), base64.RawURLEncoding.EncodeToString(public[33:]))
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		text, err := s.sign(jwt.MapClaims{
			"iss": s.URL, "aud": "authenticated", "sub": uuid.NewString(), "email": "a@example.test", "role": "authenticated", "exp": time.Now().Add(time.Hour).Unix(),
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": text, "refresh_token": "r", "token_type": "bearer", "expires_in": 3600})
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *server) client(t *testing.T, change func(*supabase.Options)) *supabase.Client {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	o := supabase.Options{URL: s.URL, JWKSURL: s.URL + "/.well-known/jwks.json", Now: time.Now}
	if change != nil {
		change(&o)
	}
	c, err := supabase.New(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() {
		stop()
		c.Close()
	})
	return c
}

func TestPublishedKeysAreBelieved(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	who, err := s.client(t, nil).SignIn(t.Context(), "a@example.test", "password")
	require.NoError(t, err)
	require.Equal(t, "a@example.test", who.Email)
	require.WithinDuration(t, time.Now().Add(time.Hour), who.AccessExpiresAt, time.Minute)
}

func TestTheAlgorithmIsPinnedByConfiguration(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	public, err := s.key.PublicKey.Bytes()
	require.NoError(t, err)
	for name, sign := range map[string]func(jwt.MapClaims) (string, error){
		"the public key as a secret": func(c jwt.MapClaims) (string, error) {
			token := jwt.NewWithClaims(jwt.SigningMethodHS256, c)
			token.Header["kid"] = "k1"
			return token.SignedString(public)
		},
		"no signature": func(c jwt.MapClaims) (string, error) {
			return jwt.NewWithClaims(jwt.SigningMethodNone, c).SignedString(jwt.UnsafeAllowNoneSignatureType)
		},
		"a key of one's own": func(c jwt.MapClaims) (string, error) {
			own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				return "", err
			}
			token := jwt.NewWithClaims(jwt.SigningMethodES256, c)
			token.Header["kid"] = "k1"
			return token.SignedString(own)
		},
	} {
		s.sign = sign
		_, err := s.client(t, nil).SignIn(t.Context(), "a@example.test", "password")
		require.True(t, fault.Is(err, fault.Unavailable), "%s: %v", name, err)
	}
}

func TestWithoutAKeyNothingStarts(t *testing.T) {
	t.Parallel()
	_, err := supabase.New(t.Context(), supabase.Options{URL: "http://127.0.0.1:9", Now: time.Now})
	require.ErrorContains(t, err, "could not be checked")
}

func TestACancelledRequestEndsTheCall(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() {
		close(release)
		hangs.Close()
	})
	c, err := supabase.New(t.Context(), supabase.Options{URL: hangs.URL, JWTSecret: "x", Now: time.Now})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = c.SignIn(ctx, "a@example.test", "password")
	require.Error(t, err)
	require.Less(t, time.Since(start), 4*time.Second)
}
