package hook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// defaultEnvironment is what counts when nobody chose.
const defaultEnvironment = "production"

// Settings are what of the things told counts.
type Settings struct {
	Environments []string // lower case
	DeployedBy   []string // GitHub events that mean "deployed"
	LinkedBy     []string // GitHub events that tell which commits hold a change
}

// DefaultSettings count what is sure: a deployment that succeeded, and a release that is published.
func DefaultSettings() Settings {
	return Settings{Environments: []string{defaultEnvironment}, DeployedBy: []string{EventDeploymentStatus, EventRelease}, LinkedBy: []string{EventPullRequest}}
}

func (s Settings) counts(environment string) bool {
	return slices.Contains(s.Environments, strings.ToLower(environment))
}

// Hook is how one product is told of what it ships.
type Hook struct {
	AccountID uuid.UUID
	ProductID uuid.UUID
	Settings
	TokenHint     string // "" when there is none
	TokenMadeAt   *time.Time
	OldTokenUntil *time.Time
	SecretMadeAt  *time.Time
	OldSecretTill *time.Time
	RefusedAt     *time.Time
	Revision      int // 0 = nobody has touched it
}

// Receipt is what was told and what came of it.
type Receipt struct {
	ID          uuid.UUID
	Source      Source
	Event       string
	DeliveryID  string
	At          time.Time
	Repeats     int
	Outcome     Outcome
	Reason      string
	Environment string
	Version     string
	Commit      string
	Repository  string
	URL         string
	Deployments []uuid.UUID
	Repeated    bool // this is what came of it the first time
}

// Rotation is a new secret in the place of another, which stays good until OldUntil; nil ends it at once.
type Rotation struct {
	Hash     []byte // of a token
	Hint     string // of a token
	Secret   string // of GitHub
	OldUntil *time.Time
}

// Opened is a hook that somebody found by its address, with what it takes to check a signature.
type Opened struct {
	Hook
	Secrets []string // the one in use and, for a while, the one before
}

// Store keeps hooks and receipts. Changes are one transaction with their audit row.
type Store interface {
	Hook(ctx context.Context, account, product uuid.UUID) (Hook, error)
	Hooked(ctx context.Context, a actor.Actor, product uuid.UUID, at time.Time, change func(*Hook) error) (Hook, error)
	// RotateToken and RotateSecret put r in the place of what is there. made returns what to answer, and to answer again when
	// the request is repeated with its Idempotency-Key.
	RotateToken(ctx context.Context, a actor.Actor, product uuid.UUID, at time.Time, r Rotation, text string) (Hook, string, error)
	RotateSecret(ctx context.Context, a actor.Actor, product uuid.UUID, at time.Time, r Rotation) (Hook, string, error)
	RevokeToken(ctx context.Context, a actor.Actor, product uuid.UUID, at time.Time) error
	RevokeSecret(ctx context.Context, a actor.Actor, product uuid.UUID, at time.Time) error
	// ByToken and ByProduct find a hook before its account is known.
	ByToken(ctx context.Context, hash []byte, now time.Time) (Opened, error)
	ByProduct(ctx context.Context, product uuid.UUID, now time.Time) (Opened, error)
	// Refused notes that a delivery came without a good signature.
	Refused(ctx context.Context, h Hook, at time.Time) error
	// Receive settles a notice with its receipt, once.
	Receive(ctx context.Context, h Hook, n Notice, id uuid.UUID, at time.Time) (Receipt, error)
	Receipts(ctx context.Context, account, product uuid.UUID, since time.Time, r page.Request) (page.Of[Receipt], error)
}

// Service takes what is told.
type Service struct {
	store Store
	now   func() time.Time
}

// New returns a Service.
func New(store Store, now func() time.Time) *Service { return &Service{store: store, now: now} }

// errAddress answers an address that is not one, or no longer.
var errAddress = fault.New(fault.NotFound, "not_found", "There is no deploy hook at this address. Settings → Deploy hook makes a new one.")

// errSignature answers every delivery that is not signed with the product's secret, whether the product exists or not.
var errSignature = fault.New(fault.Unauthenticated, "invalid_signature",
	"X-Hub-Signature-256 does not fit. Set the webhook's secret to the one that Specter made for this product.")

// Report takes what a pipeline sent to the address with token.
func (s *Service) Report(ctx context.Context, token string, query url.Values, contentType string, body []byte) (Receipt, error) {
	if apikey.ParseHook(token) != nil {
		return Receipt{}, errAddress
	}
	now := s.now()
	found, err := s.store.ByToken(ctx, apikey.Hash(token), now)
	if fault.Is(err, fault.NotFound) {
		return Receipt{}, errAddress
	}
	if err != nil {
		return Receipt{}, err
	}
	n, err := ReadReport(found.Settings, query, contentType, body, now)
	if err != nil {
		return Receipt{}, err
	}
	return s.store.Receive(ctx, found.Hook, n, uuid.Must(uuid.NewV7()), now)
}

// GitHub takes what GitHub sent to the address of a product.
func (s *Service) GitHub(ctx context.Context, product uuid.UUID, signature string, d Delivery) (Receipt, error) {
	now := s.now()
	found, err := s.store.ByProduct(ctx, product, now)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Receipt{}, err
	}
	known := err == nil && len(found.Secrets) > 0
	if !Signed(d.Body, signature, found.Secrets) || !known {
		if known {
			if err := s.store.Refused(ctx, found.Hook, now); err != nil {
				return Receipt{}, err
			}
		}
		return Receipt{}, errSignature
	}
	if d.Event == "" || d.ID == "" || len(d.ID) > 100 || cut(d.ID, 100) != d.ID {
		return Receipt{}, fault.New(fault.Invalid, "missing_header", "GitHub's headers X-GitHub-Event and X-GitHub-Delivery are needed.")
	}
	n, err := ReadGitHub(found.Settings, d, now)
	if err != nil {
		return Receipt{}, err
	}
	return s.store.Receive(ctx, found.Hook, n, uuid.Must(uuid.NewV7()), now)
}

// Signed tells whether body was signed with one of the secrets: HMAC-SHA256 in hex after "sha256=", as GitHub writes
// X-Hub-Signature-256. It takes as long whichever secret fits, and as long for none as for one.
func Signed(body []byte, signature string, secrets []string) bool {
	given, err := hex.DecodeString(strings.TrimPrefix(signature, "sha256="))
	wellFormed := err == nil && strings.HasPrefix(signature, "sha256=") && len(given) == sha256.Size
	fits := false
	if len(secrets) == 0 {
		secrets, wellFormed = []string{""}, false
	}
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		fits = hmac.Equal(mac.Sum(nil), given) || fits
	}
	return fits && wellFormed
}

// Hook reads how a product is told.
func (s *Service) Hook(ctx context.Context, account, product uuid.UUID) (Hook, error) {
	return s.store.Hook(ctx, account, product)
}

// Receipts lists what was told, newest first.
func (s *Service) Receipts(ctx context.Context, account, product uuid.UUID, r page.Request) (page.Of[Receipt], error) {
	return s.store.Receipts(ctx, account, product, s.now().Add(-Remembered), r)
}

// Patch holds what to set; nil leaves a field as it is.
type Patch struct {
	Environments *[]string
	DeployedBy   *[]string
	LinkedBy     *[]string
	IfRevision   int
}

// Update chooses what counts.
func (s *Service) Update(ctx context.Context, a actor.Actor, product uuid.UUID, p Patch) (Hook, error) {
	return s.store.Hooked(ctx, a, product, s.now(), func(h *Hook) error {
		if p.IfRevision != 0 && p.IfRevision != h.Revision {
			return fault.New(fault.PreconditionFailed, "precondition_failed", "Somebody changed this in the meantime. Load it again.")
		}
		return p.apply(&h.Settings)
	})
}

func (p Patch) apply(s *Settings) error {
	if p.Environments != nil {
		names := []string{}
		for _, name := range *p.Environments {
			name = strings.ToLower(strings.TrimSpace(name))
			if name == "" || utf8.RuneCountInString(name) > 100 || cut(name, 100) != name {
				return invalid("/environments", "invalid_name", "The name of an environment has 1 to 100 characters.")
			}
			names = append(names, name)
		}
		slices.Sort(names)
		names = slices.Compact(names)
		if len(names) == 0 || len(names) > 20 {
			return invalid("/environments", "invalid_count", "Name 1 to 20 environments.")
		}
		s.Environments = names
	}
	if p.DeployedBy != nil {
		if err := choose(&s.DeployedBy, "/deployed_by", *p.DeployedBy, EventDeploymentStatus, EventRelease, EventPullRequest, EventPush); err != nil {
			return err
		}
	}
	if p.LinkedBy != nil {
		return choose(&s.LinkedBy, "/linked_by", *p.LinkedBy, EventPullRequest, EventPush)
	}
	return nil
}

// choose sets a list to the chosen ones, in the order in which there are.
func choose(to *[]string, pointer string, chosen []string, there ...string) error {
	for _, name := range chosen {
		if !slices.Contains(there, name) {
			return invalid(pointer, "unknown_event", "Choose among "+strings.Join(there, ", ")+".")
		}
	}
	*to = slices.DeleteFunc(there, func(name string) bool { return !slices.Contains(chosen, name) })
	return nil
}

// RotateToken makes the address of a product's hook anew; the one before stays good for the grace.
func (s *Service) RotateToken(ctx context.Context, a actor.Actor, product uuid.UUID, grace time.Duration) (Hook, string, error) {
	now := s.now()
	text := apikey.New(apikey.Hook)
	return s.store.RotateToken(ctx, a, product, now, Rotation{Hash: apikey.Hash(text), Hint: apikey.Display(text), OldUntil: until(now, grace)}, text)
}

// RotateSecret makes the secret anew that GitHub signs with.
func (s *Service) RotateSecret(ctx context.Context, a actor.Actor, product uuid.UUID, grace time.Duration) (Hook, string, error) {
	now := s.now()
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails since Go 1.24: it ends the process instead
	return s.store.RotateSecret(ctx, a, product, now, Rotation{Secret: base64.RawURLEncoding.EncodeToString(random[:]), OldUntil: until(now, grace)})
}

func until(now time.Time, grace time.Duration) *time.Time {
	if grace <= 0 {
		return nil
	}
	end := now.Add(grace)
	return &end
}

// RevokeToken closes the address.
func (s *Service) RevokeToken(ctx context.Context, a actor.Actor, product uuid.UUID) error {
	return s.store.RevokeToken(ctx, a, product, s.now())
}

// RevokeSecret takes nothing from GitHub any more.
func (s *Service) RevokeSecret(ctx context.Context, a actor.Actor, product uuid.UUID) error {
	return s.store.RevokeSecret(ctx, a, product, s.now())
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
