package dashboard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// refused is what a gateway tells.
func (w *world) refused(id uuid.UUID, body *eventv1.IngestRefused) {
	w.t.Helper()
	_, err := bus.Publish(w.t.Context(), w.bus, event.IngestRefused, bus.Message[*eventv1.IngestRefused]{ID: id, Time: time.Now(), Body: body})
	require.NoError(w.t, err)
}

func countOf(t testkit.Tenant, code string, at time.Time, n int64) *eventv1.RefusalCount {
	return &eventv1.RefusalCount{AccountId: t.AccountID[:], ProductId: t.ProductID[:], Code: code, Minute: timestamppb.New(at.Truncate(time.Minute)), N: n, LastAt: timestamppb.New(at)}
}

func sampleOf(t testkit.Tenant, code, element string, at time.Time, client uuid.UUID) *eventv1.RefusalSample {
	id := uuid.Must(uuid.NewV7())
	return &eventv1.RefusalSample{
		Id: id[:], AccountId: t.AccountID[:], ProductId: t.ProductID[:], Code: code, At: timestamppb.New(at), Detail: "Signal 0: the type is missing.", N: 1,
		Origin: "shop.example", Source: eventv1.Source_SOURCE_SDK, UserAgent: "Chrome", Element: element, ClientId: client[:],
	}
}

func TestWhatWasRefusedIsShownToItsOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.tenant(), w.tenant()
	now := time.Now()
	w.block(one, signalAt(now.Add(-time.Hour), "purchase"))
	body := &eventv1.IngestRefused{
		Counts: []*eventv1.RefusalCount{
			countOf(one, "missing_type", now.Add(-2*time.Hour), 3), countOf(one, "missing_type", now.Add(-time.Minute), 4), countOf(one, "rate_limited", now, 2),
			countOf(one, "missing_type", now.AddDate(0, 0, -5), 10), countOf(two, "invalid_json", now, 1),
		},
		Samples: []*eventv1.RefusalSample{
			sampleOf(one, "missing_type", `{"payload":{}}`, now.Add(-time.Minute), uuid.New()), sampleOf(two, "invalid_json", `{"secret of two"`, now, uuid.New()),
		},
	}
	id := uuid.New()
	w.refused(id, body)
	c := w.withToken(one.Token)
	path := "/api/v1/products/" + one.ProductID.String() + "/rejections"
	var r response
	testkit.Eventually(t, func() bool { r = c.get(path); return r.at("total") == float64(9) }, "the refusals of a day arrive")
	require.Equal(t, "hour", r.str("step"))
	require.Len(t, r.list("points"), 24)
	require.Equal(t, "missing_type", r.str("by_code.0.code"))
	require.Equal(t, float64(7), r.at("by_code.0.count"))
	require.Equal(t, float64(2), r.at("by_code.1.count"))
	require.NotEmpty(t, r.str("last_good_at"))
	require.Len(t, r.list("samples"), 1)
	for name, want := range map[string]string{"code": "missing_type", "element": `{"payload":{}}`, "origin": "shop.example", "source": "sdk", "user_agent": "Chrome", "detail": "Signal 0: the type is missing."} {
		require.Equal(t, want, r.str("samples.0."+name))
	}
	week := c.get(path + "?range=7d")
	require.Equal(t, float64(19), week.at("total"))
	require.Equal(t, "day", week.str("step"))
	require.Len(t, week.list("points"), 7)
	require.Len(t, c.get(path+"?range=30d").list("points"), 30)
	require.Equal(t, http.StatusBadRequest, c.get(path+"?range=1y").status)
	require.NotContains(t, week.text, "secret of two")
	require.Contains(t, w.withToken(two.Token).get("/api/v1/products/"+two.ProductID.String()+"/rejections").text, "secret of two")

	usage := c.get("/api/v1/usage")
	require.Equal(t, http.StatusOK, usage.status, usage.text)
	require.Contains(t, usage.text, `"rate_limited"`)

	w.refused(uuid.New(), body) // told again under another id, and under the same
	w.refused(id, body)
	testkit.Eventually(t, func() bool { return c.get(path).at("total") == float64(18) }, "another event adds up")
	require.Len(t, c.get(path).list("samples"), 1, "a sample is one row, whoever tells of it")
}

func TestSamplesMakeRoomForNewerOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	now := time.Now()
	body := &eventv1.IngestRefused{}
	for i := range 30 {
		body.Samples = append(body.Samples, sampleOf(tenant, "missing_type", fmt.Sprintf("element %02d", i), now.Add(time.Duration(i-30)*time.Second), uuid.Nil))
	}
	w.refused(uuid.New(), body)
	c := w.withToken(tenant.Token)
	path := "/api/v1/products/" + tenant.ProductID.String() + "/rejections"
	testkit.Eventually(t, func() bool { return len(c.get(path).list("samples")) > 0 }, "samples arrive")
	r := c.get(path)
	require.Len(t, r.list("samples"), 20)
	require.Equal(t, "element 29", r.str("samples.0.element"), "the newest first")
}

func TestBusyCodesDoNotHideTheSamplesOfAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	now := time.Now()
	body := &eventv1.IngestRefused{}
	for i := range 20 {
		for n, code := range []string{"invalid_json", "missing_type", "type_too_long", "too_deep", "rate_limited"} {
			body.Samples = append(body.Samples, sampleOf(tenant, code, "busy", now.Add(time.Duration(-5*i-n)*time.Second), uuid.Nil))
		}
	}
	body.Samples = append(body.Samples, sampleOf(tenant, "unknown_context", "rare", now.Add(-time.Hour), uuid.Nil))
	w.refused(uuid.New(), body)
	c := w.withToken(tenant.Token)
	var r response
	testkit.Eventually(t, func() bool {
		r = c.get("/api/v1/products/" + tenant.ProductID.String() + "/rejections")
		return len(r.list("samples")) > 0
	}, "samples arrive")
	require.Len(t, r.list("samples"), 101)
	require.Equal(t, "unknown_context", r.str("samples.100.code"), "the oldest of all")
}

func TestRefusalsOfAProductThatIsGoneAreLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gone, here := testkit.Tenant{AccountID: uuid.New(), ProductID: uuid.New()}, w.tenant()
	now := time.Now()
	w.refused(uuid.New(), &eventv1.IngestRefused{
		Counts:  []*eventv1.RefusalCount{countOf(gone, "missing_type", now, 1), countOf(here, "missing_type", now, 1)},
		Samples: []*eventv1.RefusalSample{sampleOf(gone, "missing_type", "x", now, uuid.New())},
	})
	c := w.withToken(here.Token)
	testkit.Eventually(t, func() bool {
		return c.get("/api/v1/products/"+here.ProductID.String()+"/rejections").at("total") == float64(1)
	}, "the others' are kept")
	require.Zero(t, w.deadLetters())
}

func TestUsageStandsAgainstTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	require.Nil(t, c.get("/api/v1/usage").at("signals_limit"))
	_, err := limitAccount(t.Context(), w.db.Pool(t, "specter_dashboard"), tenant.Email, 1000, time.Now())
	require.NoError(t, err)
	kv, err := w.bus.JetStream().KeyValue(t.Context(), event.QuotaBucket)
	require.NoError(t, err)
	value, err := proto.Marshal(&catalogv1.Quota{Used: 300, Lost: 1, Leases: []*catalogv1.QuotaLease{{Held: 5}}})
	require.NoError(t, err)
	_, err = kv.Put(t.Context(), event.QuotaKey(tenant.AccountID, time.Now()), value)
	require.NoError(t, err)
	now := time.Now().UTC()
	w.insert("specter_analyzer", tenant.AccountID, `INSERT INTO rollup_hourly (account_id, product_id, context_id, type, hour, n) VALUES ($1, $2, $3, 'purchase', date_trunc('hour', now()), 250)`,
		tenant.AccountID, tenant.ProductID, tenant.ContextID)

	r := c.get("/api/v1/usage")
	require.Equal(t, float64(1000), r.at("signals_limit"))
	require.Equal(t, float64(301), r.at("signals_used"))
	require.Equal(t, float64(699), r.at("signals_remaining"))
	require.Equal(t, float64(250), r.at("signals"))
	require.Equal(t, now.Format(time.DateOnly), r.str("by_day.0.day"))
	require.Equal(t, float64(250), r.at("by_day.0.count"))
	require.Contains(t, r.str("resets_at"), "-01T00:00:00Z")
}

// queued publishes signals as a gateway does.
func (w *world) queued(t testkit.Tenant, ids ...[2]uuid.UUID) {
	w.t.Helper()
	body := &eventv1.SignalBatch{}
	for _, id := range ids {
		s := &eventv1.Signal{Id: id[0][:], AccountId: t.AccountID[:], ProductId: t.ProductID[:], Type: "x", OccurredAt: timestamppb.Now(), ReceivedAt: timestamppb.Now()}
		if id[1] != uuid.Nil {
			s.ClientId = id[1][:]
		}
		body.Signals = append(body.Signals, s)
	}
	_, err := bus.Publish(w.t.Context(), w.bus, event.SignalBatch, bus.Message[*eventv1.SignalBatch]{ID: uuid.New(), Time: time.Now(), Body: body})
	require.NoError(w.t, err)
}

// analyzer consumes signals under the analyzer's name with the given verdict.
func (w *world) analyzer(verdict func() error) {
	w.t.Helper()
	service := bus.Consume(w.bus, event.SignalBatch, bus.ConsumerOptions{Durable: "analyzer"}, func(context.Context, bus.Delivery[*eventv1.SignalBatch]) error { return verdict() })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx, func() {}) }()
	w.t.Cleanup(func() {
		cancel()
		require.NoError(w.t, <-ended)
	})
}

func TestAReceiptTellsWhatBecameOfASignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine, other := w.tenant(), w.tenant()
	c := w.withToken(mine.Token).with("X-Request-Id", "same-request")
	receipt := func(id uuid.UUID) response { t.Helper(); return c.get("/api/v1/signals/" + id.String()) }
	absent := receipt(uuid.New())
	require.Equal(t, http.StatusNotFound, absent.status)

	t.Log("stored: by the gateway's id, with the signal itself")
	now := time.Now()
	old := signalAt(now, "purchase")
	late := signalAt(now.Add(-20*time.Hour), "purchase") // it happened long before it was sent
	foreign := signalAt(now, "purchase")
	client := uuid.New()
	own := signalAt(now, "js_error")
	own.ClientID = &client
	w.block(mine, old, own)
	w.block(mine, late)
	w.block(other, foreign)
	for _, s := range []stored{old, late} {
		r := receipt(s.ID)
		require.Equal(t, http.StatusOK, r.status, r.text)
		require.Equal(t, "stored", r.str("status"))
		require.Equal(t, s.ID.String(), r.str("signal.id"))
		require.Equal(t, "positive", r.str("signal.polarity"))
	}

	t.Log("stored: by the client's id")
	seen := func(account, id uuid.UUID) {
		w.insert("specter_analyzer", account, `INSERT INTO signal_ids (account_id, id, day) VALUES ($1, $2, (now() AT TIME ZONE 'UTC')::date)`, account, id)
	}
	seen(mine.AccountID, client)
	r := receipt(client)
	require.Equal(t, "stored", r.str("status"))
	require.Equal(t, client.String(), r.str("signal.client_id"))
	require.Equal(t, client.String(), r.str("id"))

	t.Log("queued: nobody has stored it yet")
	waiting, waitingClient, theirs := uuid.Must(uuid.NewV7()), uuid.New(), uuid.Must(uuid.NewV7())
	w.queued(mine, [2]uuid.UUID{waiting, waitingClient})
	w.queued(other, [2]uuid.UUID{theirs})
	for _, id := range []uuid.UUID{waiting, waitingClient} {
		r := receipt(id)
		require.Equal(t, http.StatusOK, r.status, r.text)
		require.Equal(t, "queued", r.str("status"))
		require.Equal(t, id.String(), r.str("id"))
		require.Nil(t, r.at("signal"))
	}

	t.Log("rejected: refused by the gateway")
	refusedID, theirRefused := uuid.New(), uuid.New()
	w.refused(uuid.New(), &eventv1.IngestRefused{Samples: []*eventv1.RefusalSample{
		sampleOf(mine, "missing_type", "{}", now, refusedID), sampleOf(other, "missing_type", "{}", now, theirRefused),
	}})
	testkit.Eventually(t, func() bool { return receipt(refusedID).status == http.StatusOK }, "the refusal is known")
	r = receipt(refusedID)
	require.Equal(t, "rejected", r.str("status"))
	require.Equal(t, "missing_type", r.str("reason.code"))
	require.NotEmpty(t, r.str("reason.detail"))

	t.Log("rejected: given up on after it was acknowledged")
	w.analyzer(func() error { return fault.Permanent(errors.New("a detail of ours")) })
	testkit.Eventually(t, func() bool { return w.deadLetters() == 2 }, "both batches are put aside")
	testkit.Eventually(t, func() bool { return strings.Contains(receipt(waiting).text, "rejected") }, "the queue is behind it")
	r = receipt(waitingClient)
	require.Equal(t, "rejected", r.str("status"))
	require.Equal(t, "dead_letter", r.str("reason.code"))
	require.NotContains(t, r.text, "a detail of ours")

	t.Log("another account's ids answer as invented ones")
	seen(other.AccountID, foreign.ID)
	for _, id := range []uuid.UUID{foreign.ID, theirs, theirRefused} {
		r := receipt(id)
		require.Equal(t, http.StatusNotFound, r.status)
		require.Equal(t, absent.text, r.text)
	}
	require.Equal(t, "stored", w.withToken(other.Token).get("/api/v1/signals/"+foreign.ID.String()).str("status"))
}
