package e2e

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
)

// TestScriptTag drives real browsers over pages with the script tag, against a real Specter.
func TestScriptTag(t *testing.T) {
	t.Parallel()
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t), env: []string{
		"SPECTER_SCRIPT_PATH=" + shopScript, "SPECTER_INGEST_PATH=" + shopIngest,
	}})
	p := openShop(t, s)
	chrome := browser(t)
	for _, c := range []struct {
		name string
		run  func(t *testing.T, p *shop, open func(before ...string) *visitor)
	}{
		{"every navigation inside a page is a page view", testNavigation},
		{"a click that leads away is sent once", testLinks},
		{"a page that ends delivers by beacon, and the next one makes sure", testLeaving},
		{"offline waits, online sends", testOffline},
		{"429 waits as long as Retry-After says", testRetryAfter},
		{"a blocked beacon is replaced by a request", testBlockedBeacon},
		{"a blocked request is replaced by a beacon", testBlockedFetch},
		{"what an ad blocker took from a beacon is sent by the next page", testSwallowedBeacon},
		{"an outage after a success loses nothing", testOutage},
		{"a page that comes back sends what its beacon lost", testComingBack},
		{"a page that nobody has seen says nothing", testPrerendering},
		{"a strict policy with nonce, integrity and connect-src is enough", testStrictPolicy},
		{"changed bytes do not run", testIntegrity},
		{"two tags are two clients, one key is one", testTwoTags},
		{"a visitor who asks not to be tracked is not", testPrivacySignals},
		{"robots are nobody", testAutomation},
		{"unsent signals outlive the page and count once", testQueueOutlivesThePage},
		{"two tabs with one queue count once", testTwoTabs},
		{"without storage everything else works", testBlockedStorage},
		{"the queue can be turned off", testNoQueue},
		{"before consent nothing is sent or stored", testConsent},
		{"calls made before the script has loaded are replayed", testEarlyCalls},
		{"attributes decide what is captured", testAttributes},
		{"a click that does nothing is a dead click", testDeadClicks},
		{"one bad signal does not cost the others", testBadSignal},
		{"no value of a field ever leaves the page", testForms},
		{"every example of the SDK works", testExamples},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.begin(nil)
			c.run(t, p, func(before ...string) *visitor { return p.visit(t, chrome, before...) })
		})
	}
}

func testNavigation(t *testing.T, p *shop, open func(...string) *visitor) {
	p.put("/start", "", `<a id="cart" href="#/cart">cart</a><a id="section" href="#section">section</a>`)
	v := open()
	v.open("/start?secret=1#access_token=2")
	v.run(`history.pushState({}, "", "/pushed?page=1")`)
	v.run(`history.pushState({}, "", "/pushed?page=2")`)
	v.run(`history.replaceState({}, "", "/replaced")`)
	v.run(`history.replaceState({}, "", "/replaced?filter=1")`) // the same page
	v.run(`history.pushState({}, "", "/replaced?filter=1")`)    // the same address
	v.click("#cart")
	v.click("#section") // leaves the route #/cart
	v.run(`await new Promise((done) => { addEventListener("popstate", done, { once: true }); history.go(-4) })`)
	v.run(`await specter.flush()`)

	signals := p.await(t, "page_view", "page_view", "page_view", "page_view", "page_view", "page_view", "page_view")
	var paths []string
	for _, signal := range signals {
		paths = append(paths, signal.Payload["path"].(string))
		require.Equal(t, p.site.URL+signal.Payload["path"].(string), signal.Payload["url"])
		require.NotEmpty(t, signal.SessionID)
		require.Equal(t, "Chrome", signal.Payload["browser"])
	}
	require.Equal(t, []string{"/start", "/pushed", "/pushed", "/replaced", "/replaced", "/replaced", "/pushed"}, paths)
	for _, r := range p.posts() {
		require.Equal(t, shopIngest, r.url.Path, "where the operator wants them")
		require.NotContains(t, r.url.String()+r.body, "secret=")
		require.NotContains(t, r.url.String()+r.body, "access_token")
		require.Equal(t, []string{"true", "script", p.IngestKey}, []string{r.url.Query().Get("partial"), r.url.Query().Get("source"), r.url.Query().Get("key")})
		require.NotEmpty(t, r.url.Query().Get("sent_at"))
		require.Empty(t, r.header.Get("Cookie"))
	}
}

func testLinks(t *testing.T, p *shop, open func(...string) *visitor) {
	p.put("/start", patient, `<a id="buy" href="/away" data-specter="cta_click">Buy</a>`)
	away := p.holdBack(t, "/away")
	v := open(`
		const { fetch } = window;
		window.fetch = async (...args) => {
			const answer = await fetch(...args);
			setTimeout(() => fetch("/heard"));
			return answer;
		}`)
	v.open("/start")
	p.await(t, "page_view")
	v.click("#buy")
	// The next page takes longer than the answer.
	program.Await(t, patience, "both answers to be heard", func() bool { return p.visited("/heard") == 2 })
	away()
	v.arrives("/away")
	p.await(t, "page_view", "cta_click")
	posts := p.posts()
	require.Len(t, posts, 2)
	require.Equal(t, "cors", posts[1].header.Get("Sec-Fetch-Mode"), "a request")
	require.Empty(t, v.queue())
}

// patient leaves what waits to the events of the page.
const patient = `data-flush-interval-ms="600000"`

// leaving is a page that leads away in a way that no script can foresee.
const leaving = `<button id="away" onclick="location.href = '/away'">away</button>`

func testLeaving(t *testing.T, p *shop, open func(...string) *visitor) {
	p.put("/start", patient, leaving)
	v := open()
	v.open("/start")
	p.await(t, "page_view")
	v.run(`await specter.flush(); specter.track("last_words")`)
	v.click("#away")
	p.await(t, "page_view", "last_words")
	require.Equal(t, "no-cors", p.posts()[1].header.Get("Sec-Fetch-Mode"), "a beacon")
	v.arrives("/away")
	v.keeps("last_words")
	v.open("/start")
	p.await(t, "page_view", "last_words", "page_view")
	v.keeps()
	posts := p.posts()
	require.Len(t, posts, 3, "the copy needs no request of its own")
	require.Contains(t, posts[2].body, "last_words")
	program.Await(t, patience, "the signal to be stored", func() bool { return p.stored(t, "last_words") > 0 })
	require.Equal(t, 1, p.stored(t, "last_words"))
}

func testOffline(t *testing.T, p *shop, open func(...string) *visitor) {
	p.put("/start", "", "")
	v := open()
	v.open("/start")
	p.await(t, "page_view")
	v.setOffline(true)
	v.run(`for (let i = 0; i < 30; i++) specter.track("while_offline"); await specter.flush()`)
	require.Len(t, p.posts(), 1, "nothing is even tried")
	v.setOffline(false)
	program.Await(t, patience, "what waited", func() bool { return len(p.taken(t)) == 31 })
}

func testRetryAfter(t *testing.T, p *shop, open func(...string) *visitor) {
	p.begin(func(n int, w http.ResponseWriter) bool {
		return n == 1 && refuse(w, http.StatusTooManyRequests, "Retry-After", "2") || n == 2 && refuse(w, http.StatusServiceUnavailable, "Retry-After", "1")
	})
	p.put("/start", "", "")
	v := open()
	v.open("/start")
	program.Await(t, patience, "the first refusal", func() bool { return len(p.posts()) == 1 })
	v.run(`specter.track("later")`)
	p.await(t, "page_view", "later")
	posts := p.posts()
	require.Len(t, posts, 3)
	require.GreaterOrEqual(t, posts[1].at.Sub(posts[0].at), 2*time.Second)
	require.Less(t, posts[1].at.Sub(posts[0].at), 5*time.Second)
	require.GreaterOrEqual(t, posts[2].at.Sub(posts[1].at), time.Second)
}

func testBlockedBeacon(t *testing.T, p *shop, open func(...string) *visitor) {
	for _, blocked := range []string{
		`Navigator.prototype.sendBeacon = () => false`,
		`Navigator.prototype.sendBeacon = () => { throw new TypeError("blocked") }`,
		`delete Navigator.prototype.sendBeacon`,
	} {
		p.begin(nil)
		p.put("/start", patient, leaving)
		v := open(blocked)
		v.open("/start")
		p.await(t, "page_view")
		v.run(`await specter.flush(); specter.track("last_words")`)
		v.click("#away")
		p.await(t, "page_view", "last_words")
		require.Equal(t, "cors", p.posts()[1].header.Get("Sec-Fetch-Mode"), "a request")
	}
}

func testBlockedFetch(t *testing.T, p *shop, open func(...string) *visitor) {
	for _, blocked := range []string{
		`window.fetch = () => Promise.reject(new TypeError("blocked"))`,
		`window.fetch = () => { throw new TypeError("blocked") }`,
		`delete window.fetch`,
	} {
		p.begin(nil)
		p.put("/start", patient, leaving)
		v := open(blocked)
		v.open("/start")
		p.await(t, "page_view")
		v.run(`await specter.flush(); specter.track("last_words")`)
		v.click("#away")
		p.await(t, "page_view", "last_words")
		require.Equal(t, "no-cors", p.posts()[0].header.Get("Sec-Fetch-Mode"), "a beacon")
	}
}

func testSwallowedBeacon(t *testing.T, p *shop, open func(...string) *visitor) {
	p.swallowBeacons()
	p.put("/start", patient, leaving)
	v := open()
	v.open("/start")
	p.await(t, "page_view")
	v.run(`await specter.flush(); specter.track("swallowed")`)
	v.click("#away")
	v.arrives("/away")
	program.Await(t, patience, "the beacon", func() bool { return len(p.posts()) == 2 })
	// The browser said yes to the beacon, and nobody knows better.
	v.keeps("swallowed")
	v.open("/start")
	p.await(t, "page_view", "page_view", "swallowed")
	v.keeps()
}

func testOutage(t *testing.T, p *shop, open func(...string) *visitor) {
	v := open()
	for name, end := range map[string]func(){
		"the page is hidden": func() { v.run(`document.dispatchEvent(new Event("visibilitychange"))`) },
		"the page ends": func() {
			v.click("#away")
			v.arrives("/away")
		},
	} {
		kind := strings.ReplaceAll(name, " ", "_")
		reached, ended := make(chan struct{}), make(chan struct{})
		over := sync.OnceFunc(func() { close(ended) })
		t.Cleanup(over)
		p.begin(func(n int, w http.ResponseWriter) bool {
			if n == 2 {
				close(reached)
				<-ended
			}
			return n > 1 && refuse(w, http.StatusServiceUnavailable)
		})
		p.put("/start", patient, leaving)
		v.open("/start")
		p.await(t, "page_view")
		v.run(`await specter.flush(); specter.track("flying_` + kind + `"); specter.flush()`)
		<-reached
		v.run(`specter.track("waiting_` + kind + `")`)
		end()
		v.keeps("flying_"+kind, "waiting_"+kind)
		over()
		p.begin(nil)
		p.put("/start", "", "")
		v.open("/start")
		p.await(t, "page_view", "flying_"+kind, "waiting_"+kind)
		for _, unsent := range []string{"flying_", "waiting_"} {
			program.Await(t, patience, "the signal to be stored", func() bool { return p.stored(t, unsent+kind) > 0 })
			require.Equal(t, 1, p.stored(t, unsent+kind))
		}
		v.keeps()
	}
}

func testComingBack(t *testing.T, p *shop, open func(...string) *visitor) {
	p.swallowBeacons()
	p.put("/start", patient, leaving)
	v := open()
	v.open("/start")
	p.await(t, "page_view")
	v.run(`window.alive = true; await specter.flush(); specter.track("swallowed")`)
	v.click("#away")
	v.arrives("/away")
	v.click("#back")
	v.arrives("/start")
	require.True(t, value[bool](v, "window.alive"), "the page must come from the cache")
	p.await(t, "page_view", "page_view", "swallowed")
	require.Len(t, p.posts(), 3)
	v.keeps()
}

// asleep is the state of a page that the browser prepares in case somebody opens it.
const asleep = `
let asleep = true;
Object.defineProperty(Document.prototype, "prerendering", { get: () => asleep });
window.wakeUp = () => { asleep = false; document.dispatchEvent(new Event("prerenderingchange")) };`

func testPrerendering(t *testing.T, p *shop, open func(...string) *visitor) {
	p.put("/first", "", "")
	p.putRaw("/start", `<!doctype html><script>`+earlyCalls+` specter.identify("u-1"); specter.track("early")</script>`+p.tag("")+`<button id="buy" data-specter="cta_click">Buy</button>`)
	v := open()
	v.open("/first")
	session := p.await(t, "page_view")[0].SessionID
	v.begins(asleep)
	v.open("/start")
	v.run(`specter.track("explicit"); specter.identify("u-2"); specter.page(); specter.captureError(new Error("early")); specter.optIn(); await specter.flush()`)
	v.click("#buy")
	v.run(`await specter.flush()`)
	require.Len(t, p.posts(), 1)
	require.Empty(t, v.queue())
	v.run(`wakeUp(); await specter.flush()`)
	signals := p.await(t, "page_view", "early", "page_view", "explicit", "page_view", "js_error")
	users := map[string]any{}
	for _, signal := range signals {
		require.Equal(t, session, signal.SessionID, signal.Type)
		users[signal.Type] = signal.Payload["user"]
	}
	require.Equal(t, map[string]any{"id": "u-1"}, users["explicit"], "as it was when it happened")
	require.Equal(t, map[string]any{"id": "u-2"}, users["js_error"])
}

func testStrictPolicy(t *testing.T, p *shop, open func(...string) *visitor) {
	p.policy = "default-src 'none'; script-src 'nonce-abc'; connect-src " + p.front.URL + "; report-to none; require-trusted-types-for 'script'"
	p.putRaw("/start", `<!doctype html><title>Shop</title>
<script nonce="abc">window.violations = []; document.addEventListener("securitypolicyviolation", (e) => violations.push(e.violatedDirective + " " + e.blockedURI))</script>
<script nonce="abc" src="`+p.front.URL+shopScript+`" integrity="`+p.integrity(t)+`" crossorigin="anonymous" data-api-key="`+p.IngestKey+`" data-capture-automation></script>
<button id="buy" data-specter="cta_click">Buy</button><a id="away" href="/away">away</a>`)
	v := open()
	v.open("/start")
	p.await(t, "page_view")
	v.click("#buy")
	v.run(`await specter.flush()`)
	require.Empty(t, value[[]string](v, "violations"))
	v.run(`await specter.flush(); specter.track("last_words")`)
	v.click("#away")
	p.await(t, "page_view", "cta_click", "last_words")
}

// integrity is the hash of the script as it is served, released or not.
func (p *shop) integrity(t *testing.T) string {
	t.Helper()
	res, _ := send(t, http.DefaultClient, http.MethodGet, p.front.URL+shopScript, http.Header{}, nil)
	require.Equal(t, http.StatusOK, res.StatusCode)
	return res.Header.Get("X-Specter-Integrity")
}

func testIntegrity(t *testing.T, p *shop, open func(...string) *visitor) {
	other := "sha384-" + strings.Repeat("A", 64)
	p.putRaw("/start", `<!doctype html><script src="`+p.front.URL+shopScript+`" integrity="`+other+`" crossorigin="anonymous" data-api-key="`+p.IngestKey+`" data-capture-automation></script>`)
	v := open()
	v.open("/start")
	require.Equal(t, "undefined", value[string](v, "typeof window.specter"))
	require.Empty(t, p.posts())
}

func testTwoTags(t *testing.T, p *shop, open func(...string) *visitor) {
	second := p.secondKey(t)
	p.put("/start", "", p.tag("")+strings.Replace(p.tag(""), p.IngestKey, second, 1)+`<button id="buy" data-specter="cta_click">Buy</button>`)
	v := open()
	v.open("/start")
	v.click("#buy")
	v.run(`await specterClients["` + p.IngestKey + `"].flush(); await specterClients["` + second + `"].flush()`)
	p.await(t, "page_view", "page_view", "cta_click", "cta_click")
	counts := map[string]int{}
	for _, r := range p.posts() {
		counts[r.url.Query().Get("key")] += strings.Count(r.body, `"type":`)
	}
	require.Equal(t, map[string]int{p.IngestKey: 2, second: 2}, counts)
}

func (p *shop) secondKey(t *testing.T) string {
	t.Helper()
	made := call[struct{ Key string }](t, p, http.MethodPost, "/api/v1/products/"+p.ProductID.String()+"/keys", map[string]string{"name": "second"})
	p.awaitKey(t, made.Key)
	return made.Key
}

func testPrivacySignals(t *testing.T, p *shop, open func(...string) *visitor) {
	for _, asked := range []string{
		`Object.defineProperty(Navigator.prototype, "globalPrivacyControl", { get: () => true })`,
		`Object.defineProperty(Navigator.prototype, "doNotTrack", { get: () => "1" })`,
	} {
		p.begin(nil)
		p.put("/start", "", `<button id="buy" data-specter="cta_click">Buy</button><a id="away" href="/away">away</a>`)
		v := open(asked)
		v.open("/start")
		v.click("#buy")
		v.run(`specter.optIn(); specter.track("a"); await specter.flush()`)
		require.Zero(t, value[int](v, "localStorage.length + sessionStorage.length"))
		v.click("#away")
		v.arrives("/away")
		require.Empty(t, p.posts())
	}
}

func testAutomation(t *testing.T, p *shop, open func(...string) *visitor) {
	p.putRaw("/start", strings.Replace("<!doctype html>"+p.tag(""), "data-capture-automation", "", 1))
	v := open()
	v.open("/start")
	v.run(`specter.track("a"); await specter.flush()`)
	require.Empty(t, p.posts())
}

func testQueueOutlivesThePage(t *testing.T, p *shop, open func(...string) *visitor) {
	outages := map[string]func(n int, w http.ResponseWriter) bool{
		"it refuses":    func(_ int, w http.ResponseWriter) bool { return refuse(w, http.StatusServiceUnavailable) },
		"it breaks off": func(int, http.ResponseWriter) bool { panic(http.ErrAbortHandler) },
	}
	for name, outage := range outages {
		kind := "kept_" + strings.ReplaceAll(name, " ", "_")
		p.begin(outage)
		p.put("/start", "", "")
		keeper := open()
		first := keeper.anotherTab()
		first.open("/start")
		first.run(`specter.track("` + kind + `"); await specter.flush()`)
		first.close()
		program.Await(t, patience, "the page to have tried", func() bool { return len(p.posts()) > 0 })
		require.Empty(t, p.taken(t))

		p.begin(nil)
		p.put("/start", "", "")
		keeper.open("/start")
		p.await(t, "page_view", "page_view", kind)
		ids := map[string]int{}
		for _, r := range p.posts() {
			if r.header.Get("Sec-Fetch-Mode") == "no-cors" {
				continue // a copy that the first page's beacon brought late
			}
			for _, signal := range p.taken(t) {
				ids[signal.ID] += strings.Count(r.body, signal.ID)
			}
		}
		for id, n := range ids {
			require.Equal(t, 1, n, "%s was sent again after it had arrived", id)
		}
		program.Await(t, patience, "the signal to be stored", func() bool { return p.stored(t, kind) > 0 })
		require.Equal(t, 1, p.stored(t, kind))
		require.Empty(t, keeper.queue(), "delivered, so forgotten")
		keeper.open("/start")
		keeper.run(`await specter.flush()`)
		require.Len(t, p.taken(t), 4)
	}
}

func testTwoTabs(t *testing.T, p *shop, open func(...string) *visitor) {
	p.begin(func(_ int, w http.ResponseWriter) bool { return refuse(w, http.StatusServiceUnavailable) })
	p.put("/start", `data-track-pageviews="false"`, "")
	one := open()
	two, three := one.anotherTab(), one.anotherTab()
	one.open("/start")
	one.run(`specter.track("tabs_a"); await specter.flush()`)
	two.open("/start") // takes over what the first has kept, while the first still has it
	two.run(`specter.track("tabs_b"); await specter.flush()`)
	require.Contains(t, two.queue(), "tabs_a")
	require.Contains(t, two.queue(), "tabs_b")
	p.begin(nil)
	p.put("/start", `data-track-pageviews="false"`, "")
	one.run(`await specter.flush()`)
	two.run(`await specter.flush()`)
	program.Await(t, patience, "both to be stored", func() bool { return p.stored(t, "tabs_a") > 0 && p.stored(t, "tabs_b") > 0 })
	require.Equal(t, []int{1, 1}, []int{p.stored(t, "tabs_a"), p.stored(t, "tabs_b")})
	three.open("/start")
	require.Empty(t, three.queue())
}

func testBlockedStorage(t *testing.T, p *shop, open func(...string) *visitor) {
	p.put("/start", "", `<button id="buy" data-specter="cta_click">Buy</button>`)
	v := open(`
		window.errors = [];
		addEventListener("error", (e) => errors.push(e.message));
		addEventListener("unhandledrejection", (e) => errors.push(String(e.reason)));
		for (const name of ["localStorage", "sessionStorage"]) {
			Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError") } });
		}`)
	v.open("/start")
	v.click("#buy")
	v.run(`await specter.flush(); specter.reset(); specter.track("other_session"); await specter.flush()`)
	signals := p.await(t, "page_view", "cta_click", "other_session")
	require.Equal(t, signals[0].SessionID, signals[1].SessionID)
	require.NotEqual(t, signals[0].SessionID, signals[2].SessionID)
	require.Empty(t, value[[]string](v, "errors"))
}

func testNoQueue(t *testing.T, p *shop, open func(...string) *visitor) {
	p.begin(func(_ int, w http.ResponseWriter) bool { return refuse(w, http.StatusServiceUnavailable) })
	p.put("/start", `data-persist="false"`, "")
	v := open()
	v.open("/start")
	v.run(`await specter.flush()`)
	require.Zero(t, value[int](v, "localStorage.length"))
}
