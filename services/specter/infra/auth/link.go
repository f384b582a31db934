package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/specter/infra/auth/internal/identity"
)

const (
	// confirmLife is how long a link confirms an address, signInLife how long one signs in.
	confirmLife = 24 * time.Hour
	signInLife  = time.Hour
	// exchangeLife is how long an exchange code can be traded.
	exchangeLife = 5 * time.Minute
	// codeTries is how many wrong codes end a code; its link goes on.
	codeTries = 5
	// wrongCodeTime is what the answer to a wrong code takes at least. Counting it takes a fraction of
	// a millisecond longer than finding that no code was mailed, and those who try at once wait for
	// each other; both are over long before.
	wrongCodeTime = 50 * time.Millisecond

	// pkcePrefix marks tokens of links with a challenge, as Supabase does.
	pkcePrefix = "pkce_"
	halfDone   = "Confirmation link accepted. Please proceed to confirm link sent to the other email"
)

// made is a link with what only its reader gets to know.
type made struct {
	identity.Link
	token, code string
	redirectTo  string
	again       bool // asked for once more for a sign-up, which it confirms without a password
}

// wanted is what a request says about the link it asks for.
type wanted struct {
	redirectTo string
	challenge  string
}

// challengeText is base64url of a SHA-256 sum (RFC 7636).
var challengeText = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// wantedOf reads where a link shall lead, and the challenge of who asks for it.
func (s *Server) wantedOf(r *http.Request, challenge, method string) (wanted, error) {
	w := wanted{redirectTo: s.redirectTarget(r.URL.Query().Get("redirect_to")).String(), challenge: challenge}
	if challenge == "" {
		return w, nil
	}
	if !strings.EqualFold(method, "s256") {
		return w, refuse(http.StatusBadRequest, "validation_failed", "code_challenge_method must be s256")
	}
	if !challengeText.MatchString(challenge) {
		return w, refuse(http.StatusBadRequest, "validation_failed", "code challenge must be 43 characters of base64url")
	}
	return w, nil
}

// newLink makes a link; user is zero for a sign-up.
func (s *Server) newLink(kind identity.Kind, email string, user uuid.UUID, w wanted) made {
	life := confirmLife
	if kind == identity.ForRecovery || kind == identity.ForMagicLink {
		life = signInLife
	}
	now := s.options.Now().UTC()
	l := made{token: s.tokens.first(), code: s.tokens.code(), redirectTo: w.redirectTo}
	if w.challenge != "" {
		l.token = pkcePrefix + l.token
	}
	l.Link = identity.Link{
		Kind: kind, Email: email, UserID: user, TokenHash: hashOf(l.token), CodeHash: s.tokens.codeHash(email, l.code),
		Challenge: w.challenge, CreatedAt: now, ExpiresAt: now.Add(life),
	}
	return l
}

// address is where the link leads.
func (s *Server) address(l made) string {
	query := url.Values{"token": {l.token}, "type": {string(l.Kind)}, "redirect_to": {l.redirectTo}}
	return s.options.URL + "/verify?" + query.Encode()
}

// mailedAddress is where the link leads that is mailed.
func (s *Server) mailedAddress(l made) string {
	if s.options.ConfirmURL == "" {
		return s.address(l)
	}
	return s.options.ConfirmURL + "?" + url.Values{"token_hash": {l.token}, "type": {string(l.Kind)}}.Encode()
}

// kindsOf reads the type of a verification.
func kindsOf(name string) ([]identity.Kind, error) {
	switch kind := identity.Kind(name); kind {
	case identity.ForSignUp, identity.ForRecovery, identity.ForMagicLink, identity.ForEmailChange:
		return []identity.Kind{kind}, nil
	case "email": // Supabase's word for whatever signs in by mail
		return []identity.Kind{identity.ForMagicLink, identity.ForSignUp}, nil
	default:
		return nil, refuse(http.StatusBadRequest, "validation_failed", "Verify requires a verification type")
	}
}

// openLink is GET /verify, what the link in a mail leads to: the session, or the code to trade for
// it, is handed to the site.
func (s *Server) openLink(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	target := s.redirectTarget(query.Get("redirect_to"))
	token := query.Get("token")
	if token == "" {
		token = query.Get("token_hash")
	}
	pkce := strings.HasPrefix(token, pkcePrefix)
	// In the fragment, which browsers do not send on; what is no secret also in the query for
	// clients of the code exchange, which look there.
	redirect := func(values url.Values, open bool) {
		if pkce && open {
			asked := target.Query()
			for name := range values {
				asked.Set(name, values.Get(name))
			}
			target.RawQuery = asked.Encode()
		}
		if !pkce || values.Has("error") {
			target.Fragment, target.RawFragment = "", ""
			http.Redirect(w, r, target.String()+"#"+values.Encode(), http.StatusSeeOther)
			return
		}
		http.Redirect(w, r, target.String(), http.StatusSeeOther)
	}
	kinds, err := kindsOf(query.Get("type"))
	if err == nil && token == "" {
		err = refuse(http.StatusBadRequest, "validation_failed", "Verify requires a token or a token hash")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	exchange := s.tokens.first()
	refresh, v := s.verification(kinds)
	v.TokenHash = hashOf(token)
	v.Exchange = &identity.ExchangeCode{Hash: hashOf(exchange), ExpiresAt: v.At.Add(exchangeLife)}
	done, err := s.store.Verify(r.Context(), v)
	if out := linkRefusal(err, "Email link is invalid or has expired"); out != nil {
		redirect(url.Values{"error": {"access_denied"}, "error_code": {out.Code}, "error_description": {out.Message}}, true)
		return
	}
	switch {
	case err != nil:
		s.fail(w, r, err)
	case done.Partial:
		redirect(url.Values{"message": {halfDone}}, true)
	case done.Exchanged:
		redirect(url.Values{"code": {exchange}}, true)
	default:
		body, err := s.sessionBody(done.User, v.Session, refresh)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		pkce = false // it was opened with a token that only looks like one
		redirect(url.Values{
			"access_token": {body.AccessToken}, "refresh_token": {body.RefreshToken}, "token_type": {body.TokenType},
			"expires_in": {strconv.Itoa(body.ExpiresIn)}, "expires_at": {strconv.FormatInt(body.ExpiresAt, 10)}, "type": {query.Get("type")},
		}, false)
	}
}

// verify is POST /verify: a site passes on the token of a link, or a code with the address it was
// mailed to, and gets the session itself.
func (s *Server) verify(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Type      string `json:"type"`
		Token     string `json:"token"`
		TokenHash string `json:"token_hash"`
		Email     string `json:"email"`
	}
	err := read(r, &in)
	var kinds []identity.Kind
	if err == nil {
		kinds, err = kindsOf(in.Type)
	}
	switch {
	case err != nil:
	case in.TokenHash != "" && (in.Token != "" || in.Email != ""):
		err = refuse(http.StatusBadRequest, "validation_failed", "Only the token_hash and type should be provided")
	case in.TokenHash == "" && (in.Token == "" || in.Email == ""):
		err = refuse(http.StatusBadRequest, "validation_failed", "Verify requires a token_hash, or a token and an email")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	refresh, v := s.verification(kinds)
	right := func() {}
	if in.TokenHash != "" {
		v.TokenHash = hashOf(in.TokenHash)
	} else {
		v.Email = knownEmail(in.Email)
		v.CodeHash = s.tokens.codeHash(v.Email, in.Token)
		var wait time.Duration
		if wait, right = s.throttles.guess(placeOf(r), v.Email); wait > 0 {
			s.fail(w, r, tooFast(wait))
			return
		}
	}
	earliest := time.NewTimer(wrongCodeTime)
	defer earliest.Stop()
	done, err := s.store.Verify(r.Context(), v)
	if out := linkRefusal(err, "Token has expired or is invalid"); out != nil {
		if v.TokenHash == nil {
			select {
			case <-earliest.C:
			case <-r.Context().Done(): // nobody waits for the answer
			}
		}
		s.fail(w, r, out)
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	right()
	if done.Partial {
		answer(w, http.StatusOK, map[string]string{"msg": halfDone, "code": strconv.Itoa(http.StatusOK)})
		return
	}
	s.answerSession(w, r, done.User, v.Session, refresh)
}

// verification prepares the use of a link, with the session that begins by it.
func (s *Server) verification(kinds []identity.Kind) (refresh string, v identity.Verification) {
	now := s.options.Now().UTC()
	session, refresh := s.newSession(uuid.Nil, identity.ByMail, now)
	return refresh, identity.Verification{
		Kinds: kinds, MaxTries: codeTries, At: now, IdleSince: now.Add(-idleLimit), Session: session, RefreshHash: hashOf(refresh),
	}
}

// linkRefusal is nil for errors that are not the link's.
func linkRefusal(err error, message string) *refusal {
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return refuse(http.StatusForbidden, "otp_expired", message)
	case errors.Is(err, identity.ErrEmailTaken): // known to whoever reads the mail of that address
		return refuse(http.StatusUnprocessableEntity, "email_exists", "A user with this email address has already been registered")
	default:
		return nil
	}
}

// trade swaps the code that a link left at the site for the session, for who asked for the link.
func (s *Server) trade(ctx context.Context, code, verifier string) (sessionBody, error) {
	if code == "" || verifier == "" {
		return sessionBody{}, refuse(http.StatusBadRequest, "validation_failed", "invalid request: both auth code and code verifier should be non-empty")
	}
	now := s.options.Now().UTC()
	session, refresh := s.newSession(uuid.Nil, identity.ByMail, now)
	user, err := s.store.TradeCode(ctx, hashOf(code), challengeOf(verifier), session, hashOf(refresh), now.Add(-idleLimit))
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return sessionBody{}, refuse(http.StatusNotFound, "flow_state_not_found", "invalid flow state, no valid flow state found")
	case errors.Is(err, identity.ErrVerifier):
		return sessionBody{}, refuse(http.StatusBadRequest, "bad_code_verifier", "code challenge does not match previously saved code verifier")
	case err != nil:
		return sessionBody{}, err
	}
	return s.sessionBody(user, session, refresh)
}

// redirectTarget is the wanted address when it is on our site, else the site. It is put together
// anew, so that no other reading of the wanted text leads elsewhere.
func (s *Server) redirectTarget(wanted string) *url.URL {
	site := *s.site
	u, err := url.Parse(wanted)
	if err != nil || u.Scheme != site.Scheme || u.Host != site.Host || u.User != nil || u.Opaque != "" || strings.ContainsAny(wanted, "\\\r\n\t") {
		return &site
	}
	clean := path.Clean("/" + u.Path)
	below := strings.TrimSuffix(site.Path, "/")
	if clean != below && !strings.HasPrefix(clean, below+"/") {
		return &site
	}
	if strings.HasSuffix(u.Path, "/") && clean != "/" {
		clean += "/"
	}
	site.Path, site.RawPath, site.RawQuery, site.Fragment = clean, "", u.RawQuery, ""
	return &site
}
