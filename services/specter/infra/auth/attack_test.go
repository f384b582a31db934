package auth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/supabase-community/gotrue-go/types"

	"github.com/draftlabs/specter/services/specter/infra/auth"
)

func guess(password string) string {
	return `{"email":"` + email + `","password":"` + password + `"}`
}

const signInPath = "/token?grant_type=password"

func TestGuessingIsThrottledPerAddress(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.signUp(t)
	for range 10 {
		status, _ := s.post(t, signInPath, guess("guess"))
		require.Equal(t, http.StatusBadRequest, status)
	}
	worked := s.hashes.done.Load()
	response, err := http.Post(s.URL+signInPath, "application/json", strings.NewReader(guess(password)))
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusTooManyRequests, response.StatusCode)
	require.Equal(t, "10", response.Header.Get("Retry-After"))
	require.Equal(t, worked, s.hashes.done.Load(), "what is refused costs nothing")
	status, body := s.post(t, signInPath, `{"email":" ADA@example.test ","password":"`+password+`"}`)
	require.Equal(t, http.StatusTooManyRequests, status, "another spelling is the same address: %s", body)

	_, err = s.client.Signup(types.SignupRequest{Email: "other@example.test", Password: password})
	require.NoError(t, err, "other addresses are not affected")
	s.clock.Advance(10 * time.Second)
	_, err = s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err)
}

// Guessing from one place does not keep the person out at another, for however long it goes on.
func TestNobodyIsLockedOutByAGuesser(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.signUp(t)
	refused := 0
	for range 30 {
		for range 12 {
			if status, _ := s.postFrom(t, "203.0.113.7", signInPath, guess("guess")); status == http.StatusTooManyRequests {
				refused++
			}
		}
		status, body := s.postFrom(t, "198.51.100.9", signInPath, guess(password))
		require.Equal(t, http.StatusOK, status, body)
		s.clock.Advance(time.Second)
	}
	require.Greater(t, refused, 300)
	status, _ := s.postFrom(t, "203.0.113.7, 198.51.100.9", signInPath, guess("guess"))
	require.Equal(t, http.StatusBadRequest, status, "the proxy's own word counts, not the sender's before it")
}

// Many places together are held up too.
func TestGuessingFromEverywhereIsThrottled(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.signUp(t)
	tried := 0
	for place := range 30 {
		for range 5 {
			status, _ := s.postFrom(t, fmt.Sprintf("203.0.113.%d", place), signInPath, guess("guess"))
			if status == http.StatusBadRequest {
				tried++
			}
		}
	}
	require.Equal(t, 100, tried)
	// The person waits no longer than for one more guess, and a link by mail does not wait at all.
	status, _ := s.postFrom(t, "198.51.100.9", signInPath, guess(password))
	require.Equal(t, http.StatusTooManyRequests, status)
	require.NoError(t, s.client.OTP(types.OTPRequest{Email: email}))
	token, _ := s.mailed(t, email, 1)
	status, _ = s.post(t, "/verify", `{"type":"magiclink","token_hash":"`+token+`"}`)
	require.Equal(t, http.StatusOK, status)
	s.clock.Advance(10 * time.Second)
	status, _ = s.postFrom(t, "198.51.100.9", signInPath, guess(password))
	require.Equal(t, http.StatusOK, status)
}

func TestWhereARequestComesFrom(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		remote, forwarded, want string
	}{
		"directly":                {"203.0.113.7:1234", "", "203.0.113.7"},
		"somebody's word":         {"203.0.113.7:1234", "198.51.100.9", "203.0.113.7"},
		"this machine":            {"127.0.0.1:1234", "", ""},
		"a proxy here":            {"127.0.0.1:1234", "198.51.100.9", "198.51.100.9"},
		"its word is the last":    {"[::1]:1234", "192.0.2.1, 198.51.100.9", "198.51.100.9"},
		"nonsense":                {"127.0.0.1:1234", "x", ""},
		"IPv6":                    {"[2001:db8:1:2:3:4:5:6]:1234", "", "2001:db8:1:2::/64"},
		"the same subscriber":     {"[2001:db8:1:2:ffff::1]:1234", "", "2001:db8:1:2::/64"},
		"IPv4 written as IPv6":    {"[::ffff:203.0.113.7]:1234", "", "203.0.113.7"},
		"this machine, as mapped": {"[::ffff:127.0.0.1]:1234", "198.51.100.9", "198.51.100.9"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/token", nil)
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		require.Equal(t, c.want, auth.PlaceOf(r), name)
	}
}

// Whether there is such a person or not: the same answer after the same hashing.
func TestSigningInTellsNobodyWhoIsThere(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*auth.Options){"with mail": confirming, "believing": func(*auth.Options) {}} {
		s := newServer(t, change)
		s.admit(t, email)
		work := func(body string) (int, string, int64) {
			before := s.hashes.done.Load()
			status, answer := s.post(t, signInPath, body)
			return status, answer, s.hashes.done.Load() - before
		}
		status, answer, hashes := work(guess("wrong password"))
		require.Equal(t, http.StatusBadRequest, status, name)
		require.Positive(t, hashes, name)
		for what, body := range map[string]string{
			"unknown":    `{"email":"nobody@example.test","password":"wrong password"}`,
			"no address": `{"email":"nobody","password":"wrong password"}`,
			"long":       guess(strings.Repeat("x", 300)),
			"empty":      guess(""),
		} {
			status2, answer2, hashes2 := work(body)
			require.Equal(t, status, status2, "%s, %s", name, what)
			require.Equal(t, answer, answer2, "%s, %s", name, what)
			require.Equal(t, hashes, hashes2, "%s, %s", name, what)
		}
	}
}

// Signing up with an address that is taken: the same answer, the same hashing, the same rows, the
// same answers afterwards. Only the mail to its owner tells.
func TestSigningUpTellsNobodyWhoIsThere(t *testing.T) {
	t.Parallel()
	s := newServer(t, confirming)
	s.admit(t, email)
	const somebodyNew = "bob@example.test"
	shape := func(text string) map[string]any {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &fields))
		for _, name := range []string{"id", "created_at", "updated_at", "confirmation_sent_at", "identities"} {
			require.Contains(t, fields, name)
			delete(fields, name)
		}
		require.Contains(t, []any{email, somebodyNew}, fields["email"])
		delete(fields, "email")
		return fields
	}
	try := func(path, address, password string) (int, string, int64) {
		before := s.hashes.done.Load()
		status, answer := s.post(t, path, `{"email":"`+address+`","password":"`+password+`","type":"signup"}`)
		return status, answer, s.hashes.done.Load() - before
	}
	for range 2 { // the second time it waits already
		status1, answer1, hashes1 := try("/signup", email, "attacker's choice")
		status2, answer2, hashes2 := try("/signup", somebodyNew, "attacker's choice")
		require.Equal(t, http.StatusOK, status1, answer1)
		require.Equal(t, status1, status2)
		require.Equal(t, shape(answer1), shape(answer2))
		require.Equal(t, hashes1, hashes2)
		s.clock.Advance(time.Minute)
	}
	var rows int
	require.NoError(t, s.db.Owner(t).QueryRow(t.Context(), `SELECT count(*) FROM auth_local.sign_ups u JOIN auth_local.links l USING (email)`).Scan(&rows))
	require.Equal(t, 2, rows)
	for _, c := range []struct{ path, password string }{{signInPath, "attacker's choice"}, {signInPath, "wrong password"}, {"/resend", ""}, {"/resend", ""}, {"/recover", ""}, {"/otp", ""}} {
		status1, answer1, hashes1 := try(c.path, email, c.password)
		status2, answer2, hashes2 := try(c.path, somebodyNew, c.password)
		require.Equal(t, status1, status2, c)
		require.Equal(t, answer1, answer2, c)
		require.Equal(t, hashes1, hashes2, c)
	}
	status, answer, _ := try(signInPath, email, "attacker's choice")
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, answer, "invalid_credentials", "that it waits is told to nobody")

	require.Contains(t, s.mails.Await(t, email, 1).Text, "nothing about it has changed")
	require.NotContains(t, s.mails.Await(t, email, 1).Text, "/verify?")
	require.Contains(t, s.mails.Await(t, somebodyNew, 1).Text, "/verify?")
	_, err := s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err, "the person has noticed nothing")
}

// Who signs up with somebody else's address does not choose that person's password.
func TestTheLatestSignUpIsTheOneConfirmed(t *testing.T) {
	t.Parallel()
	s := newServer(t, confirming)
	signUp := func(password string) {
		status, answer := s.post(t, "/signup", guess(password))
		require.Equal(t, http.StatusOK, status, answer)
	}
	signUp("attacker's choice")
	first, _ := s.mailed(t, email, 1)
	s.clock.Advance(time.Minute)
	signUp(password)
	second, _ := s.mailed(t, email, 2)
	status, _ := s.post(t, "/verify", `{"type":"signup","token_hash":"`+first+`"}`)
	require.Equal(t, http.StatusForbidden, status, "a link confirms the sign-up it was mailed for")
	status, _ = s.post(t, "/verify", `{"type":"signup","token_hash":"`+second+`"}`)
	require.Equal(t, http.StatusOK, status)
	_, err := s.client.SignInWithEmailPassword(email, "attacker's choice")
	require.ErrorContains(t, err, "invalid_credentials")
	_, err = s.client.SignInWithEmailPassword(email, password)
	require.NoError(t, err)
}

func TestFiftyHoldersOfOneRefreshTokenHaveOneChain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	first := s.signUp(t).RefreshToken
	var asking sync.WaitGroup
	next := make([]string, 50)
	for i := range next {
		asking.Go(func() {
			if session, err := s.client.RefreshToken(first); err == nil {
				next[i] = session.RefreshToken
			}
		})
	}
	asking.Wait()
	for _, token := range next {
		require.Equal(t, next[0], token)
	}
	var live int
	require.NoError(t, s.db.Owner(t).QueryRow(t.Context(), `SELECT count(*) FROM auth_local.refresh_tokens WHERE used_at IS NULL`).Scan(&live))
	require.Equal(t, 1, live)
}

func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var asking sync.WaitGroup
	var mu sync.Mutex
	answers := map[int]int{}
	for i := range 200 {
		asking.Go(func() {
			status, _ := s.post(t, signInPath, fmt.Sprintf(`{"email":"a%d@example.test","password":"guess"}`, i))
			mu.Lock()
			defer mu.Unlock()
			answers[status]++
		})
	}
	asking.Wait()
	require.LessOrEqual(t, s.hashes.most.Load(), int64(runtime.GOMAXPROCS(0)), "19 MiB each")
	require.Equal(t, 200, answers[http.StatusBadRequest]+answers[http.StatusServiceUnavailable], answers)
	require.Positive(t, answers[http.StatusBadRequest])
}

func TestOneAddressIsOnePerson(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.signUp(t)
	taken := func(address string) (int, string) {
		return s.post(t, "/signup", `{"email":"`+address+`","password":"`+password+`"}`)
	}
	for _, same := range []string{"ADA@EXAMPLE.TEST", " ada@example.test", "Ada@Example.Test\\t"} {
		status, answer := taken(same)
		require.Equal(t, http.StatusUnprocessableEntity, status, "%q: %s", same, answer)
	}
	// What only looks like it, or folds into it, is no address.
	for _, trick := range []string{
		"аda@example.test", "ada@ｅxample.test", "ada@example\u3002test", "ada\u200b@example.test", "\u212aada@example.test", "ada@exam\u0131ple.test",
		"ada @example.test", "<ada@example.test>", "ada@example.test,bob@example.test", "ada@example.test\\u0000", "\\\"ada\\\"@example.test", "(x)ada@example.test",
	} {
		status, answer := taken(trick)
		require.Equal(t, http.StatusBadRequest, status, "%q: %s", trick, answer)
	}
	// Elsewhere a plus may be the same mailbox; here it is another person, as at Supabase.
	status, answer := taken("ada+x@example.test")
	require.Equal(t, http.StatusOK, status, answer)
}

func TestLinksLeadNowhereElse(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(o *auth.Options) { o.SiteURL = "https://site.test/app" })
	leads := func(wanted string) string {
		query := url.Values{"type": {"recovery"}, "token": {"unknown"}, "redirect_to": {wanted}}
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: s.Client().Transport}
		response, err := client.Get(s.URL + "/verify?" + query.Encode())
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, http.StatusSeeOther, response.StatusCode)
		to, _, _ := strings.Cut(response.Header.Get("Location"), "#")
		return to
	}
	require.Equal(t, "https://site.test/app/reset?next=1", leads("https://site.test/app/reset?next=1"))
	require.Equal(t, "https://site.test/app/", leads("https://site.test/app/"))
	for _, wanted := range []string{
		"", "https://elsewhere.test/app", "//elsewhere.test/app", "http://site.test/app", "https://site.test:444/app", "https://site.test.elsewhere.test/app",
		"https://site.test@elsewhere.test/app", "https://ann:x@site.test/app", `https://site.test\@elsewhere.test/app`, `https:\\elsewhere.test`, "https:site.test/app",
		"javascript:alert(1)//site.test/app", "https://site.test/application", "https://site.test/", "https://site.test/app/../admin", "https://site.test/app/%2e%2e/admin",
		"https://site.test/app\r\nSet-Cookie: a=b", "/app", "https://SITE.test.:443/app",
	} {
		require.Equal(t, "https://site.test/app", leads(wanted), "%q", wanted)
	}
}

// admit makes a confirmed person.
func (s *testServer) admit(t *testing.T, address string) types.User {
	t.Helper()
	secret := password
	user, err := s.client.WithToken(s.serviceKey(t)).AdminCreateUser(types.AdminCreateUserRequest{Email: address, Password: &secret, EmailConfirm: true})
	require.NoError(t, err)
	return user.User
}
