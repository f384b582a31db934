package ingest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/scrub"
	"github.com/draftlabs/specter/services/gateway/internal/batch"
	"github.com/draftlabs/specter/services/gateway/internal/quota"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// clock stands still until a test moves it.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{at: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)} }

func TestAProductsKeysShareOneBucket(t *testing.T) {
	t.Parallel()
	at := newClock().at
	r := newRates(10, 5)
	product, other := r.bucket(&catalog.Grant{ProductID: uuid.New()}, at), r.bucket(&catalog.Grant{ProductID: uuid.New()}, at)
	require.NoError(t, product.take(20, at), "two seconds' worth at once")
	require.NoError(t, other.take(1, at), "other products do not suffer")

	err := product.take(15, at)
	require.True(t, fault.Is(err, fault.RateLimited))
	require.Equal(t, 2*time.Second, fault.As(err).RetryAfter, "1.5 s, in whole seconds")
	require.Equal(t, Rate{Limit: 20, Window: 2 * time.Second, Remaining: 0, Reset: 2 * time.Second, LimitText: "20", WindowText: "2"}, product.state(at))
	require.NoError(t, product.take(15, at.Add(1500*time.Millisecond)))
}

func TestABucketHoldsAtLeastOneFullRequest(t *testing.T) {
	t.Parallel()
	at := newClock().at
	require.NoError(t, newRates(1, 1000).bucket(&catalog.Grant{ProductID: uuid.New()}, at).take(1000, at))
}

func TestARateFollowsTheCatalogue(t *testing.T) {
	t.Parallel()
	at := newClock().at
	r := newRates(10, 1)
	g := catalog.Grant{ProductID: uuid.New()}
	require.NoError(t, r.bucket(&g, at).take(20, at))
	require.Error(t, r.bucket(&g, at).take(1, at))
	g.RatePerSecond = 100
	require.Equal(t, 200, r.bucket(&g, at).state(at).Limit)
	require.Error(t, r.bucket(&g, at).take(1, at), "what was spent stays spent")
	require.NoError(t, r.bucket(&g, at).take(100, at.Add(time.Second)))
}

func TestIdleBucketsAreForgotten(t *testing.T) {
	t.Parallel()
	at := newClock().at
	r := newRates(10, 1)
	busy := &catalog.Grant{ProductID: uuid.New()}
	for range maxBuckets - 1 {
		require.NoError(t, r.bucket(&catalog.Grant{ProductID: uuid.New()}, at).take(1, at))
	}
	at = at.Add(time.Minute)
	require.NoError(t, r.bucket(busy, at).take(20, at))
	require.NoError(t, r.bucket(&catalog.Grant{ProductID: uuid.New()}, at).take(1, at))
	require.Len(t, r.buckets, 2)
	require.Error(t, r.bucket(busy, at).take(1, at), "who has spent something is remembered")
}

// broken is a scrubber that fails.
type broken struct{}

func (broken) Valid([]byte) ([]byte, scrub.Report, error) {
	return nil, scrub.Report{}, errors.New("bug")
}
func (broken) Text(text string) (string, scrub.Report) { return text, scrub.Report{} }

// shelf is a directory of one product and the far end of a batcher.
type shelf struct {
	grant   catalog.Grant
	signals []signal.Signal // as they were to be encoded
	err     error

	left     int // of the month, when the grant has a limit
	month    quota.Month
	refusals []Refusal
	unknown  bool // the key is
	partial  bool // the catalogue is
	uses     []uuid.UUID
}

func (s *shelf) Take(_ uuid.UUID, limit int64, n int) (quota.Month, error) {
	if limit > 0 && n > s.left {
		return 0, fault.New(fault.QuotaExceeded, "quota_exceeded", "used up")
	}
	s.left -= n
	return s.month, nil
}

func (s *shelf) TakeUpTo(account uuid.UUID, limit int64, n int) (int, quota.Month, error) {
	if limit > 0 {
		n = min(n, max(1, s.left))
	}
	month, err := s.Take(account, limit, n)
	return n, month, err
}

func (s *shelf) Give(_ uuid.UUID, month quota.Month, n int) {
	if month == s.month {
		s.left += n
	}
}

func (s *shelf) State(uuid.UUID, int64) (quota.State, bool) { return quota.State{}, false }

func (s *shelf) Record(r Refusal) {
	r.Element = bytes.Clone(r.Element)
	s.refusals = append(s.refusals, r)
}

func (s *shelf) Note(_, key uuid.UUID, _ time.Time) { s.uses = append(s.uses, key) }

func (s *shelf) Resolve([32]byte) (*catalog.Grant, bool) { return &s.grant, !s.unknown }

func (s *shelf) Complete() bool { return !s.partial }

func (s *shelf) Append(context.Context, []byte) error { return s.err }

func (s *shelf) encode(dst []byte, signals []signal.Signal) []byte {
	for _, one := range signals {
		one.Payload = bytes.Clone(one.Payload)
		s.signals = append(s.signals, one)
	}
	return append(dst, make([]byte, len(signals))...)
}

func service(t *testing.T, s *shelf, scrubber Scrubber) *Service {
	t.Helper()
	b := batch.New(batch.Options{
		Committers: 1, MaxSignals: 1000, MaxBytes: 1000, QueueRequests: 10, QueueBytes: 10_000,
		AppendTimeout: time.Second, WaitTimeout: time.Second, Crowd: 100, DrainTimeout: time.Second,
	}, s, zap.NewNop(), nil)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- b.Run(ctx, func() { close(ready) }) }()
	<-ready
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return New(Options{
		Limits: signal.DefaultLimits(), RatePerSecond: 1000, Now: newClock().now, NewID: signal.NewID, Encode: s.encode, Metrics: prometheus.NewRegistry(),
	}, s, scrubber, b, s, s, s)
}

// accept sends one body as the product's key does.
func accept(t *testing.T, s *Service, body string, partial bool) (Outcome, error) {
	t.Helper()
	from, err := s.Authorize(apikey.New(apikey.Ingest), Caller{Origin: "https://shop.example", UserAgent: "Firefox", Source: signal.Script})
	require.NoError(t, err)
	out, err := s.Accept(from, Request{Body: []byte(body), Partial: partial})
	if err == nil {
		err = s.Await(from, out)
	}
	return out, err
}

func TestAPayloadThatCouldNotBeScrubbedIsDropped(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	out, err := accept(t, service(t, s, broken{}), `{"type":"a","payload":{"secret":"x"}}`, false)
	require.NoError(t, err)
	require.Equal(t, 1, out.Received)
	require.Nil(t, s.signals[0].Payload)
	require.Equal(t, "a", s.signals[0].Type)
}

func TestNothingIsReportedAsReceivedWhenItCouldNotBeStored(t *testing.T) {
	t.Parallel()
	s := &shelf{err: fault.New(fault.Unavailable, "unavailable", "away")}
	_, err := accept(t, service(t, s, scrub.New(scrub.Options{})), `{"type":"a"}`, false)
	require.True(t, fault.Is(err, fault.Unavailable))
}

func TestPartialTakesTheGoodAndNamesTheBad(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	in := service(t, s, scrub.New(scrub.Options{}))
	out, err := accept(t, in, `[{"type":"a"},{"payload":{}},{"type":"b","context_id":"019cafe0-0000-7000-8000-000000000001"},{"type":"c"}]`, true)
	require.NoError(t, err)
	require.Equal(t, 2, out.Received)
	require.Equal(t, []string{"a", "c"}, []string{s.signals[0].Type, s.signals[1].Type})
	require.Len(t, out.Rejected, 2)
	require.Equal(t, 1, out.Rejected[0].Index)
	require.Equal(t, "missing_type", out.Rejected[0].Code)
	require.Equal(t, "unknown_context", out.Rejected[1].Code)

	out, err = accept(t, in, `[{},{}]`, true)
	require.NoError(t, err, "nothing good is an answer too")
	require.Zero(t, out.Received)
	require.Len(t, out.Rejected, 2)
}

func TestAProductThatHasNotArrivedYetIsWorthARetry(t *testing.T) {
	t.Parallel()
	s := &shelf{grant: catalog.Grant{Incomplete: true}}
	in := service(t, s, scrub.New(scrub.Options{}))
	_, err := in.Authorize(apikey.New(apikey.Ingest), Caller{})
	require.True(t, fault.Is(err, fault.Unavailable))
	s.grant.Revoked = true
	_, err = in.Authorize(apikey.New(apikey.Ingest), Caller{})
	require.Equal(t, "key_revoked", fault.As(err).Code, "a retry cannot help")
}

// Who is told that a key is not valid gives up, and what waited to be sent is gone. So nobody is told
// before it is certain.
func TestAKeyIsDeniedOnlyByACompleteCatalogue(t *testing.T) {
	t.Parallel()
	s := &shelf{unknown: true, partial: true}
	in := service(t, s, scrub.New(scrub.Options{}))
	authorize := func(key string) *fault.Error {
		t.Helper()
		_, err := in.Authorize(key, Caller{})
		require.Error(t, err)
		return fault.As(err)
	}
	err := authorize(apikey.New(apikey.Ingest))
	require.Equal(t, fault.Unavailable, err.Kind)
	require.Equal(t, "unavailable", err.Code)
	require.Equal(t, "invalid_key", authorize("spk_typo").Code, "what no key looks like is none")
	require.Equal(t, "missing_key", authorize("").Code)
	s.partial = false
	require.Equal(t, "invalid_key", authorize(apikey.New(apikey.Ingest)).Code)

	var counted []string
	for _, r := range s.refusals {
		require.Equal(t, uuid.Nil, r.ProductID)
		counted = append(counted, r.Code)
	}
	require.Equal(t, []string{"unavailable", "invalid_key", "missing_key", "invalid_key"}, counted, "an operator sees that keys are refused")
}

func TestAMonthIsChargedForWhatIsStoredOnly(t *testing.T) {
	t.Parallel()
	s := &shelf{grant: catalog.Grant{MonthlyLimit: 10}, left: 3}
	in := service(t, s, scrub.New(scrub.Options{}))
	_, err := accept(t, in, `[{"type":"a"},{"type":"a"},{"type":"a"},{"type":"a"}]`, false)
	require.True(t, fault.Is(err, fault.QuotaExceeded), "all or nothing")
	require.Equal(t, 3, s.left)

	out, err := accept(t, in, `[{"type":"a"},{"type":""},{"type":"b"},{"type":"c"},{"type":"d"}]`, true)
	require.NoError(t, err)
	require.Equal(t, 3, out.Received, "in part, what is left is used")
	require.Equal(t, []int{1, 4}, []int{out.Rejected[0].Index, out.Rejected[1].Index})
	require.Equal(t, "quota_exceeded", out.Rejected[1].Code)
	require.Zero(t, s.left)

	s.left, s.err = 5, fault.New(fault.TooLarge, "payload_too_large", "never")
	_, err = accept(t, in, `[{"type":"a"},{"type":"a"}]`, false)
	require.Error(t, err)
	require.Equal(t, 5, s.left, "what is certainly not stored is given back")
	s.err = errors.New("no answer")
	_, err = accept(t, in, `[{"type":"a"},{"type":"a"}]`, false)
	require.Error(t, err)
	require.Equal(t, 3, s.left, "what may be stored is not")
}

func TestARefusalIsToldWithItsElementAndItsCaller(t *testing.T) {
	t.Parallel()
	s := &shelf{grant: catalog.Grant{AccountID: uuid.New(), ProductID: uuid.New()}}
	in := service(t, s, scrub.New(scrub.Options{}))
	id := uuid.New()
	bad := `{"id":"` + id.String() + `","type":""}`
	for _, partial := range []bool{false, true} {
		_, _ = accept(t, in, `[{"type":"a"}, `+bad+` ]`, partial)
		require.Len(t, s.refusals, 1)
		got := s.refusals[0]
		require.Equal(t, s.grant.AccountID, got.AccountID)
		require.Equal(t, s.grant.ProductID, got.ProductID)
		require.Equal(t, "missing_type", got.Code)
		require.NotEmpty(t, got.Detail)
		require.Equal(t, bad, string(got.Element))
		require.Equal(t, id, got.ClientID)
		require.Equal(t, Caller{Origin: "https://shop.example", UserAgent: "Firefox", Source: signal.Script}, got.Caller)
		s.refusals = nil
	}
	s.grant.Revoked = true
	_, err := in.Authorize(apikey.New(apikey.Ingest), Caller{})
	require.Error(t, err)
	require.Equal(t, "key_revoked", s.refusals[0].Code)
}

func TestSignalsOfOneSessionAreAllCleaned(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	_, err := accept(t, service(t, s, scrub.New(scrub.Options{})), `[
		{"type":"mail anna@example.com","session_id":"4111 1111 1111 1111"},{"type":"mail anna@example.com","session_id":"4111 1111 1111 1111"},
		{"type":"a","session_id":"s1"},{"type":"a","session_id":"s1"},{"type":"a"}]`, false)
	require.NoError(t, err)
	for _, dirty := range s.signals[:2] {
		require.NotContains(t, dirty.Type, "anna")
		require.Empty(t, dirty.SessionID)
	}
	require.Equal(t, "s1", s.signals[2].SessionID)
	require.Equal(t, "s1", s.signals[3].SessionID)
	require.Empty(t, s.signals[4].SessionID)
}

func TestARedactedTypeStaysWithinItsLength(t *testing.T) {
	t.Parallel()
	require.Equal(t, "éé", firstRunes("ééé", 2))
	require.Equal(t, "é", firstRunes("é", 2))
}
