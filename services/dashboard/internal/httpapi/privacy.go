package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/services/dashboard/internal/privacy"
)

// privacyPage shows the instance's own statement about people's data, to everybody.
type privacyPage struct {
	statements *privacy.Service
	page       *privacy.Page
}

func newPrivacyPage(statements *privacy.Service) (privacyPage, error) {
	page, err := privacy.NewPage()
	return privacyPage{statements: statements, page: page}, err
}

// serve answers GET and HEAD /privacy.
func (p privacyPage) serve(c echo.Context) error {
	text, err := p.page.HTML(p.statements.Statement(c.Request().Context()))
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Security-Policy", p.page.Policy)
	h.Set("Cache-Control", "no-cache")
	return c.HTMLBlob(http.StatusOK, text)
}

// document answers GET and HEAD /privacy.json.
func (p privacyPage) document(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-cache")
	return c.JSON(http.StatusOK, p.statements.Statement(c.Request().Context()))
}
