package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// hostile are texts that become a program where one forgets that they are texts.
var hostile = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`'><svg/onload=alert(1)>`,
	`<iframe srcdoc="<script>parent.alert(1)</script>"></iframe>`,
	`</title></style></textarea><script>alert(1)</script>`,
	`[x](javascript:alert(1))`,
	`![x](https://tracker.invalid/p.png)`,
	`javascript:alert(1)//`,
	`{{constructor.constructor('alert(1)')()}}`,
	"${alert(1)}`;alert(1);//",
	`<a href="data:text/html,<script>alert(1)</script>">x</a>`,
	`<math><mtext></p><style><img src=x onerror=alert(1)></style>`,
	"\u202ealert\u202c <b onmouseover=alert(1) style=position:fixed;inset:0>x</b>",
	`<link rel=stylesheet href=https://tracker.invalid/x.css><base href=https://tracker.invalid/>`,
	`<form action=https://tracker.invalid><button autofocus onfocus=alert(1)>`,
}

// watch counts what a page must never do: open a dialog, or try what its policy forbids.
const watch = `window.hurt = [];
for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = () => { window.hurt.push(name); };
document.addEventListener("securitypolicyviolation", (e) => window.hurt.push(e.violatedDirective + " " + e.blockedURI));`

// TestTextsStayTexts puts hostile texts into every field that takes one, and opens every page on them.
func TestTextsStayTexts(t *testing.T) {
	t.Parallel()
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t)})
	runSpecter(t, s, "demo")
	shop := productNamed(t, s, "Demo shop")
	proposalsOf(t, s, shop, 3)
	proposal := waiting(t, s, shop)[0].Id
	shared := spoil(t, s, shop, proposal)

	v := signIn(t, s)
	_, err := chromedp.Call(v.tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watch})
	require.NoError(t, err)
	for path, shows := range map[string]string{
		"/contexts":                          "alert(1)",
		"/signals":                           "onerror=alert(1)",
		"/signals?view=rejected":             "missing",
		"/proposals?id=" + proposal.String(): "javascript:alert(1)",
		"/deployments":                       "",
		"/deploy-hook":                       "",
		"/settings":                          "onerror=alert(1)",
		"/settings?view=webhooks":            "onerror=alert(1)",
	} {
		v.open(t, shop, path)
		if shows != "" {
			v.shows(t, "main", shows)
		}
		v.unhurt(t, path)
	}
	require.NoError(t, chromedp.Do(v.tab, chromedp.Navigate(v.base+"/"), chromedp.WaitVisible(`main li`)))
	v.unhurt(t, "the products")
	require.NoError(t, chromedp.Do(v.tab, chromedp.Navigate(v.base+shared), chromedp.WaitVisible(`main h1`)))
	v.shows(t, "main", "alert(1)")
	v.unhurt(t, "the shared proof")

	v.open(t, shop, "/contexts")
	tried := look[[]string](t, v, `new Promise((done) => {
		document.addEventListener("securitypolicyviolation", () => setTimeout(() => done(window.hurt.slice())));
		document.querySelector("main").insertAdjacentHTML("beforeend", "<img src=x onerror=alert(1)>");
	})`)
	require.NotEmpty(t, tried, "the watch sees markup that is no text, and the policy keeps it from running")
	require.NotContains(t, tried, "alert")
}

// unhurt moves over everything and looks at what the page has tried.
func (v *screen) unhurt(t *testing.T, where string) {
	t.Helper()
	tried := look[[]string](t, v, `(async () => {
		for (const e of document.querySelectorAll("main *")) e.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
		await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
		return window.hurt.slice();
	})()`)
	require.Empty(t, tried, where)
	inPage := look[int](t, v, `document.querySelectorAll("main iframe, main script, main [onerror], main [onload], main [onmouseover], main [onfocus], main a[href^='javascript:'], main a[href^='data:'], main img[src^='http']").length`)
	require.Zero(t, inPage, where)
}

// spoil writes hostile texts wherever the API and the way in take texts, and returns a link to a proof.
func spoil(t *testing.T, s *system, shop uuid.UUID, proposal uuid.UUID) (shared string) {
	t.Helper()
	all := strings.Join(hostile, "\n")
	product := "/api/v1/products/" + shop.String()
	contexts := call[api.ContextPage](t, s, http.MethodGet, product+"/contexts", nil).Items
	for i, text := range hostile {
		short := text[:min(len(text), 100)]
		call[api.Context](t, s, http.MethodPost, product+"/contexts", api.NewContext{Name: strings.ToValidUTF8(fmt.Sprint(short[:min(len(short), 90)], " ", i), ""), Description: &all})
	}
	name := hostile[1]
	call[api.ApiKey](t, s, http.MethodPost, product+"/keys", map[string]string{"name": name})
	key := call[api.ApiKeyPage](t, s, http.MethodGet, product+"/keys", nil).Items[0].Key
	s.awaitKey(t, key)
	call[api.CreatedAccessToken](t, s, http.MethodPost, "/api/v1/tokens", api.NewAccessToken{Name: name, Scopes: []api.Scope{api.ProductsRead}})
	call[api.CreatedEndpoint](t, s, http.MethodPost, "/api/v1/webhook-endpoints", map[string]string{"url": "http://127.0.0.1:8080/?<script>alert(1)</script>", "description": name})

	var signals []map[string]any
	for _, text := range hostile {
		signals = append(signals, map[string]any{"type": text[:min(len(text), 60)], "context_id": contexts[0].Id, "session_id": text[:min(len(text), 60)], "payload": map[string]any{
			"path": "/" + text, "message": text, "stack": "Error: " + text + "\n    at " + text + " (https://x.invalid/" + text + ":1:1)", "element": map[string]string{"tag": text, "text": text}, text[:min(len(text), 60)]: text,
		}})
	}
	body, err := json.Marshal(signals)
	require.NoError(t, err)
	status, answer := s.post(t, "/api/signals", key, string(body))
	require.Equal(t, http.StatusOK, status, answer)
	for _, text := range hostile {
		bad, err := json.Marshal(map[string]any{"payload": map[string]string{"element": text}})
		require.NoError(t, err)
		status, answer = s.post(t, "/api/signals", key, string(bad))
		require.Equal(t, http.StatusBadRequest, status, answer)
	}

	path := "/api/v1/proposals/" + proposal.String()
	title := hostile[0] + " " + hostile[5]
	call[api.Proposal](t, s, http.MethodPatch, path, api.ProposalPatch{Title: &title, SuggestedChange: &all})
	decided := call[api.Proposal](t, s, http.MethodPost, path+"/decision", map[string]string{"decision": "approved"})
	deployment := "/api/v1/deployments/" + decided.DeploymentId.String()
	call[api.Deployment](t, s, http.MethodPost, deployment+"/report", map[string]string{"version": hostile[0], "environment": hostile[2], "commit": "abc1234"})
	return call[api.CreatedShare](t, s, http.MethodPost, deployment+"/shares", api.NewShare{}).Path
}
