package scrub_test

import (
	"strings"
	"testing"
	"time"

	"github.com/draftlabs/specter/pkg/scrub"
)

// benchPayloads are what products send, one of each kind; only "secrets" has anything
// to remove.
var benchPayloads = []struct{ name, json string }{
	{"page_view", `{"url":"https://shop.example/pricing","path":"/pricing","title":"Pricing – Shop","referrer":"https://www.google.com/",` +
		`"browser":"Firefox","release":"2.3.1","viewport":{"w":1440,"h":900}}`},
	{"js_error", `{"message":"Uncaught TypeError: Cannot read properties of undefined (reading 'total')","name":"TypeError","handled":false,` +
		`"stack":"TypeError: Cannot read properties of undefined (reading 'total')\n    at renderCart (https://shop.example/assets/app-4f9c2d1e.js:1:48213)\n` +
		`    at updateView (https://shop.example/assets/app-4f9c2d1e.js:1:50977)\n    at HTMLButtonElement.onClick (https://shop.example/assets/vendor-77aa01.js:2:10233)\n` +
		`    at Array.forEach (<anonymous>)","url":"https://shop.example/cart","release":"2.3.1","browser":"Chrome","line":1,"column":48213}`},
	{"rage_click", `{"element":{"tag":"button","id":"pay","classes":["btn","btn-primary"],"text":"Pay now"},"selector":"main > form#checkout > button#pay.btn.btn-primary",` +
		`"clicks":6,"x":412,"y":873,"url":"https://shop.example/checkout","window_ms":1840,"release":"2.3.1"}`},
	{"custom_2k", `{"order_id":"ord_01J9ZK3W5T6Y7U8I9O0PASDFGH","request_id":"6f1c9a52-3f0e-4c57-9d0b-0b5d6a1d7f11","trace":"4bf92f3577b34da6a3ce929d0e0e4736",` +
		`"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","commit":"9fceb02d0ae598e95dc970b74767f19372d61af8","created_at":"2026-05-11T09:30:12.345Z",` +
		`"created_ms":1778491812345,"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","region":"eu-central-1","currency":"EUR","total":12990,` +
		`"items":[{"sku":"SKU-10293-XL","qty":1,"price":4990,"name":"Trail running shoe"},{"sku":"SKU-55120-M","qty":2,"price":2500,"name":"Merino shirt"},` +
		`{"sku":"SKU-77812-OS","qty":1,"price":3000,"name":"Soft flask 500 ml"}],"experiment":{"name":"checkout-v3","variant":"treatment","assigned":"2026-05-01T00:00:00Z"},` +
		`"vitals":{"lcp":1843.2,"cls":0.03,"inp":96,"ttfb":212.7},"user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:137.0) Gecko/20100101 Firefox/137.0",` +
		`"steps":[{"at":1778491800123,"name":"cart","ms":812,"path":"/cart"},{"at":1778491804511,"name":"address","ms":4388,"path":"/checkout/address"},` +
		`{"at":1778491809777,"name":"payment","ms":5266,"path":"/checkout/payment"}],"build":"2026.05.11-1184","etag":"W/\"5f2b-18d9a7c3e10\"",` +
		`"image":"https://cdn.shop.example/img/9fceb02d0ae598e95dc970b7/640x480.webp?v=1778491812","referrer":"https://www.google.com/","path":"/checkout/thanks",` +
		`"workspace_id":"0190163d-8694-739b-aea5-966c26f8ad91","shard":17,"retries":0,"cached":false,"flags":["new-nav","fast-pay","no-upsell"],"locale":"de-DE","tz":"Europe/Berlin",` +
		`"geo":{"lat":52.520008,"lon":13.404954,"country":"DE","city":"Berlin"},"screen":{"w":2560,"h":1440,"dpr":2},"net":{"type":"4g","rtt":50,"downlink":9.8},` +
		`"log":"cart 8f14e45f merged into c9f0f895 after 3 tries in 412 ms on node ip-10-2-3-4","message":"order accepted"}`},
	{"secrets", `{"url":"https://app.example/callback?code=SplxlOBeZQQYbYS6WxSbIA&state=xyz","headers":{"Authorization":"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",` +
		`"Accept":"*/*"},"message":"payment with 4242 4242 4242 4242 was refused","password":"hunter2-Zq9","note":"an ordinary sentence that stays as it is"}`},
}

func BenchmarkJSON(b *testing.B) {
	s := scrub.New(scrub.Options{})
	for _, p := range benchPayloads {
		in := []byte(p.json)
		b.Run(p.name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := s.JSON(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkText(b *testing.B) {
	s := scrub.New(scrub.Options{})
	for _, c := range []struct{ name, text string }{
		{"type", "page_view"},
		{"ulid", "s-01HZX3N8Q4T5V6W7X8Y9Z0ABCD"},
		{"uuid", "6f1c9a52-3f0e-4c57-9d0b-0b5d6a1d7f11"},
		{"message", "Uncaught TypeError: Cannot read properties of undefined (reading 'total')"},
		{"url", "https://shop.example/p/42?page=2&sort=price"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				s.Text(c.text)
			}
		})
	}
}

// BenchmarkHostile reports the slowest of the hostile texts, each at its best.
func BenchmarkHostile(b *testing.B) {
	s := scrub.New(scrub.Options{})
	const size = 32 << 10
	best := make(map[string]time.Duration)
	for b.Loop() {
		for _, piece := range hostile {
			text := strings.Repeat(piece, size/len(piece))
			start := time.Now()
			s.Text(text)
			if took := time.Since(start); best[piece] == 0 || took < best[piece] {
				best[piece] = took
			}
		}
	}
	worst := ""
	for piece, took := range best {
		if took > best[worst] {
			worst = piece
		}
	}
	b.ReportMetric(float64(best[worst].Nanoseconds())/size, "worst-ns/B")
	b.Logf("the slowest is %q", worst)
}
