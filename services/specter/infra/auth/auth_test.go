package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/supabase-community/gotrue-go/types"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/specter/infra/auth"
)

func TestAPersonSignsUpInOutAndIn(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	signedUp, err := s.client.Signup(types.SignupRequest{Email: " Ada@Example.test", Password: password, Data: map[string]any{"name": "Ada"}})
	require.NoError(t, err)
	require.Equal(t, email, signedUp.Email)
	require.NotEmpty(t, signedUp.AccessToken)
	require.Equal(t, 3600, signedUp.ExpiresIn)

	me, err := s.client.WithToken(signedUp.AccessToken).GetUser()
	require.NoError(t, err)
	require.Equal(t, signedUp.ID, me.ID)
	require.Equal(t, "Ada", me.UserMetadata["name"])
	require.Equal(t, "email", me.AppMetadata["provider"])

	require.NoError(t, s.client.WithToken(signedUp.AccessToken).Logout())
	_, err = s.client.WithToken(signedUp.AccessToken).GetUser()
	require.ErrorContains(t, err, "session_not_found")
	_, err = s.client.RefreshToken(signedUp.RefreshToken)
	require.ErrorContains(t, err, "refresh_token_not_found")

	again, err := s.client.SignInWithEmailPassword("ADA@example.test", password)
	require.NoError(t, err)
	require.Equal(t, signedUp.ID, again.User.ID)
}

func TestAccessTokensAreWhatSupabaseMakes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.signUp(t)

	claims := jwt.MapClaims{}
	token, err := jwt.ParseWithClaims(session.AccessToken, claims, func(*jwt.Token) (any, error) { return []byte(secret), nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(s.URL), jwt.WithAudience("authenticated"), jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.clock.Now))
	require.NoError(t, err)
	require.Equal(t, "JWT", token.Header["typ"])
	require.Equal(t, "authenticated", claims["aud"], "a string, as Supabase has it")
	require.Equal(t, "authenticated", claims["role"])
	require.Equal(t, email, claims["email"])
	for _, id := range []string{"sub", "session_id"} {
		_, err := uuid.Parse(claims[id].(string))
		require.NoError(t, err, id)
	}
}

func TestForgedAndExpiredAccessTokensAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.signUp(t)
	part := strings.Split(session.AccessToken, ".")
	var claims jwt.MapClaims
	raw, err := base64.RawURLEncoding.DecodeString(part[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &claims))
	sign := func(method jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
		changed := jwt.MapClaims{}
		for k, v := range claims {
			changed[k] = v
		}
		change(changed)
		token, err := jwt.NewWithClaims(method, changed).SignedString(key)
		require.NoError(t, err)
		return token
	}
	same := func(jwt.MapClaims) {}
	_, err = s.client.WithToken(sign(jwt.SigningMethodHS256, []byte(secret), same)).GetUser()
	require.NoError(t, err, "the rebuilt token itself is good")

	for name, token := range map[string]string{
		"none":        sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, same),
		"HS512":       sign(jwt.SigningMethodHS512, []byte(secret), same),
		"other key":   sign(jwt.SigningMethodHS256, []byte("another secret of thirty-two bytes!!"), same),
		"audience":    sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { c["aud"] = "elsewhere" }),
		"issuer":      sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { c["iss"] = "https://elsewhere" }),
		"role":        sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { c["role"] = "service_role" }),
		"no expiry":   sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { delete(c, "exp") }),
		"no session":  sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { delete(c, "session_id") }),
		"not a token": "x.y.z",
	} {
		_, err := s.client.WithToken(token).GetUser()
		require.ErrorContains(t, err, "bad_jwt", name)
	}
	s.clock.Advance(time.Hour + 31*time.Second)
	_, err = s.client.WithToken(session.AccessToken).GetUser()
	require.ErrorContains(t, err, "bad_jwt")
}

func TestRefreshTokensRotate(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	current := s.signUp(t).RefreshToken
	for range 5 {
		s.clock.Advance(time.Hour)
		next, err := s.client.RefreshToken(current)
		require.NoError(t, err)
		require.NotEqual(t, current, next.RefreshToken)
		_, err = s.client.WithToken(next.AccessToken).GetUser()
		require.NoError(t, err)
		current = next.RefreshToken
	}
}

func TestAStolenRefreshTokenEndsItsSignInOnly(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	stolen := s.signUp(t)
	other, err := s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err)
	owners, err := s.client.RefreshToken(stolen.RefreshToken)
	require.NoError(t, err)

	s.clock.Advance(11 * time.Second)
	_, err = s.client.RefreshToken(stolen.RefreshToken)
	require.ErrorContains(t, err, "refresh_token_already_used")
	_, err = s.client.RefreshToken(owners.RefreshToken)
	require.ErrorContains(t, err, "refresh_token_not_found", "the whole family has ended")
	_, err = s.client.WithToken(owners.AccessToken).GetUser()
	require.ErrorContains(t, err, "session_not_found")

	_, err = s.client.RefreshToken(other.RefreshToken)
	require.NoError(t, err, "another sign-in of the same person goes on")
}

func TestALostAnswerMayBeAskedForAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	first := s.signUp(t).RefreshToken

	// At once, as several tabs do: all get the same successor.
	var asking sync.WaitGroup
	successors := make([]string, 8)
	for i := range successors {
		asking.Go(func() {
			next, err := s.client.RefreshToken(first)
			if err != nil {
				t.Error(err)
				return
			}
			successors[i] = next.RefreshToken
		})
	}
	asking.Wait()
	for _, next := range successors {
		require.Equal(t, successors[0], next)
	}

	// Once the successor has been used, the token is an old one at any time.
	_, err := s.client.RefreshToken(successors[0])
	require.NoError(t, err)
	_, err = s.client.RefreshToken(first)
	require.ErrorContains(t, err, "refresh_token_already_used")
}

func TestIdleSessionsEnd(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.signUp(t)
	s.clock.Advance(31 * 24 * time.Hour)
	_, err := s.client.RefreshToken(session.RefreshToken)
	require.ErrorContains(t, err, "session_expired")
}

func TestChangingThePasswordEndsOtherSessions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	here := s.signUp(t)
	there, err := s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err)

	replaced := "another long password"
	changed, err := s.client.WithToken(here.AccessToken).UpdateUser(types.UpdateUserRequest{Password: &replaced, Email: "Countess@example.test", Data: map[string]any{"title": "Countess"}})
	require.NoError(t, err)
	require.Equal(t, "countess@example.test", changed.Email, "believed at once")
	require.Equal(t, "Countess", changed.UserMetadata["title"])

	_, err = s.client.WithToken(here.AccessToken).GetUser()
	require.NoError(t, err)
	_, err = s.client.WithToken(there.AccessToken).GetUser()
	require.ErrorContains(t, err, "session_not_found")
	_, err = s.client.SignInWithEmailPassword("countess@example.test", password)
	require.ErrorContains(t, err, "invalid_credentials")
	_, err = s.client.SignInWithEmailPassword("countess@example.test", replaced)
	require.NoError(t, err)
}

func TestLogoutScopes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	here := s.signUp(t)
	there, err := s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err)
	logout := func(token, scope string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/logout?scope="+scope, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		return response.StatusCode
	}
	works := func(token string) bool {
		_, err := s.client.WithToken(token).GetUser()
		return err == nil
	}
	require.Equal(t, http.StatusBadRequest, logout(here.AccessToken, "nonsense"))
	require.Equal(t, http.StatusNoContent, logout(here.AccessToken, "others"))
	require.True(t, works(here.AccessToken))
	require.False(t, works(there.AccessToken))
	there, err = s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, logout(there.AccessToken, "local"))
	require.True(t, works(here.AccessToken))
	require.Equal(t, http.StatusNoContent, logout(here.AccessToken, "global"))
	require.False(t, works(here.AccessToken))
}

func TestBadRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.signUp(t)
	for name, c := range map[string]struct {
		path, body string
		status     int
		code       string
	}{
		"taken":          {"/signup", `{"email":"ADA@example.test","password":"long enough password"}`, 422, "user_already_exists"},
		"weak":           {"/signup", `{"email":"b@example.test","password":"short"}`, 422, "weak_password"},
		"long":           {"/signup", `{"email":"b@example.test","password":"` + strings.Repeat("x", 257) + `"}`, 422, "validation_failed"},
		"address":        {"/signup", `{"email":"not an address","password":"long enough password"}`, 400, "validation_failed"},
		"display name":   {"/signup", `{"email":"Ada <a@example.test>","password":"long enough password"}`, 400, "validation_failed"},
		"data":           {"/signup", `{"email":"b@example.test","password":"long enough password","data":[1]}`, 400, "validation_failed"},
		"NUL":            {"/signup", `{"email":"b@example.test","password":"long enough password","data":{"a":"\u0000"}}`, 400, "validation_failed"},
		"not JSON":       {"/signup", `{`, 400, "bad_json"},
		"accents":        {"/signup", `{"email":"ädä@example.test","password":"long enough password"}`, 400, "validation_failed"},
		"two values":     {"/signup", `{} {}`, 400, "bad_json"},
		"too large":      {"/signup", `{"email":"` + strings.Repeat("x", 70<<10) + `"}`, 413, "request_too_large"},
		"grant":          {"/token?grant_type=magic", `{}`, 400, "validation_failed"},
		"empty refresh":  {"/token?grant_type=refresh_token", `{}`, 400, "refresh_token_not_found"},
		"empty password": {"/token?grant_type=password", `{"email":"ada@example.test"}`, 400, "invalid_credentials"},
		"NUL address":    {"/token?grant_type=password", `{"email":"a\u0000@example.test","password":"x"}`, 400, "invalid_credentials"},
	} {
		status, body := s.post(t, c.path, c.body)
		require.Equal(t, c.status, status, "%s: %s", name, body)
		require.Contains(t, body, `"error_code":"`+c.code+`"`, name)
	}
}

func TestSignupCanBeClosed(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(o *auth.Options) { o.DisableSignup = true })
	_, err := s.client.Signup(types.SignupRequest{Email: email, Password: password})
	require.ErrorContains(t, err, "signup_disabled")
	settings, err := s.client.GetSettings()
	require.NoError(t, err)
	require.True(t, settings.DisableSignup)
	require.True(t, settings.MailerAutoconfirm)
	health, err := s.client.HealthCheck()
	require.NoError(t, err)
	require.Equal(t, "Specter local auth", health.Name)
}

func TestPasswordsTokensAndCodesAreNotKept(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.signUp(t)
	require.NoError(t, s.client.Recover(types.RecoverRequest{Email: email}))
	token, code := s.mailed(t, email, 1)
	sum := sha256.Sum256([]byte(code))

	owner := s.db.Owner(t)
	for _, kept := range []string{password, session.RefreshToken, session.AccessToken, token, code, hex.EncodeToString(sum[:])} {
		require.Zero(t, s.traces(t, kept))
	}
	require.NotZero(t, s.traces(t, email))
	var hash string
	require.NoError(t, owner.QueryRow(t.Context(), `SELECT password_hash FROM auth_local.users`).Scan(&hash))
	require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash)
}

func TestSecretsMustBeLong(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	_, err := auth.New(auth.Options{DB: db.Pool(t, "specter_auth"), Secret: []byte("short"), Mail: mail.NewSpool(t.TempDir(), zap.NewNop()), Log: zap.NewNop()})
	require.Error(t, err)
}
