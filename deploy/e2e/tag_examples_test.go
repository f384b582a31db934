package e2e

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
)

// person makes an automated browser look like one that somebody uses; the examples are not written
// for tests.
const personScript = `
Object.defineProperty(Navigator.prototype, "webdriver", { get: () => false });
const agent = navigator.userAgent.replace("Headless", "");
Object.defineProperty(Navigator.prototype, "userAgent", { get: () => agent });`

// examples are the files of pkg/sdk/js/examples with this shop's address and key in them, the
// programs bundled.
func (p *shop) examples(t *testing.T) map[string]string {
	t.Helper()
	sdk := filepath.Join(root(t), "pkg", "sdk", "js")
	runIn(t, root(t), "scripts/npm-ci.sh", sdk)
	out := t.TempDir()
	runIn(t, filepath.Join(root(t), "services", "gateway", "internal", "script"), "go", "run", "./build", "examples", out)
	files := map[string]string{}
	read := func(name, path string) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		files[name] = strings.NewReplacer("https://specter.example.com", p.front.URL, "spk_your_key", p.IngestKey).Replace(string(text))
	}
	for _, kind := range []string{"script-tag", "npm", "react", "vue"} {
		read("/"+kind+"/", filepath.Join(sdk, "examples", kind, "index.html"))
	}
	for _, name := range []string{"npm/main.js", "react/main.jsx", "vue/main.js"} {
		read("/"+name, filepath.Join(out, name))
	}
	read("/specter.iife.js", filepath.Join(out, "specter.iife.js"))
	files["node"] = filepath.Join(out, "node", "server.mjs")
	return files
}

func runIn(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	if !filepath.IsAbs(name) && strings.Contains(name, "/") {
		cmd.Path = filepath.Join(dir, name)
	}
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
}

// testExamples runs every example of the SDK as its reader would see it.
func testExamples(t *testing.T, p *shop, open func(...string) *visitor) {
	files := p.examples(t)
	show := func(path string) *visitor {
		p.begin(nil)
		for name, text := range files {
			p.putRaw(name, text)
		}
		v := open(personScript)
		v.open(path)
		program.Await(t, patience, "the example to start", func() bool {
			return value[bool](v, `!!window.specterClients && !!document.querySelector("#buy")`)
		})
		return v
	}
	flush := `await Object.values(specterClients)[0].flush()`

	v := show("/script-tag/")
	v.click("#buy", "#private")
	v.run(flush)
	signals := p.await(t, "example_opened", "page_view", "cta_click")
	require.Equal(t, "script", p.posts()[0].url.Query().Get("source"))
	require.Equal(t, "pro", signals[2].Payload["plan"])

	v = show("/npm/")
	v.click("#buy")
	v.run(flush)
	signals = p.await(t, "page_view", "example_opened", "cta_click")
	require.Equal(t, "sdk", p.posts()[0].url.Query().Get("source"))
	require.Equal(t, "1.4.0", signals[0].Payload["release"])

	for _, path := range []string{"/react/", "/vue/"} {
		v = show(path)
		v.click("#buy", "#break")
		v.run(flush)
		signals = p.await(t, "page_view", "cta_click", "js_error")
		require.Equal(t, "Error: the cart is broken", signals[2].Payload["message"], path)
	}
	testNodeExample(t, p, files["node"])
	testOptions(t, p, files["/specter.iife.js"], open)
}

// testOptions tries what only code can say.
func testOptions(t *testing.T, p *shop, sdk string, open func(...string) *visitor) {
	page := func(t *testing.T, options string, before ...string) *visitor {
		p.begin(nil)
		p.putRaw("/specter.iife.js", sdk)
		p.putRaw("/users/42", `<!doctype html><script src="/specter.iife.js"></script><button id="buy" data-specter="cta_click">Buy</button>
<script>window.errors = []; window.client = Specter.init({ apiKey: "`+p.IngestKey+`", host: "`+p.front.URL+`/", ingestPath: "`+shopIngest+`", onError: (e) => errors.push(e.message), `+options+` })</script>`)
		v := open(before...)
		v.open("/users/42?tab=1#top")
		return v
	}
	t.Run("robots are captured on localhost on request, and people there are not when unwanted", func(t *testing.T) {
		v := page(t, "")
		v.run(`await client.flush()`)
		require.Empty(t, p.posts())
		v = page(t, "captureOnLocalhost: true")
		v.run(`await client.flush()`)
		p.await(t, "page_view")
		v = page(t, "captureOnLocalhost: false", personScript)
		v.run(`await client.flush()`)
		require.Empty(t, p.posts())
	})
	t.Run("hooks see and change what is sent", func(t *testing.T) {
		v := page(t, `captureOnLocalhost: true, sanitizeUrl: (url) => url.replace("/42", "/:id").replace(/[?#].*/, ""),
			beforeSend: (signal) => signal.type == "secret" ? null : { ...signal, payload: { ...signal.payload, seen: true } }`)
		v.run(`client.track("secret"); client.track("open"); await client.flush()`)
		for _, signal := range p.await(t, "page_view", "open") {
			require.Equal(t, "/users/:id", signal.Payload["path"])
			require.Equal(t, p.site.URL+"/users/:id", signal.Payload["url"])
			require.Equal(t, true, signal.Payload["seen"])
		}
	})
	t.Run("automatic signals are off when they are not wanted, and a batch leaves when it is full", func(t *testing.T) {
		v := page(t, `captureOnLocalhost: true, autoTrack: false, batchSize: 3, flushIntervalMs: 600000`)
		v.click("#buy")
		v.run(`history.pushState({}, "", "/x"); client.track("a"); client.track("b")`)
		require.Empty(t, p.posts())
		v.run(`client.track("c")`)
		p.await(t, "a", "b", "c")
		require.Len(t, p.posts(), 1)
	})
	t.Run("one key is one client until it is shut down", func(t *testing.T) {
		v := page(t, `captureOnLocalhost: true`)
		v.run(`
			if (Specter.init({ apiKey: client && "` + p.IngestKey + `" }) !== client) throw new Error("another client");
			client.track("before"); await client.shutdown(); client.track("after");
			document.querySelector("#buy").click(); history.pushState({}, "", "/y");
			if (history.pushState !== History.prototype.pushState || history.replaceState !== History.prototype.replaceState) throw new Error("history is not as it was");
			window.client = Specter.init({ apiKey: "` + p.IngestKey + `", host: "` + p.front.URL + `", captureOnLocalhost: true, autoTrack: { pageviews: false } });
			specter.track("again"); document.querySelector("#buy").click(); await client.flush()`)
		p.await(t, "page_view", "before", "again", "cta_click")
	})
	t.Run("a client that is shut down leaves the page as it was, with what others have done to it", func(t *testing.T) {
		v := page(t, `captureOnLocalhost: true, autoTrack: { deadClicks: true }`, `
			window.observers = new Set();
			const { observe, disconnect } = MutationObserver.prototype;
			MutationObserver.prototype.observe = function (...args) { observers.add(this); observe.apply(this, args) };
			MutationObserver.prototype.disconnect = function () { observers.delete(this); disconnect.apply(this) };`)
		v.run(`
			const inner = history.pushState;
			history.pushState = function (...args) { window.pushed = true; return inner.apply(this, args) };
			await client.shutdown();
			history.pushState({}, "", "/z");
			if (!window.pushed || location.pathname != "/z") throw new Error("the wrapper of another script is gone");
			if (observers.size) throw new Error("something still observes the page")`)
		p.await(t, "page_view")
	})
	t.Run("failures are told and thrown to nobody", func(t *testing.T) {
		v := page(t, `captureOnLocalhost: true, beforeSend() { throw new Error("theirs") }`)
		v.run(`client.track("a"); await client.flush()`)
		require.Contains(t, value[[]string](v, "errors"), "theirs")
		require.Empty(t, p.posts())
	})
}

// testNodeExample runs the server, orders something, and stops it before its first batch was due.
func testNodeExample(t *testing.T, p *shop, server string) {
	p.begin(nil)
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("of the shop's own endpoint"))
	signer, err := webhooks.NewWebhook(secret)
	require.NoError(t, err)
	addr := program.FreeAddr(t)
	port := addr[strings.LastIndexByte(addr, ':')+1:]
	node, err := exec.LookPath("node")
	require.NoError(t, err)
	run := program.Start(t, "the Node example", []string{
		"PORT=" + port, "SPECTER_URL=" + p.front.URL, "SPECTER_INGEST_KEY=" + p.IngestKey, "SPECTER_WEBHOOK_SECRET=" + secret,
	}, node, server)
	program.Await(t, patience, "the example's server", func() bool { return strings.Contains(run.Output(), "listening") })
	res, _ := send(t, http.DefaultClient, http.MethodPost, "http://"+addr+"/orders", http.Header{}, nil)
	require.Equal(t, http.StatusCreated, res.StatusCode)
	res, _ = send(t, http.DefaultClient, http.MethodPost, "http://"+addr+"/webhooks/specter", http.Header{}, bytes.NewReader([]byte("{}")))
	require.Equal(t, http.StatusBadRequest, res.StatusCode, "nobody has signed this")
	event, now := []byte(`{"type":"proposal.approved"}`), time.Now()
	signature, err := signer.Sign("msg_1", now, event)
	require.NoError(t, err)
	res, _ = send(t, http.DefaultClient, http.MethodPost, "http://"+addr+"/webhooks/specter", http.Header{
		"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {strconv.FormatInt(now.Unix(), 10)}, "Webhook-Signature": {signature},
	}, bytes.NewReader(event))
	require.Equal(t, http.StatusNoContent, res.StatusCode)
	run.Stop(t)
	program.Await(t, patience, "the order to be stored", func() bool { return p.stored(t, "order_paid") > 0 })
	require.Equal(t, 1, p.stored(t, "order_paid"))
}
