package ingest

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/services/gateway/internal/batch"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// Directory knows the keys.
type Directory interface {
	// Resolve looks a key up by its SHA-256; false for keys that never were or are forgotten.
	Resolve(keyHash [32]byte) (*catalog.Grant, bool)
}

// Store makes signals durable.
type Store interface {
	// Submit copies encoded signals; the ticket says when they are durable.
	Submit(encoded []byte, signals int) (batch.Ticket, error)
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
	Body    []byte
	Format  Format
	Source  signal.Source
	SentAt  time.Time // zero when the client did not say
	Partial bool      // bad signals are left out instead of costing the whole body
}

// Service is safe for concurrent use.
type Service struct {
	directory Directory
	rates     *rates
	decoder   signal.Decoder
	cleaner   cleaner
	encode    func(dst []byte, signals []signal.Signal) []byte
	encoded   sync.Pool // of *[]byte
	store     Store
	now       func() time.Time
}

// Options of New.
type Options struct {
	Limits        signal.Limits
	RatePerSecond int // signals of one product, when the catalogue names no other rate
	Now           func() time.Time
	NewID         func() uuid.UUID
	Encode        func(dst []byte, signals []signal.Signal) []byte // see batch.Batcher.Submit
	Metrics       prometheus.Registerer
}

// New returns a service.
func New(o Options, d Directory, s Scrubber, store Store) *Service {
	return &Service{
		directory: d,
		rates:     newRates(o.RatePerSecond, o.Limits.Signals),
		decoder:   signal.NewDecoder(o.Limits, o.NewID),
		cleaner:   newCleaner(s, o.Limits.TypeLength, o.Metrics),
		encode:    o.Encode,
		encoded:   sync.Pool{New: func() any { return new([]byte) }},
		store:     store,
		now:       o.Now,
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

// Sender is who sends, and what the key it sends with allows.
type Sender struct {
	grant  *catalog.Grant
	bucket *bucket
}

// Authorize finds out who sends. origin is the browser's Origin header, "" without one.
func (s *Service) Authorize(key, origin string) (Sender, error) {
	if key == "" {
		return Sender{}, errMissingKey
	}
	switch prefix, err := apikey.Parse(key); {
	case err != nil: // the checksum refuses typing errors without a look-up
		return Sender{}, errInvalidKey
	case prefix != apikey.Ingest:
		return Sender{}, errToken
	}
	grant, known := s.directory.Resolve(apikey.Sum(key))
	switch {
	case !known:
		return Sender{}, errInvalidKey
	case grant.Revoked:
		return Sender{}, errRevokedKey
	case grant.Closed:
		return Sender{}, errClosed
	case grant.Incomplete:
		return Sender{}, errIncomplete
	case origin != "" && len(grant.Origins) > 0 && !slices.ContainsFunc(grant.Origins, func(o string) bool { return strings.EqualFold(o, origin) }):
		return Sender{}, errOrigin
	}
	return Sender{grant: grant, bucket: s.rates.bucket(grant, s.now())}, nil
}

// Rate tells how much of the product's rate is left.
func (s *Service) Rate(from Sender) Rate { return from.bucket.state(s.now()) }

// Admit counts a request against the product's rate before its body is read.
func (s *Service) Admit(from Sender) error { return from.bucket.take(1, s.now()) }

// Outcome is what became of a body.
type Outcome struct {
	Received int
	Rejected []signal.Rejected // without their elements

	ticket batch.Ticket
}

// Wait returns nil once everything received is durable.
func (o Outcome) Wait() error {
	if o.Received == 0 {
		return nil
	}
	return o.ticket.Wait() //nolint:wrapcheck // a fault, to be shown as it is
}

// keptEncoded bounds the buffers that are kept for the next request.
const keptEncoded = 1 << 20

// Accept takes a body in, which may be reused afterwards. Nothing is promised before Outcome.Wait
// has returned nil.
func (s *Service) Accept(from Sender, r Request) (Outcome, error) {
	decoded, err := s.decode(from, r)
	if err != nil {
		return Outcome{}, err
	}
	defer decoded.Release()
	if err := from.bucket.take(len(decoded.Signals)-1, s.now()); err != nil { // Admit took the first
		return Outcome{}, err
	}
	out := Outcome{Received: len(decoded.Signals), Rejected: slices.Clone(decoded.Rejected)}
	for i := range out.Rejected {
		out.Rejected[i].Element = nil
	}
	if out.Received == 0 {
		return out, nil
	}
	s.cleaner.clean(decoded.Signals)
	encoded, _ := s.encoded.Get().(*[]byte)
	*encoded = s.encode((*encoded)[:0], decoded.Signals)
	out.ticket, err = s.store.Submit(*encoded, out.Received)
	if cap(*encoded) <= keptEncoded {
		s.encoded.Put(encoded)
	}
	return out, err //nolint:wrapcheck // a fault, to be shown as it is
}

func (s *Service) decode(from Sender, r Request) (*signal.Batch, error) {
	receipt := signal.Receipt{
		AccountID: from.grant.AccountID, ProductID: from.grant.ProductID, Source: r.Source,
		At: s.now(), SentAt: r.SentAt, Partial: r.Partial, HasContext: from.grant.HasContext,
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
