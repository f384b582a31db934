package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/specter/infra/auth/internal/identity"
)

const maxEmail = 254 // RFC 5321 with erratum 1690

// sessionBody is the answer to every kind of sign-in.
type sessionBody struct {
	AccessToken  string   `json:"access_token"`
	TokenType    string   `json:"token_type"`
	ExpiresIn    int      `json:"expires_in"`
	ExpiresAt    int64    `json:"expires_at"`
	RefreshToken string   `json:"refresh_token"`
	User         userBody `json:"user"`
}

type userBody struct {
	ID               uuid.UUID       `json:"id"`
	Aud              string          `json:"aud"`
	Role             string          `json:"role"`
	Email            string          `json:"email"`
	EmailConfirmedAt time.Time       `json:"email_confirmed_at"`
	ConfirmedAt      time.Time       `json:"confirmed_at"`
	Phone            string          `json:"phone"`
	LastSignInAt     *time.Time      `json:"last_sign_in_at,omitempty"`
	AppMetadata      map[string]any  `json:"app_metadata"`
	UserMetadata     json.RawMessage `json:"user_metadata"`
	Identities       []struct{}      `json:"identities"`
	CreatedAt        time.Time       `json:"created_at"`
	UpdatedAt        time.Time       `json:"updated_at"`
	IsAnonymous      bool            `json:"is_anonymous"`
}

func bodyOf(u identity.User) userBody {
	return userBody{
		ID: u.ID, Aud: audience, Role: audience, Email: u.Email, EmailConfirmedAt: u.CreatedAt, ConfirmedAt: u.CreatedAt,
		LastSignInAt: u.LastSignInAt, AppMetadata: appMetadata(), UserMetadata: u.Metadata, Identities: []struct{}{},
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}

type credentials struct {
	Email        string          `json:"email"`
	Password     string          `json:"password"`
	RefreshToken string          `json:"refresh_token"`
	Data         json.RawMessage `json:"data"`
}

func (s *Server) signUp(w http.ResponseWriter, r *http.Request) {
	body, err := s.doSignUp(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, body)
}

func (s *Server) doSignUp(r *http.Request) (sessionBody, error) {
	if s.options.DisableSignup {
		return sessionBody{}, refuse(http.StatusUnprocessableEntity, "signup_disabled", "Signups not allowed for this instance")
	}
	var in credentials
	if err := read(r, &in); err != nil {
		return sessionBody{}, err
	}
	email, err := normalEmail(in.Email)
	if err != nil {
		return sessionBody{}, err
	}
	if err := s.passwords.check(in.Password); err != nil {
		return sessionBody{}, err
	}
	metadata, err := metadataOf(in.Data)
	if err != nil {
		return sessionBody{}, err
	}
	wait, undo := s.attempts.take(email)
	if wait > 0 {
		return sessionBody{}, tooFast(wait)
	}
	hash, err := s.passwords.hash(r.Context(), in.Password)
	if err != nil {
		return sessionBody{}, err
	}
	now := s.options.Now().UTC()
	user := identity.User{
		ID: s.options.NewID(), Email: email, PasswordHash: hash, Metadata: metadata,
		CreatedAt: now, UpdatedAt: now, LastSignInAt: &now,
	}
	session, refresh := s.newSession(user.ID, now)
	switch err := s.store.CreateUser(r.Context(), user, session, hashOf(refresh)); {
	case errors.Is(err, identity.ErrEmailTaken):
		return sessionBody{}, refuse(http.StatusUnprocessableEntity, "user_already_exists", "User already registered")
	case err != nil:
		return sessionBody{}, err
	}
	undo()
	return s.sessionBody(user, session.ID, refresh)
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	var in credentials
	var body sessionBody
	err := read(r, &in)
	if err == nil {
		switch r.URL.Query().Get("grant_type") {
		case "password":
			body, err = s.signIn(r.Context(), in)
		case "refresh_token":
			body, err = s.refresh(r.Context(), in)
		default:
			err = refuse(http.StatusBadRequest, "validation_failed", "unsupported grant_type")
		}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, body)
}

func (s *Server) signIn(ctx context.Context, in credentials) (sessionBody, error) {
	wrong := refuse(http.StatusBadRequest, "invalid_credentials", "Invalid login credentials")
	email := strings.ToLower(strings.TrimSpace(in.Email))
	if len(email) > maxEmail || strings.Contains(email, "\x00") {
		email = "" // nobody has it; the work below is the same
	}
	wait, undo := s.attempts.take(email)
	if wait > 0 {
		return sessionBody{}, tooFast(wait)
	}
	user, err := s.store.UserByEmail(ctx, email)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return sessionBody{}, err
	}
	// With no user the hash is empty: the same work, and never a match.
	matches, err := s.passwords.matches(ctx, in.Password, user.PasswordHash)
	if err != nil {
		return sessionBody{}, err
	}
	if !matches {
		return sessionBody{}, wrong
	}
	undo()
	now := s.options.Now().UTC()
	session, refresh := s.newSession(user.ID, now)
	switch err := s.store.SignIn(ctx, session, hashOf(refresh), now.Add(-idleLimit)); {
	case errors.Is(err, identity.ErrNotFound): // deleted in between
		return sessionBody{}, wrong
	case err != nil:
		return sessionBody{}, err
	}
	user.LastSignInAt = &now
	return s.sessionBody(user, session.ID, refresh)
}

func (s *Server) refresh(ctx context.Context, in credentials) (sessionBody, error) {
	next := s.tokens.next(in.RefreshToken)
	session, user, err := s.store.Exchange(ctx, identity.Exchange{
		TokenHash: hashOf(in.RefreshToken), NextHash: hashOf(next),
		At: s.options.Now().UTC(), Again: repeatLimit, IdleLimit: idleLimit,
	})
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return sessionBody{}, refuse(http.StatusBadRequest, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
	case errors.Is(err, identity.ErrReused):
		s.options.Log.Warn("a refresh token was used twice; its sign-in has been ended")
		return sessionBody{}, refuse(http.StatusBadRequest, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
	case errors.Is(err, identity.ErrExpired):
		return sessionBody{}, refuse(http.StatusBadRequest, "session_expired", "Invalid Refresh Token: Session Expired")
	case err != nil:
		return sessionBody{}, err
	}
	return s.sessionBody(user, session.ID, next)
}

func (s *Server) newSession(user uuid.UUID, now time.Time) (identity.Session, string) {
	return identity.Session{ID: s.options.NewID(), UserID: user, CreatedAt: now}, s.tokens.first()
}

func (s *Server) sessionBody(u identity.User, session uuid.UUID, refresh string) (sessionBody, error) {
	access, expires, err := s.tokens.access(u, session)
	if err != nil {
		return sessionBody{}, err
	}
	return sessionBody{
		AccessToken: access, TokenType: "bearer", ExpiresIn: int(accessLife.Seconds()), ExpiresAt: expires.Unix(),
		RefreshToken: refresh, User: bodyOf(u),
	}, nil
}

func normalEmail(email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || len(email) > maxEmail || strings.ContainsAny(email, "\x00\r\n") {
		return "", refuse(http.StatusBadRequest, "validation_failed", "Unable to validate email address: invalid format")
	}
	return email, nil
}

// metadataOf checks a person's own data: an object Postgres can keep.
func metadataOf(data json.RawMessage) (json.RawMessage, error) {
	if len(data) == 0 || bytes.Equal(data, []byte("null")) {
		return json.RawMessage("{}"), nil
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, refuse(http.StatusBadRequest, "validation_failed", "data must be an object")
	}
	clean, err := json.Marshal(object)
	if err != nil || bytes.Contains(clean, []byte(`\u0000`)) {
		return nil, refuse(http.StatusBadRequest, "validation_failed", "data must not hold NUL characters")
	}
	return clean, nil
}
