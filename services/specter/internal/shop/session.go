package shop

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Keys of the contexts.
const (
	checkout = "checkout"
	browse   = "browse"
	search   = "search"
	help     = "help"
)

// Share of a day's sessions by hour (UTC) and of a week's by weekday from Sunday. Shape:
// a European consumer shop, quiet nights, a lunch bump, an evening peak, busy weekends.
var (
	byHour    = [24]float64{1.2, .7, .5, .4, .4, .7, 1.6, 2.9, 4.0, 4.7, 5.2, 5.6, 6.1, 5.5, 5.1, 5.0, 5.3, 6.0, 6.9, 7.8, 8.2, 7.2, 5.2, 3.2}
	byWeekday = [7]float64{1.18, .96, .92, .93, .95, 1.0, 1.12}
)

// hourTotal turns the hour weights into shares.
const hourTotal = 99.4

// weighted is one choice and how often it is made.
type weighted struct {
	value  string
	weight float64
}

var (
	browsers  = []weighted{{"Chrome", .58}, {"Safari", .23}, {"Firefox", .11}, {"Edge", .08}}
	countries = []weighted{{"DE", .34}, {"US", .22}, {"GB", .16}, {"FR", .15}, {"NL", .13}}
	products  = []weighted{{"kettle", .2}, {"lamp", .18}, {"desk", .15}, {"chair", .15}, {"rug", .12}, {"mirror", .1}, {"clock", .1}}
	topics    = []string{"delivery", "returns", "payment", "sizes"}
	landings  = []weighted{{"/", .55}, {"/sale", .25}, {"/blog/small-kitchens", .12}, {"/gifts", .08}}
)

// world is the running simulation: the chance it draws from and today's mood.
type world struct {
	shop   *Shop
	chance *rand.Rand
	aside  *rand.Rand // of what happens beside the way to an order
	volume float64    // today's traffic against a normal day
	mood   float64    // today's shift of every success probability, on the logit scale
	count  uint64     // sessions so far
}

// newDay draws what makes a day different from the next: marketing, weather, pay day.
func (w *world) newDay() {
	w.volume = math.Exp(.06 * w.chance.NormFloat64())
	w.mood = .04 * w.chance.NormFloat64()
}

// sessionsIn is the expected number of sessions starting in the hour from an instant.
func (w *world) sessionsIn(from time.Time) float64 {
	return w.shop.cfg.SessionsPerDay * w.volume * byWeekday[from.Weekday()] * byHour[from.Hour()] / hourTotal
}

// visit is one session being played.
type visit struct {
	*world
	out              *pending
	at               time.Time
	id               string
	browser, country string
	release          string
}

// session plays one visitor: landing → search or product → cart → checkout → pay → order,
// leaving at any step.
func (w *world) session(from time.Time, out *pending) {
	w.count++
	v := &visit{
		world: w, out: out,
		at:      from.Add(time.Duration(w.chance.Int64N(int64(time.Hour)))).Truncate(time.Millisecond),
		id:      fmt.Sprintf("s-%06x-%08x", w.count, w.chance.Uint32()),
		browser: w.pick(browsers), country: w.pick(countries),
	}
	v.release = w.shop.release(v.at, w.chance.Float64())
	landing := w.pick(landings)
	v.say(browse, "page_view", landing, nil)
	v.asksForHelp()
	if w.rarely(.004) {
		v.wait(2, 8)
		v.say(browse, "not_found", "/p/discontinued", nil)
	}
	if w.often(.27) {
		v.wait(8, 60)
		v.say(browse, "bounce", landing, nil)
		return
	}
	if w.often(.32) && !v.searches() {
		return
	}
	if !v.looksAround() {
		return
	}
	v.checksOut()
}

// asksForHelp plays the visitors who open the help widget. Two days before the end a new
// page template leaves its script out: nothing is wrong with the visitors, and nothing is
// heard of them.
func (v *visit) asksForHelp() {
	if v.aside.Float64() >= .14 || !v.at.Before(v.shop.story.HelpGoneAt) {
		return
	}
	topic := "/help/" + topics[v.aside.IntN(len(topics))]
	opened := v.at.Add(time.Duration(5+v.aside.IntN(60)) * time.Second)
	v.sayAt(opened, help, "help_opened", topic, map[string]any{"element": "button.help"})
	kind := "article_helpful"
	if v.aside.Float64() < .25 {
		kind = "article_unhelpful"
	}
	v.sayAt(opened.Add(time.Duration(10+v.aside.IntN(90))*time.Second), help, kind, topic, nil)
}

// searches reports whether the visitor goes on to a product.
func (v *visit) searches() bool {
	v.wait(3, 20)
	v.say(search, "search_performed", "/search", map[string]any{"element": "input#search"})
	v.wait(2, 15)
	clicks := .78
	if v.browser == "Safari" && !v.at.Before(v.shop.story.SearchBrokeAt) && v.at.Before(v.shop.story.SearchFixedAt) {
		clicks = .06 // the list of results is laid out below the footer
	}
	switch {
	case v.often(clicks):
		v.say(search, "search_result_clicked", "/search", map[string]any{"element": "a.result"})
		return true
	case v.often(.5):
		v.say(search, "search_no_results", "/search", nil)
		return v.often(.4)
	default:
		v.say(search, "search_abandoned", "/search", nil)
		return false
	}
}

// looksAround reports whether the visitor goes on to the cart.
func (v *visit) looksAround() bool {
	for range 1 + poisson(v.chance, .5) {
		path := "/p/" + v.pick(products)
		v.wait(5, 90)
		v.say(browse, "page_view", path, nil)
		if v.often(.18) {
			v.wait(5, 40)
			v.say(browse, "review_opened", path, map[string]any{"element": "button.reviews"})
		}
		if v.rarely(.006) {
			v.fails(browse, path, "ChunkLoadError: Loading chunk 7 failed.", "gallery.js", 88)
		}
		if v.often(.5) {
			v.wait(4, 60)
			v.say(browse, "add_to_cart", path, map[string]any{"element": "button#add"})
			return true
		}
	}
	return false
}

// checksOut plays the funnel's end. While the regression is live, the pay button's handler
// throws for most visitors: the error, the frustrated clicks, and usually the visitor leaves.
func (v *visit) checksOut() {
	v.wait(5, 60)
	v.say(checkout, "page_view", "/cart", nil)
	if v.often(.12) {
		v.wait(10, 120)
		v.say(checkout, "checkout_abandoned", "/cart", nil)
		return
	}
	v.wait(5, 40)
	v.say(checkout, "page_view", "/checkout", nil)
	v.wait(20, 150)
	v.say(checkout, "form_submit", "/checkout", map[string]any{"element": "form#address"})
	v.wait(2, 20)
	if v.release == v.shop.story.BadRelease && v.rarely(.62) {
		v.fails(checkout, "/checkout", "TypeError: order.total is not a function", "checkout.js", 214)
		v.wait(1, 3)
		v.say(checkout, "rage_click", "/checkout", map[string]any{"element": "button#pay", "text": "Pay now", "clicks": 3 + v.chance.IntN(5)})
		if v.rarely(.85) {
			v.wait(5, 60)
			v.say(checkout, "checkout_abandoned", "/checkout", nil)
			return
		}
		v.wait(5, 30)
	}
	if v.rarely(.012) {
		v.say(checkout, "rage_click", "/checkout", map[string]any{"element": "select#country", "text": "", "clicks": 3})
	}
	if v.rarely(.008) {
		v.fails(checkout, "/checkout", "TypeError: Failed to fetch", "api.js", 41)
	}
	switch {
	case v.often(.9):
		v.wait(2, 10)
		v.say(checkout, "checkout_completed", "/order/thanks", map[string]any{"value": 15 + v.chance.IntN(180)})
	case v.often(.55):
		v.say(checkout, "payment_failed", "/checkout", map[string]any{"element": "button#pay", "reason": "declined"})
	default:
		v.wait(10, 90)
		v.say(checkout, "checkout_abandoned", "/checkout", nil)
	}
}

// fails records an uncaught exception as the script tag would send it.
func (v *visit) fails(context, path, message, file string, line int) {
	v.say(context, "js_error", path, map[string]any{"message": message, "source": "/assets/" + file, "line": line})
}

// say records one signal now.
func (v *visit) say(context, kind, path string, more map[string]any) {
	v.sayAt(v.at, context, kind, path, more)
}

func (v *visit) sayAt(at time.Time, context, kind, path string, more map[string]any) {
	payload := map[string]any{"path": path, "release": v.release, "browser": v.browser, "country": v.country}
	for key, value := range more {
		payload[key] = value
	}
	v.out.add(Signal{Context: context, Type: kind, Payload: payload, SessionID: v.id, Time: at})
}

// wait lets the visitor think for between min and max seconds.
func (v *visit) wait(minSeconds, maxSeconds int) {
	span := int64(maxSeconds-minSeconds) * int64(time.Second)
	v.at = v.at.Add(time.Duration(minSeconds)*time.Second + time.Duration(v.chance.Int64N(span))).Truncate(time.Millisecond)
}

// often draws with a probability that moves with the day's mood.
func (w *world) often(p float64) bool {
	return w.chance.Float64() < 1/(1+math.Exp(-(math.Log(p/(1-p))+w.mood)))
}

// rarely draws with a fixed probability: defects do not depend on the mood.
func (w *world) rarely(p float64) bool { return w.chance.Float64() < p }

func (w *world) pick(choices []weighted) string {
	x := w.chance.Float64()
	for _, choice := range choices {
		if x -= choice.weight; x < 0 {
			return choice.value
		}
	}
	return choices[len(choices)-1].value
}

// pending holds signals that are known but not yet due, first by time, then by arrival.
type pending struct {
	items []queued
	added uint64
}

type queued struct {
	signal Signal
	order  uint64
}

func (p *pending) add(s Signal) {
	p.added++
	heap.Push(p, queued{s, p.added})
}

func (p *pending) first() Signal { return p.items[0].signal }

func (p *pending) take() Signal { return heap.Pop(p).(queued).signal }

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (p *pending) Len() int { return len(p.items) }

func (p *pending) Less(i, j int) bool {
	a, b := p.items[i], p.items[j]
	if !a.signal.Time.Equal(b.signal.Time) {
		return a.signal.Time.Before(b.signal.Time)
	}
	return a.order < b.order
}

func (p *pending) Swap(i, j int) { p.items[i], p.items[j] = p.items[j], p.items[i] }

func (p *pending) Push(x any) { p.items = append(p.items, x.(queued)) }

func (p *pending) Pop() any {
	last := p.items[len(p.items)-1]
	p.items[len(p.items)-1] = queued{}
	p.items = p.items[:len(p.items)-1]
	return last
}
