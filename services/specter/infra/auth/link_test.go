package auth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
	"github.com/supabase-community/gotrue-go/types"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/mail/mailtest"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/specter/infra/auth"
)

func (s *testServer) useToken(t *testing.T, kind, token string) int {
	t.Helper()
	status, _ := s.post(t, "/verify", `{"type":"`+kind+`","token_hash":"`+token+`"}`)
	return status
}

func (s *testServer) useCode(t *testing.T, address, code string) int {
	t.Helper()
	status, _ := s.post(t, "/verify", `{"type":"email","email":"`+address+`","token":"`+code+`"}`)
	return status
}

func TestLinksExpire(t *testing.T) {
	t.Parallel()
	s := newServer(t, confirming)
	s.admit(t, email)
	require.NoError(t, s.client.Recover(types.RecoverRequest{Email: email}))
	_, err := s.client.Signup(types.SignupRequest{Email: "bob@example.test", Password: password})
	require.NoError(t, err)
	recovery, _ := s.mailed(t, email, 1)
	signUp, _ := s.mailed(t, "bob@example.test", 1)

	s.clock.Advance(time.Hour + time.Second)
	require.Equal(t, http.StatusForbidden, s.useToken(t, "recovery", recovery))
	s.clock.Advance(23 * time.Hour)
	require.Equal(t, http.StatusForbidden, s.useToken(t, "signup", signUp))
	_, err = s.client.SignInWithEmailPassword("bob@example.test", password)
	require.ErrorContains(t, err, "invalid_credentials", "a sign-up that nobody confirmed is none")
}

func TestALinkIsForOneThing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.signUp(t)
	require.NoError(t, s.client.Recover(types.RecoverRequest{Email: email}))
	token, code := s.mailed(t, email, 1)
	for _, kind := range []string{"signup", "magiclink", "email_change", "email"} {
		require.Equal(t, http.StatusForbidden, s.useToken(t, kind, token), kind)
	}
	require.Equal(t, http.StatusForbidden, s.useCode(t, email, code), "a code to recover does not sign in otherwise")
	require.Equal(t, http.StatusBadRequest, s.useToken(t, "invite", token))
	require.Equal(t, http.StatusOK, s.useToken(t, "recovery", token))
}

func TestALinkWorksOnceHoweverManyOpenIt(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.signUp(t)
	require.NoError(t, s.client.OTP(types.OTPRequest{Email: email}))
	token, _ := s.mailed(t, email, 1)
	var opening sync.WaitGroup
	var opened atomic.Int32
	for range 20 {
		opening.Go(func() {
			if s.useToken(t, "magiclink", token) == http.StatusOK {
				opened.Add(1)
			}
		})
	}
	opening.Wait()
	require.EqualValues(t, 1, opened.Load())
}

func TestANewLinkReplacesTheOneBefore(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.signUp(t)
	require.NoError(t, s.client.OTP(types.OTPRequest{Email: email}))
	first, firstCode := s.mailed(t, email, 1)
	require.ErrorContains(t, s.client.OTP(types.OTPRequest{Email: strings.ToUpper(email)}), "over_email_send_rate_limit")
	s.clock.Advance(time.Minute)
	require.NoError(t, s.client.OTP(types.OTPRequest{Email: email}))
	second, _ := s.mailed(t, email, 2)
	require.Equal(t, http.StatusForbidden, s.useToken(t, "magiclink", first))
	require.Equal(t, http.StatusForbidden, s.useCode(t, email, firstCode))
	require.Equal(t, http.StatusOK, s.useToken(t, "magiclink", second))
}

func TestMailIsLimited(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	sent := 0
	for range 60 {
		for _, path := range []string{"/recover", "/otp", "/resend"} {
			status, _ := s.post(t, path, `{"email":"`+email+`","type":"signup","create_user":false}`)
			if status == http.StatusOK {
				sent++
			}
		}
		s.clock.Advance(time.Minute)
	}
	require.InDelta(t, 20, sent, 1, "ten at once and ten in the hour")
	// From one place to many addresses.
	sent = 0
	for i := range 60 {
		status, _ := s.postFrom(t, "203.0.113.7", "/recover", `{"email":"a`+string(rune('a'+i%26))+string(rune('a'+i/26))+`@example.test"}`)
		if status == http.StatusOK {
			sent++
		}
	}
	require.Equal(t, 30, sent)
}

func TestFiveWrongTriesEndACodeButNotItsLink(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.signUp(t)
	require.NoError(t, s.client.OTP(types.OTPRequest{Email: email}))
	token, code := s.mailed(t, email, 1)
	wrong := "00000000"
	if code == wrong {
		wrong = "00000001"
	}
	for range 5 {
		require.Equal(t, http.StatusForbidden, s.useCode(t, email, wrong))
	}
	require.Equal(t, http.StatusForbidden, s.useCode(t, email, code), "guessed too often")
	require.Equal(t, http.StatusOK, s.useToken(t, "magiclink", token))
}

func TestOnlyWhoAskedForALinkTradesItsCode(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.signUp(t)
	ask := func(nth int, verifier string) string {
		sum := sha256.Sum256([]byte(verifier))
		challenge := base64.RawURLEncoding.EncodeToString(sum[:])
		status, answer := s.post(t, "/otp", `{"email":"`+email+`","code_challenge":"`+challenge+`","code_challenge_method":"S256"}`)
		require.Equal(t, http.StatusOK, status, answer)
		token, _ := s.mailed(t, email, nth)
		require.True(t, strings.HasPrefix(token, "pkce_"))
		to := s.follow(t, token)
		require.Empty(t, to.Fragment)
		require.NotEmpty(t, to.Query().Get("code"))
		return to.Query().Get("code")
	}
	trade := func(code, verifier string) (int, string) {
		return s.post(t, "/token?grant_type=pkce", `{"auth_code":"`+code+`","code_verifier":"`+verifier+`"}`)
	}
	verifier := strings.Repeat("v", 43)
	code := ask(1, verifier)
	status, answer := trade(code, strings.Repeat("w", 43))
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, answer, "bad_code_verifier")
	status, _ = trade(code, verifier)
	require.Equal(t, http.StatusNotFound, status, "who guesses ends the code")

	s.clock.Advance(time.Minute)
	code = ask(2, verifier)
	s.clock.Advance(5*time.Minute + time.Second)
	status, _ = trade(code, verifier)
	require.Equal(t, http.StatusNotFound, status, "it was not traded in time")

	s.clock.Advance(time.Minute)
	code = ask(3, verifier)
	session, err := s.client.Token(types.TokenRequest{GrantType: "pkce", Code: code, CodeVerifier: verifier})
	require.NoError(t, err, "gotrue-go's own spelling")
	require.Equal(t, email, session.User.Email)

	for name, body := range map[string]string{
		"plain":         `{"email":"` + email + `","code_challenge":"` + verifier + `","code_challenge_method":"plain"}`,
		"no challenge":  `{"email":"` + email + `","code_challenge":"short","code_challenge_method":"s256"}`,
		"not base64url": `{"email":"` + email + `","code_challenge":"` + strings.Repeat("!", 43) + `","code_challenge_method":"s256"}`,
	} {
		status, _ := s.post(t, "/otp", body)
		require.Equal(t, http.StatusBadRequest, status, name)
	}
	// A dead link of this flow tells so where such clients look.
	require.Equal(t, "otp_expired", s.follow(t, "pkce_unknown").Query().Get("error_code"))
}

// follow opens a magic link as a browser does.
func (s *testServer) follow(t *testing.T, token string) *url.URL {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: s.Client().Transport}
	response, err := client.Get(s.URL + "/verify?" + url.Values{"type": {"magiclink"}, "token": {token}}.Encode())
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusSeeOther, response.StatusCode)
	to, err := url.Parse(response.Header.Get("Location"))
	require.NoError(t, err)
	return to
}

func TestANewPasswordEndsLinksMailedBefore(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.signUp(t)
	require.NoError(t, s.client.Recover(types.RecoverRequest{Email: email}))
	recovery, _ := s.mailed(t, email, 1)
	secret := "another long password"
	_, err := s.client.WithToken(session.AccessToken).UpdateUser(types.UpdateUserRequest{Password: &secret})
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, s.useToken(t, "recovery", recovery))
	require.Equal(t, "Your password was changed", s.mails.Await(t, email, 2).Subject)
}

// A new password is how a person takes an account back: what somebody else began with the old one ends.
func TestANewPasswordEndsWhatBeganWithTheOldOne(t *testing.T) {
	t.Parallel()
	s := newServer(t, confirming)
	s.admit(t, email)
	intruder, err := s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err)
	_, err = s.client.WithToken(intruder.AccessToken).UpdateUser(types.UpdateUserRequest{Email: "intruder@example.test"})
	require.NoError(t, err)
	change, _ := s.mailed(t, "intruder@example.test", 1)
	s.mailed(t, email, 1) // so that the next is the link to sign in
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	status, answer := s.post(t, "/otp", `{"email":"`+email+`","code_challenge":"`+base64.RawURLEncoding.EncodeToString(sum[:])+`","code_challenge_method":"S256"}`)
	require.Equal(t, http.StatusOK, status, answer)
	token, _ := s.mailed(t, email, 2)
	code := s.follow(t, token).Query().Get("code")
	require.NotEmpty(t, code)

	owner, err := s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err)
	secret := "another long password"
	changed, err := s.client.WithToken(owner.AccessToken).UpdateUser(types.UpdateUserRequest{Password: &secret})
	require.NoError(t, err)
	require.Empty(t, changed.EmailChange)
	require.Equal(t, http.StatusForbidden, s.useToken(t, "email_change", change))
	status, answer = s.post(t, "/token?grant_type=pkce", `{"auth_code":"`+code+`","code_verifier":"`+verifier+`"}`)
	require.Equal(t, http.StatusNotFound, status, answer)
	_, err = s.client.SignInWithEmailPassword(email, secret)
	require.NoError(t, err)
}

// Asking for an address that somebody has is answered like any other, and comes to nothing.
func TestChangingToATakenAddressComesToNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t, confirming)
	s.admit(t, email)
	s.admit(t, "bob@example.test")
	session, err := s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err)
	changed, err := s.client.WithToken(session.AccessToken).UpdateUser(types.UpdateUserRequest{Email: "Bob@example.test"})
	require.NoError(t, err)
	require.Equal(t, "bob@example.test", changed.EmailChange)
	require.NotContains(t, s.mails.Await(t, "bob@example.test", 1).Text, "/verify?")
	current, _ := s.mailed(t, email, 1)
	status, answer := s.post(t, "/verify", `{"type":"email_change","token_hash":"`+current+`"}`)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, answer, "other email")
	_, err = s.client.SignInWithEmailPassword("bob@example.test", password)
	require.NoError(t, err)

	// Both at once for a free address: the first to confirm has it.
	s.admit(t, "cleo@example.test")
	cleo, err := s.client.SignInWithEmailPassword("cleo@example.test", password)
	require.NoError(t, err)
	_, err = s.client.WithToken(cleo.AccessToken).UpdateUser(types.UpdateUserRequest{Email: "free@example.test"})
	require.NoError(t, err)
	cleoNew, _ := s.mailed(t, "free@example.test", 1)
	cleoCurrent, _ := s.mailed(t, "cleo@example.test", 1)
	s.admit(t, "free@example.test")
	require.Equal(t, http.StatusOK, s.useToken(t, "email_change", cleoNew))
	status, answer = s.post(t, "/verify", `{"type":"email_change","token_hash":"`+cleoCurrent+`"}`)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Contains(t, answer, "email_exists")
	_, err = s.client.SignInWithEmailPassword("cleo@example.test", password)
	require.NoError(t, err, "nothing has changed")
}

// A link mailed to an address is of no use once the account has another.
func TestLinksEndWithTheirAddress(t *testing.T) {
	t.Parallel()
	s := newServer(t, confirming)
	s.admit(t, email)
	session, err := s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err)
	require.NoError(t, s.client.Recover(types.RecoverRequest{Email: email}))
	recovery, _ := s.mailed(t, email, 1)
	_, err = s.client.WithToken(session.AccessToken).UpdateUser(types.UpdateUserRequest{Email: "countess@example.test"})
	require.NoError(t, err)
	change, _ := s.mailed(t, "countess@example.test", 1)
	require.Equal(t, http.StatusOK, s.useToken(t, "email_change", change))
	agree, _ := s.mailed(t, email, 2)
	require.Equal(t, http.StatusOK, s.useToken(t, "email_change", agree))
	require.Equal(t, http.StatusForbidden, s.useToken(t, "recovery", recovery))
	_, err = s.client.SignInWithEmailPassword("countess@example.test", password)
	require.NoError(t, err)
}

// Also where an address is believed at once.
func TestLinksEndWithAnAddressThatIsBelieved(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	session := s.signUp(t)
	require.NoError(t, s.client.Recover(types.RecoverRequest{Email: email}))
	recovery, _ := s.mailed(t, email, 1)
	_, err := s.client.WithToken(session.AccessToken).UpdateUser(types.UpdateUserRequest{Email: "countess@example.test"})
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, s.useToken(t, "recovery", recovery))
}

func TestAMagicLinkSignsUpSomebodyNew(t *testing.T) {
	t.Parallel()
	s := newServer(t, confirming)
	require.NoError(t, s.client.OTP(types.OTPRequest{Email: email, CreateUser: true, Data: map[string]any{"name": "Ada"}}))
	_, code := s.mailed(t, email, 1)
	_, err := s.client.SignInWithEmailPassword(email, password)
	require.ErrorContains(t, err, "invalid_credentials", "there is no password")
	require.Equal(t, http.StatusOK, s.useCode(t, email, code))
	status, answer := s.post(t, signInPath, guess(""))
	require.Equal(t, http.StatusBadRequest, status, answer)

	closed := newServer(t, confirming, func(o *auth.Options) { o.DisableSignup = true })
	require.NoError(t, closed.client.OTP(types.OTPRequest{Email: email, CreateUser: true}))
	closed.admit(t, "bob@example.test")
	require.NoError(t, closed.client.OTP(types.OTPRequest{Email: "bob@example.test"}))
	closed.mailed(t, "bob@example.test", 1)
	require.Empty(t, closed.mails.Inbox(email))
	require.Zero(t, closed.traces(t, email))
}

// Somebody deleted leaves no row and no kept mail behind.
func TestADeletedPersonLeavesNothing(t *testing.T) {
	t.Parallel()
	spool := mail.NewSpool(t.TempDir(), zap.NewNop())
	s := newServer(t, confirming, func(o *auth.Options) { o.Mail = spool })
	kept := func() int {
		list, err := spool.List()
		require.NoError(t, err)
		return len(list)
	}
	user := s.admit(t, email)
	s.admit(t, "bob@example.test")
	session, err := s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err)
	_, err = s.client.WithToken(session.AccessToken).UpdateUser(types.UpdateUserRequest{Email: "countess@example.test", Data: map[string]any{"note": "canary"}})
	require.NoError(t, err)
	for _, c := range []struct{ path, address string }{{"/recover", email}, {"/otp", email}, {"/signup", email}, {"/recover", "bob@example.test"}} {
		status, answer := s.post(t, c.path, `{"email":"`+c.address+`","password":"`+password+`","data":{"note":"canary"}}`)
		require.Equal(t, http.StatusOK, status, answer)
	}
	testkit.Eventually(t, func() bool { return kept() == 6 }, "all mail")
	require.Positive(t, s.traces(t, email))

	require.NoError(t, s.client.WithToken(s.serviceKey(t)).AdminDeleteUser(types.AdminDeleteUserRequest{UserID: user.ID}))
	for _, trace := range []string{email, "countess@example.test", user.ID.String(), "canary"} {
		require.Zero(t, s.traces(t, trace), trace)
	}
	require.Equal(t, 1, kept(), "Bob's stays")
	require.Positive(t, s.traces(t, "bob@example.test"))
}

func TestAdminsPageThroughUsers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, name := range []string{"a", "b", "c"} {
		s.admit(t, name+"@example.test")
		s.clock.Advance(time.Second)
	}
	get := func(query string) (*http.Response, []string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/admin/users"+query, nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+s.serviceKey(t))
		response, err := s.Client().Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		var body struct{ Users []types.User }
		require.NoError(t, json.NewDecoder(response.Body).Decode(&body))
		var addresses []string
		for _, u := range body.Users {
			addresses = append(addresses, u.Email)
		}
		return response, addresses
	}
	response, first := get("?page=1&per_page=2")
	require.Equal(t, []string{"c@example.test", "b@example.test"}, first)
	require.Equal(t, "3", response.Header.Get("X-Total-Count"))
	require.Contains(t, response.Header.Get("Link"), `page=2&per_page=2>; rel="next"`)
	response, second := get("?page=2&per_page=2")
	require.Equal(t, []string{"a@example.test"}, second)
	require.NotContains(t, response.Header.Get("Link"), "next")
	for _, bad := range []string{"?page=0", "?page=-1", "?per_page=100000", "?page=x", "?page=99999999999999999999"} {
		response, _ := get(bad)
		require.Equal(t, http.StatusBadRequest, response.StatusCode, bad)
	}
}

func TestABusyMailServerIsAskedAgain(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	busy := mailtest.Start(t, mailtest.Options{Refuse: func(string) error {
		if asked.Add(1) == 1 {
			return &smtp.SMTPError{Code: 451, Message: "try again"}
		}
		return nil
	}})
	sender, err := mail.Open(mail.Settings{SMTPURL: busy.URL, From: "specter@example.com"}, zap.NewNop())
	require.NoError(t, err)
	s := newServer(t, func(o *auth.Options) { o.Mail = sender })
	s.signUp(t)
	require.NoError(t, s.client.Recover(types.RecoverRequest{Email: email}))
	require.Equal(t, "Choose a new password", busy.Await(t, email, 1).Subject)
	require.EqualValues(t, 2, asked.Load())
}

func TestWhatHasExpiredIsForgotten(t *testing.T) {
	t.Parallel()
	s := newServer(t, confirming)
	_, err := s.client.Signup(types.SignupRequest{Email: email, Password: password})
	require.NoError(t, err)
	require.Positive(t, s.traces(t, email))
	s.clock.Advance(24*time.Hour + time.Second)
	ctx, stop := context.WithCancel(t.Context())
	again, err := auth.New(auth.Options{
		DB: s.db.Pool(t, "specter_auth"), Secret: []byte(secret), SiteURL: site, Mail: mail.NewSpool(t.TempDir(), zap.NewNop()), Log: zap.NewNop(), Now: s.clock.Now,
	})
	require.NoError(t, err)
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		again.Run(ctx) // at its start, and every hour
	}()
	testkit.Eventually(t, func() bool { return s.traces(t, email) == 0 }, "the sign-up and its link to be gone")
	stop()
	<-ran
}

// Where there is a page that asks first, mails lead to it, and so to where people reach the site.
func TestMailsLeadToThePageThatAsksFirst(t *testing.T) {
	t.Parallel()
	const page = "https://specter.example/auth/confirm"
	s := newServer(t, func(o *auth.Options) { o.ConfirmURL = page })
	s.signUp(t)
	require.NoError(t, s.client.Recover(types.RecoverRequest{Email: email}))
	text := s.mails.Await(t, email, 1).Text
	require.NotContains(t, text, "/verify?")
	_, rest, found := strings.Cut(text, page+"?")
	require.True(t, found, text)
	query, err := url.ParseQuery(strings.Fields(rest)[0])
	require.NoError(t, err)
	require.Equal(t, "recovery", query.Get("type"))
	require.Equal(t, http.StatusOK, s.useToken(t, "recovery", query.Get("token_hash")))
}
