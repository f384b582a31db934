package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"
	"golang.org/x/crypto/argon2"

	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/services/specter/infra/auth/internal/identity"
	"github.com/draftlabs/specter/services/specter/infra/auth/internal/postgres"
)

const (
	minSecretBytes = 32 // of an HS256 key (RFC 7518, 3.2)

	// idleLimit ends sessions nobody refreshed.
	idleLimit = 30 * 24 * time.Hour
	// repeatLimit is Supabase's default for a repeated exchange.
	repeatLimit = 10 * time.Second
)

// Options of the server.
type Options struct {
	// DB is a pool of role specter_auth. Borrowed.
	DB *pgxpool.Pool
	// Secret signs access tokens (HS256); at least 32 bytes.
	Secret []byte
	// URL is where clients reach this server, for example
	// http://127.0.0.1:8080/auth/v1; it is the tokens' issuer and starts recovery
	// links.
	URL string
	// SiteURL is where links lead to in the end; only addresses below it are
	// redirected to.
	SiteURL string
	// ConfirmURL is the site's page that mails lead to, with token_hash and type. It asks before
	// it verifies, so that programs that open every link of a mail use none up, and people need
	// no way to URL. Absent: mails lead to GET /verify.
	ConfirmURL string
	// DisableSignup closes sign-up; existing users still sign in.
	DisableSignup bool
	// Autoconfirm believes every address, as Supabase's mailer_autoconfirm. Then sign-up
	// tells who is there already.
	Autoconfirm bool
	// Mail sends links. One that keeps them may have Forget(ctx, address), for people who
	// are deleted.
	Mail mail.Sender
	// KeepsMail tells that Mail hands nothing over: whoever runs the server passes links on.
	KeepsMail bool
	Log       *zap.Logger
	Now       func() time.Time // nil = time.Now
	// NewID makes ids; nil = UUIDv4, as Supabase.
	NewID func() uuid.UUID

	key deriveKey // nil = argon2id; of tests
}

// Server is the auth server; an http.Handler.
type Server struct {
	store     store
	tokens    tokens
	passwords *passwords
	throttles throttles
	jobs      chan func(context.Context)
	options   Options
	site      *url.URL
	mux       *http.ServeMux
}

// store is what the server needs of its database.
type store interface {
	Ready(ctx context.Context) error
	UserByEmail(ctx context.Context, email string) (identity.User, error)
	UserOfSession(ctx context.Context, session, user uuid.UUID) (identity.User, error)
	UserByID(ctx context.Context, id uuid.UUID) (identity.User, error)
	Users(ctx context.Context, offset, limit int) (users []identity.User, total int, err error)
	AddUser(ctx context.Context, u identity.User) error
	CreateUser(ctx context.Context, u identity.User, first identity.Session, tokenHash []byte) error
	UpdateUser(ctx context.Context, id, keep uuid.UUID, c identity.Change) (identity.User, error)
	DeleteUser(ctx context.Context, id uuid.UUID) (addresses []string, err error)

	SignIn(ctx context.Context, s identity.Session, tokenHash []byte, idleSince time.Time) error
	Exchange(ctx context.Context, x identity.Exchange) (identity.Session, identity.User, error)
	SignOut(ctx context.Context, user, session, keep uuid.UUID) error

	PutSignUp(ctx context.Context, u identity.SignUp, l identity.Link) error
	RenewSignUp(ctx context.Context, l identity.Link) error
	PutEmailChange(ctx context.Context, c identity.EmailChange, links ...identity.Link) error
	PutLink(ctx context.Context, l identity.Link) error
	Verify(ctx context.Context, v identity.Verification) (identity.Verified, error)
	TradeCode(ctx context.Context, codeHash []byte, challenge string, s identity.Session, tokenHash []byte, idleSince time.Time) (identity.User, error)
	Purge(ctx context.Context, now, idleSince time.Time) error
}

// New checks the options. The server holds nothing that needs closing; mail goes out while Run runs.
func New(o Options) (*Server, error) {
	if o.DB == nil || o.Mail == nil || o.Log == nil {
		return nil, errors.New("the auth server needs a database pool, a way to send mail and a logger")
	}
	if len(o.Secret) < minSecretBytes {
		return nil, errors.New("the auth server's secret must have at least 32 bytes")
	}
	site, err := url.Parse(o.SiteURL)
	if err != nil || site.Host == "" {
		return nil, errors.New("the auth server's site URL is malformed")
	}
	if o.key == nil {
		o.key = argon2.IDKey
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = uuid.New
	}
	passwords, err := newPasswords(o.key)
	if err != nil {
		return nil, err
	}
	s := &Server{
		store:     postgres.New(o.DB),
		tokens:    tokens{secret: o.Secret, issuer: o.URL, now: o.Now},
		passwords: passwords,
		throttles: newThrottles(o.Now),
		jobs:      make(chan func(context.Context), mailQueue),
		options:   o,
		site:      site,
		mux:       http.NewServeMux(),
	}
	s.routes()
	return s, nil
}

func (s *Server) routes() {
	for pattern, handler := range map[string]http.HandlerFunc{
		"POST /signup":               s.signUp,
		"POST /token":                s.token,
		"POST /logout":               s.signedIn(s.logout),
		"GET /user":                  s.signedIn(s.getUser),
		"PUT /user":                  s.signedIn(s.putUser),
		"POST /recover":              s.byMail(s.recover),
		"POST /otp":                  s.byMail(s.otp),
		"POST /magiclink":            s.byMail(s.otp),
		"POST /resend":               s.byMail(s.resend),
		"GET /verify":                s.openLink,
		"POST /verify":               s.verify,
		"GET /admin/users":           s.admin(s.adminListUsers),
		"POST /admin/users":          s.admin(s.adminCreateUser),
		"GET /admin/users/{id}":      s.person(s.adminGetUser),
		"DELETE /admin/users/{id}":   s.person(s.adminDeleteUser),
		"POST /admin/generate_link":  s.admin(s.adminGenerateLink),
		"GET /.well-known/jwks.json": s.jwks,
		"GET /health":                s.health,
		"GET /settings":              s.settings,
	} {
		s.mux.HandleFunc(pattern, handler)
	}
}

// ServeHTTP implements http.Handler. Paths start at the root; mount it with
// http.StripPrefix.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	s.mux.ServeHTTP(w, r)
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	if err := s.store.Ready(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]string{
		"name": "Specter local auth", "version": "1", "description": "speaks a subset of Supabase Auth",
	})
}

func (s *Server) settings(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"external":           map[string]bool{"email": true},
		"disable_signup":     s.options.DisableSignup,
		"autoconfirm":        s.options.Autoconfirm,
		"mailer_autoconfirm": s.options.Autoconfirm,
		"mailer_keeps":       s.options.KeepsMail, // Supabase has no word for it
		"phone_autoconfirm":  false,
		"sms_provider":       "",
		"mfa_enabled":        false,
		"saml_enabled":       false,
	})
}

// jwks lists no keys: HS256 has none to show.
func (s *Server) jwks(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"keys": []any{}})
}
