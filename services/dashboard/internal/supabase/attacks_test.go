package supabase_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit"

	"github.com/draftlabs/specter/services/dashboard/internal/supabase"
)

// keyServer publishes keys at a real address, and answers every sign-in with the token that it was told to.
type keyServer struct {
	*httptest.Server
	mu    sync.Mutex
	keys  map[string]crypto.Signer
	down  bool
	reads int
	token string
}

func newKeyServer(t *testing.T) *keyServer {
	t.Helper()
	s := &keyServer{keys: map[string]crypto.Signer{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/jwks.json", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reads++
		if s.down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		set := jwkset.NewMemoryStorage()
		for id, key := range s.keys {
			one, err := jwkset.NewJWKFromKey(key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: id, USE: jwkset.UseSig}})
			if err == nil {
				err = set.KeyWrite(r.Context(), one)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		text, err := set.JSONPublic(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(text)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": s.token, "refresh_token": "r", "token_type": "bearer"})
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *keyServer) client(t *testing.T, refresh time.Duration, change ...func(*supabase.Options)) *supabase.Client {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	o := supabase.Options{URL: s.URL, Issuer: s.URL, KeysRefresh: refresh, Now: time.Now}
	for _, c := range change {
		c(&o)
	}
	c := supabase.New(ctx, o)
	t.Cleanup(func() {
		stop()
		c.Close()
	})
	return c
}

// believed tells whether the client takes the token.
func (s *keyServer) believed(t *testing.T, c *supabase.Client, token string) bool {
	t.Helper()
	s.set(func() { s.token = token })
	_, err := c.SignIn(t.Context(), "a@example.test", "password")
	if err != nil {
		require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	}
	return err == nil
}

// claims are those of a person's good token.
func (s *keyServer) claims() jwt.MapClaims {
	now := time.Now()
	return jwt.MapClaims{
		"iss": s.URL, "aud": "authenticated", "sub": uuid.NewString(), "email": "a@example.test", "role": "authenticated",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "session_id": uuid.NewString(), "is_anonymous": false,
	}
}

func signed(t *testing.T, method jwt.SigningMethod, key any, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	maps.Copy(token.Header, header)
	text, err := token.SignedString(key)
	require.NoError(t, err)
	return text
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// TestForgedTokensAreRefused is the table of RFC 8725: each is the good token with one thing changed.
func TestForgedTokensAreRefused(t *testing.T) {
	t.Parallel()
	s := newKeyServer(t)
	ec, own := ecKey(t), ecKey(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	s.set(func() { s.keys["ec"], s.keys["rsa"], s.keys["p384"] = ec, rsaKey, p384 })
	c := s.client(t, time.Hour)

	kid := map[string]any{"kid": "ec"}
	with := func(change func(jwt.MapClaims)) string {
		claims := s.claims()
		change(claims)
		return signed(t, jwt.SigningMethodES256, ec, kid, claims)
	}
	good := func(jwt.MapClaims) {}
	require.True(t, s.believed(t, c, with(good)))
	require.True(t, s.believed(t, c, signed(t, jwt.SigningMethodRS256, rsaKey, map[string]any{"kid": "rsa"}, s.claims())))
	require.True(t, s.believed(t, c, with(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-20 * time.Second).Unix() })), "within the leeway")
	require.True(t, s.believed(t, c, with(func(c jwt.MapClaims) { c["aud"] = []string{"authenticated", "other"} })))

	publicPEM := func(key any) []byte {
		der, err := x509.MarshalPKIXPublicKey(key)
		require.NoError(t, err)
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}
	point, err := ec.PublicKey.Bytes()
	require.NoError(t, err)
	for name, token := range map[string]string{
		"alg confusion: HS256 with the EC key's PEM":   signed(t, jwt.SigningMethodHS256, publicPEM(&ec.PublicKey), kid, s.claims()),
		"alg confusion: HS256 with the EC key's point": signed(t, jwt.SigningMethodHS256, point, kid, s.claims()),
		"alg confusion: HS256 with the RSA key's PEM":  signed(t, jwt.SigningMethodHS256, publicPEM(&rsaKey.PublicKey), map[string]any{"kid": "rsa"}, s.claims()),
		"alg confusion: RSA key, EC kid":               signed(t, jwt.SigningMethodRS256, rsaKey, kid, s.claims()),
		"an algorithm that is not pinned: PS256":       signed(t, jwt.SigningMethodPS256, rsaKey, map[string]any{"kid": "rsa"}, s.claims()),
		"an algorithm that is not pinned: ES384":       signed(t, jwt.SigningMethodES384, p384, map[string]any{"kid": "p384"}, s.claims()),
		"none":                                         signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, s.claims()),
		"no signature":                                 with(good)[:100],
		"somebody's own key":                           signed(t, jwt.SigningMethodES256, own, kid, s.claims()),
		"somebody's own key, unknown kid":              signed(t, jwt.SigningMethodES256, own, map[string]any{"kid": "own"}, s.claims()),
		"somebody's own key, no kid":                   signed(t, jwt.SigningMethodES256, own, nil, s.claims()),
		"a key in the token":                           signed(t, jwt.SigningMethodES256, own, map[string]any{"kid": "own", "jwk": map[string]any{"kty": "EC"}}, s.claims()),
		"a key at another address":                     signed(t, jwt.SigningMethodES256, own, map[string]any{"kid": "own", "jku": "https://evil.example/jwks"}, s.claims()),
		"a path as kid":                                signed(t, jwt.SigningMethodES256, own, map[string]any{"kid": "../../dev/null"}, s.claims()),
		"no string as kid":                             signed(t, jwt.SigningMethodES256, ec, map[string]any{"kid": 1}, s.claims()),
		"another typ":                                  signed(t, jwt.SigningMethodES256, ec, map[string]any{"kid": "ec", "typ": "logout+jwt"}, s.claims()),
		"critical extensions":                          signed(t, jwt.SigningMethodES256, ec, map[string]any{"kid": "ec", "crit": []string{"exp"}}, s.claims()),
		"expired":                                      with(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-31 * time.Second).Unix() }),
		"no expiry":                                    with(func(c jwt.MapClaims) { delete(c, "exp") }),
		"not yet":                                      with(func(c jwt.MapClaims) { c["nbf"] = time.Now().Add(time.Minute).Unix() }),
		"issued in the future":                         with(func(c jwt.MapClaims) { c["iat"] = time.Now().Add(time.Minute).Unix() }),
		"a foreign issuer":                             with(func(c jwt.MapClaims) { c["iss"] = "https://other.supabase.co/auth/v1" }),
		"no issuer":                                    with(func(c jwt.MapClaims) { delete(c, "iss") }),
		"a foreign audience":                           with(func(c jwt.MapClaims) { c["aud"] = "other" }),
		"no audience":                                  with(func(c jwt.MapClaims) { delete(c, "aud") }),
		"the anon key":                                 with(func(c jwt.MapClaims) { c["role"] = "anon"; delete(c, "sub") }),
		"the service role":                             with(func(c jwt.MapClaims) { c["role"] = "service_role" }),
		"an anonymous person":                          with(func(c jwt.MapClaims) { c["is_anonymous"] = true }),
		"no subject":                                   with(func(c jwt.MapClaims) { delete(c, "sub") }),
		"a subject that is no uuid":                    with(func(c jwt.MapClaims) { c["sub"] = "1 or 1=1" }),
		"the nil uuid":                                 with(func(c jwt.MapClaims) { c["sub"] = uuid.Nil.String() }),
		"a role in the metadata": with(func(c jwt.MapClaims) {
			c["role"] = "anon"
			c["user_metadata"] = map[string]any{"role": "authenticated", "sub": uuid.NewString()}
			c["app_metadata"] = map[string]any{"role": "authenticated"}
		}),
		"empty": "",
	} {
		require.False(t, s.believed(t, c, token), name)
	}
	require.True(t, s.believed(t, c, with(good)), "nothing of it has done harm")
}

// TestMetadataDecidesNothing: what people may write into their own metadata does not make them another.
func TestMetadataDecidesNothing(t *testing.T) {
	t.Parallel()
	s := newKeyServer(t)
	key := ecKey(t)
	s.set(func() { s.keys["k"] = key })
	c := s.client(t, time.Hour)
	claims := s.claims()
	claims["user_metadata"] = map[string]any{"email": "victim@example.test", "sub": uuid.NewString()}
	s.set(func() { s.token = signed(t, jwt.SigningMethodES256, key, map[string]any{"kid": "k"}, claims) })
	who, err := c.SignIn(t.Context(), "a@example.test", "password")
	require.NoError(t, err)
	require.Equal(t, "a@example.test", who.Email)
	require.Equal(t, claims["sub"], who.UserID.String())
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	s := newKeyServer(t)
	first, second := ecKey(t), ecKey(t)
	s.set(func() { s.keys["first"] = first })
	const refresh = 300 * time.Millisecond
	c := s.client(t, refresh)
	old := signed(t, jwt.SigningMethodES256, first, map[string]any{"kid": "first"}, s.claims())
	fresh := signed(t, jwt.SigningMethodES256, second, map[string]any{"kid": "second"}, s.claims())
	require.True(t, s.believed(t, c, old))
	require.False(t, s.believed(t, c, fresh))

	s.set(func() { s.keys["second"] = second })
	testkit.Eventually(t, func() bool { return s.believed(t, c, fresh) }, "the new key is believed")
	require.True(t, s.believed(t, c, old), "beside the old one")

	s.set(func() { s.down = true })
	var reads int
	s.set(func() { reads = s.reads })
	testkit.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.reads > reads+2
	}, "the keys could not be read again")
	require.True(t, s.believed(t, c, old), "the keys that are known stay known")
	require.True(t, s.believed(t, c, fresh))

	s.set(func() { s.down = false; delete(s.keys, "first") })
	began := time.Now()
	testkit.Eventually(t, func() bool { return !s.believed(t, c, old) }, "the old key is refused")
	require.Less(t, time.Since(began), 10*refresh)
	require.True(t, s.believed(t, c, fresh))
}

// TestANewKeyIsBelievedAtOnce: a token with a key that is not known has the keys read, but not as often as anybody likes.
func TestANewKeyIsBelievedAtOnce(t *testing.T) {
	t.Parallel()
	s := newKeyServer(t)
	first, second := ecKey(t), ecKey(t)
	s.set(func() { s.keys["first"] = first })
	c := s.client(t, time.Hour)
	require.True(t, s.believed(t, c, signed(t, jwt.SigningMethodES256, first, map[string]any{"kid": "first"}, s.claims())))
	s.set(func() { s.keys["second"] = second })
	require.True(t, s.believed(t, c, signed(t, jwt.SigningMethodES256, second, map[string]any{"kid": "second"}, s.claims())))

	var before int
	s.set(func() { before = s.reads })
	for range 20 {
		require.False(t, s.believed(t, c, signed(t, jwt.SigningMethodES256, second, map[string]any{"kid": uuid.NewString()}, s.claims())))
	}
	s.set(func() { require.LessOrEqual(t, s.reads-before, 1) })
}
