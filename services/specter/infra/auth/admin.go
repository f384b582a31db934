package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/services/specter/infra/auth/internal/identity"
)

const (
	usersPerPage    = 50 // as Supabase
	maxUsersPerPage = 1000
)

// forgetter is a way of sending mail that keeps it, and can let go of a person's.
type forgetter interface {
	Forget(ctx context.Context, address string) error
}

// admin lets a request through that brings the service key.
func (s *Server) admin(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, err := bearer(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if _, _, err := s.tokens.read(token, serviceRole); err == nil {
			next(w, r)
			return
		}
		if _, _, err := s.tokens.read(token, audience); err != nil {
			s.fail(w, r, refuse(http.StatusForbidden, "bad_jwt", "invalid JWT"))
			return
		}
		s.fail(w, r, refuse(http.StatusForbidden, "not_admin", "User not allowed"))
	}
}

// person passes the user whom the address names.
func (s *Server) person(next func(http.ResponseWriter, *http.Request, uuid.UUID) error) http.HandlerFunc {
	return s.admin(func(w http.ResponseWriter, r *http.Request) {
		id, err := uuid.Parse(r.PathValue("id"))
		if err != nil {
			s.fail(w, r, refuse(http.StatusBadRequest, "validation_failed", "user_id must be an UUID"))
			return
		}
		err = next(w, r, id)
		if errors.Is(err, identity.ErrNotFound) {
			err = refuse(http.StatusNotFound, "user_not_found", "User not found")
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

func (s *Server) adminGetUser(w http.ResponseWriter, r *http.Request, id uuid.UUID) error {
	user, err := s.store.UserByID(r.Context(), id)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, bodyOf(user))
	return nil
}

// adminDeleteUser removes a user, and the mail to them that is kept.
func (s *Server) adminDeleteUser(w http.ResponseWriter, r *http.Request, id uuid.UUID) error {
	addresses, err := s.store.DeleteUser(r.Context(), id)
	if err != nil {
		return err
	}
	if kept, ok := s.options.Mail.(forgetter); ok {
		for _, address := range addresses {
			if err := kept.Forget(r.Context(), address); err != nil {
				// The user is gone; the mail goes when it is old.
				s.options.Log.Error("mail to a deleted user could not be removed", zap.Error(err))
			}
		}
	}
	answer(w, http.StatusOK, struct{}{})
	return nil
}

func (s *Server) adminListUsers(w http.ResponseWriter, r *http.Request) {
	page, err1 := number(r, "page", 1)
	size, err2 := number(r, "per_page", usersPerPage)
	if err := errors.Join(err1, err2); err != nil || size > maxUsersPerPage {
		s.fail(w, r, refuse(http.StatusBadRequest, "validation_failed", "Bad Pagination Parameters"))
		return
	}
	users, total, err := s.store.Users(r.Context(), (page-1)*size, size)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	last := max(1, (total+size-1)/size)
	link := ""
	if page < last {
		link = fmt.Sprintf("<%s/admin/users?page=%d&per_page=%d>; rel=\"next\", ", s.options.URL, page+1, size)
	}
	w.Header().Set("Link", fmt.Sprintf("%s<%s/admin/users?page=%d&per_page=%d>; rel=\"last\"", link, s.options.URL, last, size))
	w.Header().Set("X-Total-Count", strconv.Itoa(total))
	bodies := make([]userBody, len(users))
	for i, u := range users {
		bodies[i] = bodyOf(u)
	}
	answer(w, http.StatusOK, map[string]any{"users": bodies, "aud": audience})
}

const maxPage = 1_000_000

func number(r *http.Request, name string, otherwise int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err == nil && (n < 1 || n > maxPage) {
		err = strconv.ErrRange
	}
	return n, err
}

// adminCreateUser makes a user whose address needs no confirmation; others sign up themselves.
func (s *Server) adminCreateUser(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Email        string          `json:"email"`
		Password     string          `json:"password"`
		EmailConfirm bool            `json:"email_confirm"`
		UserMetadata json.RawMessage `json:"user_metadata"`
	}
	err := read(r, &in)
	if err == nil && !in.EmailConfirm {
		err = refuse(http.StatusBadRequest, "validation_failed", "Set email_confirm: unconfirmed users sign up themselves")
	}
	var user identity.User
	if err == nil {
		user, err = s.addUser(r.Context(), in.Email, in.Password, in.UserMetadata)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, bodyOf(user))
}

// linkBody is the answer to a generated link: what its mail would hold, and whose it is.
type linkBody struct {
	ActionLink       string `json:"action_link"`
	EmailOTP         string `json:"email_otp"`
	HashedToken      string `json:"hashed_token"`
	RedirectTo       string `json:"redirect_to"`
	VerificationType string `json:"verification_type"`
	userBody
}

// adminGenerateLink makes a link without mailing it.
func (s *Server) adminGenerateLink(w http.ResponseWriter, r *http.Request) {
	var in generateLink
	err := read(r, &in)
	var link made
	var user userBody
	if err == nil {
		link, user, err = s.generateLink(r.Context(), in)
	}
	if errors.Is(err, identity.ErrNotFound) {
		err = refuse(http.StatusNotFound, "user_not_found", "User with this email not found")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, linkBody{
		ActionLink: s.address(link), EmailOTP: link.code, HashedToken: link.token, RedirectTo: link.redirectTo, VerificationType: in.Type, userBody: user,
	})
}

type generateLink struct {
	Type       string          `json:"type"`
	Email      string          `json:"email"`
	NewEmail   string          `json:"new_email"`
	Password   string          `json:"password"`
	Data       json.RawMessage `json:"data"`
	RedirectTo string          `json:"redirect_to"`
}

func (s *Server) generateLink(ctx context.Context, in generateLink) (made, userBody, error) {
	w := wanted{redirectTo: s.redirectTarget(in.RedirectTo).String()}
	email, err := normalEmail(in.Email)
	if err != nil {
		return made{}, userBody{}, err
	}
	if in.Type == string(identity.ForSignUp) {
		return s.generateSignUp(ctx, email, in, w)
	}
	user, err := s.store.UserByEmail(ctx, email)
	if err != nil {
		return made{}, userBody{}, err
	}
	switch kind := identity.Kind(in.Type); kind {
	case identity.ForMagicLink, identity.ForRecovery:
		link := s.newLink(kind, user.Email, user.ID, w)
		return link, bodyOf(user), s.store.PutLink(ctx, link.Link)
	case "email_change_current", "email_change_new":
		newEmail, err := normalEmail(in.NewEmail)
		if err != nil {
			return made{}, userBody{}, err
		}
		to := newEmail
		if kind == "email_change_current" {
			to = user.Email
		}
		link := s.newLink(identity.ForEmailChange, to, user.ID, w)
		err = s.store.PutEmailChange(ctx, identity.EmailChange{
			UserID: user.ID, NewEmail: newEmail, CreatedAt: link.CreatedAt, ExpiresAt: link.ExpiresAt,
		}, link.Link)
		user.NewEmail = newEmail
		return link, bodyOf(user), err
	default:
		return made{}, userBody{}, refuse(http.StatusBadRequest, "validation_failed", "Invalid email action link type requested: "+strconv.Quote(in.Type))
	}
}

func (s *Server) generateSignUp(ctx context.Context, email string, in generateLink, w wanted) (made, userBody, error) {
	if _, err := s.store.UserByEmail(ctx, email); !errors.Is(err, identity.ErrNotFound) {
		if err == nil {
			err = ErrTaken
		}
		return made{}, userBody{}, err
	}
	metadata, err := metadataOf(in.Data)
	if err != nil {
		return made{}, userBody{}, err
	}
	if err := s.passwords.check(in.Password); err != nil {
		return made{}, userBody{}, err
	}
	hash, err := s.passwords.hash(ctx, in.Password)
	if err != nil {
		return made{}, userBody{}, err
	}
	link := s.newLink(identity.ForSignUp, email, uuid.Nil, w)
	u := identity.SignUp{
		Email: email, UserID: s.options.NewID(), PasswordHash: hash, Metadata: metadata, CreatedAt: link.CreatedAt, ExpiresAt: link.ExpiresAt,
	}
	return link, unconfirmedBody(u), s.store.PutSignUp(ctx, u, link.Link)
}
