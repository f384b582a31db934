package authtest

import (
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/supabase-community/gotrue-go/types"
)

func (s *suite) administers() {
	email, id := s.person()
	user, err := s.admin.AdminGetUser(types.AdminGetUserRequest{UserID: id})
	require.NoError(s, err)
	require.Equal(s, email, user.Email)
	var list struct {
		Users []types.User `json:"users"`
	}
	r := s.call(http.MethodGet, "/admin/users?page=1&per_page=1000", s.ServiceKey, nil)
	require.Equal(s, http.StatusOK, r.status, r.text)
	r.as(s.T, &list)
	found := 0
	for _, u := range list.Users {
		if u.ID == id {
			found++
		}
	}
	require.Equal(s, 1, found)

	session := s.signIn(email)
	require.NoError(s, s.admin.AdminDeleteUser(types.AdminDeleteUserRequest{UserID: id}))
	require.ErrorContains(s, s.admin.AdminDeleteUser(types.AdminDeleteUserRequest{UserID: id}), "user_not_found")
	_, err = s.admin.AdminGetUser(types.AdminGetUserRequest{UserID: id})
	require.ErrorContains(s, err, "user_not_found")
	require.False(s, s.works(session.AccessToken))
	_, err = s.client.RefreshToken(session.RefreshToken)
	require.Error(s, err)
	_, err = s.client.SignInWithEmailPassword(email, password)
	require.ErrorContains(s, err, "invalid_credentials")
}

// adminRoutes are those that Specter or this suite uses.
func adminRoutes(id uuid.UUID) []struct{ method, path string } {
	return []struct{ method, path string }{
		{http.MethodGet, "/admin/users"},
		{http.MethodPost, "/admin/users"},
		{http.MethodGet, "/admin/users/" + id.String()},
		{http.MethodDelete, "/admin/users/" + id.String()},
		{http.MethodPost, "/admin/generate_link"},
	}
}

func (s *suite) refusesPeople() {
	email, id := s.person()
	session := s.signIn(email)
	for _, route := range adminRoutes(id) {
		body := map[string]string{"type": "magiclink", "email": email}
		s.refused(s.call(route.method, route.path, session.AccessToken, body), http.StatusForbidden, "not_admin")
	}
	require.True(s, s.works(session.AccessToken), "nothing was done")
}

func (s *suite) refusesAdministration() {
	for _, route := range adminRoutes(uuid.New()) {
		name := route.method + " " + route.path
		body := map[string]string{"type": "magiclink", "email": s.address()}
		s.refusesNobody(s.call(route.method, route.path, "", body))
		for _, claims := range []jwt.MapClaims{{"role": "service_role"}, {"role": "supabase_admin"}} {
			claims["exp"] = time.Now().Add(time.Hour).Unix()
			forged := s.sign(jwt.SigningMethodHS256, []byte("a secret that is not the server's, of some length"), claims)
			require.Contains(s, refusals, s.call(route.method, route.path, forged, body).status, name)
			none := s.sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims)
			require.Contains(s, refusals, s.call(route.method, route.path, none, body).status, name)
		}
	}
	if s.ServiceKey != "" {
		require.NotEqual(s, http.StatusOK, s.call(http.MethodGet, "/user", s.ServiceKey, nil).status, "the service key is nobody")
	}
}

// refusals of a token.
var refusals = []int{http.StatusUnauthorized, http.StatusForbidden}

func (s *suite) sign(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	s.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	require.NoError(s, err)
	return token
}

// claimsOf reads a token without checking it.
func (s *suite) claimsOf(text string) (*jwt.Token, jwt.MapClaims) {
	s.Helper()
	claims := jwt.MapClaims{}
	token, _, err := jwt.NewParser().ParseUnverified(text, claims)
	require.NoError(s, err)
	return token, claims
}

// forgedTokens: whatever is not signed with the server's key by its algorithm, and valid at this moment, is nobody.
func (s *suite) forgedTokens() {
	email, _ := s.person()
	good := s.signIn(email).AccessToken
	require.True(s, s.works(good))
	parsed, claims := s.claimsOf(good)
	parts := strings.Split(good, ".")
	changed := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := maps.Clone(claims)
		change(c)
		return c
	}
	bad := s.forgeries(claims)
	bad["no signature"] = parts[0] + "." + parts[1] + "."
	bad["tampered"] = tampered(good)
	bad["another signature"] = parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2]))
	if parsed.Method.Alg() == jwt.SigningMethodHS256.Alg() && s.JWTSecret != "" {
		secret := []byte(s.JWTSecret)
		require.True(s, s.works(s.sign(jwt.SigningMethodHS256, secret, claims)), "what is rebuilt with the server's key is good: is SPECTER_SUPABASE_JWT_SECRET its secret?")
		bad["expired"] = s.sign(jwt.SigningMethodHS256, secret, changed(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-24 * time.Hour).Unix() }))
		bad["ended session"] = s.sign(jwt.SigningMethodHS256, secret, changed(func(c jwt.MapClaims) { c["session_id"] = uuid.NewString() }))
		bad["somebody else"] = s.sign(jwt.SigningMethodHS256, secret, changed(func(c jwt.MapClaims) { c["sub"] = uuid.NewString() }))
		// The real server calls it a bad request, with the same code (supabase/auth, internal/api/auth.go).
		nobody := s.call(http.MethodGet, "/user", s.sign(jwt.SigningMethodHS256, secret, changed(func(c jwt.MapClaims) { c["sub"] = "nobody" })), nil)
		s.refused(nobody, nobody.status, "bad_jwt")
	}
	s.refuses(bad)
	require.True(s, s.works(good))
}

// forgedFromNothing needs nobody to be forged.
func (s *suite) forgedFromNothing() {
	s.refuses(s.forgeries(jwt.MapClaims{
		"iss": s.URL, "aud": "authenticated", "role": "authenticated", "sub": uuid.NewString(), "email": s.address(), "session_id": uuid.NewString(),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}))
	s.refusesNobody(s.call(http.MethodGet, "/user", "", nil))
}

// refusesNobody is the answer to a request without a token. A hosted project's gateway may put one of the role anon in
// its place, made of the anon key.
func (s *suite) refusesNobody(r reply) {
	s.Helper()
	if s.AnonKey != "" && r.status == http.StatusForbidden {
		return
	}
	s.refused(r, http.StatusUnauthorized, "no_authorization")
}

// forgeries are tokens that the server has not signed.
func (s *suite) forgeries(claims jwt.MapClaims) map[string]string {
	s.Helper()
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(s, err)
	return map[string]string{
		"algorithm none": s.sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims),
		"another key":    s.sign(jwt.SigningMethodHS256, []byte("a secret that is not the server's, of some length"), claims),
		"an RSA key":     s.sign(jwt.SigningMethodRS256, foreign, claims),
		"an empty key":   s.sign(jwt.SigningMethodHS256, []byte{}, claims),
		"not a token":    "x.y.z",
	}
}

func (s *suite) refuses(bad map[string]string) {
	s.Helper()
	for name, token := range bad {
		r := s.call(http.MethodGet, "/user", token, nil)
		require.Contains(s, refusals, r.status, "%s: %s", name, r.text)
	}
}

// publicKeys: what is shown is public; a shared secret is not.
func (s *suite) publicKeys() { s.keyIDs() }

// keyIDs reads the ids of the keys that the server shows.
func (s *suite) keyIDs() []string {
	s.Helper()
	r := s.call(http.MethodGet, "/.well-known/jwks.json", "", nil)
	require.Equal(s, http.StatusOK, r.status, r.text)
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	r.as(s.T, &set)
	require.NotNil(s, set.Keys)
	ids := []string{}
	for _, key := range set.Keys {
		require.Contains(s, []any{"EC", "RSA", "OKP"}, key["kty"])
		for _, private := range []string{"d", "p", "q", "k"} {
			require.NotContains(s, key, private)
		}
		id, _ := key["kid"].(string)
		ids = append(ids, id)
	}
	return ids
}

// tampered changes a letter of the claims.
func tampered(token string) string {
	middle := strings.Index(token, ".") + 10
	letter := "A"
	if token[middle] == 'A' {
		letter = "B"
	}
	return token[:middle] + letter + token[middle+1:]
}

// malformed: every answer is a refusal in the right form; nothing breaks the server.
func (s *suite) malformed() {
	long := strings.Repeat("x", 300)
	injections := []string{
		`' OR 1=1 --`, `"; DROP TABLE users; --`, `$1`, `{"$ne":null}`, `\u0000`, "a\x00b", `%00`, "a\r\nBcc: b@example.com", long + "@example.com",
	}
	for _, text := range injections {
		expected := []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity}
		if strings.Contains(text, "\x00") {
			expected = append(expected, http.StatusInternalServerError) // the real server asks its database, which takes none
		}
		r := s.call(http.MethodPost, "/token?grant_type=password", "", map[string]string{"email": text, "password": text})
		require.Contains(s, expected, r.status, "%q: %s", text, r.text)
		r = s.call(http.MethodPost, "/signup", "", map[string]string{"email": text, "password": password})
		require.Contains(s, expected, r.status, "%q: %s", text, r.text)
		r = s.call(http.MethodPost, "/verify", "", map[string]string{"type": "magiclink", "token_hash": text})
		require.Contains(s, expected, r.status, "%q: %s", text, r.text)
	}
	for name, c := range map[string]struct{ path, body string }{
		"not JSON":      {"/token?grant_type=password", `{"email":`},
		"a list":        {"/token?grant_type=password", `[]`},
		"another type":  {"/token?grant_type=password", `{"email":{"a":1},"password":["x"]}`},
		"unknown grant": {"/token?grant_type=magic", `{}`},
		"no grant":      {"/token", `{}`},
		"no type":       {"/verify", `{"token_hash":"x"}`},
		"unknown type":  {"/verify", `{"type":"x","token_hash":"x"}`},
		"no token":      {"/verify", `{"type":"magiclink"}`},
		"no address":    {"/recover", `{}`},
		"resend what":   {"/resend", `{"email":"` + s.address() + `","type":"x"}`},
	} {
		r := s.call(http.MethodPost, c.path, "", c.body)
		require.GreaterOrEqual(s, r.status, 400, "%s: %s", name, r.text)
		require.Less(s, r.status, 500, "%s: %s", name, r.text)
	}
	weak := s.call(http.MethodPost, "/signup", "", map[string]string{"email": s.address(), "password": "short"})
	if !s.signup {
		s.refused(weak, http.StatusUnprocessableEntity, "signup_disabled")
		return
	}
	s.refused(weak, http.StatusUnprocessableEntity, "weak_password")
}
