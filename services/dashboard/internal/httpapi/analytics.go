package httpapi

import (
	"context"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/httpx"
	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/analytics"
)

// measurePath is where the web app tells which pages are opened; the path of PostHog follows.
const measurePath = "/ph"

// Relay passes page views on.
type Relay interface {
	// Pass answers in, always with 204.
	Pass(w http.ResponseWriter, in *http.Request, v analytics.View) error
}

// asksNotToBeTracked reads Global Privacy Control and Do Not Track.
func asksNotToBeTracked(gpc, dnt string) bool { return gpc == "1" || dnt == "1" }

// GetAnalytics answers GET /api/v1/account/analytics.
func (a *api) GetAnalytics(ctx context.Context, r contract.GetAnalyticsRequestObject) (contract.GetAnalyticsResponseObject, error) {
	state, err := a.Analytics.State(ctx, who(ctx).Account, asksNotToBeTracked(value(r.Params.SecGPC), value(r.Params.DNT)))
	return contract.GetAnalytics200JSONResponse(toAnalytics(state)), err
}

// SetAnalytics answers PUT /api/v1/account/analytics.
func (a *api) SetAnalytics(ctx context.Context, r contract.SetAnalyticsRequestObject) (contract.SetAnalyticsResponseObject, error) {
	if err := a.Analytics.Allow(ctx, who(ctx), r.Body.Enabled); err != nil {
		return nil, err
	}
	state, err := a.Analytics.State(ctx, who(ctx).Account, asksNotToBeTracked(value(r.Params.SecGPC), value(r.Params.DNT)))
	return contract.SetAnalytics200JSONResponse(toAnalytics(state)), err
}

func toAnalytics(s analytics.State) contract.Analytics {
	return contract.Analytics{Active: s.Active(), Instance: s.Instance, Account: s.Account, Refused: s.Refused}
}

// measure answers POST /ph/i/v0/e/: for signed-in browsers, whose credentials stay here.
func (a *api) measure(c echo.Context) error {
	r := c.Request()
	p, err := a.principal(r)
	if err != nil {
		return err
	}
	if p.Session == nil {
		return fault.New(fault.Forbidden, "key_scope", "Only the web app tells which pages are opened.")
	}
	if p.Account.ClosedAt != nil {
		return account.ErrClosed
	}
	state, err := a.Analytics.State(r.Context(), p.Account.ID, asksNotToBeTracked(r.Header.Get("Sec-GPC"), r.Header.Get("DNT")))
	if err != nil {
		return err
	}
	if a.Relay == nil || !state.Instance {
		return httpx.ErrNotFound
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, analytics.MaxBody+1))
	if err != nil || len(body) > analytics.MaxBody {
		return analytics.ErrBadView
	}
	view, err := analytics.Read(body)
	if err != nil {
		return err
	}
	if !state.Active() {
		return c.NoContent(http.StatusNoContent) // nothing leaves
	}
	return a.Relay.Pass(c.Response(), r, view)
}
