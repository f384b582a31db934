package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/specter/infra/auth/internal/identity"
)

// credentials of every kind of signing up and in.
type credentials struct {
	Email        string          `json:"email"`
	Password     string          `json:"password"`
	RefreshToken string          `json:"refresh_token"`
	Data         json.RawMessage `json:"data"`
	AuthCode     string          `json:"auth_code"`
	Code         string          `json:"code"` // gotrue-go's name of auth_code
	CodeVerifier string          `json:"code_verifier"`
	proof
}

// proof is the challenge of who asks for a link (RFC 7636).
type proof struct {
	Challenge string `json:"code_challenge"`
	Method    string `json:"code_challenge_method"`
}

func (s *Server) signUp(w http.ResponseWriter, r *http.Request) {
	body, err := s.doSignUp(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, body)
}

func (s *Server) doSignUp(r *http.Request) (any, error) {
	if s.options.DisableSignup {
		return nil, refuse(http.StatusUnprocessableEntity, "signup_disabled", "Signups not allowed for this instance")
	}
	var in credentials
	if err := read(r, &in); err != nil {
		return nil, err
	}
	email, err := normalEmail(in.Email)
	if err != nil {
		return nil, err
	}
	if err := s.passwords.check(in.Password); err != nil {
		return nil, err
	}
	metadata, err := metadataOf(in.Data)
	if err != nil {
		return nil, err
	}
	w, err := s.wantedOf(r, in.Challenge, in.Method)
	if err != nil {
		return nil, err
	}
	if s.options.Autoconfirm {
		return s.signUpAtOnce(r, email, in.Password, metadata)
	}
	if wait := s.throttles.mail(placeOf(r), string(identity.ForSignUp), email); wait > 0 {
		return nil, tooManyMails(wait)
	}
	hash, err := s.passwords.hash(r.Context(), in.Password)
	if err != nil {
		return nil, err
	}
	return s.signUpByMail(r.Context(), email, hash, metadata, w)
}

// signUpAtOnce makes a user who is signed in. That an address is taken cannot be hidden here.
func (s *Server) signUpAtOnce(r *http.Request, email, password string, metadata json.RawMessage) (sessionBody, error) {
	wait, right := s.throttles.guess(placeOf(r), email)
	if wait > 0 {
		return sessionBody{}, tooFast(wait)
	}
	hash, err := s.passwords.hash(r.Context(), password)
	if err != nil {
		return sessionBody{}, err
	}
	user := s.newUser(email, hash, metadata)
	user.LastSignInAt = &user.CreatedAt
	session, refresh := s.newSession(user.ID, identity.ByPassword, user.CreatedAt)
	switch err := s.store.CreateUser(r.Context(), user, session, hashOf(refresh)); {
	case errors.Is(err, identity.ErrEmailTaken):
		return sessionBody{}, refuse(http.StatusUnprocessableEntity, "user_already_exists", "User already registered")
	case err != nil:
		return sessionBody{}, err
	}
	right()
	return s.sessionBody(user, session, refresh)
}

// signUpByMail keeps a sign-up until its link is opened. The work and the answer are the same
// whether there is a user of that address or not; the mail tells its owner.
func (s *Server) signUpByMail(ctx context.Context, email, hash string, metadata json.RawMessage, w wanted) (userBody, error) {
	link := s.newLink(identity.ForSignUp, email, uuid.Nil, w)
	u := identity.SignUp{
		Email: email, UserID: s.options.NewID(), PasswordHash: hash, Metadata: metadata, CreatedAt: link.CreatedAt, ExpiresAt: link.ExpiresAt,
	}
	if err := s.store.PutSignUp(ctx, u, link.Link); err != nil {
		return userBody{}, err
	}
	s.later("sign-up", func(ctx context.Context) error { return s.sendSignUp(ctx, link) })
	return unconfirmedBody(u), nil
}

// sendSignUp mails the link, or to whoever has the address already that somebody tried.
func (s *Server) sendSignUp(ctx context.Context, link made) error {
	_, err := s.store.UserByEmail(ctx, link.Email)
	switch {
	case err == nil:
		return s.sendTaken(ctx, link.Email)
	case errors.Is(err, identity.ErrNotFound):
		return s.sendLink(ctx, link)
	default:
		return err
	}
}

// AddUser makes a user whose address needs no confirmation.
func (s *Server) AddUser(ctx context.Context, email, password string) error {
	_, err := s.addUser(ctx, email, password, nil)
	return err
}

// ErrTaken: there is a user with the address already.
var ErrTaken error = refuse(http.StatusUnprocessableEntity, "email_exists", "A user with this email address has already been registered")

func (s *Server) addUser(ctx context.Context, email, password string, data json.RawMessage) (identity.User, error) {
	email, err := normalEmail(email)
	if err != nil {
		return identity.User{}, err
	}
	metadata, err := metadataOf(data)
	if err != nil {
		return identity.User{}, err
	}
	hash := ""
	if password != "" {
		if err := s.passwords.check(password); err != nil {
			return identity.User{}, err
		}
		if hash, err = s.passwords.hash(ctx, password); err != nil {
			return identity.User{}, err
		}
	}
	user := s.newUser(email, hash, metadata)
	if err := s.store.AddUser(ctx, user); err != nil {
		if errors.Is(err, identity.ErrEmailTaken) {
			err = ErrTaken
		}
		return identity.User{}, err
	}
	return user, nil
}

func (s *Server) newUser(email, hash string, metadata json.RawMessage) identity.User {
	now := s.options.Now().UTC().Truncate(time.Microsecond) // as Postgres keeps it
	return identity.User{
		ID: s.options.NewID(), Email: email, PasswordHash: hash, Metadata: metadata, ConfirmedAt: now, CreatedAt: now, UpdatedAt: now,
	}
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
