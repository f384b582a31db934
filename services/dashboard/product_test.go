package dashboard_test

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/apikey"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
)

func TestANewProductIsReadyForItsFirstSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	made := ann.post("/api/v1/products", map[string]any{"name": " Shop ", "time_zone": "Europe/Berlin"})
	require.Equal(t, http.StatusCreated, made.status, made.text)
	require.Equal(t, "Shop", made.str("product.name"))
	require.Equal(t, true, made.at("context.is_default"))

	key := made.str("key.key")
	kv, err := w.bus.JetStream().KeyValue(t.Context(), "CATALOG")
	require.NoError(t, err)
	var entry catalogv1.Key
	require.Eventually(t, func() bool {
		e, err := kv.Get(t.Context(), "key."+hex.EncodeToString(apikey.Hash(key)))
		return err == nil && proto.Unmarshal(e.Value(), &entry) == nil
	}, 10*time.Second, 20*time.Millisecond)
	require.Equal(t, made.str("product.id"), entry.GetProductId())
	p, ok := w.catalogue(made.str("product.id"))
	require.True(t, ok)
	require.Equal(t, made.str("context.id"), p.GetDefaultContextId())

	list := ann.get("/api/v1/products")
	require.Len(t, list.list("items"), 1)
	require.Equal(t, key, ann.get("/api/v1/products/"+made.str("product.id")+"/keys").str("items.0.key"), "an ingest key may be shown again")

	require.Equal(t, http.StatusNoContent, ann.delete("/api/v1/products/"+made.str("product.id")+"/keys/"+made.str("key.id")).status)
	require.Eventually(t, func() bool {
		e, err := kv.Get(t.Context(), "key."+hex.EncodeToString(apikey.Hash(key)))
		return err == nil && proto.Unmarshal(e.Value(), &entry) == nil && entry.GetRevoked()
	}, 10*time.Second, 20*time.Millisecond)
	require.Empty(t, ann.get("/api/v1/products/"+made.str("product.id")+"/keys").at("items.0.key"))

	require.Equal(t, http.StatusNoContent, ann.delete("/api/v1/products/"+made.str("product.id")+"/keys/"+made.str("key.id")).status, "revoking again changes nothing")
	revocations := 0
	for _, item := range ann.get("/api/v1/account/audit-log?subject_id=" + made.str("key.id")).list("items") {
		if item.(map[string]any)["action"] == "key.revoked" {
			revocations++
		}
	}
	require.Equal(t, 1, revocations)
}

func TestProductsAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.withToken(w.tenant().Token)
	for pointer, body := range map[string]map[string]any{
		"/name":      {"name": "  "},
		"/time_zone": {"name": "x", "time_zone": "Mars/Olympus"},
	} {
		r := c.post("/api/v1/products", body)
		require.Equal(t, http.StatusBadRequest, r.status)
		require.Equal(t, pointer, r.str("errors.0.pointer"))
	}
	require.Equal(t, "invalid_json", c.post("/api/v1/products", []int{1}).str("code"))
	wrong := c.post("/api/v1/products", map[string]any{"name": 1})
	require.Equal(t, "invalid_json", wrong.str("code"))
	require.Equal(t, "/name", wrong.str("errors.0.pointer"))
	require.Equal(t, "name: a text is needed here.", wrong.str("errors.0.detail"))
}

func TestABodyMeansOneThing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.withToken(w.tenant().Token)
	for name, body := range map[string]string{
		"a name twice":          `{"name":"a","name":"b"}`,
		"a name twice, escaped": `{"name":"a","n\u0061me":"b"}`,
		"twice further down":    `{"name":"a","x":[{"y":1},{"y":1,"z":{},"y":2}]}`,
		"bad UTF-8":             "{\"name\":\"\xff\"}",
		"something after":       `{"name":"a"}{}`,
		"cut off":               `{"name":"a"`,
	} {
		r := c.send(http.MethodPost, "/api/v1/products", strings.NewReader(body))
		require.Equal(t, http.StatusBadRequest, r.status, "%s: %s", name, r.text)
		require.Equal(t, "invalid_json", r.str("code"), name)
	}
	fine := c.send(http.MethodPost, "/api/v1/products", strings.NewReader(`{"name":"a","x":[{"y":"y"},{"y":["y","y"]}],"y":{"name":"name"}}`))
	require.Equal(t, http.StatusCreated, fine.status, fine.text)
	require.Equal(t, "invalid_idempotency_key", c.with("Idempotency-Key", "\xff").post("/api/v1/products", map[string]any{"name": "a"}).str("code"))
}

func TestEditsNameTheVersionTheyWereMadeOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	path := "/api/v1/contexts/" + tenant.ContextID.String()
	read := c.get(path)
	require.Equal(t, `"v1"`, read.header.Get("ETag"))

	edit := map[string]any{"name": "Checkout", "positive_types": []string{"paid"}, "negative_types": []string{"declined"}}
	first := c.with("If-Match", `"v1"`).do(http.MethodPatch, path, edit)
	require.Equal(t, http.StatusOK, first.status, first.text)
	require.Equal(t, `"v2"`, first.header.Get("ETag"))
	stale := c.with("If-Match", `"v1"`).do(http.MethodPatch, path, edit)
	require.Equal(t, http.StatusPreconditionFailed, stale.status)
	require.Equal(t, "precondition_failed", stale.str("code"))
	require.Equal(t, http.StatusOK, c.do(http.MethodPatch, path, map[string]any{"description": "What it is."}).status, "without If-Match any version is edited")

	both := c.do(http.MethodPatch, path, map[string]any{"positive_types": []string{"declined"}})
	require.Equal(t, http.StatusBadRequest, both.status)
	made := c.post("/api/v1/products/"+tenant.ProductID.String()+"/contexts", map[string]any{"name": "Checkout"})
	require.Equal(t, http.StatusConflict, made.status, "names are unique in a product")

	product := "/api/v1/products/" + tenant.ProductID.String()
	require.Equal(t, http.StatusOK, c.with("If-Match", c.get(product).header.Get("ETag")).do(http.MethodPatch, product, map[string]any{"name": "New"}).status)
	require.Equal(t, http.StatusPreconditionFailed, c.with("If-Match", `"v1"`).do(http.MethodPatch, product, map[string]any{"name": "Newer"}).status)
}

func TestAContextIsKnownToTheGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	product := ann.post("/api/v1/products", map[string]any{"name": "Shop"}).str("product.id")
	made := ann.post("/api/v1/products/"+product+"/contexts", map[string]any{"name": "Checkout"})
	require.Equal(t, http.StatusCreated, made.status, made.text)
	require.Eventually(t, func() bool {
		p, ok := w.catalogue(product)
		return ok && len(p.GetContextIds()) == 2 && p.GetContextIds()[1] == made.str("id")
	}, 10*time.Second, 20*time.Millisecond)
	require.Len(t, ann.get("/api/v1/products/"+product+"/contexts").list("items"), 2)
}

func TestARepeatedRequestIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.withToken(w.tenant().Token).with("Idempotency-Key", "k-1")
	first := c.post("/api/v1/products", map[string]any{"name": "Shop"})
	second := c.post("/api/v1/products", map[string]any{"name": "Shop"})
	require.Equal(t, http.StatusCreated, second.status)
	require.JSONEq(t, first.text, second.text, "key included")
	other := c.post("/api/v1/products", map[string]any{"name": "Another"})
	require.Equal(t, http.StatusConflict, other.status)
	require.Equal(t, "idempotency_mismatch", other.str("code"))
	require.Len(t, c.get("/api/v1/products").list("items"), 2, "the tenant's own and one new")

	w.clock.Advance(25 * time.Hour)
	require.NotEqual(t, first.str("product.id"), c.post("/api/v1/products", map[string]any{"name": "Shop"}).str("product.id"), "kept for a day")
}

func TestTwoRequestsAtOnceWithOneKeyMakeOneProduct(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	ids := make(chan string, 8)
	for range cap(ids) {
		c := w.withToken(tenant.Token).with("Idempotency-Key", "race")
		go func() { ids <- c.post("/api/v1/products", map[string]any{"name": "Shop"}).str("product.id") }()
	}
	seen := map[string]bool{}
	for range cap(ids) {
		seen[<-ids] = true
	}
	require.Len(t, seen, 1)
}

func TestPagesAndUnchangedLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.withToken(w.tenant().Token)
	for i := range 5 {
		require.Equal(t, http.StatusCreated, c.post("/api/v1/products", map[string]any{"name": "P" + strconv.Itoa(i)}).status)
	}
	seen := map[string]bool{}
	path := "/api/v1/products?limit=2"
	for pages := 1; ; pages++ {
		r := c.get(path)
		for _, item := range r.list("items") {
			id := item.(map[string]any)["id"].(string)
			require.False(t, seen[id], "no row twice")
			seen[id] = true
		}
		next, ok := r.at("next_cursor").(string)
		if !ok {
			require.Equal(t, 3, pages)
			break
		}
		path = "/api/v1/products?limit=2&cursor=" + next
	}
	require.Len(t, seen, 6)

	list := c.get("/api/v1/products")
	require.NotEmpty(t, list.header.Get("ETag"))
	unchanged := c.with("If-None-Match", list.header.Get("ETag")).get("/api/v1/products")
	require.Equal(t, http.StatusNotModified, unchanged.status)
	require.Empty(t, unchanged.text)

	cursor := c.get("/api/v1/products?limit=1").str("next_cursor")
	require.Equal(t, "invalid_cursor", c.get("/api/v1/tokens?cursor="+cursor).str("code"), "a cursor belongs to its list")
	require.Equal(t, "invalid_cursor", c.get("/api/v1/products?cursor=zzz").str("code"))
	require.Equal(t, http.StatusBadRequest, c.get("/api/v1/products?limit=101").status)
}

func TestWebhookAddressesAreCheckedWhenSaved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	for _, url := range []string{"http://169.254.169.254/latest", "https://10.0.0.1/", "ftp://example.com/", "https://user@127.0.0.1/", "nonsense"} {
		r := c.post("/api/v1/webhook-endpoints", map[string]any{"url": url})
		require.Equal(t, http.StatusBadRequest, r.status, url)
		require.Equal(t, "url_refused", r.str("code"), url)
	}
	made := c.post("/api/v1/webhook-endpoints", map[string]any{"url": "http://127.0.0.1:8080/hook", "events": []string{"proposal.created"}})
	require.Equal(t, http.StatusCreated, made.status, made.text)
	require.Regexp(t, `^whsec_[A-Za-z0-9+/]{43}=$`, made.str("secret"))
	path := "/api/v1/webhook-endpoints/" + made.str("endpoint.id")
	read := c.get(path)
	require.NotContains(t, read.text, made.str("secret"))

	require.Equal(t, http.StatusBadRequest, c.do(http.MethodPatch, path, map[string]any{"url": "https://10.0.0.1/"}).status)
	require.Equal(t, http.StatusBadRequest, c.do(http.MethodPatch, path, map[string]any{"events": []string{"no.such"}}).status)
	paused := c.with("If-Match", read.header.Get("ETag")).do(http.MethodPatch, path, map[string]any{"enabled": false})
	require.Equal(t, false, paused.at("enabled"), paused.text)
	untold := c.post(path+"/test", nil)
	require.Equal(t, http.StatusConflict, untold.status, untold.text)
	require.Contains(t, untold.str("detail"), "Enable it")
	require.Equal(t, http.StatusOK, c.do(http.MethodPatch, path, map[string]any{"enabled": true}).status)
	require.Equal(t, http.StatusAccepted, c.post(path+"/test", nil).status)

	w.insert("specter_notifier", tenant.AccountID, `INSERT INTO endpoint_states (account_id, endpoint_id, disabled_at, disabled_reason) VALUES ($1, $2, $3, 'Gone.')`,
		tenant.AccountID, made.str("endpoint.id"), w.clock.Now().Add(time.Second))
	require.Equal(t, http.StatusConflict, c.post(path+"/test", nil).status, "the notifier gave up")
	w.clock.Advance(2 * time.Second)
	require.Equal(t, http.StatusOK, c.do(http.MethodPatch, path, map[string]any{"enabled": true}).status)
	require.Equal(t, http.StatusAccepted, c.post(path+"/test", nil).status, "saving it begins anew")
	require.Empty(t, c.get(path+"/deliveries").list("items"))
	require.Equal(t, http.StatusNoContent, c.delete(path).status)
	require.Equal(t, http.StatusNotFound, c.get(path).status)
	require.Equal(t, http.StatusNotFound, c.delete(path).status)
}

func TestEverythingElseIsTheWebApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.anonymous()
	require.Contains(t, c.get("/").header.Get("Content-Security-Policy"), "default-src 'self'")
	missing := c.get("/api/v1/nothing")
	require.Equal(t, http.StatusNotFound, missing.status)
	require.Equal(t, "not_found", missing.str("code"))
}
