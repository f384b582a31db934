package authtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	gotrue "github.com/supabase-community/gotrue-go"
	"github.com/supabase-community/gotrue-go/types"
)

// Target is an auth server to try.
type Target struct {
	URL        string
	AnonKey    string
	ServiceKey string
	JWTSecret  string // HS256; signs the tokens that must be refused
	// SiteURL is where its links may lead.
	SiteURL string
	// Domain of the addresses that are made up.
	Domain string
	// Mail waits for the nth mail to an address and returns its text. Nil: mails cannot be read, and
	// links are made with the service key instead.
	Mail func(t *testing.T, to string, nth int) string
	// Pass lets time go by at the server.
	Pass func(t *testing.T, d time.Duration)
}

// Run tries everything. Each part makes people of its own and removes them.
func Run(t *testing.T, target Target) {
	t.Helper()
	for name, part := range map[string]func(*suite){
		"signing up and in":             (*suite).signsUpAndIn,
		"wrong passwords":               (*suite).wrongPasswords,
		"an address that is taken":      (*suite).takenAddress,
		"refresh tokens rotate":         (*suite).rotates,
		"a stolen refresh token":        (*suite).stolenRefreshToken,
		"logout scopes":                 (*suite).logoutScopes,
		"recovery":                      (*suite).recovery,
		"a new password":                (*suite).newPassword,
		"a new address":                 (*suite).newAddress,
		"a magic link":                  (*suite).magicLink,
		"a code":                        (*suite).code,
		"the exchange of codes":         (*suite).exchange,
		"links are good for one person": (*suite).foreignLinks,
		"no open redirect":              (*suite).redirects,
		"users for the service key":     (*suite).administers,
		"admin routes are not for all":  (*suite).refusesAdministration,
		"forged tokens":                 (*suite).forgedTokens,
		"malformed requests":            (*suite).malformed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(newSuite(t, target))
		})
	}
}

const (
	password = "correct horse battery staple"
	replaced = "another long password 42"
)

type suite struct {
	*testing.T
	Target
	http        *http.Client
	client      gotrue.Client
	admin       gotrue.Client
	autoconfirm bool
}

func newSuite(t *testing.T, target Target) *suite {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	s := &suite{T: t, Target: target, http: &http.Client{
		Transport: transport, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	s.client = gotrue.New("", target.AnonKey).WithCustomGoTrueURL(target.URL).WithClient(*s.http)
	s.admin = gotrue.New("", target.ServiceKey).WithCustomGoTrueURL(target.URL).WithClient(*s.http).WithToken(target.ServiceKey)
	settings, err := s.client.GetSettings()
	require.NoError(t, err)
	s.autoconfirm = settings.MailerAutoconfirm
	return s
}

// address makes one up.
func (s *suite) address() string { return "specter-" + uuid.NewString() + "@" + s.Domain }

// person is somebody confirmed, who is removed in the end.
func (s *suite) person() (email string, id uuid.UUID) {
	s.Helper()
	email = s.address()
	secret := password
	user, err := s.admin.AdminCreateUser(types.AdminCreateUserRequest{Email: email, Password: &secret, EmailConfirm: true})
	require.NoError(s, err)
	s.Cleanup(func() { s.remove(user.ID) })
	return email, user.ID
}

func (s *suite) remove(id uuid.UUID) {
	s.Helper()
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
	var body struct {
		ErrorCode string `json:"error_code"`
		Code      any    `json:"code"` // the word itself, by newer versions of the interface
	}
	r.as(s.T, &body)
	if word, ok := body.Code.(string); ok && body.ErrorCode == "" {
		body.ErrorCode = word
	}
	require.Equal(s, code, body.ErrorCode, r.text)
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
	response, err := s.http.Do(request)
	require.NoError(s, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(s, err)
	return reply{response.StatusCode, string(text), response.Header.Get("Location")}
}

// link is what somebody was mailed.
type link struct {
	address string // where it leads
	token   string
	kind    string
	code    string
}

var (
	linkText = regexp.MustCompile(`https?://\S+/verify\?\S+`)
	codeText = regexp.MustCompile(`code[^\n]*: (\d{6,10})\n`)
)

// mailed reads the nth mail to an address.
func (s *suite) mailed(to string, nth int) link {
	s.Helper()
	text := s.Mail(s.T, to, nth)
	l := link{address: linkText.FindString(text)}
	require.NotEmpty(s, l.address, text)
	code := codeText.FindStringSubmatch(text)
	require.Len(s, code, 2, text)
	l.code = code[1]
	u, err := url.Parse(l.address)
	require.NoError(s, err)
	l.token, l.kind = u.Query().Get("token"), u.Query().Get("type")
	return l
}

// generated makes a link with the service key.
func (s *suite) generated(request types.AdminGenerateLinkRequest) link {
	s.Helper()
	request.RedirectTo = s.SiteURL
	made, err := s.admin.AdminGenerateLink(request)
	require.NoError(s, err)
	kind := string(request.Type)
	if strings.HasPrefix(kind, "email_change") {
		kind = "email_change"
	}
	return link{address: made.ActionLink, token: made.HashedToken, kind: kind, code: made.EmailOTP}
}

// use hands a link's token in.
func (s *suite) use(l link) reply {
	s.Helper()
	return s.call(http.MethodPost, "/verify", "", map[string]string{"type": l.kind, "token_hash": l.token})
}

// used hands it in for a session.
func (s *suite) used(l link) types.Session {
	s.Helper()
	r := s.use(l)
	require.Equal(s, http.StatusOK, r.status, r.text)
	var session types.Session
	r.as(s.T, &session)
	require.NotEmpty(s, session.AccessToken, r.text)
	return session
}

// open follows a link as a browser does.
func (s *suite) open(l link) *url.URL {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, l.address, nil)
	require.NoError(s, err)
	response, err := s.http.Do(request)
	require.NoError(s, err)
	defer response.Body.Close()
	require.Equal(s, http.StatusSeeOther, response.StatusCode)
	to, err := url.Parse(response.Header.Get("Location"))
	require.NoError(s, err)
	return to
}
