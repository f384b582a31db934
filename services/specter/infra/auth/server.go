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

	"github.com/draftlabs/specter/services/specter/infra/auth/internal/identity"
	"github.com/draftlabs/specter/services/specter/infra/auth/internal/postgres"
)

const (
	minSecretBytes = 32 // of an HS256 key (RFC 7518, 3.2)

	// idleLimit ends sessions nobody refreshed.
	idleLimit = 30 * 24 * time.Hour
	// repeatLimit is Supabase's default for a repeated exchange.
	repeatLimit = 10 * time.Second
	// recoveryLife is how long a delivered link works.
	recoveryLife = time.Hour
	// recoverAnswersAfter hides whether a link was made and delivered.
	recoverAnswersAfter = 250 * time.Millisecond
)

// Recovery is a password recovery link to deliver.
type Recovery struct {
	Email   string
	Link    string
	Expires time.Time
}

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
	// SiteURL is where a recovery link leads to in the end; only addresses below it
	// are redirected to.
	SiteURL string
	// DisableSignup closes sign-up; existing users still sign in.
	DisableSignup bool
	// Deliver hands a recovery link to its person. Nil: recovery answers as always
	// and does nothing.
	Deliver func(ctx context.Context, r Recovery) error
	Log     *zap.Logger
	Now     func() time.Time // nil = time.Now
	NewID   func() uuid.UUID // nil = UUIDv4, as Supabase
}

// Server is the auth server; an http.Handler.
type Server struct {
	store     store
	tokens    tokens
	passwords *passwords
	attempts  *throttle
	mails     *throttle
	options   Options
	site      *url.URL
	mux       *http.ServeMux
}

// store is what the server needs of its database.
type store interface {
	Ready(ctx context.Context) error
	UserByEmail(ctx context.Context, email string) (identity.User, error)
	UserOfSession(ctx context.Context, session, user uuid.UUID) (identity.User, error)
	CreateUser(ctx context.Context, u identity.User, first identity.Session, tokenHash []byte) error
	SignIn(ctx context.Context, s identity.Session, tokenHash []byte, idleSince time.Time) error
	Exchange(ctx context.Context, x identity.Exchange) (identity.Session, identity.User, error)
	SignOut(ctx context.Context, user, session, keep uuid.UUID) error
	UpdateUser(ctx context.Context, id, keep uuid.UUID, c identity.Change) (identity.User, error)
	DeleteUser(ctx context.Context, id uuid.UUID) error
	PutRecovery(ctx context.Context, user uuid.UUID, tokenHash []byte, expires time.Time) error
	TakeRecovery(ctx context.Context, tokenHash []byte, now time.Time) (identity.User, error)
}

// New checks the options. The server holds nothing that needs closing.
func New(o Options) (*Server, error) {
	if o.DB == nil || o.Log == nil {
		return nil, errors.New("the auth server needs a database pool and a logger")
	}
	if len(o.Secret) < minSecretBytes {
		return nil, errors.New("the auth server's secret must have at least 32 bytes")
	}
	site, err := url.Parse(o.SiteURL)
	if err != nil {
		return nil, errors.New("the auth server's site URL is malformed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = uuid.New
	}
	passwords, err := newPasswords()
	if err != nil {
		return nil, err
	}
	s := &Server{
		store:     postgres.New(o.DB),
		tokens:    tokens{secret: o.Secret, issuer: o.URL, now: o.Now},
		passwords: passwords,
		attempts:  newThrottle(attemptsBurst, attemptsEvery, o.Now),
		mails:     newThrottle(mailsBurst, mailsEvery, o.Now),
		options:   o,
		site:      site,
		mux:       http.NewServeMux(),
	}
	s.mux.HandleFunc("POST /signup", s.signUp)
	s.mux.HandleFunc("POST /token", s.token)
	s.mux.HandleFunc("POST /logout", s.signedIn(s.logout))
	s.mux.HandleFunc("GET /user", s.signedIn(s.getUser))
	s.mux.HandleFunc("PUT /user", s.signedIn(s.putUser))
	s.mux.HandleFunc("POST /recover", s.recover)
	s.mux.HandleFunc("GET /verify", s.verify)
	s.mux.HandleFunc("DELETE /admin/users/{id}", s.deleteUser)
	s.mux.HandleFunc("GET /health", s.health)
	s.mux.HandleFunc("GET /settings", s.settings)
	return s, nil
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
		"autoconfirm":        true,
		"mailer_autoconfirm": true,
		"phone_autoconfirm":  false,
		"sms_provider":       "",
		"mfa_enabled":        false,
		"saml_enabled":       false,
	})
}
