package ingest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/origin"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// asking is a service that only authorizes, at a time that the test moves.
func asking(t testing.TB, s *shelf, c *clock) *Service {
	t.Helper()
	return New(Options{Limits: signal.DefaultLimits(), RatePerSecond: 1000, Now: c.now, Metrics: prometheus.NewRegistry()}, s, broken{}, nil, s, s, s)
}

func TestAKeyEndsAtItsHour(t *testing.T) {
	t.Parallel()
	c := newClock()
	shelf := &shelf{grant: catalog.Grant{AccountID: uuid.New(), ProductID: uuid.New(), ExpiresAt: c.at.Add(time.Hour)}}
	s := asking(t, shelf, c)
	_, err := s.Authorize(apikey.New(apikey.Ingest), Caller{})
	require.NoError(t, err)
	c.at = c.at.Add(time.Hour)
	_, err = s.Authorize(apikey.New(apikey.Ingest), Caller{})
	require.True(t, fault.Is(err, fault.Unauthenticated))
	require.Equal(t, "key_expired", fault.As(err).Code)
	require.Len(t, shelf.refusals, 1)
	require.Equal(t, "key_expired", shelf.refusals[0].Code)
	require.Equal(t, shelf.grant.ProductID, shelf.refusals[0].ProductID, "its people are told")

	shelf.grant.Revoked = true
	_, err = s.Authorize(apikey.New(apikey.Ingest), Caller{})
	require.Equal(t, "key_revoked", fault.As(err).Code, "what somebody did says more than what time did")
}

func TestOriginsAreKept(t *testing.T) {
	t.Parallel()
	pages := origin.NewSet([]string{"https://shop.example", "https://*.shop.example"})
	for name, c := range map[string]struct {
		grant  catalog.Grant
		origin string
		code   string
	}{
		"no list, a page":              {catalog.Grant{}, "https://anything.example", ""},
		"no list, an opaque page":      {catalog.Grant{}, "null", ""},
		"no list, a server":            {catalog.Grant{}, "", ""},
		"a list, its page":             {catalog.Grant{Origins: pages}, "https://shop.example", ""},
		"a list, a subdomain":          {catalog.Grant{Origins: pages}, "https://eu.shop.example", ""},
		"a list, another page":         {catalog.Grant{Origins: pages}, "https://evil-shop.example", "origin_not_allowed"},
		"a list, an opaque page":       {catalog.Grant{Origins: pages}, "null", "origin_not_allowed"},
		"a list, two origins":          {catalog.Grant{Origins: pages}, "https://shop.example, https://evil.example", "origin_not_allowed"},
		"a list, a server":             {catalog.Grant{Origins: pages}, "", ""},
		"a list for pages, a server":   {catalog.Grant{Origins: pages, NeedsOrigin: true}, "", "origin_not_allowed"},
		"a list for pages, its page":   {catalog.Grant{Origins: pages, NeedsOrigin: true}, "https://shop.example", ""},
		"a list for pages, other page": {catalog.Grant{Origins: pages, NeedsOrigin: true}, "https://x.example", "origin_not_allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shelf := &shelf{grant: c.grant}
			_, err := asking(t, shelf, newClock()).Authorize(apikey.New(apikey.Ingest), Caller{Origin: c.origin})
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			require.True(t, fault.Is(err, fault.Forbidden))
			require.Equal(t, c.code, fault.As(err).Code)
			require.Equal(t, c.code, shelf.refusals[0].Code)
		})
	}
}

func TestAUseIsNotedOnceAMinuteAndOnlyWhenTheKeyIsGood(t *testing.T) {
	t.Parallel()
	c := newClock()
	shelf := &shelf{grant: catalog.Grant{KeyID: uuid.New(), Use: new(catalog.Use), Revoked: true}}
	s, key := asking(t, shelf, c), apikey.New(apikey.Ingest)
	_, err := s.Authorize(key, Caller{})
	require.Error(t, err)
	require.Empty(t, shelf.uses)
	shelf.grant.Revoked = false
	for range 3 {
		_, err := s.Authorize(key, Caller{})
		require.NoError(t, err)
	}
	require.Equal(t, []uuid.UUID{shelf.grant.KeyID}, shelf.uses)
	c.at = c.at.Add(time.Minute)
	_, err = s.Authorize(key, Caller{})
	require.NoError(t, err)
	require.Len(t, shelf.uses, 2)
}

func TestARefusalNeverRepeatsTheKey(t *testing.T) {
	t.Parallel()
	key := apikey.New(apikey.Ingest)
	for _, shelf := range []*shelf{
		{unknown: true},
		{unknown: true, partial: true},
		{grant: catalog.Grant{Revoked: true}},
		{grant: catalog.Grant{Closed: true}},
		{grant: catalog.Grant{Incomplete: true}},
		{grant: catalog.Grant{ExpiresAt: time.Unix(1, 0)}},
		{grant: catalog.Grant{Origins: origin.NewSet([]string{"https://a.example"})}},
	} {
		for _, text := range []string{key, key[:39], apikey.New(apikey.Access), "sp"} {
			_, err := asking(t, shelf, newClock()).Authorize(text, Caller{Origin: "https://b.example"})
			require.Error(t, err)
			if len(text) > 12 {
				require.NotContains(t, err.Error(), text[4:12])
			}
		}
	}
}

// What a request pays for being checked, with nothing else to check than before and with everything.
func BenchmarkAuthorize(b *testing.B) {
	key := apikey.New(apikey.Ingest)
	for name, c := range map[string]struct {
		grant  catalog.Grant
		caller Caller
	}{
		"plain":      {catalog.Grant{ProductID: uuid.New(), Use: new(catalog.Use)}, Caller{Origin: "https://shop.example"}},
		"restricted": {catalog.Grant{ProductID: uuid.New(), Use: new(catalog.Use), Origins: origin.NewSet([]string{"https://shop.example"}), ExpiresAt: time.Now().AddDate(1, 0, 0)}, Caller{Origin: "https://shop.example"}},
		"subdomain":  {catalog.Grant{ProductID: uuid.New(), Use: new(catalog.Use), Origins: origin.NewSet([]string{"https://*.shop.example"})}, Caller{Origin: "https://www.shop.example"}},
	} {
		b.Run(name, func(b *testing.B) {
			shelf := &shelf{grant: c.grant}
			s := New(Options{Limits: signal.DefaultLimits(), RatePerSecond: 1000, Now: time.Now, Metrics: prometheus.NewRegistry()}, shelf, broken{}, nil, shelf, shelf, shelf)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := s.Authorize(key, c.caller); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
