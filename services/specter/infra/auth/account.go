package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

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
		user, session, err := s.tokens.read(bearer(r), audience)
		if err != nil {
			s.fail(w, r, refuse(http.StatusUnauthorized, "bad_jwt", "invalid JWT"))
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

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
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

func (s *Server) putUser(w http.ResponseWriter, r *http.Request, c caller) {
	change, err := s.changeOf(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	user, err := s.store.UpdateUser(r.Context(), c.user.ID, c.session, change)
	if errors.Is(err, identity.ErrEmailTaken) {
		err = refuse(http.StatusUnprocessableEntity, "email_exists", "A user with this email address has already been registered")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, bodyOf(user))
}

func (s *Server) changeOf(r *http.Request) (identity.Change, error) {
	var in struct {
		Email    string          `json:"email"`
		Password *string         `json:"password"`
		Data     json.RawMessage `json:"data"`
	}
	if err := read(r, &in); err != nil {
		return identity.Change{}, err
	}
	change := identity.Change{At: s.options.Now().UTC()}
	if in.Email != "" {
		email, err := normalEmail(in.Email)
		if err != nil {
			return identity.Change{}, err
		}
		change.Email = &email
	}
	if in.Password != nil && *in.Password != "" {
		if err := s.passwords.check(*in.Password); err != nil {
			return identity.Change{}, err
		}
		hash, err := s.passwords.hash(r.Context(), *in.Password)
		if err != nil {
			return identity.Change{}, err
		}
		change.PasswordHash = &hash
	}
	metadata, err := metadataOf(in.Data)
	if err != nil {
		return identity.Change{}, err
	}
	change.Metadata = metadata
	return change, nil
}

// recover answers the same, and after the same time, whether there is such a user
// or not.
func (s *Server) recover(w http.ResponseWriter, r *http.Request) {
	answerAt := time.NewTimer(recoverAnswersAfter)
	defer answerAt.Stop()
	var in credentials
	if err := read(r, &in); err != nil {
		s.fail(w, r, err)
		return
	}
	email, err := normalEmail(in.Email)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if wait, _ := s.mails.take(email); wait > 0 {
		out := tooFast(wait)
		out.Code = "over_email_send_rate_limit"
		s.fail(w, r, out)
		return
	}
	if err := s.sendRecovery(r.Context(), email); err != nil {
		// Telling the caller would tell that the address is known.
		s.options.Log.Error("a password recovery could not be delivered", zap.Error(err))
	}
	select {
	case <-answerAt.C:
	case <-r.Context().Done():
	}
	answer(w, http.StatusOK, struct{}{})
}

func (s *Server) sendRecovery(ctx context.Context, email string) error {
	if s.options.Deliver == nil {
		return nil
	}
	user, err := s.store.UserByEmail(ctx, email)
	if errors.Is(err, identity.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	token := s.tokens.first()
	expires := s.options.Now().UTC().Add(recoveryLife)
	if err := s.store.PutRecovery(ctx, user.ID, hashOf(token), expires); err != nil {
		return err
	}
	query := url.Values{"type": {"recovery"}, "token": {token}, "redirect_to": {s.options.SiteURL}}
	return s.options.Deliver(ctx, Recovery{Email: email, Link: s.options.URL + "/verify?" + query.Encode(), Expires: expires})
}

// verify turns a recovery link into a session, handed to the site in the URL's
// fragment, which browsers do not send on.
func (s *Server) verify(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	target := s.redirectTarget(query.Get("redirect_to"))
	redirect := func(values url.Values) {
		target.Fragment = ""
		http.Redirect(w, r, target.String()+"#"+values.Encode(), http.StatusSeeOther) //nolint:gosec // redirectTarget stays on our site
	}
	body, err := s.doVerify(r.Context(), query.Get("type"), query.Get("token"))
	if errors.Is(err, identity.ErrNotFound) {
		redirect(url.Values{"error": {"access_denied"}, "error_code": {"403"}, "error_description": {"Email link is invalid or has expired"}})
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	redirect(url.Values{
		"access_token": {body.AccessToken}, "refresh_token": {body.RefreshToken}, "token_type": {body.TokenType},
		"expires_in": {strconv.Itoa(body.ExpiresIn)}, "expires_at": {strconv.FormatInt(body.ExpiresAt, 10)}, "type": {"recovery"},
	})
}

func (s *Server) doVerify(ctx context.Context, kind, token string) (sessionBody, error) {
	if kind != "recovery" {
		return sessionBody{}, refuse(http.StatusBadRequest, "validation_failed", "Unsupported verification type")
	}
	now := s.options.Now().UTC()
	user, err := s.store.TakeRecovery(ctx, hashOf(token), now)
	if err != nil {
		return sessionBody{}, err
	}
	session, refresh := s.newSession(user.ID, now)
	if err := s.store.SignIn(ctx, session, hashOf(refresh), now.Add(-idleLimit)); err != nil {
		return sessionBody{}, err
	}
	return s.sessionBody(user, session.ID, refresh)
}

// redirectTarget is the wanted address when it is on our site, else the site.
func (s *Server) redirectTarget(wanted string) url.URL {
	u, err := url.Parse(wanted)
	if err != nil || u.Scheme != s.site.Scheme || u.Host != s.site.Host || u.User != nil || u.Opaque != "" {
		return *s.site
	}
	return *u
}

func (s *Server) deleteUser(w http.ResponseWriter, r *http.Request) {
	if _, _, err := s.tokens.read(bearer(r), serviceRole); err != nil {
		s.fail(w, r, refuse(http.StatusForbidden, "not_admin", "User not allowed"))
		return
	}
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		s.fail(w, r, refuse(http.StatusBadRequest, "validation_failed", "user_id must be an UUID"))
		return
	}
	err = s.store.DeleteUser(r.Context(), id)
	if errors.Is(err, identity.ErrNotFound) {
		err = refuse(http.StatusNotFound, "user_not_found", "User not found")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, struct{}{})
}
