package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
)

// countingHouse stands in PostHog's place and keeps what it is told.
type countingHouse struct {
	*httptest.Server
	mu    sync.Mutex
	heard []string
}

func newCountingHouse(t *testing.T) *countingHouse {
	t.Helper()
	c := &countingHouse{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.heard = append(c.heard, r.Method+" "+r.URL.String()+" "+r.Header.Get("Cookie")+r.Header.Get("Authorization")+" "+string(text))
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *countingHouse) told() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.heard)
}

// TestMeasuringTheDashboard: the pages a person opens are counted by their patterns, where the operator has turned that on,
// and the page about privacy says so.
func TestMeasuringTheDashboard(t *testing.T) {
	t.Parallel()
	counts := newCountingHouse(t)
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t), env: []string{
		"SPECTER_POSTHOG_HOST=" + counts.URL, "SPECTER_POSTHOG_KEY=phc_test", "SPECTER_OPERATOR_NAME=Example Ltd", "SPECTER_PRIVACY_CONTACT=privacy@example.test",
	}})
	v := signIn(t, s)
	v.open(t, s.ProductID, "/signals?type=secret_type")
	program.Await(t, patience, "the page to be counted", func() bool {
		return slices.ContainsFunc(counts.told(), func(text string) bool { return strings.Contains(text, `"$pathname":"/p/:product/signals"`) })
	})
	for _, text := range counts.told() {
		require.True(t, strings.HasPrefix(text, "POST /i/v0/e/  {"), text)
		for _, secret := range []string{s.ProductID.String(), s.Email, "secret_type", uuid.Nil.String()} {
			require.NotContains(t, text, secret)
		}
	}
	testPrivacyPage(t, v)
}

func testPrivacyPage(t *testing.T, v *screen) {
	v.bringAxe(t)
	for name, size := range map[string][2]int64{"wide": {1280, 900}, "narrow": {360, 800}} {
		require.NoError(t, chromedp.Do(v.tab, chromedp.EmulateViewport(size[0], size[1]), chromedp.Navigate(v.base+"/privacy"), chromedp.WaitVisible(`main h1`)))
		for _, text := range []string{"Example Ltd", "privacy@example.test", "PostHog", "24 months", "You can take that back for 5s"} {
			v.shows(t, "main", text)
		}
		require.False(t, look[bool](t, v, `document.body.innerText.includes("Not known")`), "all services have been heard")
		require.LessOrEqual(t, look[int64](t, v, `document.documentElement.scrollWidth`), size[0], "nothing sticks out")
		v.requireAccessible(t, "main", "/privacy, "+name)
		keepScreenshot(t, v.tab, "privacy-"+name+".png")
	}
}
