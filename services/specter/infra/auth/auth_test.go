package auth_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/supabase-community/gotrue-go"
	"github.com/supabase-community/gotrue-go/types"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/specter/infra/auth"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

const (
	secret   = "a secret of at least thirty-two bytes"
	email    = "ada@example.test"
	password = "correct horse battery"
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
		"empty":       "",
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

func TestUnknownAddressAndWrongPasswordLookTheSame(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.signUp(t)
	try := func(email, password string) (int, string, time.Duration) {
		began := time.Now()
		status, body := s.post(t, "/token?grant_type=password", `{"email":"`+email+`","password":"`+password+`"}`)
		return status, body, time.Since(began)
	}
	var unknown, wrong []time.Duration
	for i := range 8 { // below the throttle's ten
		status1, body1, took1 := try("nobody@example.test", "wrong password")
		status2, body2, took2 := try(email, "wrong password")
		require.Equal(t, http.StatusBadRequest, status1)
		require.Equal(t, status1, status2)
		require.Equal(t, body1, body2, i)
		unknown, wrong = append(unknown, took1), append(wrong, took2)
	}
	// The fastest of each has done one argon2id hash; without it the answer takes
	// well under a tenth of that.
	require.Greater(t, fastest(unknown), fastest(wrong)/3)
	require.Greater(t, fastest(wrong), fastest(unknown)/3)
}

func TestGuessingIsThrottledPerAddress(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.signUp(t)
	for range 10 {
		status, _ := s.post(t, "/token?grant_type=password", `{"email":"`+email+`","password":"guess"}`)
		require.Equal(t, http.StatusBadRequest, status)
	}
	response, err := http.Post(s.URL+"/token?grant_type=password", "application/json", strings.NewReader(`{"email":"`+email+`","password":"`+password+`"}`))
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusTooManyRequests, response.StatusCode)
	require.Equal(t, "10", response.Header.Get("Retry-After"))

	_, err = s.client.Signup(types.SignupRequest{Email: "other@example.test", Password: password})
	require.NoError(t, err, "other addresses are not affected")
	s.clock.Advance(10 * time.Second)
	_, err = s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err)
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
	require.Equal(t, "countess@example.test", changed.Email)
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

func TestAForgottenPasswordIsRecoveredByTheDeliveredLink(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.signUp(t)
	require.NoError(t, s.client.Recover(types.RecoverRequest{Email: email}))
	delivered := <-s.delivered
	require.Equal(t, email, delivered.Email)
	require.ErrorContains(t, s.client.Recover(types.RecoverRequest{Email: email}), "over_email_send_rate_limit")
	require.NoError(t, s.client.Recover(types.RecoverRequest{Email: "nobody@example.test"}), "the answer does not tell")
	require.Empty(t, s.delivered)

	token := delivered.Link[strings.Index(delivered.Link, "token=")+len("token="):]
	token, _, _ = strings.Cut(token, "&")
	session, err := s.client.Verify(types.VerifyRequest{Type: "recovery", Token: token, RedirectTo: "https://elsewhere.test/steal"})
	require.NoError(t, err)
	require.Empty(t, session.Error)
	require.True(t, strings.HasPrefix(session.URL, "http://site.test/#"), "no open redirect: %s", session.URL)
	replaced := "another long password"
	_, err = s.client.WithToken(session.AccessToken).UpdateUser(types.UpdateUserRequest{Password: &replaced})
	require.NoError(t, err)
	_, err = s.client.SignInWithEmailPassword(email, replaced)
	require.NoError(t, err)

	again, err := s.client.Verify(types.VerifyRequest{Type: "recovery", Token: token, RedirectTo: "http://site.test/"})
	require.NoError(t, err)
	require.Equal(t, "access_denied", again.Error, "a link works once")
}

func TestOnlyTheServiceKeyDeletesUsers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.signUp(t)
	_, err := s.client.WithToken(session.AccessToken).GetUser()
	require.NoError(t, err)
	del := types.AdminDeleteUserRequest{UserID: session.User.ID}
	require.ErrorContains(t, s.client.WithToken(session.AccessToken).AdminDeleteUser(del), "not_admin")
	require.ErrorContains(t, s.client.AdminDeleteUser(del), "not_admin")

	key, err := auth.ServiceKey([]byte(secret), s.URL, s.clock.Now())
	require.NoError(t, err)
	require.NoError(t, s.client.WithToken(key).AdminDeleteUser(del))
	require.ErrorContains(t, s.client.WithToken(key).AdminDeleteUser(del), "user_not_found")
	_, err = s.client.WithToken(session.AccessToken).GetUser()
	require.ErrorContains(t, err, "session_not_found")
	_, err = s.client.SignInWithEmailPassword(email, password)
	require.ErrorContains(t, err, "invalid_credentials")
	_, err = s.client.WithToken(key).GetUser()
	require.ErrorContains(t, err, "bad_jwt", "the service key is nobody's session")
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

func TestPasswordsAndTokensAreNotKept(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.signUp(t)
	require.NoError(t, s.client.Recover(types.RecoverRequest{Email: email}))
	link := <-s.delivered

	owner := s.db.Owner(t)
	for _, kept := range []string{password, session.RefreshToken, session.AccessToken, link.Link[len(link.Link)-80:]} {
		for _, table := range []string{"users", "sessions", "refresh_tokens", "recovery_tokens"} {
			var found int
			require.NoError(t, owner.QueryRow(t.Context(), `SELECT count(*) FROM auth_local.`+table+` r WHERE r::text LIKE '%' || $1 || '%'`, kept).Scan(&found))
			require.Zero(t, found, table)
		}
	}
	var hash string
	require.NoError(t, owner.QueryRow(t.Context(), `SELECT password_hash FROM auth_local.users`).Scan(&hash))
	require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash)
}

func TestSecretsMustBeLong(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	_, err := auth.New(auth.Options{DB: db.Pool(t, "specter_auth"), Secret: []byte("short"), Log: zap.NewNop()})
	require.Error(t, err)
}

type testServer struct {
	*httptest.Server
	client    gotrue.Client
	clock     *clock
	db        *testkit.DB
	delivered chan auth.Recovery
}

func newServer(t *testing.T, change ...func(*auth.Options)) *testServer {
	t.Helper()
	s := &testServer{db: testkit.Postgres(t), clock: &clock{now: time.Now()}, delivered: make(chan auth.Recovery, 10)}
	s.Server = httptest.NewUnstartedServer(nil)
	o := auth.Options{
		DB: s.db.Pool(t, "specter_auth"), Secret: []byte(secret), URL: "http://" + s.Listener.Addr().String(), SiteURL: "http://site.test/", Log: zap.NewNop(), Now: s.clock.Now,
		Deliver: func(_ context.Context, r auth.Recovery) error { s.delivered <- r; return nil },
	}
	for _, c := range change {
		c(&o)
	}
	server, err := auth.New(o)
	require.NoError(t, err)
	s.Config.Handler = server
	s.Start()
	t.Cleanup(s.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	s.client = gotrue.New("local", "anon").WithCustomGoTrueURL(s.URL).WithClient(*s.Client())
	return s
}

func (s *testServer) signUp(t *testing.T) types.Session {
	t.Helper()
	response, err := s.client.Signup(types.SignupRequest{Email: email, Password: password})
	require.NoError(t, err)
	return response.Session
}

func (s *testServer) post(t *testing.T, path, body string) (int, string) {
	t.Helper()
	response, err := s.Client().Post(s.URL+path, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(got)
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func fastest(of []time.Duration) time.Duration {
	least := of[0]
	for _, d := range of {
		least = min(least, d)
	}
	return least
}
