package analytics

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const visit = "0123456789abcdef0123456789abcdef"

func body(event, visit, page string) []byte {
	text, _ := json.Marshal(map[string]any{"event": event, "distinct_id": visit, "properties": map[string]string{"$pathname": page}})
	return text
}

func TestAPageViewIsRead(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"/", "/p/:product/proposals", "/p/:product/deploy-hook", "/p/:product/settings/webhooks"} {
		view, err := Read(body("$pageview", visit, page))
		require.NoError(t, err, page)
		require.Equal(t, View{Page: page, Visit: visit}, view)
	}
}

func TestNothingElsePasses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string][]byte{
		"an id in the page":      body("$pageview", visit, "/p/0197a6f2-0d4c-7b5e-9d5f-0a1b2c3d4e5f/proposals"),
		"an address in the page": body("$pageview", visit, "/p/ann@example.test"),
		"words in the page":      body("$pageview", visit, "/p/:product/checkout is broken"),
		"a query":                body("$pageview", visit, "/p/:product/signals?type=x"),
		"a long word":            body("$pageview", visit, "/"+strings.Repeat("a", 21)),
		"many parts":             body("$pageview", visit, "/a/b/c/d/e"),
		"another event":          body("$identify", visit, "/"),
		"a name for a visit":     body("$pageview", "ann@example.test", "/"),
		"another property":       []byte(`{"event":"$pageview","distinct_id":"` + visit + `","properties":{"$pathname":"/","$set":{"email":"ann@example.test"}}}`),
		"another field":          []byte(`{"event":"$pageview","distinct_id":"` + visit + `","properties":{"$pathname":"/"},"api_key":"x"}`),
		"two values":             append(body("$pageview", visit, "/"), body("$pageview", visit, "/")...),
		"a list":                 []byte(`[]`),
		"nothing":                nil,
	} {
		_, err := Read(text)
		require.ErrorIs(t, err, ErrBadView, name)
	}
}

func TestWhatIsReadHoldsNoDigitOutsideTheVisit(t *testing.T) {
	t.Parallel()
	digits := regexp.MustCompile(`[0-9@ ?#%]`)
	rapid.Check(t, func(r *rapid.T) {
		page := "/" + rapid.StringMatching(`[a-z0-9:/@?# -]{0,30}`).Draw(r, "page")
		view, err := Read(body("$pageview", visit, page))
		if err == nil {
			require.False(r, digits.MatchString(view.Page), page)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add(body("$pageview", visit, "/p/:product/proposals"))
	f.Add([]byte(`{"event":"$pageview","event":"x"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		view, err := Read(text)
		if err == nil && (!pagePattern.MatchString(view.Page) || !visitPattern.MatchString(view.Visit)) {
			t.Fatalf("%q was read as %+v", text, view)
		}
	})
}

func TestWhoMayTurnItOff(t *testing.T) {
	t.Parallel()
	require.True(t, State{Instance: true, Account: true}.Active())
	require.False(t, State{Account: true}.Active())
	require.False(t, State{Instance: true}.Active())
	require.False(t, State{Instance: true, Account: true, Refused: true}.Active())
}
