package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"
	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// FuzzQuery: a query reaches a handler only when every reader reads it alike and a database can compare
// with it.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"limit=50&cursor=e30", "q=%00", "q=%ff", "q=a%2", "q=a;b", "%00=1", "q=ü&q=%C3%BC", "type=" + strings.Repeat("x", 200), "&&=&a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		reached := false
		err := readableQuery(func(c echo.Context) error {
			reached = true
			for name, values := range c.QueryParams() {
				for _, text := range append(values, name) {
					require.True(t, utf8.ValidString(text))
					require.NotContains(t, text, "\x00")
				}
			}
			return nil
		})(echo.New().NewContext(r, httptest.NewRecorder()))
		require.Equal(t, reached, err == nil)
		if err != nil {
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
			return
		}
		_, err = url.ParseQuery(query)
		require.NoError(t, err)
	})
}

// FuzzBody: a body reaches a handler only when it is one JSON value without a name twice.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		`{"name":"Shop"}`, `{"name":"Shop"} x`, `{"name":1}`, `{"name":"a","name":"b"}`, `{"name":"a","\u006eame":"b"}`, "{\"name\":\"\xff\"}",
		`{"name":"a","time_zone":{"x":{"y":1,"y":2}}}`, `[]`, `null`, ``, `"x"`, `{"name":null}`, `{"name":"\u0000"}`, strings.Repeat("[", 1000), `{"Name":"a","name":"b"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c := echo.New().NewContext(httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)), httptest.NewRecorder())
		for _, into := range []any{&contract.NewProduct{}, &contract.NewDecision{}, &contract.ImportBatch{}, &contract.NewEndpoint{}, &contract.SignUp{}} {
			err := strictJSON{}.Deserialize(c, into)
			c.SetRequest(httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
			if err != nil {
				require.True(t, fault.Is(err, fault.Invalid), "%v", err)
				continue
			}
			require.True(t, utf8.Valid(body))
			require.True(t, json.Valid(body), "encoding/json refuses what was accepted")
		}
	})
}

// FuzzIfMatch: a header is refused or names one version.
func FuzzIfMatch(f *testing.F) {
	for _, s := range []string{`"v1"`, `*`, ``, `W/"v1"`, `"v0"`, `"v-1"`, `"v9223372036854775808"`, `"v1`, ` "v12" `, `"v+1"`, `"v01"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		version, err := ifMatch(&header)
		if err != nil {
			require.True(t, fault.Is(err, fault.PreconditionFailed), "%v", err)
			return
		}
		if version == 0 {
			require.Contains(t, []string{"", "*"}, header)
			return
		}
		require.Positive(t, version)
		require.Equal(t, versionTag(version), strings.TrimSpace(header), "two ways to name one version")
	})
}
