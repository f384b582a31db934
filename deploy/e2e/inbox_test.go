package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// TestTheInbox has a person decide on what is proposed to the demo's shop, with the keyboard of a real browser.
func TestTheInbox(t *testing.T) {
	t.Parallel()
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t)})
	await := startSpecter(t, s, "demo")
	again := breakOnce(t, s)
	await()
	shop := productNamed(t, s, "Demo shop")
	proposalsOf(t, s, shop, 3)
	v := signIn(t, s)
	for _, c := range []struct {
		name string
		test func(*testing.T, *screen, *system, uuid.UUID)
	}{
		{"deciding with keys", testKeys},
		{"deciding on many", testDecidingOnMany},
		{"what a proposal rests on", testProposalInDetail},
		{"a context's funnel", testFunnelEditor},
		{"an analysis and a dry run", testRunNow},
		{"an empty inbox says why", testEmptyInbox},
		{"single keys can be turned off", testKeysOff},
		{"a narrow screen shows one at once", testNarrowScreen},
		{"pages that everybody can use", testAccessible},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, v, s, shop) })
	}
	t.Run("what is not proposed", func(t *testing.T) { testNotProposed(t, v, s, again) })
}

// waiting are the proposals that nobody has decided.
func waiting(t *testing.T, s *system, product uuid.UUID) []api.Proposal {
	t.Helper()
	return call[api.ProposalPage](t, s, http.MethodGet, "/api/v1/products/"+product.String()+"/proposals?status=pending", nil).Items
}

func proposalNow(t *testing.T, s *system, id uuid.UUID) api.Proposal {
	t.Helper()
	return call[api.Proposal](t, s, http.MethodGet, "/api/v1/proposals/"+id.String(), nil)
}

// becomes waits until a proposal has a status.
func becomes(t *testing.T, s *system, id uuid.UUID, status api.ProposalStatus) (p api.Proposal) {
	t.Helper()
	program.Await(t, patience, "the proposal to be "+string(status), func() bool {
		p = proposalNow(t, s, id)
		return p.Status == status
	})
	return p
}

const (
	openRow = `document.querySelector('#proposals a[aria-current]')`
	said    = `[role=status][aria-live]`
)

// undo takes the last decision back and waits until everything is as it was.
func (v *screen) undo(t *testing.T, s *system, id uuid.UUID) {
	t.Helper()
	v.shows(t, "button", "Undo")
	v.press(t, "u")
	becomes(t, s, id, api.ProposalStatusPending)
	v.shows(t, said, "Undone.")
	v.await(t, "the proposal to be in the list, open and with the focus", openRow+`?.id === "proposal-`+id.String()+`" && document.activeElement === `+openRow)
}

func testKeys(t *testing.T, v *screen, s *system, shop uuid.UUID) {
	all := waiting(t, s, shop)
	require.Len(t, all, 2)
	first, second := all[0], all[1]
	v.open(t, shop, "/proposals")
	keepScreenshot(t, v.tab, "inbox.png")
	v.shows(t, "article h2", first.Title)

	v.press(t, "j")
	v.shows(t, "article h2", second.Title)
	v.await(t, "the focus to be on the open row", `document.activeElement === `+openRow)
	v.press(t, "j") // there is none after it
	v.press(t, "k")
	v.shows(t, "article h2", first.Title)

	// Keys do nothing while typing or with a modifier.
	v.press(t, "a", chromedp.ModifierCtrl)
	v.press(t, "/")
	v.await(t, "the search to have the focus", `document.activeElement.type === "search"`)
	v.press(t, "ar")
	require.Equal(t, "ar", look[string](t, v, `document.activeElement.value`))
	require.False(t, look[bool](t, v, `document.querySelector("dialog[open]") !== null`))
	v.press(t, kb.Escape)
	v.await(t, "the row to have the focus again", `document.activeElement === `+openRow)
	require.Len(t, waiting(t, s, shop), 2)

	v.press(t, "?")
	v.shows(t, "dialog[open]", "Mark as a duplicate")
	v.press(t, "a") // in a dialog, too
	v.press(t, kb.Escape)
	v.await(t, "the dialog to be gone and the focus back", `document.querySelector("dialog[open]") === null && document.activeElement === `+openRow)
	require.Len(t, waiting(t, s, shop), 2)

	v.press(t, "h")
	v.shows(t, "dialog[open]", "until tomorrow")
	keepScreenshot(t, v.tab, "snooze.png")
	v.press(t, kb.Enter)
	becomes(t, s, first.Id, api.ProposalStatusSnoozed)
	v.shows(t, said, "Snoozed: "+first.Title)
	v.shows(t, "#proposals h2", "Snoozed")
	v.await(t, "the next proposal to be open", openRow+`?.id === "proposal-`+second.Id.String()+`"`)
	v.undo(t, s, first.Id)

	v.press(t, "r")
	v.shows(t, "dialog[open] legend", "Not useful because…")
	v.press(t, kb.ArrowDown) // to the second reason
	keepScreenshot(t, v.tab, "reject.png")
	v.press(t, kb.Enter)
	rejected := becomes(t, s, first.Id, api.ProposalStatusRejected)
	require.EqualValues(t, "wrong_cause", *rejected.ReasonCode)
	v.undo(t, s, first.Id)

	v.press(t, "2")
	v.shows(t, "dialog[open]", second.Title)
	keepScreenshot(t, v.tab, "duplicate.png")
	v.click(t, "dialog[open] label", second.Title)
	v.press(t, kb.Enter)
	twin := becomes(t, s, first.Id, api.ProposalStatusDuplicate)
	require.Equal(t, second.Id, *twin.DuplicateOf)
	v.undo(t, s, first.Id)

	v.press(t, "a")
	approved := becomes(t, s, first.Id, api.ProposalStatusApproved)
	v.shows(t, said, "Approved: "+first.Title)
	keepScreenshot(t, v.tab, "approved.png")
	v.undo(t, s, first.Id)
	require.EqualValues(t, "cancelled", call[api.Deployment](t, s, http.MethodGet, "/api/v1/deployments/"+approved.DeploymentId.String(), nil).Status)

	v.press(t, "e")
	v.shows(t, "dialog[open]", "Edit the proposal")
	v.press(t, " now") // at the end of the title
	v.press(t, kb.Enter)
	v.shows(t, "article h2", first.Title+" now")
	require.Equal(t, first.Title, proposalNow(t, s, first.Id).Edit.Title)
	v.press(t, "e")
	v.click(t, "dialog[open] button", "As it was written")
	v.click(t, "dialog[open] button", "Save")
	v.await(t, "the title as it was", `document.querySelector("article h2").textContent === `+quoted(first.Title))
}

func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

func testDecidingOnMany(t *testing.T, v *screen, s *system, shop uuid.UUID) {
	all := waiting(t, s, shop)
	v.open(t, shop, "/proposals")
	v.shows(t, "article h2", all[0].Title)
	v.press(t, "x")
	v.press(t, "j")
	v.press(t, "x")
	v.shows(t, `[aria-label="Do with all selected"]`, "2 selected")
	v.press(t, "r")
	v.shows(t, "dialog[open] h2", "Reject 2 proposals")
	v.press(t, kb.Escape)
	v.press(t, "h")
	v.press(t, kb.Enter)
	for _, p := range all {
		becomes(t, s, p.Id, api.ProposalStatusSnoozed)
	}
	v.shows(t, said, "Snoozed: 2 proposals")
	v.press(t, "u")
	for _, p := range all {
		becomes(t, s, p.Id, api.ProposalStatusPending)
	}
	v.press(t, "x")
	v.press(t, kb.Escape)
	v.await(t, "nothing to be selected", `document.querySelector('[aria-label="Do with all selected"]') === null`)
}

func testProposalInDetail(t *testing.T, v *screen, s *system, shop uuid.UUID) {
	all := waiting(t, s, shop)
	p := all[slices.IndexFunc(all, func(p api.Proposal) bool { return p.Family == "ratio_worsening" })]
	v.open(t, shop, "/proposals?id="+p.Id.String())
	v.shows(t, "article h2", p.Title)
	for _, section := range []string{"Diagnosis", "Suggested change", "Evidence", "Predicted impact", "Confidence", "Where the text comes from"} {
		v.shows(t, "article h3", section)
	}
	v.await(t, "a chart", `document.querySelector("article figure svg[role=img]")`)
	v.await(t, "example signals", `document.querySelectorAll("article li .font-mono").length >= 5`)
	keepScreenshot(t, v.tab, "proposal.png")

	// What is taken along as Markdown.
	look[bool](t, v, `navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }, true`)
	v.press(t, "c")
	v.shows(t, said, "Copied as Markdown.")
	copied := look[string](t, v, `window.copied`)
	require.Contains(t, copied, "### Suggested change")
	require.Contains(t, copied, "Specter-Proposal: "+p.Id.String())

	v.click(t, "article button", "Write anew")
	v.shows(t, "article", "✓ written anew")
	require.True(t, proposalNow(t, s, p.Id).UpdatedAt.After(p.UpdatedAt))

	// A number leads to the signals it was counted from.
	v.click(t, "article p a", "")
	v.shows(t, `[aria-label="Filters"]`, "with “Safari”")
	v.await(t, "the signals", `document.querySelectorAll("tbody tr").length > 10`)
	keepScreenshot(t, v.tab, "signals-of-a-number.png")
	v.click(t, `[aria-label="Filters"] a`, "Show all")
	v.await(t, "no filters", `document.querySelector('[aria-label="Filters"]') === null`)
}

// twice is a product whose button breaks twice.
type twice struct {
	product, checkout uuid.UUID
	rejected          api.Proposal
}

func daysAgo(n int) time.Time { return time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -n) }

// breakOnce has a button break, and rejects what is proposed about it. A rejection stands when it cannot be undone any
// more: what follows comes later.
func breakOnce(t *testing.T, s *system) twice {
	t.Helper()
	product := call[api.CreatedProduct](t, s, http.MethodPost, "/api/v1/products", api.NewProduct{Name: "Breaks twice"}).Product.Id
	checkout := call[api.Context](t, s, http.MethodPost, "/api/v1/products/"+product.String()+"/contexts", map[string]any{
		"name": "Checkout", "positive_types": []string{"checkout_completed"}, "negative_types": []string{"rage_click"},
	}).Id
	importAll(t, s, product, withoutReleases(history{from: daysAgo(56), broken: daysAgo(21), fixed: daysAgo(15), to: daysAgo(9)}.signals(checkout, 1)))
	program.Await(t, 60*time.Second, "a proposal", func() bool { return len(waiting(t, s, product)) == 1 })
	p := waiting(t, s, product)[0]
	rejected := call[api.Proposal](t, s, http.MethodPost, "/api/v1/proposals/"+p.Id.String()+"/decision", map[string]string{"decision": "rejected", "reason_code": "not_a_problem"})
	return twice{product: product, checkout: checkout, rejected: rejected}
}

// testNotProposed breaks the button again and finds out, where people look, why nothing is proposed any more.
func testNotProposed(t *testing.T, v *screen, s *system, again twice) {
	importAll(t, s, again.product, withoutReleases(history{from: daysAgo(9), broken: daysAgo(5), fixed: daysAgo(0), to: daysAgo(0)}.signals(again.checkout, 2)))
	program.Await(t, 60*time.Second, "a finding that is not proposed", func() bool {
		findings := call[api.FindingPage](t, s, http.MethodGet, "/api/v1/products/"+again.product.String()+"/findings", nil).Items
		return slices.ContainsFunc(findings, func(f api.Finding) bool { return f.NotProposed != nil })
	})
	v.open(t, again.product, "/proposals?view=skipped")
	v.shows(t, "main section", "Not proposed because you rejected ‘"+again.rejected.Title+"’")
	v.click(t, "main summary", "Evidence")
	v.await(t, "its chart", `document.querySelector("main figure svg[role=img]")`)
	keepScreenshot(t, v.tab, "not-proposed.png")
	v.click(t, "main a", "See what was rejected")
	v.shows(t, "article h2", again.rejected.Title)
	v.shows(t, "article", "not a problem")
}

// withoutReleases leaves only the button to explain what happened.
func withoutReleases(signals []api.HistoricSignal) []api.HistoricSignal {
	for _, signal := range signals {
		delete(*signal.Payload, "release")
	}
	return signals
}

const editor = `section[aria-label="Browse"] form`

func testFunnelEditor(t *testing.T, v *screen, s *system, shop uuid.UUID) {
	v.open(t, shop, "/contexts")
	v.click(t, `section[aria-label="Browse"] button`, "Edit types")
	steps := func() []string {
		return look[[]string](t, v, `[...document.querySelectorAll('`+editor+` fieldset li')].map((li) => li.querySelector("span")?.textContent.replace(/^\d+ /, "") ?? li.textContent)`)
	}
	v.await(t, "the editor", `document.querySelector('`+editor+` fieldset li')`)
	require.Equal(t, []string{"No funnel."}, steps())
	require.NoError(t, chromedp.Do(v.tab, chromedp.Focus(editor+` fieldset input`)))
	v.press(t, "page_view"+kb.Enter)
	v.shows(t, editor, "A funnel has 2 to 8 steps")
	require.True(t, look[bool](t, v, `document.querySelector('`+editor+` button[type=submit]').disabled`), "one step is no funnel")
	v.press(t, "add_to_cart"+kb.Enter)
	v.press(t, "bounce"+kb.Enter)
	require.Equal(t, []string{"page_view", "add_to_cart", "bounce"}, steps(), "Enter adds a step and does not save")
	v.click(t, editor+` [aria-label="Remove bounce"]`, "")
	v.click(t, editor+` [aria-label="Move add_to_cart forward"]`, "")
	require.Equal(t, []string{"add_to_cart", "page_view"}, steps())
	v.click(t, editor+` [aria-label="Move add_to_cart back"]`, "")
	keepScreenshot(t, v.tab, "funnel.png")
	v.click(t, editor+" button", "Save")
	v.shows(t, `section[aria-label="Browse"]`, "Funnel: page_view → add_to_cart")
}

func testRunNow(t *testing.T, v *screen, s *system, shop uuid.UUID) {
	v.open(t, shop, "/contexts")
	v.click(t, `section[aria-label="Checkout"] button`, "Dry run")
	v.shows(t, `section[aria-label="Checkout"] [aria-live]`, "Dry run of ")
	v.click(t, `section[aria-label="Checkout"] button`, "Run now")
	v.shows(t, `section[aria-label="Checkout"] [aria-live]`, "Analysis of ")
	keepScreenshot(t, v.tab, "run-now.png")
	var dry, kept int
	for _, c := range call[api.ContextPage](t, s, http.MethodGet, "/api/v1/products/"+shop.String()+"/contexts", nil).Items {
		for _, a := range call[api.AnalysisPage](t, s, http.MethodGet, "/api/v1/contexts/"+c.Id.String()+"/analyses", nil).Items {
			if a.Trigger == "requested" && a.DryRun {
				dry++
			} else if a.Trigger == "requested" {
				kept++
			}
		}
	}
	require.Equal(t, []int{1, 1}, []int{dry, kept})
}

func testEmptyInbox(t *testing.T, v *screen, s *system, _ uuid.UUID) {
	v.open(t, s.ProductID, "/proposals")
	v.shows(t, "main", "Nothing to decide: no signals came in the last 24 hours.")
	v.shows(t, "main", "0 of 5 signals in 24 h that an analysis needs")
	keepScreenshot(t, v.tab, "empty-inbox.png")
}

func testKeysOff(t *testing.T, v *screen, s *system, shop uuid.UUID) {
	first := waiting(t, s, shop)[0]
	v.open(t, shop, "/proposals")
	v.shows(t, "article h2", first.Title)
	v.press(t, "?")
	v.click(t, "dialog[open] input[type=checkbox]", "")
	v.click(t, "dialog[open] button", "Close")
	v.press(t, "r")
	v.press(t, "?")
	require.False(t, look[bool](t, v, `document.querySelector("dialog[open]") !== null`))
	v.click(t, `[aria-label="List of keys"]`, "")
	v.click(t, "dialog[open] input[type=checkbox]", "")
	v.click(t, "dialog[open] button", "Close")
	v.press(t, "r")
	v.shows(t, "dialog[open] h2", "Reject")
}

func testNarrowScreen(t *testing.T, v *screen, s *system, shop uuid.UUID) {
	first := waiting(t, s, shop)[0]
	require.NoError(t, chromedp.Do(v.tab, chromedp.EmulateViewport(360, 780)))
	t.Cleanup(func() { require.NoError(t, chromedp.Do(v.tab, chromedp.EmulateViewport(1280, 900))) })
	for _, path := range []string{"/contexts", "/signals", "/proposals", "/proposals?id=" + first.Id.String(), "/proposals?view=decided", "/deployments", "/deploy-hook", "/settings"} {
		v.open(t, shop, path)
		v.await(t, path+" to fit", `document.documentElement.scrollWidth <= innerWidth`)
	}
	v.open(t, shop, "/proposals")
	v.await(t, "the list alone", `document.querySelector("#proposals li") && document.querySelector("article")?.offsetParent === null`)
	v.click(t, "#proposals a", first.Title)
	v.await(t, "the proposal alone, with the focus on its title", `document.querySelector("#proposals").offsetParent === null && document.activeElement === document.querySelector("article h2")`)
	keepScreenshot(t, v.tab, "narrow.png")
	v.click(t, "main a", "← All proposals")
	v.await(t, "the list again", `document.querySelector("#proposals").offsetParent !== null`)
}

// testAccessible runs axe-core, which comes with the web app's development tools, over every page in both themes.
func testAccessible(t *testing.T, v *screen, s *system, shop uuid.UUID) {
	v.bringAxe(t)
	first := waiting(t, s, shop)[0]
	for _, p := range []struct{ path, ready, dialogs string }{
		{"/contexts", "section dl", ""},
		{"/signals?type=rage_click", "table", ""},
		{"/signals?view=rejected", "section dl", ""},
		{"/proposals", "article figure", "rh2e?"},
		{"/proposals?view=decided", "article figure", ""},
		{"/proposals?view=skipped", "main", ""},
		{"/proposals?id=" + first.Id.String(), "article figure", ""},
		{"/deployments", "section dl", ""},
		{"/deploy-hook", "pre", ""},
		{"/settings", "pre", ""},
	} {
		v.open(t, shop, p.path)
		v.await(t, p.path+" to be there", `document.querySelector("`+p.ready+`")?.offsetParent`)
		v.requireAccessible(t, "main", p.path)
		for _, key := range p.dialogs {
			v.press(t, string(key))
			v.await(t, "a dialog", `document.querySelector("dialog[open]")`)
			v.requireAccessible(t, "dialog", p.path+" "+string(key))
			v.press(t, kb.Escape)
		}
	}
	v.open(t, s.ProductID, "/proposals")
	v.shows(t, "main", "Nothing to decide")
	v.requireAccessible(t, "main", "the empty inbox")
	require.NoError(t, chromedp.Do(v.tab, chromedp.Navigate(v.base+"/"), chromedp.WaitVisible(`main li`)))
	v.requireAccessible(t, "main", "the products")
}

// requireAccessible holds a page to axe's rules in both themes: nothing serious, nothing critical. Only colours depend on
// the theme.
func (v *screen) requireAccessible(t *testing.T, what, where string) {
	t.Helper()
	for theme, options := range map[string]string{"light": `{resultTypes: ["violations"]}`, "dark": `{resultTypes: ["violations"], runOnly: ["color-contrast"]}`} {
		v.prefers(t, theme)
		context := map[string]string{"main": "document", "dialog": `document.querySelector("dialog")`}[what]
		violations := look[[]string](t, v, `axe.run(`+context+`, `+options+`).then(({violations}) => violations
			.filter((one) => one.impact === "serious" || one.impact === "critical")
			.map((one) => one.id + ": " + one.nodes.map((node) => node.html).join(" ")))`)
		require.Empty(t, violations, "%s, %s", where, theme)
	}
}
