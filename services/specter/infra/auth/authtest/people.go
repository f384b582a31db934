package authtest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/supabase-community/gotrue-go/types"
)

func (s *suite) signsUpAndIn() {
	email := s.address()
	spelled := strings.ToUpper(email[:1]) + email[1:]
	var signedUp types.Session
	switch byItself := s.autoconfirm || s.Mail != nil; {
	case s.signup && byItself:
		signedUp = s.signUp(spelled)
		require.Equal(s, "Ann", signedUp.User.UserMetadata["name"])
	default: // its mail could not be read, or nobody may
		if !s.signup {
			s.refused(s.call(http.MethodPost, "/signup", "", map[string]string{"email": email, "password": password}), http.StatusUnprocessableEntity, "signup_disabled")
		}
		signedUp = s.used(s.generated(types.AdminGenerateLinkRequest{Type: types.LinkTypeSignup, Email: spelled, Password: password}))
	}
	s.Cleanup(func() { s.remove(signedUp.User.ID) })
	require.Equal(s, email, signedUp.User.Email)
	require.NotNil(s, signedUp.User.EmailConfirmedAt)
	require.Equal(s, "bearer", signedUp.TokenType)
	require.Positive(s, signedUp.ExpiresIn)

	again := s.signIn(strings.ToUpper(email))
	require.Equal(s, signedUp.User.ID, again.User.ID)
	require.NotEqual(s, signedUp.RefreshToken, again.RefreshToken)
	me, err := s.client.WithToken(again.AccessToken).GetUser()
	require.NoError(s, err)
	require.Equal(s, signedUp.User.ID, me.ID)
	require.Equal(s, "authenticated", me.Aud)
	require.Equal(s, "email", me.AppMetadata["provider"])
	require.NotNil(s, me.LastSignInAt)
}

// accessToken is what the dashboard believes: see internal/supabase/token.go there.
func (s *suite) accessToken() {
	email, id := s.person()
	token, claims := s.claimsOf(s.signIn(email).AccessToken)
	require.Contains(s, []string{"HS256", "ES256", "RS256"}, token.Method.Alg())
	if kid, _ := token.Header["kid"].(string); token.Method.Alg() != "HS256" {
		require.Contains(s, s.keyIDs(), kid, "signed with a key that it does not show")
	}
	require.Equal(s, "JWT", token.Header["typ"])
	require.Equal(s, id.String(), claims["sub"])
	require.Equal(s, email, claims["email"])
	// Both are empty at a server without GOTRUE_JWT_AUD and GOTRUE_JWT_DEFAULT_GROUP_NAME.
	require.Equal(s, "authenticated", claims["aud"], "set GOTRUE_JWT_AUD at the server")
	require.Equal(s, "authenticated", claims["role"], "set GOTRUE_JWT_DEFAULT_GROUP_NAME at the server")
	require.NotEqual(s, true, claims["is_anonymous"])
	require.NotEmpty(s, claims["session_id"])
	for _, when := range []string{"iat", "exp"} {
		require.IsType(s, 0.0, claims[when], when)
	}
	if issuer, _ := claims["iss"].(string); issuer != "" && strings.TrimRight(issuer, "/") != strings.TrimRight(s.URL, "/") {
		s.Logf("its tokens are issued by %q: for the dashboard, set SPECTER_SUPABASE_JWT_ISSUER to that", issuer)
	}
}

func (s *suite) wrongPasswords() {
	email, _ := s.person()
	try := func(email, password string) reply {
		return s.call(http.MethodPost, "/token?grant_type=password", "", map[string]string{"email": email, "password": password})
	}
	wrong := try(email, "wrong "+password)
	s.refused(wrong, http.StatusBadRequest, "invalid_credentials")
	require.Equal(s, wrong, try(s.address(), password), "an unknown address is answered like a wrong password")
	require.Equal(s, wrong, try(email, password+" "), "no space is dropped")
	require.Equal(s, wrong, try(email, strings.ToUpper(password)))
	s.signIn(email)
}

// mailsApart is how long after a mail to an address there may be another (GOTRUE_SMTP_MAX_FREQUENCY).
const mailsApart = time.Minute + time.Second

// takenAddress: signing up does not tell who is there, where a mail can.
func (s *suite) takenAddress() {
	email, id := s.person()
	signUp := func(email string) reply {
		return s.call(http.MethodPost, "/signup", "", map[string]string{"email": email, "password": replaced})
	}
	if s.signup && s.autoconfirm {
		s.refused(signUp(email), http.StatusUnprocessableEntity, "user_already_exists")
		return
	}
	if !s.signup {
		s.refused(signUp(email), http.StatusUnprocessableEntity, "signup_disabled")
		return
	}
	if s.ServiceKey == "" {
		s.Pass(s.T, mailsApart) // the local server counts this as one more mail to who has just signed up
	}
	// The real one mails nobody for it.
	taken := signUp(email)
	require.Equal(s, http.StatusOK, taken.status, taken.text)
	require.NotContains(s, taken.text, id.String())
	require.NotContains(s, taken.text, "access_token")
	s.signIn(email)
	_, err := s.client.SignInWithEmailPassword(email, replaced)
	require.Error(s, err, "nothing was replaced")
}

func (s *suite) rotates() {
	email, _ := s.person()
	current := s.signIn(email).RefreshToken
	for range 3 {
		next, err := s.client.RefreshToken(current)
		require.NoError(s, err)
		require.NotEqual(s, current, next.RefreshToken)
		require.True(s, s.works(next.AccessToken))
		current = next.RefreshToken
	}
	r := s.call(http.MethodPost, "/token?grant_type=refresh_token", "", map[string]string{"refresh_token": "never" + current})
	require.Equal(s, http.StatusBadRequest, r.status, r.text)
}

// reuseInterval is within which a repeated exchange counts as a lost answer (Supabase's default).
const reuseInterval = 10 * time.Second

func (s *suite) stolenRefreshToken() {
	email, _ := s.person()
	elsewhere := s.signIn(email)
	stolen := s.signIn(email)
	second, err := s.client.RefreshToken(stolen.RefreshToken)
	require.NoError(s, err)
	third, err := s.client.RefreshToken(second.RefreshToken)
	require.NoError(s, err)

	s.Pass(s.T, reuseInterval+time.Second)
	r := s.call(http.MethodPost, "/token?grant_type=refresh_token", "", map[string]string{"refresh_token": stolen.RefreshToken})
	s.refused(r, http.StatusBadRequest, "refresh_token_already_used")
	// Revoking a family counts as the use of its tokens (supabase/auth, internal/models/refresh_token.go,
	// RevokeTokenFamily sets updated_at), so the newest of them is taken as repeated for as long.
	s.Pass(s.T, reuseInterval+time.Second)
	_, err = s.client.RefreshToken(third.RefreshToken)
	require.Error(s, err, "the whole family has ended")
	_, err = s.client.RefreshToken(elsewhere.RefreshToken)
	require.NoError(s, err, "another sign-in of the same person goes on")
}

func (s *suite) logoutScopes() {
	email, _ := s.person()
	logout := func(token, scope string) int {
		return s.call(http.MethodPost, "/logout?scope="+scope, token, nil).status
	}
	here, there := s.signIn(email), s.signIn(email)
	require.Equal(s, http.StatusNoContent, logout(here.AccessToken, "others"))
	require.True(s, s.works(here.AccessToken))
	require.False(s, s.works(there.AccessToken))
	_, err := s.client.RefreshToken(there.RefreshToken)
	require.Error(s, err)

	there = s.signIn(email)
	require.Equal(s, http.StatusNoContent, logout(there.AccessToken, "local"))
	require.False(s, s.works(there.AccessToken))
	require.True(s, s.works(here.AccessToken))

	there = s.signIn(email)
	require.NoError(s, s.client.WithToken(there.AccessToken).Logout())
	require.False(s, s.works(here.AccessToken))
	require.False(s, s.works(there.AccessToken))
	require.NotEqual(s, http.StatusNoContent, logout(there.AccessToken, "global"), "nobody is signed in any more")
}

func (s *suite) recovery() {
	email, _ := s.person()
	before := s.signIn(email)
	var l link
	if s.Mail != nil {
		known := s.call(http.MethodPost, "/recover", "", map[string]string{"email": email})
		require.Equal(s, http.StatusOK, known.status, known.text)
		require.Equal(s, known, s.call(http.MethodPost, "/recover", "", map[string]string{"email": s.address()}), "the answer does not tell who is there")
		l = s.mailed(email)
		require.Equal(s, "recovery", l.kind)
	} else {
		l = s.generated(types.AdminGenerateLinkRequest{Type: types.LinkTypeRecovery, Email: email})
	}
	session := s.used(l)
	s.refused(s.use(l), http.StatusForbidden, "otp_expired")
	secret := replaced
	_, err := s.client.WithToken(session.AccessToken).UpdateUser(types.UpdateUserRequest{Password: &secret})
	require.NoError(s, err)
	_, err = s.client.SignInWithEmailPassword(email, password)
	require.ErrorContains(s, err, "invalid_credentials")
	_, err = s.client.SignInWithEmailPassword(email, replaced)
	require.NoError(s, err)
	require.False(s, s.works(before.AccessToken), "who knew the old password is out")
}

func (s *suite) newPassword() {
	email, _ := s.person()
	here, there := s.signIn(email), s.signIn(email)
	change := func(to string) reply {
		return s.call(http.MethodPut, "/user", here.AccessToken, map[string]string{"password": to})
	}
	s.refused(change(password), http.StatusUnprocessableEntity, "same_password")
	s.refused(change("short"), http.StatusUnprocessableEntity, "weak_password")
	require.Equal(s, http.StatusOK, change(replaced).status)
	require.True(s, s.works(here.AccessToken))
	require.False(s, s.works(there.AccessToken), "other devices are signed out")
	_, err := s.client.SignInWithEmailPassword(email, replaced)
	require.NoError(s, err)
}

func (s *suite) newAddress() {
	email, id := s.person()
	session := s.signIn(email)
	wanted := s.address()
	if s.Mail != nil || s.autoconfirm {
		changed, err := s.client.WithToken(session.AccessToken).UpdateUser(types.UpdateUserRequest{Email: strings.ToUpper(wanted)})
		require.NoError(s, err)
		// Where every address is believed, the local server and a real one before 2025 change it at once. Newer ones
		// have it confirmed even so (supabase/auth, internal/api/user.go), and then one of the two links is enough
		// (internal/api/verify.go, emailChangeVerify).
		if s.autoconfirm && changed.Email == wanted {
			require.Equal(s, id, s.signIn(wanted).User.ID)
			return
		}
		require.Equal(s, email, changed.Email, "not before it is confirmed")
		require.Equal(s, wanted, changed.EmailChange)
	}
	var toNew, toCurrent link
	if s.Mail != nil {
		toNew, toCurrent = s.mailed(wanted), s.mailed(email)
	} else {
		toNew = s.generated(types.AdminGenerateLinkRequest{Type: types.LinkTypeEmailChangeNew, Email: email, NewEmail: wanted})
		toCurrent = s.generated(types.AdminGenerateLinkRequest{Type: types.LinkTypeEmailChangeCurrent, Email: email, NewEmail: wanted})
	}
	if s.autoconfirm {
		require.Equal(s, wanted, s.used(toNew).User.Email)
	} else {
		half := s.use(toNew)
		require.Equal(s, http.StatusOK, half.status, half.text)
		require.NotContains(s, half.text, "access_token", "one of two has confirmed: GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED must be on")
		_, err := s.client.SignInWithEmailPassword(wanted, password)
		require.ErrorContains(s, err, "invalid_credentials")
		require.Equal(s, wanted, s.used(toCurrent).User.Email)
	}
	require.Equal(s, id, s.signIn(wanted).User.ID)
	_, err := s.client.SignInWithEmailPassword(email, password)
	require.ErrorContains(s, err, "invalid_credentials")
}

// magic makes a magic link for somebody.
func (s *suite) magic(email string) link {
	s.Helper()
	if s.Mail == nil {
		return s.generated(types.AdminGenerateLinkRequest{Type: types.LinkTypeMagicLink, Email: email})
	}
	require.NoError(s, s.client.OTP(types.OTPRequest{Email: email}))
	return s.mailed(email)
}

func (s *suite) magicLink() {
	email, id := s.person()
	l := s.magic(email)
	to := s.open(l)
	require.True(s, s.leadsToSite(to), "%s: the server must allow %s as a redirect", to, s.SiteURL)
	values, err := url.ParseQuery(to.Fragment)
	require.NoError(s, err)
	me, err := s.client.WithToken(values.Get("access_token")).GetUser()
	require.NoError(s, err)
	require.Equal(s, id, me.ID)
	_, err = s.client.RefreshToken(values.Get("refresh_token"))
	require.NoError(s, err)

	values, err = url.ParseQuery(s.open(l).Fragment)
	require.NoError(s, err)
	require.Equal(s, "access_denied", values.Get("error"), "it works once")
	require.Equal(s, "otp_expired", values.Get("error_code"))
	require.Empty(s, values.Get("access_token"))
}

func (s *suite) code() {
	email, id := s.person()
	l := s.magic(email)
	require.NotEmpty(s, l.code, "the mail's template must have {{ .Token }} after the word code")
	try := func(email, code string) reply {
		return s.call(http.MethodPost, "/verify", "", map[string]string{"type": "email", "email": email, "token": code})
	}
	other, _ := s.person()
	wrong := try(other, l.code)
	s.refused(wrong, http.StatusForbidden, "otp_expired")
	require.Equal(s, wrong, try(s.address(), l.code), "an unknown address is answered like a wrong code")
	r := try(email, l.code)
	require.Equal(s, http.StatusOK, r.status, r.text)
	var session types.Session
	r.as(s.T, &session)
	require.Equal(s, id, session.User.ID)
	s.refused(try(email, l.code), http.StatusForbidden, "otp_expired")
	s.refused(s.use(l), http.StatusForbidden, "otp_expired")
}

// exchange: a link of the PKCE flow leaves only a code, of use to who asked for the link.
func (s *suite) exchange() {
	email, id := s.person() // by mail: links of the service key have no challenge
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	r := s.call(http.MethodPost, "/otp?redirect_to="+url.QueryEscape(s.SiteURL), "", map[string]any{
		"email": email, "create_user": false, "code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "s256",
	})
	require.Equal(s, http.StatusOK, r.status, r.text)
	to := s.open(s.mailed(email))
	require.Empty(s, to.Fragment)
	code := to.Query().Get("code")
	require.NotEmpty(s, code, to)
	trade := func(verifier string) reply {
		return s.call(http.MethodPost, "/token?grant_type=pkce", "", map[string]string{"auth_code": code, "code_verifier": verifier})
	}
	r = trade(verifier)
	require.Equal(s, http.StatusOK, r.status, r.text)
	var session types.Session
	r.as(s.T, &session)
	require.Equal(s, id, session.User.ID)
	require.NotEqual(s, http.StatusOK, trade(verifier).status, "it works once")
}

// foreignLinks: a link signs in the person it was made for, whoever is signed in.
func (s *suite) foreignLinks() {
	ann, annID := s.person()
	bob, _ := s.person()
	l := s.magic(ann)
	session := s.signIn(bob)
	if l.code != "" {
		r := s.call(http.MethodPost, "/verify", session.AccessToken, map[string]string{"type": "magiclink", "email": bob, "token": l.code})
		s.refused(r, http.StatusForbidden, "otp_expired")
	}
	require.Equal(s, annID, s.used(l).User.ID)
	s.refused(s.use(link{kind: "magiclink", token: uuid.NewString()}), http.StatusForbidden, "otp_expired")
}

func (s *suite) redirects() {
	for _, elsewhere := range []string{
		"https://elsewhere.test/steal", "//elsewhere.test", "https:elsewhere.test", "javascript:alert(1)", "https://elsewhere.test#" + s.SiteURL,
		"https://elsewhere.test/?" + s.SiteURL, strings.TrimSuffix(s.SiteURL, "/") + ".elsewhere.test", "\thttps://elsewhere.test",
	} {
		to := s.open(s.uselessLink(elsewhere))
		require.True(s, s.leadsToSite(to), "%s led to %s", elsewhere, to)
		values, err := url.ParseQuery(to.Fragment)
		require.NoError(s, err)
		require.Equal(s, "otp_expired", values.Get("error_code"))
	}
}

// nobodyIsKnown: what is asked of an address that nobody has is answered as of any.
func (s *suite) nobodyIsKnown() {
	nobody := s.address()
	wrong := s.call(http.MethodPost, "/token?grant_type=password", "", map[string]string{"email": nobody, "password": password})
	s.refused(wrong, http.StatusBadRequest, "invalid_credentials")
	s.refused(s.call(http.MethodPost, "/verify", "", map[string]string{"type": "email", "email": nobody, "token": "123456"}), http.StatusForbidden, "otp_expired")
	s.refused(s.use(link{kind: "recovery", token: uuid.NewString()}), http.StatusForbidden, "otp_expired")
	r := s.call(http.MethodPost, "/recover", "", map[string]string{"email": nobody})
	require.Equal(s, http.StatusOK, r.status, r.text)
	// Whoever may not be made known: the real server tells that nobody is there (supabase/auth, internal/api/otp.go), and
	// the dashboard keeps that to itself.
	r = s.call(http.MethodPost, "/otp", "", map[string]any{"email": nobody, "create_user": false})
	if r.status != http.StatusOK {
		s.refused(r, http.StatusUnprocessableEntity, "otp_disabled")
	}
	// Of the form that a refresh token has in every version: twelve small letters and digits (supabase/auth,
	// internal/api/token_refresh.go refuses others as malformed).
	r = s.call(http.MethodPost, "/token?grant_type=refresh_token", "", map[string]string{"refresh_token": "nobodysone42"})
	s.refused(r, http.StatusBadRequest, "refresh_token_not_found")
	r = s.call(http.MethodPost, "/token?grant_type=pkce", "", map[string]string{"auth_code": uuid.NewString(), "code_verifier": rand.Text() + rand.Text()})
	s.refused(r, http.StatusNotFound, "flow_state_not_found")
}
