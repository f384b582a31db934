package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
)

func testConsent(t *testing.T, p *shop, open func(...string) *visitor) {
	p.put("/start", `data-consent="pending"`, `<button id="buy" data-specter="cta_click">Buy</button>`)
	v := open()
	v.open("/start")
	v.click("#buy")
	v.open("/start") // what waited is gone with its page
	v.run(`specter.track("waits"); await specter.flush()`)
	require.Empty(t, p.posts())
	require.Zero(t, value[int](v, "localStorage.length + sessionStorage.length"))
	v.run(`specter.setConsent("granted"); await specter.flush()`)
	p.await(t, "page_view", "waits")
	require.Equal(t, 1, value[int](v, "sessionStorage.length"))

	p.begin(func(_ int, w http.ResponseWriter) bool { return refuse(w, http.StatusServiceUnavailable) })
	v.run(`specter.track("unsent"); await specter.flush()`)
	require.Contains(t, v.queue(), "unsent")
	v.run(`specter.optOut(); specter.track("dropped"); await specter.flush()`)
	require.Zero(t, value[int](v, "localStorage.length + sessionStorage.length"), "whoever opts out leaves nothing")
	n := len(p.posts())
	v.click("#buy")
	v.close()
	require.Len(t, p.posts(), n)

	v = open()
	p.put("/start", `data-track-pageviews="false"`, "")
	v.open("/start")
	v.run(`specter.track("forgotten"); await specter.flush()`)
	p.begin(nil)
	v.run(`specter.optOut(); specter.optIn(); specter.track("afresh")`)
	p.await(t, "afresh")

	p.begin(func(_ int, w http.ResponseWriter) bool { return refuse(w, http.StatusServiceUnavailable) })
	v.run(`specter.track("once"); await specter.flush()`)
	require.Contains(t, v.queue(), "once")
	p.begin(nil)
	v.run(`for (let i = 0; i < 3; i++) specter.optIn(); await specter.flush()`)
	p.await(t, "once")
	for _, r := range p.posts() {
		require.Equal(t, 1, strings.Count(r.body, `"once"`), "an answer is a decision once, and so is a signal")
	}

	p.begin(nil)
	p.put("/start", `data-consent="denied"`, "")
	v = open()
	v.open("/start")
	v.run(`specter.track("dropped"); specter.optIn(); specter.track("kept"); await specter.flush()`)
	p.await(t, "kept")
}

// earlyCalls keeps calls until the script has loaded, as the documentation gives it.
const earlyCalls = `(function (w, names) { var s = w.specter = { q: [] }; names.forEach(function (name) { s[name] = function () { s.q.push([name].concat([].slice.call(arguments))) } }) })(window, ["track", "identify", "setContext", "page", "captureError", "setConsent", "optIn", "optOut", "reset"]);`

func testEarlyCalls(t *testing.T, p *shop, open func(...string) *visitor) {
	p.putRaw("/start", `<!doctype html><title>Shop</title><script>
`+earlyCalls+`
specter.identify("u-1");
specter.setContext("`+p.ContextID.String()+`");
specter.track("early", { n: 1 }, { id: "0191d4a0-0000-7000-8000-000000000001", timestamp: Date.now() - 1000 });
specter.captureError(new Error("early trouble"));
var held = specter;
</script>`+p.tag(""))
	v := open()
	v.open("/start")
	v.run(`held.track("late"); held.page({ title: "by hand" }); held.identify(null); held.track("anonymous"); await specter.flush()`)
	signals := p.await(t, "early", "js_error", "page_view", "late", "page_view", "anonymous")
	byType := map[string]sentSignal{}
	for _, signal := range signals {
		byType[signal.Type] = signal
	}
	require.Equal(t, "0191d4a0-0000-7000-8000-000000000001", byType["early"].ID)
	require.Equal(t, map[string]any{"id": "u-1"}, byType["early"].Payload["user"])
	require.Equal(t, p.ContextID.String(), byType["early"].ContextID)
	require.Equal(t, "Error: early trouble", byType["js_error"].Payload["message"])
	require.Equal(t, "by hand", byType["page_view"].Payload["title"])
	require.NotContains(t, byType["anonymous"].Payload, "user")
	v.run(`
		const loop = {}; loop.loop = loop;
		specter.track("cyclic", loop); specter.track(); specter.track(null, null, null); specter.identify(undefined); specter.page(null);
		specter.captureError(Object.create(null)); specter.setContext(7); specter.setConsent("nonsense");`) // none of it throws

	p.begin(nil)
	p.putRaw("/again", `<!doctype html><script>`+earlyCalls+` specter.track("early")</script>`+p.tag(""))
	v.open("/again")
	for _, signal := range p.await(t, "early", "page_view") {
		require.Equal(t, signals[0].SessionID, signal.SessionID, "the tab's, also before the script has loaded")
	}
	require.Zero(t, value[int](v, "specter.q.length"), "nobody may run them again")
}

func testAttributes(t *testing.T, p *shop, open func(...string) *visitor) {
	p.put("/start", `data-track-pageviews="false" data-host="`+p.front.URL+`/" data-release="1.2.3" data-context-id="`+p.ContextID.String()+`"`, `
<div data-specter-ignore><button id="ignored" data-specter="never">Never</button><form id="f0" onsubmit="return false"><button id="ignored-form">Go</button></form></div>
<div data-specter-context="`+p.ContextID.String()+`"><button id="marked" class="primary xl2" data-specter="chosen" data-specter-prop-plan="pro" data-specter-prop-seats="3"><b data-specter-mask>Ada Lovelace</b> buys <i>pro</i></button></div>
<button id="normal" data-specter-no-rage>+</button>
<button id="dead">Pay</button>
<form id="f1" onsubmit="return false"><button id="go">Go</button></form>
<button id="crash" onclick="null.boom()">Crash</button><button id="reject" onclick="Promise.reject(new TypeError('late'))">Reject</button>
<img src="/missing.png" alt="">`)
	v := open()
	v.open("/start")
	v.click("#ignored", "#ignored-form", "#marked", "#normal", "#normal", "#normal", "#normal", "#dead", "#dead", "#dead", "#dead", "#go", "#crash", "#reject")
	v.run(`await specter.flush()`)
	signals := p.await(t, "chosen", "rage_click", "form_submit", "js_error", "js_error")
	chosen := signals[0]
	require.Equal(t, map[string]any{
		"url": p.site.URL + "/start", "path": "/start", "release": "1.2.3", "browser": "Chrome",
		"plan": "pro", "seats": "3", "element": "button#marked", "text": "buys pro",
	}, chosen.Payload)
	require.Equal(t, p.ContextID.String(), chosen.ContextID)
	require.Equal(t, "button#dead", signals[1].Payload["element"])
	require.InDelta(t, 3, signals[1].Payload["clicks"], 0)
	require.Equal(t, "form#f1", signals[2].Payload["element"])
	require.Contains(t, signals[3].Payload["message"], "TypeError")
	require.Contains(t, signals[4].Payload["message"], "late")

	p.begin(nil)
	p.put("/start", `data-track-clicks="false" data-track-forms="false" data-track-errors="false" data-track-rage-clicks="false"`,
		`<button id="dead" data-specter="x">Pay</button><form onsubmit="return false"><button id="go">Go</button></form><button id="crash" onclick="null.boom()">Crash</button>`)
	v = open()
	v.open("/start")
	v.click("#dead", "#dead", "#dead", "#go", "#crash")
	v.run(`await specter.flush()`)
	p.await(t, "page_view")

	for rate, wanted := range map[string]int{"0": 0, "1": 1} {
		p.begin(nil)
		p.put("/start", `data-sample-rate="`+rate+`"`, "")
		v = open()
		v.open("/start")
		v.run(`await specter.flush()`)
		require.Len(t, p.posts(), wanted, rate)
	}
}

func testDeadClicks(t *testing.T, p *shop, open func(...string) *visitor) {
	p.put("/start", `data-track-dead-clicks`, `
<button id="dead">Pay</button><button id="alive" onclick="this.textContent = 'paid'">Buy</button><input id="box" type="checkbox"><p id="words">words</p>`)
	v := open()
	v.open("/start")
	v.click("#words", "#dead")
	signals := p.await(t, "page_view", "dead_click")
	require.Equal(t, "button#dead", signals[1].Payload["element"])
	v.click("#alive")
	// Longer than the page is given to react; the time is the browser's, the answer is an event.
	v.run(`await new Promise((done) => setTimeout(done, 3000)); await specter.flush()`)
	p.await(t, "page_view", "dead_click")
}

func testBadSignal(t *testing.T, p *shop, open func(...string) *visitor) {
	p.put("/start", "", "")
	v := open()
	v.open("/start")
	p.await(t, "page_view")
	v.run(`for (const type of ["a", "b", "", "c", "d"]) specter.track(type); await specter.flush()`)
	program.Await(t, patience, "the good ones", func() bool {
		return containsAll(strings.Join(p.types(t), " "), []string{"page_view", "a", "b", "c", "d"})
	})
	v.run(`specter.track("after"); await specter.flush()`)
	require.Contains(t, p.types(t), "after")
}

// testForms fills pages full of fields of every kind with words that occur nowhere else, touches
// everything, and looks for those words in whatever reaches Specter.
func testForms(t *testing.T, p *shop, open func(...string) *visitor) {
	v := open()
	var canaries []string
	const pages = 10
	for seed := range uint64(pages) {
		f := &formPage{r: rand.New(rand.NewPCG(seed, 41)), seed: seed}
		path := fmt.Sprintf("/form/%d", seed)
		p.put(path, "data-track-dead-clicks", f.html())
		p.put("/thanks", "", "")
		v.open(path)
		v.run(fillAndTouch)
		// What a person does: real keys in real fields.
		for _, id := range []string{"typed", "typed-password"} {
			v.click("#" + id)
			v.do(chromedp.SendKeys("#"+id, f.canary()))
		}
		v.run(`document.querySelectorAll("form").forEach((form) => form.id != "leave" && form.requestSubmit()); await specter.flush()`)
		v.click("#send") // a GET form: the values are in the next page's address
		v.arrives("/thanks")
		v.run(`await specter.flush()`)
		canaries = append(canaries, f.canaries...)
	}
	types := p.types(t)
	for _, kind := range []string{"page_view", "form_submit", "rage_click", "js_error", "field_click", "label_click", "mirror_click"} {
		require.Contains(t, types, kind, "the pages must do what could give something away")
	}
	require.Greater(t, len(canaries), pages*15)
	leaks := func() (found []string) {
		for _, r := range p.posts() {
			address, err := url.QueryUnescape(r.url.String())
			require.NoError(t, err)
			all := r.body + address + fmt.Sprint(r.header)
			for _, canary := range canaries {
				if i := strings.Index(all, canary); i >= 0 {
					found = append(found, canary+" in "+all[max(i-300, 0):min(i+100, len(all))])
				}
			}
		}
		return found
	}
	require.Empty(t, leaks())
	// The search would have found one.
	v.run(`specter.track("control", { value: "` + canaries[0] + `" }); await specter.flush()`)
	require.Len(t, leaks(), 1)
}

// formPage is a generated page of fields.
type formPage struct {
	r        *rand.Rand
	seed     uint64
	canaries []string
}

// canary is a word that occurs nowhere else.
func (f *formPage) canary() string {
	var word strings.Builder
	for range 9 {
		word.WriteByte("bcdfghjkmnpqrstvwz"[f.r.IntN(18)])
	}
	return f.remember("Kx" + word.String())
}

func (f *formPage) remember(value string) string {
	f.canaries = append(f.canaries, value)
	return value
}

func (f *formPage) html() string {
	digits := func(n int) string {
		var d strings.Builder
		for range n {
			d.WriteByte("23456789"[f.r.IntN(8)])
		}
		return f.remember(d.String())
	}
	// Each field says in data-fill what is to be filled in; the marks that make it interesting vary.
	mark := func() string {
		marks := []string{"", `data-specter="field_click"`, `data-specter="field_click" data-specter-prop-kind="x"`, `class="form-control"`, `autocomplete="cc-number"`, `aria-label="Number"`, `title="Number"`, `contextmenu="m"`}
		return marks[f.r.IntN(len(marks))]
	}
	var fields []string
	first := f.canary()
	for _, kind := range []string{"text", "password", "email", "tel", "url", "search", "hidden"} {
		fields = append(fields, fmt.Sprintf(`<input type=%q name=%q data-fill=%q %s>`, kind, kind, f.canary(), mark()))
	}
	fields = append(fields,
		fmt.Sprintf(`<input type="number" data-fill=%q %s>`, digits(10), mark()),
		fmt.Sprintf(`<input type="text" inputmode="numeric" autocomplete="cc-number" data-fill=%q %s>`, digits(16), mark()),
		fmt.Sprintf(`<input type="date" data-fill=%q %s>`, f.remember(fmt.Sprintf("19%d-0%d-1%d", 31+f.r.IntN(60), 1+f.r.IntN(8), f.r.IntN(9))), mark()),
		fmt.Sprintf(`<textarea data-fill=%q %s></textarea>`, f.canary()+"  two  words", mark()),
		fmt.Sprintf(`<select data-fill-option %s><option>Choose</option><option>%s</option></select>`, mark(), f.canary()),
		fmt.Sprintf(`<select multiple data-fill-option %s><optgroup label="g"><option>%s</option></optgroup></select>`, mark(), f.canary()),
		fmt.Sprintf(`<div contenteditable data-fill-text=%q %s><b>bold</b></div>`, f.canary(), mark()),
		fmt.Sprintf(`<div contenteditable="plaintext-only"><p data-fill-text=%q %s></p><button type="button" data-specter="field_click">inside</button></div>`, f.canary(), mark()),
		fmt.Sprintf(`<div role="textbox" tabindex="0" data-fill-text=%q %s></div>`, f.canary(), mark()),
		fmt.Sprintf(`<div role="combobox" tabindex="0" data-fill-text=%q %s></div>`, f.canary(), mark()),
		fmt.Sprintf(`<ul role="listbox" data-specter="field_click"><li role="option" data-fill-text=%q></li></ul>`, f.canary()),
		fmt.Sprintf(`<output data-fill-text=%q %s></output>`, f.canary(), mark()),
		fmt.Sprintf(`<label data-specter="label_click">Card <input data-fill=%q></label>`, f.canary()),
		fmt.Sprintf(`<label data-specter="label_click">Notes <textarea data-fill=%q></textarea> please</label>`, f.canary()),
		fmt.Sprintf(`<fieldset data-specter="label_click"><legend>Address</legend><input list="l" data-fill=%q><datalist id="l"><option>%s</option></datalist></fieldset>`, f.canary(), f.canary()),
		fmt.Sprintf(`<details open><summary data-specter="label_click">More</summary><input data-fill=%q></details>`, f.canary()),
		fmt.Sprintf(`<shadow-field data-shadow-fill=%q data-specter="field_click">a part</shadow-field>`, f.canary()),
		// Pages repeat what was typed: in a button, beside it, in a message.
		fmt.Sprintf(`<input class="source" data-fill=%q><button type="button" data-specter="mirror_click">Pay as <span class="mirror"></span> now</button><p data-specter="mirror_click">Hello <span class="mirror"></span>!</p><button type="button" class="thrower">check</button>`, f.canary()),
		// Engines put the message in front of the stack: what looks like a place in a file there is none.
		fmt.Sprintf(`<input class="place" data-fill="%s:%d:%d"><button type="button" class="misplacer">check</button>`, f.canary(), 1+f.r.IntN(60), 1+f.r.IntN(60)),
		fmt.Sprintf(`<select data-fill-options data-mirrored><option value="">Choose</option><option value="3">%s</option></select>`, f.canary()),
		fmt.Sprintf(`<select data-fill-options data-mirrored multiple><option value="4">%s</option><option value="5">%s</option><option value="6" label=%q>six</option></select>`, f.canary(), f.canary(), f.canary()),
		fmt.Sprintf(`<div contenteditable data-mirrored>%s<div>%s &amp; <b>%s</b></div></div>`, f.canary(), f.canary(), f.canary()),
		fmt.Sprintf(`<textarea data-mirrored data-fill="%s&#10;  two   %s"></textarea>`, f.canary(), f.canary()),
		fmt.Sprintf(`<input data-fill=%q><input data-mirrored data-fill=" %s %s ">`, first, first, f.canary()),
		fmt.Sprintf(`<div role="combobox" tabindex="0" data-mirrored><i>%s</i></div><output data-mirrored>%s</output>`, f.canary(), f.canary()),
		// Addresses stand in messages and in links.
		fmt.Sprintf(`<button type="button" class="addresser" data-query=%q>fetch</button><a data-specter="mirror_click">https://shop.example/?q=%s and /pay#%s</a>`, f.canary(), f.canary(), f.canary()),
		fmt.Sprintf(`<span data-specter-mask data-specter="mirror_click">Signed in as %s</span>`, f.canary()),
		fmt.Sprintf(`<div data-specter-ignore><button type="button" data-specter="mirror_click">%s</button></div>`, f.canary()),
		// A form whose fields are called like properties of a form.
		fmt.Sprintf(`<form class="clobbered"><input name="id" data-fill=%q><input name="classList" data-fill=%q><input name="parentElement" data-fill=%q></form>`, f.canary(), f.canary(), f.canary()),
	)
	f.r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	var forms strings.Builder
	for len(fields) > 0 {
		n := min(1+f.r.IntN(6), len(fields))
		// A form inside another only comes from a script; half of the groups get one.
		fmt.Fprintf(&forms, "<form id=\"form-%c\" %s>%s<button>Send</button></form>\n", 'a'+f.r.IntN(26), []string{`class="plain"`, `data-nest`, `data-specter="field_click"`}[f.r.IntN(3)], strings.Join(fields[:n], "\n"))
		fields = fields[n:]
	}
	return shadowField + forms.String() +
		`<input id="typed"><input id="typed-password" type="password">` +
		fmt.Sprintf(`<form id="leave" action="/thanks" method="get"><input name="q" data-fill=%q><button id="send" data-specter="field_click">Go</button></form>`, f.canary())
}

const shadowField = `<script>
customElements.define("shadow-field", class extends HTMLElement {
	connectedCallback() {
		const root = this.attachShadow({ mode: this.nextElementSibling ? "open" : "closed" });
		root.innerHTML = "<label>Inner <input><textarea></textarea><button type=button>Inner</button></label><slot></slot>";
		this.inner = root;
	}
});
</script>`

// fillAndTouch fills every field as a script or the browser's autofill would, then clicks
// everything often enough to look angry.
const fillAndTouch = `
document.querySelectorAll("[data-nest]").forEach((form) => { const inner = document.createElement("form"); inner.innerHTML = "<button>nested</button>"; form.append(inner) });
// In the capture phase: Chromium stops the event of a nested form at the outer one.
addEventListener("submit", (event) => event.target.id != "leave" && event.preventDefault(), true);
const tell = (el) => { for (const name of ["focus", "input", "change", "blur"]) el.dispatchEvent(new Event(name, { bubbles: true, composed: true })) };
document.querySelectorAll("[data-fill]").forEach((el) => { el.value = el.dataset.fill; el.removeAttribute("data-fill"); tell(el) });
document.querySelectorAll("[data-fill-option]").forEach((el) => { el.lastElementChild.selected = true; el.selectedIndex = el.options.length - 1; tell(el) });
document.querySelectorAll("[data-fill-options]").forEach((el) => { for (const option of el.options) option.selected = true; tell(el) });
document.querySelectorAll("[data-fill-text]").forEach((el) => { el.append(el.dataset.fillText); el.removeAttribute("data-fill-text"); tell(el) });
document.querySelectorAll("shadow-field").forEach((el) => { el.inner.querySelectorAll("input,textarea").forEach((field) => { field.value = el.dataset.shadowFill; tell(field) }); el.removeAttribute("data-shadow-fill") });
document.querySelectorAll(".source").forEach((el) => document.querySelectorAll(".mirror").forEach((mirror) => mirror.textContent = el.value));
document.querySelectorAll("[data-mirrored]").forEach((el) => {
	const picked = [...(el.selectedOptions || [])].flatMap((option) => [option.text, option.label]);
	const whole = picked[0] ? [] : el.value == null ? [el.textContent, el.innerText] : [el.value, el.value.trim(), el.value.replace(/\s+/g, " ")];
	for (const words of [...picked, ...whole, ...whole.flatMap((text) => text.split("\n"))]) {
		const button = document.createElement("button");
		Object.assign(button, { type: "button", textContent: "Continue with " + words, onclick() { throw new Error("cannot continue with " + words) } });
		button.dataset.specter = "mirror_click";
		el.after(button);
	}
	const copy = document.createElement("p");
	copy.dataset.specter = "mirror_click";
	if (el.isContentEditable) copy.innerHTML = "Preview: " + el.innerHTML;
	el.after(copy);
});
document.querySelectorAll(".addresser").forEach((el) => { el.onclick = () => { Promise.reject("/users/7?q=" + el.dataset.query + ":1:2"); throw new Error("GET https://api.example/pay?q=" + el.dataset.query + " failed") } });
document.querySelectorAll(".thrower").forEach((el) => { el.onclick = () => { const value = document.querySelector(".source").value; setTimeout(() => { throw new Error("cannot pay as " + value) }); Promise.reject(value); } });
document.querySelectorAll(".misplacer").forEach((el) => { el.onclick = () => { throw new Error("cannot parse " + document.querySelector(".place").value) } });
const everything = [...document.querySelectorAll("body *")].filter((el) => !/^(script|style|form)$/.test(el.localName) && !el.closest("#leave"));
document.querySelectorAll("shadow-field").forEach((el) => everything.push(...el.inner.querySelectorAll("*")));
everything.forEach((el, n) => { for (let i = 0; i < 3; i++) el.dispatchEvent(new MouseEvent("click", { bubbles: true, composed: true, cancelable: true, detail: 1, clientX: 100 * n, clientY: 5 })) });
await new Promise((done) => setTimeout(done));
await specter.flush()`
