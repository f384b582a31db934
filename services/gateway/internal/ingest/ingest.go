package ingest

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/services/gateway/internal/batch"
	"github.com/draftlabs/specter/services/gateway/internal/quota"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// Directory knows the keys.
type Directory interface {
	// Resolve looks a key up by its SHA-256.
	Resolve(keyHash [32]byte) (*catalog.Grant, bool)
	// Complete reports whether a key that is not known never was, or has been deleted.
	Complete() bool
}

// Store makes signals durable.
type Store interface {
	// Submit copies encoded signals; the ticket says when they are durable.
	Submit(encoded []byte, signals int) (batch.Ticket, error)
}

// Quota keeps accounts within their monthly limits; 0 is none.
type Quota interface {
	Take(account uuid.UUID, limit int64, n int) (quota.Month, error)
	TakeUpTo(account uuid.UUID, limit int64, n int) (granted int, month quota.Month, err error)
	Give(account uuid.UUID, month quota.Month, n int)
	State(account uuid.UUID, limit int64) (quota.State, bool)
}

// Refusals is told what was refused, so that the people of a product can see why nothing arrives.
type Refusals interface {
	Record(r Refusal)
}

// Uses is told that a key was used, once a minute at most.
type Uses interface {
	Note(account, key uuid.UUID, at time.Time)
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
	quota     Quota
	refusals  Refusals
	uses      Uses
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
func New(o Options, d Directory, s Scrubber, store Store, q Quota, r Refusals, u Uses) *Service {
	return &Service{
		directory: d,
		rates:     newRates(o.RatePerSecond, o.Limits.Signals),
		decoder:   signal.NewDecoder(o.Limits, o.NewID),
		cleaner:   newCleaner(s, o.Limits.TypeLength, o.Metrics),
		encode:    o.Encode,
		encoded:   sync.Pool{New: func() any { return new([]byte) }},
		store:     store,
		quota:     q,
		refusals:  r,
		uses:      u,
		now:       o.Now,
	}
}

// Errors of Authorize. They say what to do and never repeat the key: an answer is logged in more places
// than a header.
var (
	errMissingKey   = fault.New(fault.Unauthenticated, "missing_key", "Send an API key: header x-api-key, ?key= or Authorization: Bearer.")
	errMalformedKey = fault.New(fault.Unauthenticated, "invalid_key", "This is no API key: it was cut or mistyped. One has 40 characters, spk_ in front.")
	errInvalidKey   = fault.New(fault.Unauthenticated, "invalid_key", "This API key is not known here. Copy it anew from Settings, and check the server's address.")
	errToken        = fault.New(fault.Unauthenticated, "invalid_key", "This is an access token (spt_); signals are sent with a product's API key (spk_). Revoke the token if others have seen it.")
	errRevokedKey   = fault.New(fault.Unauthenticated, "key_revoked", "This API key has been revoked. Take the product's current one from Settings.")
	errExpiredKey   = fault.New(fault.Unauthenticated, "key_expired", "This API key has expired. Take the product's current one from Settings.")
	errClosed       = fault.New(fault.Unauthenticated, "key_revoked", "The account of this API key takes no signals any more.")
	errOrigin       = fault.New(fault.Forbidden, "origin_not_allowed", "This API key may not be used by pages of this origin. Add the origin to the key in Settings.")
	errNoOrigin     = fault.New(fault.Forbidden, "origin_not_allowed", "This API key is for pages of certain origins, and the request names none. Send from a server with a key that allows it.")
	errUnsure       = fault.New(fault.Unavailable, "unavailable", "This API key cannot be checked right now. Try again.")
	errIncomplete   = fault.New(fault.Unavailable, "unavailable", "This product is still being set up. Try again.")
)

// Caller is what a request says about where it comes from.
type Caller struct {
	Origin    string // of the browser's page, as its header has it; "" without one
	UserAgent string
	Source    signal.Source
}

// Sender is who sends, and what the key it sends with allows.
type Sender struct {
	caller Caller
	grant  *catalog.Grant
	bucket *bucket
	at     time.Time // when the request came
}

// Holding counts the bytes of memory that bodies of the sender's product hold while they are read.
func (f Sender) Holding() *atomic.Int64 { return f.bucket.holding }

// Authorize finds out who sends.
func (s *Service) Authorize(key string, caller Caller) (Sender, error) {
	grant, err := s.grant(key)
	from := Sender{caller: caller, grant: grant, at: s.now()}
	if err == nil {
		err = admissible(grant, caller.Origin, from.at)
	}
	if err != nil {
		s.Refuse(from, err)
		return Sender{}, err
	}
	if grant.Use.First(from.at) {
		s.uses.Note(grant.AccountID, grant.KeyID, from.at)
	}
	from.bucket = s.rates.bucket(grant, from.at)
	return from, nil
}

// nobody is who sends with a key that is not known.
var nobody = &catalog.Grant{}

// grant finds what a key allows.
func (s *Service) grant(key string) (*catalog.Grant, error) {
	if key == "" {
		return nobody, errMissingKey
	}
	switch prefix, err := apikey.Parse(key); {
	case err != nil: // the checksum refuses typing errors without a look-up
		return nobody, errMalformedKey
	case prefix != apikey.Ingest:
		return nobody, errToken
	}
	certain := s.directory.Complete() // asked first: what is looked into then is at least as complete
	switch grant, known := s.directory.Resolve(apikey.Sum(key)); {
	case known:
		return grant, nil
	case certain:
		return nobody, errInvalidKey
	default:
		return nobody, errUnsure
	}
}

func admissible(grant *catalog.Grant, origin string, at time.Time) error {
	switch {
	case grant.Revoked:
		return errRevokedKey
	case grant.Expired(at):
		return errExpiredKey
	case grant.Closed:
		return errClosed
	case grant.Incomplete:
		return errIncomplete
	case origin == "" && grant.NeedsOrigin:
		return errNoOrigin
	case origin != "" && !grant.Origins.Allows(origin):
		return errOrigin
	default:
		return nil
	}
}

// Rate tells how much of the product's rate is left.
func (s *Service) Rate(from Sender) Rate { return from.bucket.state(s.now()) }

// Quota tells how much of the account's month is left, if that is known; false without a limit.
func (s *Service) Quota(from Sender) (quota.State, bool) {
	return s.quota.State(from.grant.AccountID, from.grant.MonthlyLimit)
}

// Admit counts a request against the product's rate before its body is read.
func (s *Service) Admit(from Sender) error {
	err := from.bucket.take(1, from.at)
	if err != nil {
		s.Refuse(from, err)
	}
	return err
}

// Outcome is what became of a body.
type Outcome struct {
	Received int
	Rejected []signal.Rejected // without their elements

	ticket batch.Ticket
	month  quota.Month // that they count in
}

// keptEncoded bounds the buffers that are kept for the next request.
const keptEncoded = 1 << 20

// Accept takes a body in, which may be reused afterwards. Nothing is promised before Await has
// returned nil.
func (s *Service) Accept(from Sender, r Request) (Outcome, error) {
	decoded, err := s.decode(from, r)
	if err != nil {
		s.Refuse(from, err)
		return Outcome{}, err
	}
	defer decoded.Release()
	if err := from.bucket.take(len(decoded.Signals)-1, from.at); err != nil { // Admit took the first
		s.refuse(from, err, len(decoded.Signals))
		return Outcome{}, err
	}
	month, err := s.charge(from, r, decoded)
	if err != nil {
		s.refuse(from, err, len(decoded.Signals))
		return Outcome{}, err
	}
	out := Outcome{Received: len(decoded.Signals), Rejected: s.rejected(from, decoded.Rejected), month: month}
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
	if err != nil {
		s.quota.Give(from.grant.AccountID, out.month, out.Received)
		s.refuse(from, err, out.Received)
	}
	return out, err //nolint:wrapcheck // a fault, to be shown as it is
}

// charge takes the signals from the account's month, which they were received in then. With Partial
// what is left is used up, and the signals beyond it are rejected.
func (s *Service) charge(from Sender, r Request, decoded *signal.Batch) (month quota.Month, err error) {
	account, limit, n := from.grant.AccountID, from.grant.MonthlyLimit, len(decoded.Signals)
	if r.Partial {
		var granted int
		granted, month, err = s.quota.TakeUpTo(account, limit, n)
		if err == nil && granted < n {
			decoded.Reject(granted, "quota_exceeded", "The monthly signal limit of this account is reached.")
		}
	} else {
		month, err = s.quota.Take(account, limit, n)
	}
	if at := month.Hold(from.at); err == nil && !at.Equal(from.at) {
		for i := range decoded.Signals {
			decoded.Signals[i].ReceivedAt = at
		}
	}
	return month, err //nolint:wrapcheck // a fault, to be shown as it is
}

// Await returns nil once everything received is durable.
func (s *Service) Await(from Sender, out Outcome) error {
	if out.Received == 0 {
		return nil
	}
	err := out.ticket.Wait()
	if err == nil {
		return nil
	}
	if batch.NotStored(err) {
		s.quota.Give(from.grant.AccountID, out.month, out.Received)
	}
	s.refuse(from, err, out.Received)
	return err //nolint:wrapcheck // a fault, to be shown as it is
}

func (s *Service) decode(from Sender, r Request) (*signal.Batch, error) {
	receipt := signal.Receipt{
		AccountID: from.grant.AccountID, ProductID: from.grant.ProductID, Source: from.caller.Source,
		At: from.at, SentAt: r.SentAt, Partial: r.Partial, HasContext: from.grant.HasContext,
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
