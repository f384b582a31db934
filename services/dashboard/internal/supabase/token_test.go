package supabase_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"

	"github.com/draftlabs/specter/services/dashboard/internal/supabase"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

func TestACancelledRequestEndsTheCall(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() {
		close(release)
		hangs.Close()
	})
	c := supabase.New(t.Context(), supabase.Options{URL: hangs.URL, JWTSecret: "x", Now: time.Now})
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := c.SignIn(ctx, "a@example.test", "password")
	require.Error(t, err)
	require.Less(t, time.Since(start), 4*time.Second)
}
