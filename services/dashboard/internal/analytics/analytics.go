package analytics

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
)

const (
	// CapturePath is the one path of PostHog that is asked for, by browsers here and by us there.
	CapturePath = "/i/v0/e/"
	// MaxBody is more than any event takes.
	MaxBody = 1 << 10
)

// View is that a page was opened.
type View struct {
	Page  string // its pattern
	Visit string // 32 hexadecimal digits
}

// Store keeps the accounts' switches.
type Store interface {
	Allowed(ctx context.Context, account uuid.UUID) (bool, error)
	Allow(ctx context.Context, a actor.Actor, allowed bool, at time.Time) error
}

// State says whether a request's page view is told, and why not.
type State struct {
	Instance bool // the operator has turned it on
	Account  bool // the account has not turned it off
	Refused  bool // this browser asks not to be tracked
}

// Active reports whether page views are told.
func (s State) Active() bool { return s.Instance && s.Account && !s.Refused }

// Service decides.
type Service struct {
	store Store
	on    bool
	now   func() time.Time
}

// New returns a Service; on is the operator's word.
func New(store Store, on bool, now func() time.Time) *Service {
	return &Service{store: store, on: on, now: now}
}

// State looks whether views of the account's pages are told; refused is the browser's wish.
func (s *Service) State(ctx context.Context, account uuid.UUID, refused bool) (State, error) {
	allowed, err := s.store.Allowed(ctx, account)
	return State{Instance: s.on, Account: allowed, Refused: refused}, err
}

// Allow turns the account's switch.
func (s *Service) Allow(ctx context.Context, a actor.Actor, allowed bool) error {
	return s.store.Allow(ctx, a, allowed, s.now())
}

var (
	pagePattern  = regexp.MustCompile(`^/(?:[a-z:][a-z-]{0,19}(?:/[a-z:][a-z-]{0,19}){0,3})?$`)
	visitPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// ErrBadView is the answer to anything but a page view.
var ErrBadView = fault.New(fault.Invalid, "invalid_request", "Only that a page was opened can be told, by the pattern of its address.")

// Read takes a view from a capture request as PostHog's libraries send it, and nothing else of it.
func Read(body []byte) (View, error) {
	var in struct {
		Event      string `json:"event"`
		Visit      string `json:"distinct_id"`
		Properties struct {
			Page string `json:"$pathname"`
		} `json:"properties"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return View{}, ErrBadView
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return View{}, ErrBadView
	}
	if in.Event != "$pageview" || !visitPattern.MatchString(in.Visit) || !pagePattern.MatchString(in.Properties.Page) {
		return View{}, ErrBadView
	}
	return View{Page: in.Properties.Page, Visit: in.Visit}, nil
}
