package ingest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/scrub"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// clock stands still until a test moves it.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{at: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)} }

func TestAProductsKeysShareOneBucket(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := newRates(10, 5, c.now)
	product, other := Grant{ProductID: uuid.New()}, Grant{ProductID: uuid.New()}
	require.NoError(t, r.take(product, 20), "two seconds' worth at once")
	require.NoError(t, r.take(other, 1), "other products do not suffer")

	err := r.take(product, 15)
	require.True(t, fault.Is(err, fault.RateLimited))
	require.Equal(t, 2*time.Second, fault.As(err).RetryAfter, "1.5 s, in whole seconds")
	require.Equal(t, Rate{Limit: 20, Window: 2 * time.Second, Remaining: 0, Reset: 2 * time.Second}, r.state(product))

	c.at = c.at.Add(1500 * time.Millisecond)
	require.NoError(t, r.take(product, 15))
}

func TestABucketHoldsAtLeastOneFullRequest(t *testing.T) {
	t.Parallel()
	r := newRates(1, 1000, newClock().now)
	require.NoError(t, r.take(Grant{ProductID: uuid.New()}, 1000))
}

func TestARateFollowsTheCatalogue(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := newRates(10, 1, c.now)
	g := Grant{ProductID: uuid.New()}
	require.NoError(t, r.take(g, 20))
	require.Error(t, r.take(g, 1))
	g.RatePerSecond = 100
	require.Equal(t, 200, r.state(g).Limit)
	c.at = c.at.Add(time.Second)
	require.NoError(t, r.take(g, 100))
}

func TestIdleBucketsAreForgotten(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := newRates(10, 1, c.now)
	busy := Grant{ProductID: uuid.New()}
	for range maxRates - 1 {
		require.NoError(t, r.take(Grant{ProductID: uuid.New()}, 1))
	}
	c.at = c.at.Add(time.Minute)
	require.NoError(t, r.take(busy, 20))
	require.NoError(t, r.take(Grant{ProductID: uuid.New()}, 1))
	require.Len(t, r.limiters, 2)
	require.Error(t, r.take(busy, 1), "who has spent something is remembered")
}

// broken is a scrubber that fails.
type broken struct{}

func (broken) JSON([]byte) ([]byte, scrub.Report, error) {
	return nil, scrub.Report{}, errors.New("bug")
}
func (broken) Text(text string) (string, scrub.Report) { return text, scrub.Report{} }

// shelf is a store and a directory of one product.
type shelf struct {
	grant   Grant
	signals []signal.Signal
	err     error
}

func (s *shelf) Find([]byte) (Grant, bool) { return s.grant, true }

func (s *shelf) Submit(_ context.Context, signals []signal.Signal) error {
	s.signals = append(s.signals, signals...)
	return s.err
}

func service(s *shelf, scrubber Scrubber) *Service {
	return New(Options{
		Limits: signal.DefaultLimits(), RatePerSecond: 1000, Now: newClock().now, NewID: signal.NewID, Metrics: prometheus.NewRegistry(),
	}, s, scrubber, s)
}

func TestAPayloadThatCouldNotBeScrubbedIsDropped(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	n, err := service(s, broken{}).Accept(context.Background(), Grant{}, Request{Body: []byte(`{"type":"a","payload":{"secret":"x"}}`)})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Nil(t, s.signals[0].Payload)
	require.Equal(t, "a", s.signals[0].Type)
}

func TestNothingIsReportedAsReceivedWhenItCouldNotBeStored(t *testing.T) {
	t.Parallel()
	s := &shelf{err: fault.New(fault.Unavailable, "unavailable", "away")}
	n, err := service(s, scrub.New(scrub.Options{})).Accept(context.Background(), Grant{}, Request{Body: []byte(`{"type":"a"}`)})
	require.True(t, fault.Is(err, fault.Unavailable))
	require.Zero(t, n)
}

func TestAProductThatHasNotArrivedYetIsWorthARetry(t *testing.T) {
	t.Parallel()
	s := &shelf{grant: Grant{Incomplete: true}}
	_, err := service(s, scrub.New(scrub.Options{})).Authorize(apikey.New(apikey.Ingest), "")
	require.True(t, fault.Is(err, fault.Unavailable))
	s.grant.Revoked = true
	_, err = service(s, scrub.New(scrub.Options{})).Authorize(apikey.New(apikey.Ingest), "")
	require.Equal(t, "key_revoked", fault.As(err).Code, "a retry cannot help")
}

func TestARedactedTypeStaysWithinItsLength(t *testing.T) {
	t.Parallel()
	require.Equal(t, "éé", firstRunes("ééé", 2))
	require.Equal(t, "é", firstRunes("é", 2))
}
