package dashboard_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

type stored struct {
	ID         uuid.UUID
	ClientID   *uuid.UUID
	Type       string
	Payload    map[string]any
	At         time.Time
	ReceivedAt time.Time
	SessionID  string
	Source     string
}

// block stores signals as the analyzer does.
func (w *world) block(t testkit.Tenant, signals ...stored) {
	w.t.Helper()
	slices.SortFunc(signals, func(a, b stored) int { return a.At.Compare(b.At) })
	types := []string{}
	for _, s := range signals {
		if !slices.Contains(types, s.Type) {
			types = append(types, s.Type)
		}
	}
	var ids []uuid.UUID
	var clients []*uuid.UUID
	var at, delays []int64
	var kinds, sessions, flags []int16
	var names []string
	var payloads []json.RawMessage
	for _, s := range signals {
		payload, err := json.Marshal(s.Payload)
		require.NoError(w.t, err)
		if !slices.Contains(names, s.SessionID) {
			names = append(names, s.SessionID)
		}
		ids, clients, payloads = append(ids, s.ID), append(clients, s.ClientID), append(payloads, payload)
		at, delays = append(at, s.At.Sub(signals[0].At).Microseconds()), append(delays, s.ReceivedAt.Sub(s.At).Microseconds())
		kinds, sessions = append(kinds, int16(slices.Index(types, s.Type)+1)), append(sessions, int16(slices.Index(names, s.SessionID)+1))
		flags = append(flags, int16(slices.Index([]string{"script", "sdk", "webhook", "rest"}, s.Source)))
	}
	text, err := json.Marshal(payloads)
	require.NoError(w.t, err)
	w.insert("specter_analyzer", t.AccountID, `INSERT INTO signal_blocks (account_id, product_id, context_id, block_id, first_at, last_at, n, types,
			ids, client_ids, at_us, delay_us, type_nos, sessions, session_nos, flags, payloads) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		t.AccountID, t.ProductID, t.ContextID, uuid.New(), signals[0].At, signals[len(signals)-1].At, len(signals), types,
		ids, clients, at, delays, kinds, names, sessions, flags, text)
	w.insert("specter_analyzer", t.AccountID, `INSERT INTO product_activity (account_id, product_id, first_signal_at, last_signal_at, signals_total) VALUES ($1, $2, now(), now(), $3)
		ON CONFLICT (account_id, product_id) DO UPDATE SET signals_total = product_activity.signals_total + excluded.signals_total, last_signal_at = now()`, t.AccountID, t.ProductID, len(signals))
}

func signalAt(at time.Time, kind string) stored {
	at = at.UTC().Truncate(time.Millisecond)
	return stored{ID: uuid.Must(uuid.NewV7()), Type: kind, Payload: map[string]any{"path": "/" + kind}, At: at, ReceivedAt: at, Source: "script", SessionID: "s-" + kind}
}

func TestSignalsAreListedNewestFirstAcrossBlocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	start := time.Now().Add(-10 * time.Hour)
	// 60 blocks, many of them overlapping in time, with five signals each.
	var all []stored
	for b := range 60 {
		var signals []stored
		for i := range 5 {
			signals = append(signals, signalAt(start.Add(time.Duration(b)*time.Minute+time.Duration(i*b%7)*3*time.Minute), []string{"page_view", "purchase", "js_error"}[(b+i)%3]))
		}
		w.block(tenant, signals...)
		all = append(all, signals...)
	}
	slices.SortFunc(all, func(a, b stored) int {
		if d := b.At.Compare(a.At); d != 0 {
			return d
		}
		return slices.Compare(b.ID[:], a.ID[:])
	})
	base := "/api/v1/products/" + tenant.ProductID.String() + "/signals?limit=23"
	var got []string
	for path := base; path != ""; {
		r := c.get(path)
		require.Equal(t, http.StatusOK, r.status, r.text)
		for _, item := range r.list("items") {
			got = append(got, item.(map[string]any)["id"].(string))
		}
		path = ""
		if next, ok := r.at("next_cursor").(string); ok {
			path = base + "&cursor=" + next
		}
	}
	want := make([]string, len(all))
	for i, s := range all {
		want[i] = s.ID.String()
	}
	require.Equal(t, want, got)

	first := c.get(base + "&type=purchase")
	require.Equal(t, "positive", first.str("items.0.polarity"))
	require.Equal(t, "Everything", first.str("items.0.context_name"))
	for filter, count := range map[string]int{
		"type=js_error": 100, "session_id=s-purchase": 100, "q=%2Fpage_view": 100, "q=nothing-like-this": 0, "q=%25": 0,
		"context_id=" + tenant.ContextID.String(): 300, "context_id=" + uuid.NewString(): 0, "from=" + time.Now().Format("2006-01-02T15:04:05Z"): 0,
	} {
		n := 0
		for path := base + "&" + filter; path != ""; {
			r := c.get(path)
			require.Equal(t, http.StatusOK, r.status, r.text)
			n += len(r.list("items"))
			next, more := r.at("next_cursor").(string)
			if path = ""; more {
				path = base + "&" + filter + "&cursor=" + next
			}
		}
		require.Equal(t, count, n, filter)
	}
}

func TestTheLiveTailShowsWhatIsStoredAndGoesOnAfterAReconnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	w.block(tenant, signalAt(time.Now().Add(-time.Hour), "old"))

	open := func(lastID string) (next func() (id, kind string), stop func()) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/v1/products/"+tenant.ProductID.String()+"/signals/stream", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+tenant.Token)
		if lastID != "" {
			r.Header.Set("Last-Event-ID", lastID)
		}
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
		require.NoError(t, err)
		require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
		lines := bufio.NewScanner(res.Body)
		return func() (id, kind string) {
			for lines.Scan() {
				if text, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
					id = text
				}
				if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
					var s struct{ Type string }
					require.NoError(t, json.Unmarshal([]byte(text), &s))
					return id, s.Type
				}
			}
			t.Fatal("the stream ended")
			return "", ""
		}, func() { _ = res.Body.Close() }
	}

	next, stop := open("")
	w.block(tenant, signalAt(time.Now(), "first"))
	id, kind := next()
	require.Equal(t, "first", kind, "what was there before is not repeated")
	w.block(tenant, signalAt(time.Now(), "second"))
	_, kind = next()
	require.Equal(t, "second", kind)
	stop()

	w.block(tenant, signalAt(time.Now(), "third"))
	next, stop = open(id)
	defer stop()
	var kinds []string
	for range 2 {
		_, kind = next()
		kinds = append(kinds, kind)
	}
	require.Equal(t, []string{"second", "third"}, kinds)

	c := w.withToken(tenant.Token)
	require.Equal(t, http.StatusBadRequest, c.with("Last-Event-ID", "nonsense").get("/api/v1/products/"+tenant.ProductID.String()+"/signals/stream").status)
}

func TestHealthCountsDaysOfTheProductsTimeZone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := testkit.SeedTenant(t, w.db, testkit.Seed{TokenScopes: allScopes(), TimeZone: "Asia/Kolkata", PositiveTypes: []string{"purchase"}, NegativeTypes: []string{"js_error"}})
	c := w.withToken(tenant.Token)
	zone, err := time.LoadLocation("Asia/Kolkata")
	require.NoError(t, err)
	hour := func(at time.Time, kind string, n int) {
		w.insert("specter_analyzer", tenant.AccountID, `INSERT INTO rollup_hourly (account_id, product_id, context_id, type, hour, n) VALUES ($1, $2, $3, $4, $5, $6)`,
			tenant.AccountID, tenant.ProductID, tenant.ContextID, kind, at.UTC().Truncate(time.Hour), n)
	}
	now := time.Now()
	today := now.In(zone)
	noon := time.Date(today.Year(), today.Month(), today.Day(), 12, 0, 0, 0, zone)
	hour(noon.AddDate(0, 0, -1), "purchase", 30)
	hour(noon.AddDate(0, 0, -1), "js_error", 10)
	hour(noon.AddDate(0, 0, -1), "page_view", 7)
	hour(noon.AddDate(0, 0, -9), "purchase", 50)
	hour(noon.AddDate(0, 0, -9), "js_error", 50)
	hour(now, "purchase", 2)
	hour(now, "", 400) // many types that are rare

	r := c.get("/api/v1/contexts/" + tenant.ContextID.String())
	require.Equal(t, http.StatusOK, r.status, r.text)
	require.Len(t, r.list("health.sparkline"), 14)
	require.Equal(t, float64(30), r.at("health.sparkline.12.positive"))
	require.Equal(t, float64(7), r.at("health.sparkline.12.neutral"))
	require.InDelta(t, 32.0/42, r.at("health.ratio_now"), 1e-9)
	require.InDelta(t, 0.5, r.at("health.ratio_before"), 1e-9)
	require.Equal(t, "healthy", r.str("health.status"))
	require.GreaterOrEqual(t, r.at("health.signals_24h"), float64(2))

	series := c.get("/api/v1/contexts/" + tenant.ContextID.String() + "/health?step=hour&from=" + now.UTC().Add(-3*time.Hour).Format(time.RFC3339))
	require.Equal(t, http.StatusOK, series.status, series.text)
	require.GreaterOrEqual(t, len(series.list("points")), 3)
	require.Equal(t, http.StatusBadRequest, c.get("/api/v1/contexts/"+tenant.ContextID.String()+"/health?step=week").status)
	require.Equal(t, http.StatusBadRequest, c.get("/api/v1/contexts/"+tenant.ContextID.String()+"/health?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z").status)

	types := c.get("/api/v1/products/" + tenant.ProductID.String() + "/types")
	require.Equal(t, "purchase", types.str("items.0.type"))
	usage := c.get("/api/v1/usage")
	require.Equal(t, "self-hosted", usage.str("plan"))
}

func TestAnImportIsDurableScrubbedAndAnnounced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	f := w.facts()
	begun := c.post("/api/v1/products/"+tenant.ProductID.String()+"/imports", map[string]any{"name": "access.log"})
	require.Equal(t, http.StatusCreated, begun.status, begun.text)
	path := "/api/v1/imports/" + begun.str("id")
	at := time.Now().Add(-40 * 24 * time.Hour).UTC().Truncate(time.Second)
	batch := map[string]any{"signals": []map[string]any{
		{"id": uuid.New(), "type": "page_view", "timestamp": at, "payload": map[string]any{"path": "/", "password": "hunter2hunter2"}},
		{"id": uuid.New(), "type": "http_error", "timestamp": at.Add(time.Hour), "context_id": tenant.ContextID},
	}}
	for range 2 { // a client that did not hear the answer sends the batch again
		r := c.post(path+"/signals", batch)
		require.Equal(t, http.StatusOK, r.status, r.text)
		require.Equal(t, float64(2), r.at("received"))
	}
	message := w.imported(2)
	require.True(t, message.GetSignals()[0].GetImported())
	require.Equal(t, at, message.GetSignals()[0].GetOccurredAt().AsTime())
	require.NotContains(t, string(message.GetSignals()[0].GetPayload()), "hunter2")
	require.Empty(t, message.GetSignals()[0].GetContextId())
	require.Equal(t, tenant.ContextID[:], message.GetSignals()[1].GetContextId())

	done := c.post(path+"/complete", nil)
	require.Equal(t, "analysing", done.str("status"), done.text)
	require.Equal(t, http.StatusOK, c.post(path+"/complete", nil).status, "completing again changes nothing")
	require.Equal(t, http.StatusConflict, c.post(path+"/signals", batch).status)
	f.are(t, "import.completed")
	require.Equal(t, at.Format(time.RFC3339), c.get(path).str("first_at"))
}

// imported is the only message of the signals' stream, which has n signals.
func (w *world) imported(signals int) *eventv1.SignalBatch {
	w.t.Helper()
	stream, err := w.bus.JetStream().Stream(w.t.Context(), event.SignalBatch.Stream().Name)
	require.NoError(w.t, err)
	info, err := stream.Info(w.t.Context())
	require.NoError(w.t, err)
	require.EqualValues(w.t, 1, info.State.Msgs, "one message, however often it is sent")
	raw, err := stream.GetMsg(w.t.Context(), 1)
	require.NoError(w.t, err)
	var message eventv1.SignalBatch
	require.NoError(w.t, proto.Unmarshal(raw.Data, &message))
	require.Len(w.t, message.GetSignals(), signals)
	return &message
}

func TestImportedPayloadsAreRepairedAndKeepTheirNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	path := "/api/v1/imports/" + c.post("/api/v1/products/"+tenant.ProductID.String()+"/imports", map[string]any{}).str("id") + "/signals"
	payloads := map[string]string{
		`{"n":12345678901234567890,"r":1.10}`:     `{"n":12345678901234567890,"r":1.10}`,
		`{"a\u0000b":"c\u0000d"}`:                 `{"a\ufffdb":"c\ufffdd"}`,
		`{"text":"\\u0000"}`:                      `{"text":"\\u0000"}`,
		`{"lone":"\ud800","pair":"\ud83d\ude00"}`: `{"lone":"\ufffd","pair":"\ud83d\ude00"}`,
		`{"huge":1e400000}`:                       `{}`,
		`{"text":"1e400000"}`:                     `{"text":"1e400000"}`,
	}
	var signals, want []any
	for payload, stored := range payloads {
		signals = append(signals, map[string]any{
			"id": uuid.New(), "type": "page\x00view", "session_id": "s\x00", "timestamp": time.Now().AddDate(0, -24, 1), "payload": json.RawMessage(payload),
		})
		want = append(want, stored)
	}
	r := c.post(path, map[string]any{"signals": signals})
	require.Equal(t, http.StatusOK, r.status, r.text)
	for i, s := range w.imported(len(signals)).GetSignals() {
		require.Equal(t, "page\uFFFDview", s.GetType())
		require.Equal(t, "s\uFFFD", s.GetSessionId())
		require.JSONEq(t, want[i].(string), string(s.GetPayload()))
	}
	require.Contains(t, w.imported(len(signals)).String(), "12345678901234567890", "to the digit")
}

func TestNumbersComeBackAsTheyWereStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	s := signalAt(time.Now().Add(-time.Minute), "purchase")
	s.Payload = map[string]any{"order": json.Number("12345678901234567890"), "price": json.Number("1.10")}
	w.block(tenant, s)
	text := c.get("/api/v1/products/" + tenant.ProductID.String() + "/signals").text
	require.Contains(t, text, `"order":12345678901234567890`)
	require.Contains(t, text, `"price":1.10`)
}

func TestAQueryThatNoTextCanHoldIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	path := "/api/v1/products/" + tenant.ProductID.String() + "/signals?"
	for _, query := range []string{"q=%00", "session_id=a%00b", "type=%ff", "cursor=%00", "%00=1", "q=%zz"} {
		r := c.get(path + query)
		require.Equal(t, http.StatusBadRequest, r.status, "%s: %s", query, r.text)
		require.Equal(t, "invalid_request", r.str("code"), query)
	}
	require.Equal(t, http.StatusOK, c.get(path+"q="+url.QueryEscape("grüße \uFFFD")).status)
	for name, query := range map[string]string{"limit": "limit=x", "from": "from=yesterday", "context_id": "context_id=1"} {
		r := c.get(path + query)
		require.Equal(t, http.StatusBadRequest, r.status, query)
		require.Equal(t, name+" does not have the right form.", r.str("detail"))
		require.Equal(t, "invalid_"+name, r.str("errors.0.code"))
	}
	require.Equal(t, "product_id does not have the right form.", c.get("/api/v1/products/1").str("detail"))
}

func TestAnOpenTailEndsWithItsCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	signedUp := func(name string) (ann *caller, product testkit.Tenant) {
		ann = w.signedUp(name + "@example.test")
		made := ann.post("/api/v1/products", map[string]any{"name": "Shop"})
		return ann, testkit.Tenant{
			AccountID: uuid.MustParse(ann.get("/api/v1/account").str("id")),
			ProductID: uuid.MustParse(made.str("product.id")), ContextID: uuid.MustParse(made.str("context.id")),
		}
	}
	for name, end := range map[string]func(ann *caller, tokenID string){
		"token revoked": func(ann *caller, tokenID string) {
			require.Equal(t, http.StatusNoContent, ann.delete("/api/v1/tokens/"+tokenID).status)
		},
		"signed out": func(ann *caller, _ string) {
			require.Equal(t, http.StatusNoContent, ann.post("/api/v1/auth/logout", nil).status)
		},
		"account closed": func(ann *caller, _ string) {
			email := ann.get("/api/v1/account").str("email")
			require.Equal(t, http.StatusAccepted, ann.post("/api/v1/account/deletion", map[string]any{"confirm_email": email}).status)
		},
	} {
		ann, tenant := signedUp(strings.ReplaceAll(name, " ", "-"))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/v1/products/"+tenant.ProductID.String()+"/signals/stream", nil)
		require.NoError(t, err)
		made := ann.post("/api/v1/tokens", map[string]any{"name": "tail", "scopes": []string{"signals:read"}})
		if name == "token revoked" {
			r.Header.Set("Authorization", "Bearer "+made.str("token"))
		}
		res, err := ann.http.Do(r)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, res.StatusCode, name)
		end(ann, made.str("access_token.id"))
		secret := signalAt(time.Now(), "after the end")
		w.block(tenant, secret)
		rest, err := io.ReadAll(res.Body) // ends only with the stream
		require.NoError(t, err, name)
		require.NoError(t, res.Body.Close())
		require.NotContains(t, string(rest), secret.ID.String(), name)
	}
}

func TestAQuietTailEndsWithItsCredentialToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/v1/products/"+tenant.ProductID.String()+"/signals/stream", nil)
	require.NoError(t, err)
	c := w.withToken(tenant.Token)
	r.Header.Set("Authorization", "Bearer "+tenant.Token)
	res, err := c.http.Do(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, c.delete("/api/v1/tokens/"+tenant.TokenID.String()).status)
	w.clock.Advance(10 * time.Second)
	_, err = io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
}

func TestABadBatchIsRefusedWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, other := w.tenant(), w.tenant()
	c := w.withToken(tenant.Token)
	path := "/api/v1/imports/" + c.post("/api/v1/products/"+tenant.ProductID.String()+"/imports", map[string]any{}).str("id") + "/signals"
	good := func() map[string]any {
		return map[string]any{"id": uuid.New(), "type": "page_view", "timestamp": time.Now().Add(-time.Hour)}
	}
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	for name, c2 := range map[string]struct {
		field string
		value any
		code  string
	}{
		"foreign context": {"context_id", other.ContextID, "unknown_context"},
		"future":          {"timestamp", time.Now().Add(time.Hour), "invalid_timestamp"},
		"too old":         {"timestamp", time.Now().AddDate(0, -24, -1), "invalid_timestamp"},
		"no type":         {"type", "", "missing_type"},
		"long type":       {"type", strings.Repeat("x", 101), "type_too_long"},
		"long session":    {"session_id", strings.Repeat("x", 65), "session_id_too_long"},
		"no id":           {"id", uuid.Nil, "missing_id"},
		"deep":            {"payload", json.RawMessage(deep), "invalid_payload"},
		"large":           {"payload", map[string]any{"x": strings.Repeat("x", 33<<10)}, "payload_too_large"},
	} {
		bad := good()
		bad[c2.field] = c2.value
		r := c.post(path, map[string]any{"signals": []any{good(), bad}})
		require.Equal(t, http.StatusBadRequest, r.status, name)
		require.Equal(t, c2.code, r.str("code"), name)
		require.True(t, strings.HasPrefix(r.str("errors.0.pointer"), "/signals/1/"), name)
	}
	late := good()
	late["timestamp"] = time.Now().Add(time.Hour)
	require.Equal(t, "Signal 0: timestamp lies in the future.", c.post(path, map[string]any{"signals": []any{late}}).str("detail"))
	require.Equal(t, http.StatusBadRequest, c.post(path, map[string]any{"signals": []any{}}).status)
	many := make([]any, 1001)
	for i := range many {
		many[i] = good()
	}
	require.Equal(t, "batch_too_large", c.post(path, map[string]any{"signals": many}).str("code"))
	stream, err := w.bus.JetStream().Stream(t.Context(), event.SignalBatch.Stream().Name)
	require.NoError(t, err)
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	require.Zero(t, info.State.Msgs, fmt.Sprint(info.State))
}
