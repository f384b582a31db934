package authtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	gotrue "github.com/supabase-community/gotrue-go"
	"github.com/supabase-community/gotrue-go/types"
)

// The passwords have a letter of each kind, as a project may ask for.
const (
	password = "Correct-horse, 42 battery staples"
	replaced = "Another-horse, 43 battery staples"
)

type suite struct {
	*testing.T
	Target
	http        *http.Client
	client      gotrue.Client
	admin       gotrue.Client
	autoconfirm bool
	signup      bool           // is open
	mails       map[string]int // read, by address
}

func newSuite(t *testing.T, target Target) *suite {
	t.Helper()
	target.URL = strings.TrimRight(target.URL, "/")
	if target.ServiceAPIKey == "" {
		target.ServiceAPIKey = target.ServiceKey
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	t.Cleanup(transport.CloseIdleConnections)
	s := &suite{T: t, Target: target, mails: map[string]int{}}
	s.http = &http.Client{
		Transport: patient{suite: s, next: transport}, Timeout: 30*time.Second + target.Patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	s.client = gotrue.New("", target.AnonKey).WithCustomGoTrueURL(target.URL).WithClient(*s.http)
	s.admin = gotrue.New("", target.ServiceAPIKey).WithCustomGoTrueURL(target.URL).WithClient(*s.http).WithToken(target.ServiceKey)
	r := s.call(http.MethodGet, "/settings", "", nil)
	require.Equal(t, http.StatusOK, r.status, "%s/settings: %s: is the URL right? That of a hosted project ends in /auth/v1, and needs the anon key", target.URL, r.text)
	var settings struct {
		External      map[string]bool `json:"external"`
		DisableSignup bool            `json:"disable_signup"`
		Autoconfirm   bool            `json:"mailer_autoconfirm"`
	}
	r.as(t, &settings)
	require.True(t, settings.External["email"], "sign-in by e-mail is off: %s", r.text)
	s.autoconfirm, s.signup = settings.Autoconfirm, !settings.DisableSignup
	return s
}

// address makes one up.
func (s *suite) address() string { return "specter-" + uuid.NewString() + "@" + s.Domain }

// person is somebody confirmed, who is removed in the end.
func (s *suite) person() (email string, id uuid.UUID) {
	s.Helper()
	email = s.address()
	switch secret := password; {
	case s.ServiceKey != "":
		user, err := s.admin.AdminCreateUser(types.AdminCreateUserRequest{Email: email, Password: &secret, EmailConfirm: true})
		require.NoError(s, err)
		id = user.ID
	default:
		id = s.signUp(email).User.ID
	}
	s.Cleanup(func() { s.remove(id) })
	return email, id
}

// signUp makes somebody without the service key, and returns their first session.
func (s *suite) signUp(email string) types.Session {
	s.Helper()
	response, err := s.client.Signup(types.SignupRequest{Email: email, Password: password, Data: map[string]any{"name": "Ann"}})
	require.NoError(s, err)
	if s.autoconfirm {
		return response.Session
	}
	require.Empty(s, response.AccessToken)
	require.Equal(s, strings.ToLower(email), response.Email)
	// The real server says that the address is not confirmed; the local one tells nobody that a sign-up waits.
	early := s.call(http.MethodPost, "/token?grant_type=password", "", map[string]string{"email": email, "password": password})
	require.Equal(s, http.StatusBadRequest, early.status, early.text)
	require.Contains(s, []string{"email_not_confirmed", "invalid_credentials"}, wordOf([]byte(early.text)), early.text)
	require.NotContains(s, early.text, "access_token", "nobody is signed in before the link is opened")
	l := s.mailed(strings.ToLower(email))
	require.Equal(s, "signup", l.kind)
	session := s.used(l)
	s.refused(s.use(l), http.StatusForbidden, "otp_expired")
	return session
}

func (s *suite) remove(id uuid.UUID) {
	s.Helper()
	if s.ServiceKey == "" {
		return
	}
	if err := s.admin.AdminDeleteUser(types.AdminDeleteUserRequest{UserID: id}); err != nil {
		require.ErrorContains(s, err, "user_not_found")
	}
}

func (s *suite) signIn(email string) *types.TokenResponse {
	s.Helper()
	session, err := s.client.SignInWithEmailPassword(email, password)
	require.NoError(s, err)
	return session
}

// works tells whether an access token's session goes on.
func (s *suite) works(token string) bool {
	s.Helper()
	_, err := s.client.WithToken(token).GetUser()
	return err == nil
}

// reply is an answer of the server.
type reply struct {
	status   int
	text     string
	location string
}

// as decodes the answer.
func (r reply) as(t *testing.T, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(r.text), into), r.text)
}

// refused is the answer with a code of Supabase's.
func (s *suite) refused(r reply, status int, code string) {
	s.Helper()
	require.Equal(s, status, r.status, r.text)
	require.Equal(s, code, wordOf([]byte(r.text)), r.text)
}

// wordOf finds the code of a refusal. The newer of the two versions of the interface calls it code, which in the older
// one is the status (supabase/auth, internal/api/errors.go and apiversions.go).
func wordOf(body []byte) string {
	var refusal struct {
		ErrorCode string `json:"error_code"`
		Code      any    `json:"code"`
	}
	if json.Unmarshal(body, &refusal) != nil {
		return ""
	}
	if word, ok := refusal.Code.(string); ok && refusal.ErrorCode == "" {
		return word
	}
	return refusal.ErrorCode
}

// codeOf finds the code of a refusal whose body is read once more later.
func codeOf(res *http.Response) string {
	text, err := io.ReadAll(res.Body)
	res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(text))
	if err != nil {
		return ""
	}
	return wordOf(text)
}

// call sends what the library has no method for, or would not send.
func (s *suite) call(method, path, token string, body any) reply {
	s.Helper()
	var payload io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		payload = strings.NewReader(body)
	default:
		raw, err := json.Marshal(body)
		require.NoError(s, err)
		payload = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(s.Context(), method, s.URL+path, payload)
	require.NoError(s, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Apikey", s.AnonKey)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if token != "" && token == s.ServiceKey {
		request.Header.Set("Apikey", s.ServiceAPIKey)
	}
	response, err := s.http.Do(request)
	require.NoError(s, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(s, err)
	return reply{response.StatusCode, string(text), response.Header.Get("Location")}
}
