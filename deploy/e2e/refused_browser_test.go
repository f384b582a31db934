package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// TestRefusalsOnTheCharts sends signals that a key does not let in: whoever looks at the context is told why fewer came.
func TestRefusalsOnTheCharts(t *testing.T) {
	t.Parallel()
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t)})
	h := history{from: daysAgo(13), broken: time.Now(), fixed: time.Now(), to: daysAgo(1)}
	importAll(t, s, s.ProductID, h.signals(s.ContextID, 3))
	v := signIn(t, s)
	v.bringAxe(t)
	v.open(t, s.ProductID, "/contexts")
	v.await(t, "the line", `document.querySelector("main svg[role=img] path")`)
	require.False(t, look[bool](t, v, `document.querySelector("main svg[role=img] rect") !== null`), "nothing was refused")

	key := call[api.ApiKey](t, s, http.MethodPost, "/api/v1/products/"+s.ProductID.String()+"/keys", map[string]any{
		"name": "Pages", "allowed_origins": []string{"https://shop.example"},
	}).Key
	program.Await(t, patience, "a page elsewhere to be refused", func() bool {
		_, code := s.from(t, key, "https://elsewhere.example")
		return code == "origin_not_allowed"
	})
	program.Await(t, patience, "the count", func() bool {
		points := call[api.HealthSeries](t, s, http.MethodGet, "/api/v1/contexts/"+s.ContextID.String()+"/health", nil).Points
		return points[len(points)-1].Refused != nil
	})
	v.open(t, s.ProductID, "/contexts")
	v.shows(t, "main section", "refused: origin not allowed for the key. Fewer signals in the hatched time say nothing about people.")
	v.await(t, "the mark", `document.querySelector("main svg[role=img] rect[fill^=url]")`)
	v.requireTidy(t, "refused")
}
