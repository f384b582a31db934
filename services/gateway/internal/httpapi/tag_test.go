package httpapi

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/httpx"
	"github.com/draftlabs/specter/services/gateway/internal/script"
)

func TestWhatIsNotReleasedIsServedToThoseWhoPinNothing(t *testing.T) {
	t.Parallel()
	integrity := "sha384-0123456789012345678901"
	tag, err := newTag([]script.Script{
		{Version: "0.3.0", Integrity: integrity, Body: []byte("building")},
		{Version: "0.2.0", Integrity: integrity, Body: []byte("released"), Released: true},
	})
	require.NoError(t, err)
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		require.ErrorIs(t, err, httpx.ErrNotFound)
		require.NoError(t, c.NoContent(http.StatusNotFound))
	}
	tag.route(e, DefaultPaths)
	get := func(path string) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		e.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return answer
	}

	latest := get("/s.js")
	require.Equal(t, "building", latest.Body.String())
	require.NotContains(t, latest.Header().Get("Cache-Control"), "immutable")
	require.Equal(t, http.StatusNotFound, get("/s/v0.3.0.js").Code)
	require.Equal(t, "released", get("/s/v0.2.0.js").Body.String())
	list := get("/s/versions.json").Body.String()
	require.Contains(t, list, `{"latest":"0.2.0","versions":[{"version":"0.2.0","path":"/s/v0.2.0.js","integrity":"`+integrity+`","bytes":8,`)
	require.NotContains(t, list, "0.3.0")
}
