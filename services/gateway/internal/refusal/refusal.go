package refusal

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/scrub"
	"github.com/draftlabs/specter/pkg/telemetry"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

const (
	flushEvery = 2 * time.Second
	flushTime  = time.Second // publishing may take, each time

	// What is kept between two flushes.
	maxCounts      = 8192
	samplesOfKind  = 3         // of a product and code
	maxSamples     = 1024      // in all
	maxSampleBytes = 4 << 20   // of elements as they were sent
	maxElement     = 64 << 10  // of one that is kept whole, to be scrubbed
	maxPiece       = 8 << 10   // of a longer one
	maxShown       = 2 << 10   // of one, afterwards
	maxDetail      = 300       // bytes of the sentence
	maxCode        = 64        // bytes
	maxHost        = 255       // bytes
	maxMessage     = 512 << 10 // of one event
	unsentMessages = 8         // kept while the broker is away
	sampleOverhead = 1 << 10   // of one in an event, beside its element
	countBytes     = 160       // of one in an event
)

// Refusal is one refused request, or one refused element of a request.
type Refusal struct {
	AccountID, ProductID uuid.UUID
	Code                 string    // of the public contract
	Detail               string    // the sentence in the answer
	N                    int       // signals refused; 0 counts as 1
	Element              []byte    // as it was sent; may be nil. It is copied
	ClientID             uuid.UUID // the id it carried, uuid.Nil without a valid one
	Origin               string    // the Origin header
	Source               Source
	UserAgent            string // the User-Agent header; only its family is kept
	At                   time.Time

	piece bool // Element is only the beginning of what was sent
}

// Source is the door a signal came by.
type Source = eventv1.Source

// Scrubber removes secrets and personal data.
type Scrubber interface {
	JSON(payload []byte) ([]byte, scrub.Report, error)
	Text(text string) (string, scrub.Report)
}

// Recorder collects refusals and publishes them while Run runs. Record is safe for concurrent use.
type Recorder struct {
	bus      *bus.Bus
	scrubber Scrubber
	log      *zap.Logger
	now      func() time.Time
	refused  *prometheus.CounterVec
	dropped  *prometheus.CounterVec
	every    time.Duration

	mu      sync.Mutex
	pending *collection

	unsent []message // touched by Run alone
}

var _ lifecycle.Service = (*Recorder)(nil)

// message is an event with the id under which it is tried again.
type message struct {
	id   uuid.UUID
	body *eventv1.IngestRefused
}

// New returns a recorder that publishes on b.
func New(b *bus.Bus, s Scrubber, log *zap.Logger, registerer prometheus.Registerer, now func() time.Time) *Recorder {
	return &Recorder{
		bus: b, scrubber: s, log: log.Named("refusal"), now: now, every: flushEvery, pending: newCollection(),
		refused: telemetry.MustRegister(registerer, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specter_gateway_refused_signals_total", Help: "Signals refused, by code.",
		}, []string{"code"})),
		dropped: telemetry.MustRegister(registerer, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specter_gateway_refusals_dropped_total", Help: "Refusals that were not told to the dashboard: counts, samples or whole events.",
		}, []string{"what"})),
	}
}

// Record notes a refusal. One that belongs to no product, as with an unknown key, is only counted
// in the metrics.
func (r *Recorder) Record(f Refusal) {
	f.N = max(1, f.N)
	r.refused.WithLabelValues(f.Code).Add(float64(f.N))
	if f.ProductID == uuid.Nil || f.AccountID == uuid.Nil {
		return
	}
	r.mu.Lock()
	counted, sampled := r.pending.add(f)
	r.mu.Unlock()
	if !counted {
		r.dropped.WithLabelValues("count").Inc()
	} else if !sampled {
		r.dropped.WithLabelValues("sample").Inc()
	}
}

// Run publishes what was recorded until ctx ends, and the rest then.
func (r *Recorder) Run(ctx context.Context, ready func()) error {
	ready()
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.flush(ctx)
		case <-ctx.Done():
			r.flush(context.WithoutCancel(ctx))
			r.dropped.WithLabelValues("event").Add(float64(len(r.unsent)))
			return nil
		}
	}
}

func (r *Recorder) flush(ctx context.Context) {
	if len(r.unsent) < unsentMessages {
		r.mu.Lock()
		taken := r.pending
		r.pending = newCollection()
		r.mu.Unlock()
		r.unsent = append(r.unsent, r.messages(taken)...)
	}
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	for len(r.unsent) > 0 {
		m := r.unsent[0]
		// The same id when it is tried again: the broker and the consumer know it.
		_, err := bus.Publish(ctx, r.bus, event.IngestRefused, bus.Message[*eventv1.IngestRefused]{ID: m.id, Time: r.now(), Body: m.body})
		if err != nil {
			r.log.Debug("telling of refusals", zap.Error(err)) // the bus tells of the outage, once
			return
		}
		r.unsent = r.unsent[1:]
	}
}

// messages makes events of a bounded size.
func (r *Recorder) messages(c *collection) []message {
	var out []message
	body, size := &eventv1.IngestRefused{}, 0
	room := func(n int) {
		if size += n; size > maxMessage {
			out = append(out, message{uuid.New(), body})
			body, size = &eventv1.IngestRefused{}, n
		}
	}
	for _, count := range c.counts {
		room(countBytes)
		body.Counts = append(body.Counts, count.event())
	}
	for _, f := range c.samples {
		sample := r.sample(f)
		room(sampleOverhead + len(sample.GetElement()))
		body.Samples = append(body.Samples, sample)
	}
	if size > 0 {
		out = append(out, message{uuid.New(), body})
	}
	return out
}

// sample is what is shown of a refusal.
func (r *Recorder) sample(f Refusal) *eventv1.RefusalSample {
	out := &eventv1.RefusalSample{
		Id: newID(), AccountId: f.AccountID[:], ProductId: f.ProductID[:], Code: f.Code, At: timestamppb.New(f.At), N: int64(f.N),
		Detail: cut(r.text(f.Detail), maxDetail), Origin: cut(host(f.Origin), maxHost), Source: f.Source, UserAgent: family(f.UserAgent),
		Element: cut(r.element(f.Element, f.piece), maxShown),
	}
	if f.ClientID != uuid.Nil {
		out.ClientId = f.ClientID[:]
	}
	return out
}

// element scrubs what was sent by its structure. Without the whole of that there is
// nothing to tell what must go by, and only an outline is told.
func (r *Recorder) element(raw []byte, piece bool) string {
	if !piece && utf8.Valid(raw) {
		if clean, _, err := r.scrubber.JSON(raw); err == nil {
			return string(clean)
		}
	}
	return r.text(outline(raw))
}

func (r *Recorder) text(text string) string {
	clean, _ := r.scrubber.Text(strings.ToValidUTF8(text, "\uFFFD"))
	return strings.ReplaceAll(clean, "\x00", "\uFFFD") // Postgres keeps no NUL
}

// host is the host of an Origin header; "null" and other texts show as nothing.
func host(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(u.Host, "")
}

// cut shortens text to n bytes without breaking a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
