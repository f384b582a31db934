package authtest

import (
	"crypto/rand"
	"crypto/rsa"
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

func (s *suite) refusesAdministration() {
	email, id := s.person()
	session := s.signIn(email)
	for _, route := range []struct{ method, path string }{
		{http.MethodGet, "/admin/users"},
		{http.MethodPost, "/admin/users"},
		{http.MethodGet, "/admin/users/" + id.String()},
		{http.MethodDelete, "/admin/users/" + id.String()},
		{http.MethodPost, "/admin/generate_link"},
	} {
		name := route.method + " " + route.path
		body := map[string]string{"type": "magiclink", "email": email}
		s.refused(s.call(route.method, route.path, session.AccessToken, body), http.StatusForbidden, "not_admin")
		require.Equal(s, http.StatusUnauthorized, s.call(route.method, route.path, "", body).status, name)
		forged := s.sign(jwt.SigningMethodHS256, []byte("a secret that is not the server's, of some length"), jwt.MapClaims{"role": "service_role", "exp": time.Now().Add(time.Hour).Unix()})
		require.Contains(s, []int{http.StatusUnauthorized, http.StatusForbidden}, s.call(route.method, route.path, forged, body).status, name)
	}
	require.NotEqual(s, http.StatusOK, s.call(http.MethodGet, "/user", s.ServiceKey, nil).status, "the service key is nobody")
	require.True(s, s.works(session.AccessToken), "nothing was done")
}

func (s *suite) sign(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	s.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	require.NoError(s, err)
	return token
}

// forgedTokens: whatever is not signed with the server's key by its algorithm, and valid at this moment, is nobody.
func (s *suite) forgedTokens() {
	email, _ := s.person()
	good := s.signIn(email).AccessToken
	require.True(s, s.works(good))
	claims := jwt.MapClaims{}
	parsed, parts, err := jwt.NewParser().ParseUnverified(good, claims)
	require.NoError(s, err)
	changed := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{}
		for name, value := range claims {
			c[name] = value
		}
		change(c)
		return c
	}
	same := changed(func(jwt.MapClaims) {})
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(s, err)
	bad := map[string]string{
		"no signature":      parts[0] + "." + parts[1] + ".",
		"algorithm none":    s.sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, same),
		"another key":       s.sign(jwt.SigningMethodHS256, []byte("a secret that is not the server's, of some length"), same),
		"an RSA key":        s.sign(jwt.SigningMethodRS256, foreign, same),
		"an empty key":      s.sign(jwt.SigningMethodHS256, []byte{}, same),
		"tampered":          tampered(good),
		"not a token":       "x.y.z",
		"another signature": parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])),
	}
	if parsed.Method.Alg() == jwt.SigningMethodHS256.Alg() && s.JWTSecret != "" {
		secret := []byte(s.JWTSecret)
		require.True(s, s.works(s.sign(jwt.SigningMethodHS256, secret, same)), "what is rebuilt with the server's key is good")
		bad["expired"] = s.sign(jwt.SigningMethodHS256, secret, changed(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-24 * time.Hour).Unix() }))
		bad["ended session"] = s.sign(jwt.SigningMethodHS256, secret, changed(func(c jwt.MapClaims) { c["session_id"] = uuid.NewString() }))
		bad["nobody"] = s.sign(jwt.SigningMethodHS256, secret, changed(func(c jwt.MapClaims) { c["sub"] = "nobody" }))
	}
	for name, token := range bad {
		r := s.call(http.MethodGet, "/user", token, nil)
		require.Contains(s, []int{http.StatusUnauthorized, http.StatusForbidden}, r.status, "%s: %s", name, r.text)
	}
	s.refused(s.call(http.MethodGet, "/user", "", nil), http.StatusUnauthorized, "no_authorization")
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
	email, _ := s.person()
	long := strings.Repeat("x", 300)
	injections := []string{
		`' OR 1=1 --`, `"; DROP TABLE users; --`, `$1`, `{"$ne":null}`, `\u0000`, "a\x00b", `%00`, "a\r\nBcc: b@example.com", long + "@example.com",
	}
	for _, text := range injections {
		r := s.call(http.MethodPost, "/token?grant_type=password", "", map[string]string{"email": text, "password": text})
		require.Contains(s, []int{http.StatusBadRequest, http.StatusUnprocessableEntity}, r.status, "%q: %s", text, r.text)
		r = s.call(http.MethodPost, "/signup", "", map[string]string{"email": text, "password": password})
		require.Contains(s, []int{http.StatusBadRequest, http.StatusUnprocessableEntity}, r.status, "%q: %s", text, r.text)
		r = s.call(http.MethodPost, "/verify", "", map[string]string{"type": "magiclink", "token_hash": text})
		require.Contains(s, []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity}, r.status, "%q: %s", text, r.text)
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
		"resend what":   {"/resend", `{"email":"` + email + `","type":"x"}`},
	} {
		r := s.call(http.MethodPost, c.path, "", c.body)
		require.GreaterOrEqual(s, r.status, 400, "%s: %s", name, r.text)
		require.Less(s, r.status, 500, "%s: %s", name, r.text)
	}
	weak := s.call(http.MethodPost, "/signup", "", map[string]string{"email": s.address(), "password": "short"})
	s.refused(weak, http.StatusUnprocessableEntity, "weak_password")
	s.signIn(email)
}
