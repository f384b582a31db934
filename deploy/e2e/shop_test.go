package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
)

// The names under which the browser suites know the gateway: an operator's own, so that every case
// also shows that the script goes where it is told.
const (
	shopScript = "/lib/site.js"
	shopIngest = "/collect"
)

// shop is a site whose pages carry the script tag, and a reverse proxy in front of the real Specter
// that records what browsers send and, when told to, answers in its place. They are two origins.
type shop struct {
	*system
	site  *httptest.Server
	front *httptest.Server

	mu       sync.Mutex
	pages    map[string]string
	policy   string                     // Content-Security-Policy of the pages
	gates    map[string]<-chan struct{} // pages that are served when theirs is closed
	visits   map[string]int             // of pages, by path
	swallow  bool                       // beacons go to somebody who throws them away
	requests []*posted
	answers  func(n int, w http.ResponseWriter) bool // true when it answered request n of the case
}

// posted is one request with signals, as it left the browser.
type posted struct {
	at     time.Time
	url    *url.URL
	header http.Header
	body   string
	status int // of the answer
}

// sentSignal is what the suites look at of a signal.
type sentSignal struct {
	ID        string         `json:"id"`
	Type      string         `json:"type"`
	Payload   map[string]any `json:"payload"`
	ContextID string         `json:"context_id"`
	SessionID string         `json:"session_id"`
}

func openShop(t *testing.T, s *system) *shop {
	t.Helper()
	target, err := url.Parse(s.URL)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	p := &shop{system: s}
	p.begin(nil)
	p.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && (r.URL.Path == shopIngest || r.URL.Path == "/api/signals") {
			p.takePost(proxy, w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(p.front.Close)
	p.site = httptest.NewServer(http.HandlerFunc(p.servePage))
	t.Cleanup(p.site.Close)
	return p
}

func (p *shop) takePost(proxy http.Handler, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the browser went away
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	seen := &posted{at: time.Now(), url: r.URL, header: r.Header.Clone(), body: string(body)}
	p.mu.Lock()
	p.requests = append(p.requests, seen)
	n, answers := len(p.requests), p.answers
	swallow := p.swallow && r.Header.Get("Sec-Fetch-Mode") == "no-cors"
	p.mu.Unlock()
	if swallow {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	status := &statusWriter{ResponseWriter: w}
	if answers == nil || !answers(n, status) {
		proxy.ServeHTTP(status, r)
	}
	p.mu.Lock()
	seen.status = status.status
	p.mu.Unlock()
}

func (p *shop) servePage(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	html, ok := p.pages[r.URL.Path]
	policy, gate := p.policy, p.gates[r.URL.Path]
	p.visits[r.URL.Path]++
	p.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if !ok {
		html = `<!doctype html><title>elsewhere</title><button id="back" onclick="history.back()">back</button>`
	}
	if policy != "" {
		w.Header().Set("Content-Security-Policy", policy)
	}
	media := "text/html; charset=utf-8"
	if strings.HasSuffix(r.URL.Path, ".js") || strings.HasSuffix(r.URL.Path, ".jsx") {
		media = "text/javascript"
	}
	w.Header().Set("Content-Type", media)
	_, _ = io.WriteString(w, html)
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// refuse answers with a status and headers, as browsers of other origins may read it.
func refuse(w http.ResponseWriter, status int, headers ...string) bool {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
	for i := 0; i < len(headers); i += 2 {
		w.Header().Set(headers[i], headers[i+1])
	}
	w.WriteHeader(status)
	return true
}

// begin forgets the last case.
func (p *shop) begin(answers func(n int, w http.ResponseWriter) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pages, p.gates, p.visits = map[string]string{}, map[string]<-chan struct{}{}, map[string]int{}
	p.policy, p.swallow, p.requests, p.answers = "", false, nil, answers
}

// put sets the page at path: the tag with attributes, then body. Automated browsers are captured, as
// tests need it.
func (p *shop) put(path, attributes, body string) {
	p.putRaw(path, "<!doctype html><title>Shop</title>"+p.tag(attributes)+body)
}

func (p *shop) putRaw(path, html string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pages[path] = html
}

// swallowBeacons loses all beacons of the case.
func (p *shop) swallowBeacons() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swallow = true
}

// visited counts the requests for a page.
func (p *shop) visited(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.visits[path]
}

// holdBack keeps the page at path from being served until the returned function is called.
func (p *shop) holdBack(t *testing.T, path string) (release func()) {
	t.Helper()
	gate := make(chan struct{})
	release = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gates[path] = gate
	return release
}

func (p *shop) tag(attributes string) string {
	return fmt.Sprintf(`<script src="%s%s" data-api-key="%s" data-capture-automation %s></script>`, p.front.URL, shopScript, p.IngestKey, attributes)
}

// posts are the requests of the case so far.
func (p *shop) posts() []posted {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]posted, len(p.requests))
	for i, r := range p.requests {
		all[i] = *r
	}
	return all
}

// taken are the signals that the gateway has acknowledged, each id once, in order of arrival.
func (p *shop) taken(t *testing.T) []sentSignal {
	t.Helper()
	var all []sentSignal
	seen := map[string]bool{}
	for _, r := range p.posts() {
		if r.status != http.StatusOK {
			continue
		}
		var batch []sentSignal
		require.NoError(t, json.Unmarshal([]byte(r.body), &batch))
		for _, signal := range batch {
			if !seen[signal.ID] {
				seen[signal.ID] = true
				all = append(all, signal)
			}
		}
	}
	return all
}

// types are those of the acknowledged signals.
func (p *shop) types(t *testing.T) []string {
	t.Helper()
	types := []string{}
	for _, signal := range p.taken(t) {
		types = append(types, signal.Type)
	}
	return types
}

// await waits until the gateway has acknowledged these types, in any order and nothing else.
func (p *shop) await(t *testing.T, types ...string) []sentSignal {
	t.Helper()
	program.Await(t, patience, fmt.Sprintf("signals %v", types), func() bool { return len(p.taken(t)) >= len(types) })
	require.ElementsMatch(t, types, p.types(t))
	return p.taken(t)
}

// stored counts the rows of a type that people see in the dashboard.
func (p *shop) stored(t *testing.T, kind string) int {
	t.Helper()
	page := call[struct{ Items []struct{ Type string } }](t, p, http.MethodGet, "/api/v1/products/"+p.ProductID.String()+"/signals?limit=100&type="+kind, nil)
	n := 0
	for _, item := range page.Items {
		if item.Type == kind {
			n++
		}
	}
	return n
}

// visitor is a browser profile of its own: its storage is shared by its tabs and by nobody else.
type visitor struct {
	t    *testing.T
	shop *shop
	ctx  context.Context
}

// browser starts one Chromium for many visitors.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, // the suite may run as root, where the sandbox refuses to start
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1280, 900),
	)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	return ctx
}

// visit opens a new profile with an empty tab, in which each script runs before the page's own.
func (p *shop) visit(t *testing.T, browser context.Context, before ...string) *visitor {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	v := &visitor{t: t, shop: p, ctx: ctx}
	v.prepare(before)
	return v
}

// anotherTab opens a tab of the same profile.
func (v *visitor) anotherTab(before ...string) *visitor {
	v.t.Helper()
	ctx, cancel := chromedp.NewContext(v.ctx)
	v.t.Cleanup(cancel)
	other := &visitor{t: v.t, shop: v.shop, ctx: ctx}
	other.prepare(before)
	return other
}

func (v *visitor) prepare(before []string) {
	v.t.Helper()
	// The tab lives as long as the context of its first action: that one has no time limit.
	require.NoError(v.t, chromedp.Do(v.ctx))
	for _, script := range before {
		v.begins(script)
	}
}

// begins has a script run before those of every page to come.
func (v *visitor) begins(script string) {
	v.t.Helper()
	_, err := chromedp.Call(v.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
	require.NoError(v.t, err)
}

func (v *visitor) do(actions ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, 15*time.Second)
	defer cancel()
	require.NoError(v.t, chromedp.Do(ctx, actions...))
}

// open loads a page of the shop.
func (v *visitor) open(path string) {
	v.t.Helper()
	v.do(chromedp.Navigate(v.shop.site.URL + path))
}

func (v *visitor) click(selectors ...string) {
	v.t.Helper()
	for _, selector := range selectors {
		v.do(chromedp.Click(selector))
	}
}

// run evaluates a statement in the page.
func (v *visitor) run(script string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, 15*time.Second)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("(async () => {"+script+"; return true })()", chromedp.EvalAwaitPromise))
	require.NoError(v.t, err)
}

// value evaluates an expression in the page.
func value[T any](v *visitor, expression string) T {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, 15*time.Second)
	defer cancel()
	result, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	require.NoError(v.t, err)
	return result
}

// close closes the tab as a person does: the page hears of it.
func (v *visitor) close() {
	v.t.Helper()
	require.NoError(v.t, chromedp.Cancel(v.ctx))
}

// arrives waits until the page at path has loaded.
func (v *visitor) arrives(path string) {
	v.t.Helper()
	program.Await(v.t, patience, "the page at "+path, func() bool {
		ctx, cancel := context.WithTimeout(v.ctx, 15*time.Second)
		defer cancel()
		there, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(`location.pathname == %q && document.readyState == "complete"`, path)))
		return err == nil && there // between two pages there is nobody to ask
	})
}

// setOffline cuts the browser's network, or mends it.
func (v *visitor) setOffline(offline bool) {
	v.t.Helper()
	_, err := chromedp.Call(v.ctx, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1})
	require.NoError(v.t, err)
	program.Await(v.t, 5*time.Second, "the browser to notice", func() bool { return value[bool](v, "navigator.onLine") != offline })
}

// queue is what the tag keeps in localStorage, "" when nothing.
func (v *visitor) queue() string {
	v.t.Helper()
	return value[string](v, `localStorage.getItem("specter.`+v.shop.IngestKey+`") || ""`)
}

// keeps waits until the tag keeps these signals in localStorage, without any until it keeps nothing: a
// page may end after the next one has begun, and an answer takes its time.
func (v *visitor) keeps(types ...string) {
	v.t.Helper()
	program.Await(v.t, patience, fmt.Sprintf("the queue to hold %v", types), func() bool {
		queue := v.queue()
		return (queue == "") == (len(types) == 0) && containsAll(queue, types)
	})
}
