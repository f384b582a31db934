package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/gateway"
)

func TestTheDocumentedExamplesAnswerAsDocumented(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.send("/api/signals", []byte(`{"type": "page_view", "payload": {"path": "/pricing"}}`))
	require.Equal(t, http.StatusOK, one.status, one.body)
	require.JSONEq(t, `{"received": 1}`, one.body)
	require.Equal(t, "application/json", one.header.Get("Content-Type"))

	two := w.send("/api/signals", []byte(`[{"type": "page_view"}, {"type": "cta_click", "context_id": "`+w.contextID.String()+`"}]`))
	require.JSONEq(t, `{"received": 2}`, two.body)

	webhook := w.do(http.MethodPost, "/api/ingest?key="+w.key, []byte(`{"event": "lead", "data": {"plan": "pro"}}`), "Content-Type", "application/json")
	require.JSONEq(t, `{"received": 1}`, webhook.body)

	form := w.do(http.MethodPost, "/api/ingest?key="+w.key, []byte(`event_type=lead&plan=pro`), "Content-Type", "application/x-www-form-urlencoded")
	require.JSONEq(t, `{"received": 1}`, form.body)

	all := w.stored()
	require.Len(t, all, 5)
	for i, want := range []struct {
		typ, payload string
		source       eventv1.Source
	}{
		{"page_view", `{"path":"/pricing"}`, eventv1.Source_SOURCE_REST},
		{"page_view", ``, eventv1.Source_SOURCE_REST},
		{"cta_click", ``, eventv1.Source_SOURCE_REST},
		{"lead", `{"plan":"pro"}`, eventv1.Source_SOURCE_WEBHOOK},
		{"lead", `{"plan":"pro"}`, eventv1.Source_SOURCE_WEBHOOK},
	} {
		got := all[i]
		require.Equal(t, want.typ, got.GetType())
		require.Equal(t, want.payload, string(got.GetPayload()))
		require.Equal(t, want.source, got.GetSource())
		require.Equal(t, w.account[:], got.GetAccountId())
		require.Equal(t, w.product[:], got.GetProductId())
		require.Equal(t, eventv1.TimeMark_TIME_MARK_RECEIVED, got.GetTimeMark())
		require.WithinDuration(t, time.Now(), got.GetReceivedAt().AsTime(), time.Minute)
		id, err := uuid.FromBytes(got.GetId())
		require.NoError(t, err)
		require.EqualValues(t, 7, id.Version())
	}
	require.Empty(t, all[0].GetContextId(), "the default context is the analyzer's to know")
	require.Equal(t, w.contextID[:], all[2].GetContextId())
}

func TestTheScriptsRequestsAreTakenAsTheScripts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, anHour := uuid.New(), time.Hour
	sent := time.Now().Add(anHour) // the visitor's clock is an hour ahead
	path := fmt.Sprintf("/api/signals?source=script&key=%s&sent_at=%d", w.key, sent.UnixMilli())
	body := fmt.Sprintf(`[{"id":"%s","type":"page_view","session_id":"s","timestamp":%d}]`, id, sent.Add(-10*time.Second).UnixMilli())
	got := w.do(http.MethodPost, path, []byte(body), "Content-Type", "text/plain;charset=UTF-8", "Origin", "https://shop.example")
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Equal(t, "*", got.header.Get("Access-Control-Allow-Origin"))
	require.Empty(t, got.header.Get("Access-Control-Allow-Credentials"))

	s := w.stored()[0]
	require.Equal(t, eventv1.Source_SOURCE_SCRIPT, s.GetSource())
	require.Equal(t, id[:], s.GetClientId())
	require.Equal(t, "s", s.GetSessionId())
	require.WithinDuration(t, time.Now().Add(-10*time.Second), s.GetOccurredAt().AsTime(), 20*time.Second)
}

func TestKeysComeByHeaderBearerAndQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := []byte(`{"type":"a"}`)
	revoked, expired, pages := apikey.New(apikey.Ingest), apikey.New(apikey.Ingest), apikey.New(apikey.Ingest)
	narrow, stranger := apikey.New(apikey.Ingest), apikey.New(apikey.Ingest)
	w.putKey(revoked, &catalogv1.Key{Revoked: true})
	w.putKey(expired, &catalogv1.Key{ExpiresAt: time.Now().Add(-time.Minute).UnixMilli()})
	w.putKey(pages, &catalogv1.Key{AllowedOrigins: []string{"https://*.shop.example"}, RefuseWithoutOrigin: true})
	w.putKey(narrow, &catalogv1.Key{AllowedOrigins: []string{"https://shop.example"}})
	testkit.Eventually(t, func() bool {
		return w.do(http.MethodPost, "/api/signals?key="+narrow, body).status == http.StatusOK
	}, "the new keys to arrive")

	for name, c := range map[string]struct {
		path   string
		header []string
		status int
		code   string
	}{
		"header":             {"/api/signals", []string{"x-api-key", w.key}, 200, ""},
		"bearer":             {"/api/signals", []string{"Authorization", "Bearer " + w.key}, 200, ""},
		"query":              {"/api/signals?key=" + w.key, nil, 200, ""},
		"header goes first":  {"/api/signals?key=wrong", []string{"x-api-key", w.key}, 200, ""},
		"none":               {"/api/signals", nil, 401, "missing_key"},
		"nonsense":           {"/api/signals?key=spk_1234", nil, 401, "invalid_key"},
		"wrong checksum":     {"/api/signals?key=spk_EXAMPLEexampleEXAMPLEexample012mLPZ0", nil, 401, "invalid_key"},
		"unknown":            {"/api/signals?key=" + stranger, nil, 401, "invalid_key"},
		"revoked":            {"/api/signals?key=" + revoked, nil, 401, "key_revoked"},
		"an access token":    {"/api/signals?key=" + apikey.New(apikey.Access), nil, 401, "invalid_key"},
		"allowed origin":     {"/api/signals?key=" + narrow, []string{"Origin", "https://shop.example"}, 200, ""},
		"no origin":          {"/api/signals?key=" + narrow, nil, 200, ""},
		"another origin":     {"/api/signals?key=" + narrow, []string{"Origin", "https://evil.example"}, 403, "origin_not_allowed"},
		"an opaque origin":   {"/api/signals?key=" + narrow, []string{"Origin", "null"}, 403, "origin_not_allowed"},
		"expired":            {"/api/signals?key=" + expired, nil, 401, "key_expired"},
		"a subdomain":        {"/api/signals?key=" + pages, []string{"Origin", "https://eu.shop.example"}, 200, ""},
		"not the apex":       {"/api/signals?key=" + pages, []string{"Origin", "https://shop.example"}, 403, "origin_not_allowed"},
		"a suffix":           {"/api/signals?key=" + pages, []string{"Origin", "https://evil-shop.example"}, 403, "origin_not_allowed"},
		"pages only":         {"/api/signals?key=" + pages, nil, 403, "origin_not_allowed"},
		"an empty origin":    {"/api/signals?key=" + pages, []string{"Origin", " "}, 403, "origin_not_allowed"},
		"ingest without key": {"/api/ingest", nil, 401, "missing_key"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.do(http.MethodPost, c.path, body, c.header...)
			require.Equal(t, c.status, got.status, got.body)
			if slices.Contains(c.header, "Origin") {
				require.Equal(t, "*", got.header.Get("Access-Control-Allow-Origin"), "also a refusal is to be read")
			}
			if c.code != "" {
				require.Equal(t, c.code, got.problem(t).Code)
			}
		})
	}
}

func TestARevokedKeyStopsWorking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Equal(t, http.StatusOK, w.send("/api/signals", []byte(`{"type":"a"}`)).status)
	w.putKey(w.key, &catalogv1.Key{Revoked: true})
	testkit.Eventually(t, func() bool {
		return w.send("/api/signals", []byte(`{"type":"a"}`)).status == http.StatusUnauthorized
	}, "the revocation to arrive")

	w.putKey(w.key, &catalogv1.Key{})
	w.putProduct(&catalogv1.Product{Closed: true})
	testkit.Eventually(t, func() bool {
		return strings.Contains(w.send("/api/signals", []byte(`{"type":"a"}`)).body, "takes no signals any more")
	}, "the account's closing to arrive")
}

// A rolled key and the one that takes its place work side by side until the old one's hour.
func TestARolledKeyStopsAtItsHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	next := apikey.New(apikey.Ingest)
	body := []byte(`{"type":"a"}`)
	w.putKey(next, &catalogv1.Key{})
	w.putKey(w.key, &catalogv1.Key{ExpiresAt: w.now().Add(time.Hour).UnixMilli()})
	testkit.Eventually(t, func() bool {
		return w.do(http.MethodPost, "/api/signals?key="+next, body).status == http.StatusOK
	}, "the new key to arrive")
	require.Equal(t, http.StatusOK, w.send("/api/signals", body).status, "both work meanwhile")

	w.ahead.Store(int64(59 * time.Minute))
	require.Equal(t, http.StatusOK, w.send("/api/signals", body).status)
	w.ahead.Store(int64(time.Hour))
	got := w.send("/api/signals", body)
	require.Equal(t, http.StatusUnauthorized, got.status)
	require.Equal(t, "key_expired", got.problem(t).Code)
	require.Equal(t, http.StatusOK, w.do(http.MethodPost, "/api/signals?key="+next, body).status)

	w.putKey(w.key, &catalogv1.Key{ExpiresAt: w.now().Add(time.Hour).UnixMilli()})
	testkit.Eventually(t, func() bool { return w.send("/api/signals", body).status == http.StatusOK }, "an end that was moved")
}

func TestTheDashboardIsToldWhichKeysAreUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	told, err := w.bus.Conn().SubscribeSync(event.KeysUsed.Subject(uuid.Nil))
	require.NoError(t, err)
	for range 20 {
		require.Equal(t, http.StatusOK, w.send("/api/signals", []byte(`{"type":"a"}`)).status)
	}
	msg, err := told.NextMsg(10 * time.Second)
	require.NoError(t, err)
	var used eventv1.KeysUsed
	require.NoError(t, proto.Unmarshal(msg.Data, &used))
	require.Len(t, used.GetUses(), 1, "once a minute, however often it is used")
	require.Equal(t, w.account[:], used.GetUses()[0].GetAccountId())
	require.WithinDuration(t, time.Now(), used.GetUses()[0].GetAt().AsTime(), time.Minute)
}

func TestAnErrorSaysEverythingItShould(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.send("/api/signals", []byte(`[{"type":"a"},{"payload":{}}]`), "X-Request-Id", "request-12345")
	require.Equal(t, http.StatusBadRequest, got.status)
	p := got.problem(t)
	require.Equal(t, "urn:specter:problem:missing_type", p.Type)
	require.Equal(t, http.StatusBadRequest, p.Status)
	require.Equal(t, "missing_type", p.Code)
	require.Equal(t, "request-12345", p.RequestID)
	require.Equal(t, "Signal 1: type is missing; it must be a string that is not empty.", p.Detail)
	require.Equal(t, p.Detail, p.Error)
	require.Equal(t, "/1/type", p.Errors[0].Pointer)
	require.NotEmpty(t, got.header.Get("RateLimit"), "on every authenticated answer")
	require.Empty(t, w.stored(), "all or nothing")
}

func TestNothingOfABatchWithAForeignContextIsStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.send("/api/signals", []byte(`[{"type":"a"},{"type":"b","context_id":"`+uuid.NewString()+`"}]`))
	require.Equal(t, http.StatusBadRequest, got.status)
	require.Equal(t, "unknown_context", got.problem(t).Code)
	require.Empty(t, w.stored())
}

func TestSecretsNeverReachTheStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	canaries := []string{"hunter2-canary", "4242424242424242", "canary@example.com"}
	got := w.send("/api/signals", []byte(`{"type":"signup canary@example.com","session_id":"canary@example.com","payload":
		{"password":"hunter2-canary","note":"card 4242424242424242","url":"https://a.example/?email=canary@example.com"}}`))
	require.Equal(t, http.StatusOK, got.status, got.body)
	got = w.do(http.MethodPost, "/api/ingest?key="+w.key, []byte("event=lead&password=hunter2-canary&card=4242424242424242"),
		"Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusOK, got.status, got.body)

	for _, s := range w.stored() {
		text := s.GetType() + s.GetSessionId() + string(s.GetPayload())
		for _, canary := range canaries {
			require.NotContains(t, text, canary)
		}
		require.True(t, json.Valid(s.GetPayload()))
	}
}

func TestAProductThatSendsTooFastIsToldWhenToComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) { c.MaxSignals, c.RatePerSecond = 10, 1 })
	batch := []byte("[" + strings.TrimSuffix(strings.Repeat(`{"type":"a"},`, 10), ",") + "]")
	first := w.send("/api/signals", batch)
	require.Equal(t, http.StatusOK, first.status, first.body)
	require.Equal(t, "10", first.header.Get("X-RateLimit-Limit"))
	require.Equal(t, "0", first.header.Get("X-RateLimit-Remaining"))
	require.Equal(t, `"signals";q=10;w=10`, first.header.Get("RateLimit-Policy"))

	second := w.send("/api/signals", batch)
	require.Equal(t, http.StatusTooManyRequests, second.status)
	require.Equal(t, "rate_limited", second.problem(t).Code)
	require.NotEmpty(t, second.header.Get("Retry-After"))
	require.Len(t, w.stored(), 10)

	w.putProduct(&catalogv1.Product{RateLimitPerSecond: 1000})
	testkit.Eventually(t, func() bool { return w.send("/api/signals", batch).status == http.StatusOK }, "the new rate to arrive")
}

func TestAMonthlyLimitIsKeptExactly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(catalog.AccountName(w.account), &catalogv1.Account{AccountId: w.account.String(), MonthlySignalLimit: 20})
	testkit.Eventually(t, func() bool { return w.do(http.MethodHead, "/api/signals?key="+w.key, nil).status == http.StatusOK }, "the key")
	taken := 0
	testkit.Eventually(t, func() bool {
		got := w.send("/api/signals", []byte(`{"type":"a"}`))
		require.Equal(t, http.StatusOK, got.status, got.body)
		taken++
		return got.header.Get("X-Quota-Limit") == "20"
	}, "the limit to arrive")
	before := len(w.stored())
	got := w.send("/api/signals", []byte(`[{"type":"a"},{"type":"a"},{"type":"a"}]`))
	left, err := strconv.Atoi(got.header.Get("X-Quota-Remaining"))
	require.NoError(t, err)
	require.Contains(t, got.header.Get("RateLimit"), `"month";r=`+strconv.Itoa(left)+";t=")
	require.Contains(t, got.header.Get("RateLimit-Policy"), `"month";q=20`)
	require.NotEmpty(t, got.header.Get("X-Quota-Reset"))

	many := []byte("[" + strings.Repeat(`{"type":"a"},`, left) + `{"type":"b"}]`)
	got = w.send("/api/signals", many)
	require.Equal(t, http.StatusTooManyRequests, got.status)
	require.Equal(t, "quota_exceeded", got.problem(t).Code)
	require.NotEmpty(t, got.header.Get("Retry-After"))
	got = w.send("/api/signals?partial=true", many)
	require.Equal(t, http.StatusOK, got.status)
	require.Contains(t, got.body, `{"received":`+strconv.Itoa(left)+`,"rejected":[{"code":"quota_exceeded"`)
	require.Equal(t, http.StatusTooManyRequests, w.send("/api/signals", []byte(`{"type":"a"}`)).status)
	require.Len(t, w.stored(), before+3+left)
}

// Every answer to a known key says what the month allows; what is left of it is said once it is known.
func TestTheMonthlyLimitIsInEveryAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(catalog.AccountName(w.account), &catalogv1.Account{AccountId: w.account.String(), MonthlySignalLimit: 20})
	head := func() answer { return w.do(http.MethodHead, "/api/signals?key="+w.key, nil) }
	var got answer
	testkit.Eventually(t, func() bool { got = head(); return got.header.Get("X-Quota-Limit") != "" }, "the limit to arrive")
	require.Equal(t, "20", got.header.Get("X-Quota-Limit"))
	require.NotEmpty(t, got.header.Get("X-Quota-Reset"))
	require.Contains(t, got.header.Get("RateLimit-Policy"), `"month";q=20`)
	require.NotContains(t, got.header, "X-Quota-Remaining", "nobody knows yet")
	require.NotContains(t, got.header.Get("RateLimit"), "month")

	testkit.Eventually(t, func() bool { got = head(); return got.header.Get("X-Quota-Remaining") == "20" }, "it is found out")
	require.Contains(t, got.header.Get("RateLimit"), `"month";r=20;t=`)
	got = w.send("/api/signals", []byte("{"))
	require.Equal(t, http.StatusBadRequest, got.status)
	require.Equal(t, "20", got.header.Get("X-Quota-Limit"))
	require.Equal(t, "20", got.header.Get("X-Quota-Remaining"))
	require.NotEmpty(t, got.header.Get("X-Quota-Reset"))
}

func TestWhatIsRefusedIsToldToTheDashboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	told, err := w.bus.Conn().SubscribeSync(event.IngestRefused.Info().Subject(uuid.Nil))
	require.NoError(t, err)
	w.send("/api/signals", []byte(`[{"type":"a"},{"type":""}]`), "Origin", "https://shop.example")
	w.send("/api/signals", []byte(`{"type":"a"}`), "Content-Type", "application/xml")
	codes := map[string]int64{}
	testkit.Eventually(t, func() bool {
		msg, err := told.NextMsg(5 * time.Second)
		require.NoError(t, err)
		var refused eventv1.IngestRefused
		require.NoError(t, proto.Unmarshal(msg.Data, &refused))
		for _, c := range refused.GetCounts() {
			codes[c.GetCode()] += c.GetN()
		}
		return codes["missing_type"] == 1 && codes["unsupported_media_type"] == 1
	}, "both refusals")
}

func TestAGatewayRefusesAStreamThatForgets(t *testing.T) {
	t.Parallel()
	good := jetstream.StreamConfig{
		Name: event.SignalBatch.Stream().Name, Subjects: event.SignalBatch.Stream().Subjects(), Storage: jetstream.FileStorage, Discard: jetstream.DiscardNew,
	}
	for reason, change := range map[string]func(*jetstream.StreamConfig){
		"kept in memory":           func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
		"discards old messages":    func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld },
		"not use limits retention": func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy },
		"written asynchronously":   func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode },
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			b := testkit.Bus(t)
			ctx := context.Background()
			require.NoError(t, b.JetStream().DeleteStream(ctx, good.Name))
			bad := good
			change(&bad)
			_, err := b.JetStream().CreateStream(ctx, bad)
			require.NoError(t, err)

			c, err := config.Load[gateway.Config](config.Source{})
			require.NoError(t, err)
			s, err := gateway.New(c, svcmain.Platform{Log: zap.NewNop(), Bus: b, Metrics: prometheus.NewRegistry(), Now: time.Now})
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			err = s.Run(ctx, cancel) // would go on when ready
			require.ErrorContains(t, err, reason)
		})
	}
}

// A broker cannot be asked whether it writes to the disk before it acknowledges. In production somebody
// has to say so; elsewhere it is enough that nobody can overlook that nobody did.
func TestTheOperatorSaysThatTheBrokerSyncs(t *testing.T) {
	t.Parallel()
	const public, sync = "SPECTER_PUBLIC_URL", "SPECTER_NATS_SYNC_ALWAYS"
	m := gateway.Module()
	require.ErrorContains(t, m.Check(config.Source{public: "https://specter.example"}), sync)
	require.ErrorContains(t, m.Check(config.Source{public: "https://specter.example", sync: "false"}), "sync_interval: always")
	require.NoError(t, m.Check(config.Source{public: "https://specter.example", sync: "true"}))
	require.NoError(t, m.Check(config.Source{public: "http://127.0.0.1:8080"}))
	_, err := gateway.Serves(config.Source{public: "https://specter.example"})
	require.NoError(t, err, "who does not run a gateway need not say it")

	for _, said := range []bool{false, true} {
		logged, lines := observer.New(zap.WarnLevel)
		c, err := config.Load[gateway.Config](config.Source{sync: strconv.FormatBool(said)})
		require.NoError(t, err)
		s, err := gateway.New(c, svcmain.Platform{Log: zap.New(logged), Bus: testkit.Bus(t), Metrics: prometheus.NewRegistry(), Now: time.Now})
		require.NoError(t, err)
		run(t, s)()
		require.Equal(t, !said, lines.FilterMessageSnippet(sync).Len() == 1)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	m := gateway.Module()
	require.NoError(t, m.Check(config.Source{}))
	require.ErrorContains(t, m.Check(config.Source{"SPECTER_INGEST_MAX_SIGNALS": "0"}), "must be above 0")
	require.ErrorContains(t, m.Check(config.Source{"SPECTER_INGEST_BATCH_BYTES": "9000000"}), "the broker's messages allow")
	require.ErrorContains(t, m.Check(config.Source{"SPECTER_INGEST_MEMORY_BYTES": "10"}), "must be at least 16777216")
	require.ErrorContains(t, m.Check(config.Source{"SPECTER_INGEST_QUEUE_BYTES": "10"}), "at least two")
	for _, s := range m.Settings {
		require.NotEmpty(t, s.Doc, s.Name)
	}
}
