package ingest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/scrub"
	"github.com/draftlabs/specter/pkg/telemetry"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// Directory knows the keys.
type Directory interface {
	// Find looks a key up by its hash. known is false for keys that never were or are forgotten.
	Find(keyHash []byte) (grant Grant, known bool)
}

// Grant is what a key allows.
type Grant struct {
	AccountID     uuid.UUID
	ProductID     uuid.UUID
	Revoked       bool
	Closed        bool     // the account takes no signals any more
	Incomplete    bool     // the product behind the key has not arrived here yet
	Origins       []string // that may use the key in a browser; empty allows all
	RatePerSecond int      // 0: the default
	HasContext    func(uuid.UUID) bool
}

// Store makes signals durable and returns when they are.
type Store interface {
	Submit(ctx context.Context, signals []signal.Signal) error
}

// Scrubber removes secrets and personal data.
type Scrubber interface {
	JSON(payload []byte) ([]byte, scrub.Report, error)
	Text(text string) (string, scrub.Report)
}

// Format is how a body is to be read.
type Format uint8

// The formats.
const (
	Strict  Format = iota // POST /api/signals
	Lenient               // POST /api/ingest with JSON
	Form                  // POST /api/ingest, form-encoded
)

// Request is one body with what is known about it.
type Request struct {
	Body   []byte
	Format Format
	Source signal.Source
	SentAt time.Time // zero when the client did not say
}

// Service is safe for concurrent use.
type Service struct {
	directory Directory
	rates     *rates
	decoder   signal.Decoder
	typeLimit int
	scrubber  Scrubber
	store     Store
	now       func() time.Time
	redacted  *prometheus.CounterVec
}

// Options of New.
type Options struct {
	Limits        signal.Limits
	RatePerSecond int // signals of one product, when the catalogue names no other rate
	Now           func() time.Time
	NewID         func() uuid.UUID
	Metrics       prometheus.Registerer
}

// New returns a service.
func New(o Options, d Directory, s Scrubber, store Store) *Service {
	return &Service{
		directory: d,
		rates:     newRates(o.RatePerSecond, o.Limits.Signals, o.Now),
		decoder:   signal.NewDecoder(o.Limits, o.NewID),
		typeLimit: o.Limits.TypeLength,
		scrubber:  s,
		store:     store,
		now:       o.Now,
		redacted: telemetry.MustRegister(o.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specter_gateway_redactions_total", Help: "Values removed from signals before they were stored, by class.",
		}, []string{"class"})),
	}
}

// Errors of Authorize.
var (
	errMissingKey = fault.New(fault.Unauthenticated, "missing_key", "Send an API key: header x-api-key, ?key= or Authorization: Bearer.")
	errInvalidKey = fault.New(fault.Unauthenticated, "invalid_key", "This API key is not valid.")
	errToken      = fault.New(fault.Unauthenticated, "invalid_key", "This is an access token (spt_); signals are sent with a product's API key (spk_).")
	errRevokedKey = fault.New(fault.Unauthenticated, "key_revoked", "This API key has been revoked.")
	errClosed     = fault.New(fault.Unauthenticated, "key_revoked", "The account of this API key takes no signals any more.")
	errOrigin     = fault.New(fault.Forbidden, "key_scope", "This API key may not be used from this origin.")
	errIncomplete = fault.New(fault.Unavailable, "unavailable", "This product is still being set up. Try again.")
)

// Authorize says what a key allows. origin is the browser's Origin header, "" without one.
func (s *Service) Authorize(key, origin string) (Grant, error) {
	if key == "" {
		return Grant{}, errMissingKey
	}
	switch prefix, err := apikey.Parse(key); {
	case err != nil: // the checksum refuses typing errors without a look-up
		return Grant{}, errInvalidKey
	case prefix != apikey.Ingest:
		return Grant{}, errToken
	}
	grant, known := s.directory.Find(apikey.Hash(key))
	switch {
	case !known:
		return Grant{}, errInvalidKey
	case grant.Revoked:
		return Grant{}, errRevokedKey
	case grant.Closed:
		return Grant{}, errClosed
	case grant.Incomplete:
		return Grant{}, errIncomplete
	case origin != "" && len(grant.Origins) > 0 && !slices.ContainsFunc(grant.Origins, func(o string) bool { return strings.EqualFold(o, origin) }):
		return Grant{}, errOrigin
	}
	return grant, nil
}

// Rate tells how much of a product's rate is left.
func (s *Service) Rate(g Grant) Rate { return s.rates.state(g) }

// Admit counts a request against the product's rate before its body is read.
func (s *Service) Admit(g Grant) error { return s.rates.take(g, 1) }

// Accept returns how many signals the body held, once all of them are durable.
func (s *Service) Accept(ctx context.Context, g Grant, r Request) (int, error) {
	signals, err := s.decode(g, r)
	if err != nil {
		return 0, err
	}
	if err := s.rates.take(g, len(signals)-1); err != nil { // Admit took the first
		return 0, err
	}
	for i := range signals {
		s.scrub(&signals[i])
	}
	if err := s.store.Submit(ctx, signals); err != nil {
		return 0, err //nolint:wrapcheck // a fault, to be shown as it is
	}
	return len(signals), nil
}

func (s *Service) decode(g Grant, r Request) ([]signal.Signal, error) {
	receipt := signal.Receipt{
		AccountID: g.AccountID, ProductID: g.ProductID, Source: r.Source,
		At: s.now(), SentAt: r.SentAt, HasContext: g.HasContext,
	}
	switch r.Format {
	case Lenient:
		return s.decoder.DecodeLenient(r.Body, receipt)
	case Form:
		return s.decoder.DecodeForm(r.Body, receipt)
	default:
		return s.decoder.Decode(r.Body, receipt)
	}
}

// scrub runs over every text a client chose freely.
func (s *Service) scrub(sig *signal.Signal) {
	if sig.Payload != nil {
		clean, report, err := s.scrubber.JSON(sig.Payload)
		if err != nil { // better a signal without a payload than a payload nobody has looked through
			clean = nil
			s.redacted.WithLabelValues("unreadable").Inc()
		}
		sig.Payload = clean
		s.count(report)
	}
	name, report := s.scrubber.Text(sig.Type)
	if report.Total() > 0 {
		sig.Type = firstRunes(name, s.typeLimit)
		s.count(report)
	}
	if _, report = s.scrubber.Text(sig.SessionID); report.Total() > 0 {
		// A redacted session would be one session for everybody; none is more honest.
		sig.SessionID = ""
		s.count(report)
	}
}

func (s *Service) count(r scrub.Report) {
	for class, n := range r.Counts {
		s.redacted.WithLabelValues(string(class)).Add(float64(n))
	}
}

func firstRunes(text string, n int) string {
	for i := range text {
		if n--; n < 0 {
			return text[:i]
		}
	}
	return text
}
