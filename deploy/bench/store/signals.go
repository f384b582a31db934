package store

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/scrub"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

const (
	accounts           = 5
	productsPerAccount = 4
	// perMessage is what the gateway packs into a message under load.
	perMessage = 1000
	// clockMillis: people's clocks and the way to the gateway.
	clockMillis = 2000
)

// product is where signals go.
type product struct {
	accountID, productID, contextID uuid.UUID
	weight                          int // of its traffic
}

// visit is one person's session in one product.
type visit struct {
	product *product
	id      string
	browser string
	release string
	path    string
	left    int  // signals it will still send
	direct  bool // sends no ids of its own, as a server does
}

// traffic makes signals as products send them: many visits at once, a few pages
// that most people see, rare errors, times that move on.
type traffic struct {
	r        *rand.Rand
	products []*product
	weights  int
	visits   []*visit
	now      time.Time
	step     time.Duration
}

const openVisits = 1500

func newTraffic(products []*product, from time.Time, step time.Duration) *traffic {
	t := &traffic{r: rand.New(rand.NewPCG(7, 11)), products: products, now: from, step: step}
	for _, p := range products {
		t.weights += p.weight
	}
	for range openVisits {
		t.visits = append(t.visits, t.visit())
	}
	return t
}

func (t *traffic) visit() *visit {
	at := t.r.IntN(t.weights)
	var home *product
	for _, p := range t.products {
		if home = p; at < p.weight {
			break
		}
		at -= p.weight
	}
	return &visit{
		product: home, id: t.id(t.now).String(), left: 3 + t.r.IntN(16), path: t.page(), direct: t.r.IntN(5) == 0,
		browser: []string{"Chrome", "Chrome", "Chrome", "Safari", "Safari", "Firefox", "Edge"}[t.r.IntN(7)],
		release: []string{"2026.11.4", "2026.11.4", "2026.11.4", "2026.11.3"}[t.r.IntN(4)],
	}
}

// id is a UUIDv7 of a time, from the seeded source.
func (t *traffic) id(at time.Time) uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:], uint64(at.UnixMilli())<<16)
	binary.BigEndian.PutUint16(id[6:], uint16(t.r.Uint32()))
	binary.BigEndian.PutUint64(id[8:], t.r.Uint64())
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id
}

var pages = []string{
	"/", "/pricing", "/login", "/checkout", "/cart", "/search", "/account/settings", "/checkout/payment", "/help/returns", "/blog/spring-collection",
	"/category/shoes", "/category/coats", "/category/bags", "/stores", "/signup",
}

// page: few pages get most visits; products have a number of their own.
func (t *traffic) page() string {
	n := int(t.r.ExpFloat64() * 4)
	if n < len(pages) {
		return pages[n]
	}
	return fmt.Sprintf("/product/%d", 100_000+t.r.IntN(5000))
}

// next is the next signal of any visit.
func (t *traffic) next() *eventv1.Signal {
	t.now = t.now.Add(t.step)
	i := t.r.IntN(len(t.visits))
	v := t.visits[i]
	if v.left--; v.left <= 0 {
		t.visits[i] = t.visit()
	}
	kind, payload := t.act(v)
	received := t.now.Add(time.Duration(20+t.r.IntN(clockMillis)) * time.Millisecond)
	if t.r.IntN(100) == 0 { // a phone that was offline
		received = received.Add(time.Duration(t.r.IntN(40)) * time.Minute)
	}
	id := t.id(received)
	s := &eventv1.Signal{
		Id: id[:], AccountId: v.product.accountID[:], ProductId: v.product.productID[:], Type: kind, Payload: []byte(payload),
		OccurredAt: timestamppb.New(t.now.Truncate(time.Millisecond)), ReceivedAt: timestamppb.New(received), SessionId: v.id,
		Source: eventv1.Source_SOURCE_SCRIPT,
	}
	if v.direct {
		s.Source = eventv1.Source_SOURCE_REST
		return s
	}
	own := t.id(t.now)
	s.ClientId = own[:]
	return s
}

// act decides what a visitor does next.
func (t *traffic) act(v *visit) (kind, payload string) {
	where := fmt.Sprintf(`"url":"https://shop.example.com%s","path":"%s","release":"%s","browser":"%s"`, v.path, v.path, v.release, v.browser)
	switch n := t.r.IntN(100); {
	case n < 60:
		v.path = t.page()
		return "page_view", fmt.Sprintf(`{%s,"referrer":"https://www.search.example/","title":"Spring collection, free returns","viewport":"%dx%d","locale":"en-GB","load_ms":%d}`,
			where, 320+16*t.r.IntN(100), 568+16*t.r.IntN(50), 200+t.r.IntN(3000))
	case n < 85:
		return []string{"add_to_cart", "search", "purchase"}[t.r.IntN(3)],
			fmt.Sprintf(`{%s,"element":"button#action-%d","sku":"SKU-%06d","quantity":%d,"price":%d.%02d,"currency":"EUR","list":"recommended"}`,
				where, t.r.IntN(8), t.r.IntN(5000), 1+t.r.IntN(3), 5+t.r.IntN(200), t.r.IntN(100))
	case n < 95:
		return "rage_click", fmt.Sprintf(`{%s,"element":"form#checkout > button.primary:nth-of-type(%d)","text":"Continue to payment","clicks":%d,"viewport":"1440x900","x":%d,"y":%d}`,
			where, 1+t.r.IntN(6), 3+t.r.IntN(5), t.r.IntN(1400), t.r.IntN(900))
	default:
		return "js_error", fmt.Sprintf(`{%s,"message":"Cannot read properties of undefined (reading 'item%d')","stack":"at render (https://shop.example.com/app.js:%d:%d)"}`,
			where, t.r.IntN(5), 1+t.r.IntN(3000), t.r.IntN(80))
	}
}

// batch is the next message.
func (t *traffic) batch() *eventv1.SignalBatch {
	b := &eventv1.SignalBatch{Signals: make([]*eventv1.Signal, perMessage), ScrubRules: scrub.Rules} // as gateways say of theirs
	for i := range b.Signals {
		b.Signals[i] = t.next()
	}
	return b
}

// jsonSize is what the signal takes as a client writes it.
func jsonSize(s *eventv1.Signal) int {
	return len(`{"id":"","type":"","payload":,"session_id":"","timestamp":1764102547123}`) + 36 + len(s.GetType()) + len(s.GetPayload()) + len(s.GetSessionId())
}

// template is an encoded message whose ids can be renewed in place: publishing at
// full speed must not cost the analyzer its processor.
type template struct {
	data []byte
	ids  []int // offsets of 16 bytes each
}

func newTemplate(b *eventv1.SignalBatch) (template, error) {
	// Ids that nothing else in the message looks like mark the places.
	var marks []string
	mark := func() []byte {
		id := uuid.New()
		marks = append(marks, string(id[:]))
		return id[:]
	}
	for _, s := range b.GetSignals() {
		s.Id = mark()
		if len(s.GetClientId()) > 0 {
			s.ClientId = mark()
		}
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(b)
	if err != nil {
		return template{}, fmt.Errorf("encoding a message: %w", err)
	}
	wanted := make(map[string]bool, len(marks))
	for _, m := range marks {
		wanted[m] = true
	}
	t := template{data: data}
	for i := 0; i+16 <= len(data); i++ {
		if wanted[string(data[i:i+16])] {
			t.ids = append(t.ids, i)
		}
	}
	if len(t.ids) != len(marks) {
		return template{}, fmt.Errorf("found %d of %d ids in a message (the first is %s)", len(t.ids), len(marks), hex.EncodeToString([]byte(marks[0])))
	}
	return t, nil
}

// renewed is a copy with ids that were never used.
func (t template) renewed(r *rand.Rand, now time.Time) []byte {
	data := slices.Clone(t.data)
	for _, at := range t.ids {
		binary.BigEndian.PutUint64(data[at:], uint64(now.UnixMilli())<<16|r.Uint64()&0x0fff|0x7000)
		binary.BigEndian.PutUint64(data[at+8:], r.Uint64()&^(3<<62)|1<<63)
	}
	return data
}
