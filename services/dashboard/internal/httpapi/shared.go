package httpapi

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/throttle"
	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/proof"
	"github.com/draftlabs/specter/services/dashboard/internal/share"
)

// sharedPath is where shared proofs are; the link's secret follows.
const sharedPath = "/proof/"

// A visitor's requests for shared pages: enough to read all forms of a dozen, then one a second.
const (
	visitsBurst = 60
	visitsEvery = time.Second
)

// shared serves proofs to whoever holds a link: no credentials are read, no cookie is set, nothing is kept by a cache, and
// a link that opens nothing always gets the same answer.
type shared struct {
	shares   *share.Service
	renderer *proof.Renderer
	visitors *throttle.Throttle
	address  echo.IPExtractor
}

func newShared(shares *share.Service, address echo.IPExtractor, now func() time.Time) (*shared, error) {
	renderer, err := proof.NewRenderer()
	if err != nil {
		return nil, err
	}
	return &shared{shares: shares, renderer: renderer, visitors: throttle.New(visitsBurst, visitsEvery, now), address: address}, nil
}

// serve answers GET and HEAD /proof/{secret}[.md|.json|.svg|.csv].
func (s *shared) serve(c echo.Context) error {
	keepPrivate(c.Response().Header())
	if wait := s.visitors.Take(throttle.Network(s.address(c.Request()))); wait > 0 {
		return fault.New(fault.RateLimited, "rate_limited", "These pages are read too fast from your address. Try again in a moment.").After(wait)
	}
	secret, ending, document := strings.Cut(c.Param("link"), ".")
	format := contract.ProofFormat(ending)
	if document && !format.Valid() {
		return s.gone(c)
	}
	p, err := s.shares.Open(c.Request().Context(), secret)
	if errors.Is(err, share.ErrGone) {
		return s.gone(c)
	}
	if err != nil {
		return err
	}
	h := c.Response().Header()
	if !document {
		text, err := s.renderer.Page(p, sharedPath+secret)
		if err != nil {
			return err
		}
		h.Set("Content-Security-Policy", s.renderer.PagePolicy)
		return c.HTMLBlob(http.StatusOK, text)
	}
	text, err := written(p, format)
	if err != nil {
		return err
	}
	switch format {
	case contract.ProofSVG:
		h.Set("Content-Security-Policy", s.renderer.PicturePolicy)
	case contract.ProofCSV:
		h.Set("Content-Disposition", `attachment; filename="proof.csv"`)
	}
	return c.Blob(http.StatusOK, mediaType(format), text)
}

func (s *shared) gone(c echo.Context) error {
	c.Response().Header().Set("Content-Security-Policy", s.renderer.PagePolicy)
	return c.HTMLBlob(http.StatusNotFound, s.renderer.Gone())
}

// keepPrivate holds for every answer, the refusals too: the address is the secret.
func keepPrivate(h http.Header) {
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
}
