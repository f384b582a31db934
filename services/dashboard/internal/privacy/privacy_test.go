package privacy

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var at = time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC)

// said is a Source.
type said struct {
	facts Disclosed
	err   error
}

func (s said) Disclosed(ctx context.Context) (Disclosed, error) {
	return s.facts, errors.Join(s.err, ctx.Err())
}

func statement(t *testing.T, own Own, source said) (Statement, string) {
	t.Helper()
	s := New(own, source, func() time.Time { return at }).Statement(t.Context())
	page, err := NewPage()
	require.NoError(t, err)
	text, err := page.HTML(s)
	require.NoError(t, err)
	return s, html.UnescapeString(string(text))
}

func TestThePageSaysWhatIsInForce(t *testing.T) {
	t.Parallel()
	everything := said{facts: Disclosed{
		Services: []string{"proposal", "retention"}, SignalMonths: 13,
		Recipients: []Recipient{{Name: "A language model", Host: "llm.example.test", Purpose: "writes", Receives: "aggregates"}},
		Kept:       []Kept{{What: "the log of deliveries", Days: 30}},
	}}
	s, page := statement(t, Own{
		Operator: "Example & Sons", Contact: "privacy@example.test", Grace: 14 * 24 * time.Hour, Analytics: true, Cookies: map[string]string{"__Host-x": "for staying"},
		Recipients: []Recipient{{Name: "Stripe", Host: "api.stripe.com", Purpose: "takes payments", Receives: "your e-mail address"}},
	}, everything)
	for _, text := range []string{
		"Example & Sons runs this server", `href="mailto:privacy@example.test"`, "13 months", "the log of deliveries", "30 days",
		"llm.example.test", "api.stripe.com", "back for 14 days", "<code>__Host-x</code> is for staying", "pages of this dashboard are opened is measured",
	} {
		require.Contains(t, page, text)
	}
	require.NotContains(t, page, "Not known")
	require.Contains(t, page, "; with which browser you are signed in;", "a session holds no place")
	text, err := json.Marshal(s)
	require.NoError(t, err)
	require.JSONEq(t, `{"at":"2026-05-04T09:30:00Z","operator":"Example & Sons","contact":"privacy@example.test","signal_months":13,
		"recipients":[{"name":"Stripe","host":"api.stripe.com","purpose":"takes payments","receives":"your e-mail address"},{"name":"A language model","host":"llm.example.test","purpose":"writes","receives":"aggregates"}],
		"kept":[{"what":"the log of deliveries","days":30}],"deletion_grace_seconds":1209600,"deletion_complete_within_days":30,"cookies":{"__Host-x":"for staying"},"analytics":true}`, string(text))
}

// Replicas with other settings, and services that keep the same thing: the one that keeps it longest holds.
func TestWhatSeveralKeepIsNamedOnceWithTheLongestTime(t *testing.T) {
	t.Parallel()
	s, page := statement(t, Own{Kept: []Kept{{"kept mail", 7}, {"the log", 20}}}, said{facts: Disclosed{Kept: []Kept{{"archives", 1}, {"the log", 30}, {"archives", 7}, {"kept mail", 2}}}})
	require.Equal(t, []Kept{{"archives", 7}, {"the log", 30}, {"kept mail", 7}}, s.Kept)
	require.Contains(t, page, "<tr><td>kept mail</td><td>7 days</td></tr>")
}

func TestWithoutThirdPartiesThePageNamesNone(t *testing.T) {
	t.Parallel()
	_, page := statement(t, Own{}, said{facts: Disclosed{Services: []string{"proposal", "retention"}, SignalMonths: 1}})
	for _, text := range []string{"<p>Nobody.</p>", "Its settings name no address", "is not measured", "1 month<", "begins at once and cannot be taken back", "ask its owner.<"} {
		require.Contains(t, page, text)
	}
}

func TestWhatIsNotKnownIsSaid(t *testing.T) {
	t.Parallel()
	s, page := statement(t, Own{}, said{err: errors.New("no broker")})
	require.Equal(t, []string{"proposal", "retention"}, s.Unknown)
	require.Equal(t, policyMonths, s.SignalMonths, "what is promised holds anyway")
	require.Contains(t, page, "the proposal service and the retention service")
	require.Contains(t, page, "Nobody, as far as is known at the moment.")
}

func TestAContactIsALinkAndNothingElse(t *testing.T) {
	t.Parallel()
	_, page := statement(t, Own{Operator: "<script>alert(1)</script>", Contact: "https://example.test/privacy"}, said{})
	require.Contains(t, page, `href="https://example.test/privacy"`)
	raw, err := NewPage()
	require.NoError(t, err)
	text, err := raw.HTML(Statement{Operator: "<script>alert(1)</script>", Contact: "javascript:alert(1)"})
	require.NoError(t, err)
	require.NotContains(t, string(text), "<script>")
	require.NotContains(t, string(text), `href="javascript:`)
}

// counted is a Source that counts how often it is asked.
type counted struct{ asked atomic.Int32 }

func (s *counted) Disclosed(ctx context.Context) (Disclosed, error) {
	s.asked.Add(1)
	return Disclosed{}, ctx.Err()
}

// Everybody may open the page as often as they like; the broker is asked now and then.
func TestTheBrokerIsNotAskedForEveryVisitor(t *testing.T) {
	t.Parallel()
	var source counted
	var now atomic.Int64
	s := New(Own{}, &source, func() time.Time { return at.Add(time.Duration(now.Load())) })
	var visitors sync.WaitGroup
	for range 50 {
		visitors.Go(func() { s.Statement(t.Context()) })
	}
	visitors.Wait()
	require.EqualValues(t, 1, source.asked.Load())
	now.Store(int64(freshFor))
	s.Statement(t.Context())
	require.EqualValues(t, 2, source.asked.Load())
}

// A visitor who leaves does not take the answer from the others.
func TestAVisitorWhoLeavesChangesNothing(t *testing.T) {
	t.Parallel()
	s := New(Own{}, said{facts: Disclosed{Services: telling()}}, func() time.Time { return at })
	left, leave := context.WithCancel(t.Context())
	leave()
	s.Statement(left)
	require.Empty(t, s.Statement(t.Context()).Unknown)
}
