package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/specter/infra/auth/internal/identity"
)

// caller is a signed-in person.
type caller struct {
	user    identity.User
	session uuid.UUID
}

// signedIn lets a request through whose access token is valid and whose session
// still exists.
func (s *Server) signedIn(next func(http.ResponseWriter, *http.Request, caller)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, err := bearer(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		user, session, err := s.tokens.read(token, audience)
		if err != nil {
			s.fail(w, r, refuse(http.StatusForbidden, "bad_jwt", "invalid JWT"))
			return
		}
		u, err := s.store.UserOfSession(r.Context(), session, user)
		if errors.Is(err, identity.ErrNotFound) {
			s.fail(w, r, refuse(http.StatusForbidden, "session_not_found", "Session from session_id claim in JWT does not exist"))
			return
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		next(w, r, caller{user: u, session: session})
	}
}

func bearer(r *http.Request) (string, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "bearer") || token == "" {
		return "", refuse(http.StatusUnauthorized, "no_authorization", "This endpoint requires a Bearer token")
	}
	return token, nil
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request, c caller) {
	session, keep := uuid.Nil, uuid.Nil // all of them
	switch r.URL.Query().Get("scope") {
	case "", "global":
	case "local":
		session = c.session
	case "others":
		keep = c.session
	default:
		s.fail(w, r, refuse(http.StatusBadRequest, "validation_failed", "Unsupported logout scope"))
		return
	}
	if err := s.store.SignOut(r.Context(), c.user.ID, session, keep); err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) getUser(w http.ResponseWriter, _ *http.Request, c caller) {
	answer(w, http.StatusOK, bodyOf(c.user))
}

// userChange is what a person wants changed about themselves.
type userChange struct {
	Email    string          `json:"email"`
	Password *string         `json:"password"`
	Data     json.RawMessage `json:"data"`
	proof
}

func (s *Server) putUser(w http.ResponseWriter, r *http.Request, c caller) {
	user, err := s.changeUser(r, c)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, bodyOf(user))
}

func (s *Server) changeUser(r *http.Request, c caller) (identity.User, error) {
	var in userChange
	if err := read(r, &in); err != nil {
		return identity.User{}, err
	}
	wish, err := s.wantedOf(r, in.Challenge, in.Method)
	if err != nil {
		return identity.User{}, err
	}
	newEmail := ""
	if in.Email != "" {
		if newEmail, err = normalEmail(in.Email); err != nil {
			return identity.User{}, err
		}
		if newEmail == c.user.Email {
			newEmail = ""
		}
	}
	change, err := s.changeOf(r.Context(), in, c.user)
	if err != nil {
		return identity.User{}, err
	}
	if newEmail != "" && s.options.Autoconfirm {
		change.Email = &newEmail
	} else if newEmail != "" {
		if wait := s.throttles.mail(placeOf(r), string(identity.ForEmailChange), c.user.Email); wait > 0 {
			return identity.User{}, tooManyMails(wait)
		}
	}
	user, err := s.store.UpdateUser(r.Context(), c.user.ID, c.session, change)
	if errors.Is(err, identity.ErrEmailTaken) {
		err = ErrTaken
	}
	if err != nil {
		return identity.User{}, err
	}
	if change.PasswordHash != nil {
		s.later("password changed", func(ctx context.Context) error { return s.sendPasswordChanged(ctx, c.user.Email) })
	}
	if newEmail != "" && !s.options.Autoconfirm {
		return s.startChange(r.Context(), user, newEmail, wish)
	}
	return user, nil
}

// changeOf checks what can be changed at once.
func (s *Server) changeOf(ctx context.Context, in userChange, user identity.User) (identity.Change, error) {
	change := identity.Change{At: s.options.Now().UTC()}
	if in.Password != nil && *in.Password != "" {
		if err := s.passwords.check(*in.Password); err != nil {
			return change, err
		}
		same, err := s.passwords.matches(ctx, *in.Password, user.PasswordHash)
		if err != nil {
			return change, err
		}
		if same {
			return change, refuse(http.StatusUnprocessableEntity, "same_password", "New password should be different from the old password.")
		}
		hash, err := s.passwords.hash(ctx, *in.Password)
		if err != nil {
			return change, err
		}
		change.PasswordHash = &hash
	}
	if in.Data == nil {
		return change, nil
	}
	metadata, err := metadataOf(in.Data)
	change.Metadata = metadata
	return change, err
}

// startChange keeps a change of address and asks both addresses to confirm it. The answer does not
// tell whether somebody has the new one; then its owner gets no link, but learns of it.
func (s *Server) startChange(ctx context.Context, user identity.User, newEmail string, w wanted) (identity.User, error) {
	toNew := s.newLink(identity.ForEmailChange, newEmail, user.ID, w)
	toCurrent := s.newLink(identity.ForEmailChange, user.Email, user.ID, w)
	err := s.store.PutEmailChange(ctx, identity.EmailChange{
		UserID: user.ID, NewEmail: newEmail, CreatedAt: toNew.CreatedAt, ExpiresAt: toNew.ExpiresAt,
	}, toNew.Link, toCurrent.Link)
	if err != nil {
		return identity.User{}, err
	}
	s.later("change of address", func(ctx context.Context) error { return s.sendSignUp(ctx, toNew) })
	s.later("change of address", func(ctx context.Context) error { return s.sendLink(ctx, toCurrent) })
	user.NewEmail = newEmail
	return user, nil
}
