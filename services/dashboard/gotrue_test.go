package dashboard_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// goTrue speaks the part of Supabase Auth's REST that the dashboard uses, with the hosted server's
// answers; every method of it can be told to fail.
type goTrue struct {
	*httptest.Server
	clock *clock

	mu        sync.Mutex
	users     map[string]uuid.UUID // by e-mail
	password  map[string]string    // of those who changed it
	pending   map[string]bool      // e-mail addresses that are not confirmed yet
	confirmed map[string]time.Time // when the others were
	refresh   map[string]string    // token -> e-mail
	codes     map[string]mailed    // code -> what it is for
	mails     []mailed
	life      time.Duration
	tamper    func(jwt.MapClaims)
	down      bool
	mailTakes time.Duration
	hashTakes time.Duration // that of a known person's password
	confirms  bool          // sign-ups have to confirm their address
	proves    bool          // a new password needs the current one (GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD)
	external  map[string]bool
	signOuts  []string      // their scopes
	deletes   []http.Header // of every request to delete a person
	requests  map[string]int
	visitors  map[string]string // by path: for whom the last request of it was made
}

// mailed is a mail that would have been sent.
type mailed struct {
	kind, email, hash, back, challenge string
	newEmail                           string // of a change of address
}

// aServiceKey opens goTrue, as do the tokens of the service role that jwtSecret signed.
const aServiceKey = "sb_secret_that_only_tests_know"

func newGoTrue(t *testing.T, c *clock) *goTrue {
	t.Helper()
	g := &goTrue{
		clock: c, users: map[string]uuid.UUID{}, password: map[string]string{}, pending: map[string]bool{}, confirmed: map[string]time.Time{}, refresh: map[string]string{},
		codes: map[string]mailed{}, life: time.Hour, external: map[string]bool{"email": true, "phone": false, "github": true}, requests: map[string]int{}, visitors: map[string]string{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /settings", g.settings)
	mux.HandleFunc("POST /signup", g.signUp)
	mux.HandleFunc("POST /token", g.token)
	mux.HandleFunc("POST /logout", g.logout)
	mux.HandleFunc("POST /resend", g.mail("signup"))
	mux.HandleFunc("POST /recover", g.mail("recovery"))
	mux.HandleFunc("POST /otp", g.mail("magiclink"))
	mux.HandleFunc("POST /verify", g.verify)
	mux.HandleFunc("GET /verify", g.verifyLink)
	mux.HandleFunc("GET /authorize", g.authorize)
	mux.HandleFunc("PUT /user", g.putUser)
	mux.HandleFunc("DELETE /admin/users/{id}", g.deleteUser)
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		down := g.down
		g.requests[r.URL.Path]++
		g.visitors[r.URL.Path] = strings.Join(r.Header.Values("X-Forwarded-For"), ", ")
		if r.Method == http.MethodDelete {
			g.deletes = append(g.deletes, r.Header.Clone())
		}
		g.mu.Unlock()
		if down {
			http.Error(w, `{"code":503,"error_code":"unavailable","msg":"down"}`, http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *goTrue) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
}

// sent returns the mails of a kind to an address, the newest last.
func (g *goTrue) sent(kind, email string) []mailed {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []mailed
	for _, m := range g.mails {
		if m.kind == kind && m.email == email {
			out = append(out, m)
		}
	}
	return out
}

type goTrueBody struct {
	Email, Password string
	CurrentPassword string `json:"current_password"`
	RefreshToken    string `json:"refresh_token"`
	AuthCode        string `json:"auth_code"`
	CodeVerifier    string `json:"code_verifier"`
	CodeChallenge   string `json:"code_challenge"`
	TokenHash       string `json:"token_hash"`
	Type            string
}

func goTrueRequest(r *http.Request) (in goTrueBody) {
	_ = json.NewDecoder(r.Body).Decode(&in)
	return in
}

func goTrueRefuses(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"code":%d,"error_code":%q,"msg":"refused"}`, status, code)
}

func (g *goTrue) settings(w http.ResponseWriter, _ *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = json.NewEncoder(w).Encode(map[string]any{"disable_signup": false, "mailer_autoconfirm": !g.confirms, "external": g.external})
}

// post keeps a mail. The hash is what the link in it carries.
func (g *goTrue) post(kind, email, newEmail string, r *http.Request, in goTrueBody) {
	if g.mailTakes > 0 {
		<-time.After(g.mailTakes) // as the real one, while the caller waits
	}
	g.mails = append(g.mails, mailed{
		kind: kind, email: email, newEmail: newEmail, hash: uuid.NewString(), back: r.URL.Query().Get("redirect_to"), challenge: in.CodeChallenge,
	})
}

func (g *goTrue) signUp(w http.ResponseWriter, r *http.Request) {
	in := goTrueRequest(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	_, taken := g.users[in.Email]
	switch {
	case taken && !g.confirms:
		goTrueRefuses(w, http.StatusUnprocessableEntity, "user_already_exists")
	case taken && !g.pending[in.Email]: // as it hides who is known
		fmt.Fprintf(w, `{"id":%q,"email":%q,"identities":[]}`, uuid.New(), in.Email)
	case g.confirms && len(g.mails) > 0 && g.mails[len(g.mails)-1].email == in.Email:
		goTrueRefuses(w, http.StatusTooManyRequests, "over_email_send_rate_limit")
	case g.confirms:
		if !taken {
			g.users[in.Email], g.password[in.Email], g.pending[in.Email] = uuid.New(), in.Password, true
		}
		g.post("signup", in.Email, "", r, in)
		fmt.Fprintf(w, `{"id":%q,"email":%q}`, g.users[in.Email], in.Email)
	default:
		g.users[in.Email], g.password[in.Email] = uuid.New(), in.Password
		g.session(w, in.Email)
	}
}

func (g *goTrue) token(w http.ResponseWriter, r *http.Request) {
	in := goTrueRequest(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	email := in.Email
	switch r.URL.Query().Get("grant_type") {
	case "refresh_token":
		email = g.refresh[in.RefreshToken]
		delete(g.refresh, in.RefreshToken)
	case "pkce":
		m, known := g.codes[in.AuthCode]
		delete(g.codes, in.AuthCode)
		sum := sha256.Sum256([]byte(in.CodeVerifier))
		if !known || base64.RawURLEncoding.EncodeToString(sum[:]) != m.challenge {
			goTrueRefuses(w, http.StatusBadRequest, "bad_code_verifier")
			return
		}
		email = m.email
	default:
		if _, known := g.users[email]; known && g.hashTakes > 0 {
			<-time.After(g.hashTakes)
		}
		if in.Password != g.passwordOf(email) {
			email = ""
		}
	}
	if _, known := g.users[email]; !known {
		goTrueRefuses(w, http.StatusBadRequest, "invalid_credentials")
		return
	}
	if g.pending[email] {
		goTrueRefuses(w, http.StatusBadRequest, "email_not_confirmed")
		return
	}
	g.session(w, email)
}

func (g *goTrue) passwordOf(email string) string { return g.password[email] }

func (g *goTrue) logout(w http.ResponseWriter, r *http.Request) {
	email, ok := g.person(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !ok {
		goTrueRefuses(w, http.StatusUnauthorized, "bad_jwt")
		return
	}
	scope := r.URL.Query().Get("scope")
	g.signOuts = append(g.signOuts, scope)
	if scope == "global" {
		for token, of := range g.refresh {
			if of == email {
				delete(g.refresh, token)
			}
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// person is whose access token a request has.
func (g *goTrue) person(r *http.Request) (email string, ok bool) {
	var c jwt.MapClaims
	_, err := jwt.ParseWithClaims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), &c,
		func(*jwt.Token) (any, error) { return []byte(jwtSecret), nil }, jwt.WithTimeFunc(g.clock.Now))
	email, _ = c["email"].(string)
	return email, err == nil && email != ""
}

func (g *goTrue) mail(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in := goTrueRequest(r)
		g.mu.Lock()
		defer g.mu.Unlock()
		if _, known := g.users[in.Email]; known {
			g.post(kind, in.Email, "", r, in)
		} else if kind == "magiclink" { // it would have to make somebody known
			goTrueRefuses(w, http.StatusUnprocessableEntity, "otp_disabled")
			return
		}
		fmt.Fprint(w, `{}`)
	}
}

// take uses a mail's hash up.
func (g *goTrue) take(hash string) (mailed, bool) {
	i := slices.IndexFunc(g.mails, func(m mailed) bool { return m.hash == hash })
	if i < 0 {
		return mailed{}, false
	}
	m := g.mails[i]
	g.mails = slices.Delete(g.mails, i, i+1)
	if g.pending[m.email] {
		delete(g.pending, m.email)
		g.confirmed[m.email] = g.clock.Now()
	}
	if m.newEmail != "" {
		g.users[m.newEmail], g.password[m.newEmail] = g.users[m.email], g.password[m.email]
		delete(g.users, m.email)
		for token, of := range g.refresh {
			if of == m.email {
				g.refresh[token] = m.newEmail
			}
		}
		m.email = m.newEmail
	}
	return m, true
}

// verify takes what a mail template of one's own sends to the web app.
func (g *goTrue) verify(w http.ResponseWriter, r *http.Request) {
	in := goTrueRequest(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	m, ok := g.take(in.TokenHash)
	if !ok || m.kind != in.Type {
		goTrueRefuses(w, http.StatusForbidden, "otp_expired")
		return
	}
	g.session(w, m.email)
}

// verifyLink is where the links of the default mail templates lead.
func (g *goTrue) verifyLink(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	back, err := url.Parse(r.URL.Query().Get("redirect_to"))
	if err != nil {
		goTrueRefuses(w, http.StatusBadRequest, "validation_failed")
		return
	}
	query := back.Query()
	if m, ok := g.take(r.URL.Query().Get("token")); ok {
		code := uuid.NewString()
		g.codes[code] = m
		query.Set("code", code)
	} else {
		query = url.Values{"error": {"access_denied"}, "error_code": {"otp_expired"}}
	}
	back.RawQuery = query.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

// authorize stands for the provider, too: whoever comes is ann@github.example.
func (g *goTrue) authorize(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	const email = "ann@github.example"
	if _, known := g.users[email]; !known {
		g.users[email] = uuid.New()
	}
	query := r.URL.Query()
	code := uuid.NewString()
	g.codes[code] = mailed{email: email, challenge: query.Get("code_challenge")}
	back := query.Get("redirect_to") + "&code=" + code
	http.Redirect(w, r, "https://provider.example/sign-in?"+url.Values{"back": {back}}.Encode(), http.StatusFound)
}

func (g *goTrue) putUser(w http.ResponseWriter, r *http.Request) {
	in := goTrueRequest(r)
	email, ok := g.person(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !ok {
		goTrueRefuses(w, http.StatusUnauthorized, "bad_jwt")
		return
	}
	if in.Password != "" {
		if g.proves && in.CurrentPassword != g.passwordOf(email) {
			goTrueRefuses(w, http.StatusBadRequest, "current_password_required")
			return
		}
		if in.Password == g.passwordOf(email) {
			goTrueRefuses(w, http.StatusUnprocessableEntity, "same_password")
			return
		}
		g.password[email] = in.Password
	}
	if in.Email != "" {
		if _, taken := g.users[in.Email]; taken {
			goTrueRefuses(w, http.StatusUnprocessableEntity, "email_exists")
			return
		}
		if n := len(g.mails); n > 0 && g.mails[n-1].newEmail == in.Email {
			goTrueRefuses(w, http.StatusTooManyRequests, "over_email_send_rate_limit")
			return
		}
		g.post("email_change", email, in.Email, r, in)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"id": g.users[email], "email": email, "new_email": in.Email})
}

func (g *goTrue) deleteUser(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	var c jwt.MapClaims
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return []byte(jwtSecret), nil }, jwt.WithTimeFunc(g.clock.Now))
	if token != aServiceKey && (err != nil || c["role"] != "service_role") {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"code":403,"error_code":"not_admin","msg":"User not allowed"}`)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for email, id := range g.users {
		if id.String() == r.PathValue("id") {
			delete(g.users, email)
			fmt.Fprint(w, `{}`)
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprint(w, `{"code":404,"error_code":"user_not_found","msg":"User not found"}`)
}

func (g *goTrue) session(w http.ResponseWriter, email string) {
	id := g.users[email]
	now := g.clock.Now()
	c := jwt.MapClaims{
		"iss": g.URL, "aud": "authenticated", "sub": id.String(), "email": email, "role": "authenticated",
		"iat": now.Unix(), "exp": now.Add(g.life).Unix(),
	}
	if g.tamper != nil {
		g.tamper(c)
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(jwtSecret))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	refresh := uuid.NewString()
	g.refresh[refresh] = email
	_ = json.NewEncoder(w).Encode(map[string]any{
		"access_token": text, "token_type": "bearer", "expires_in": int(g.life.Seconds()), "expires_at": now.Add(g.life).Unix(),
		"refresh_token": refresh, "user": map[string]any{"id": id, "email": email, "email_confirmed_at": g.confirmed[email]},
	})
}
