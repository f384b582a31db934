package dashboard_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard"
)

// shop is a person with a product, and where its keys are.
func (w *world) shop(email string) (person *caller, keys string, made response) {
	w.t.Helper()
	person = w.signedUp(email)
	made = person.post("/api/v1/products", map[string]any{"name": "Shop"})
	require.Equal(w.t, http.StatusCreated, made.status, made.text)
	return person, "/api/v1/products/" + made.str("product.id") + "/keys", made
}

func hashOf(key string) [32]byte { return apikey.Sum(key) }

// actionsOn are what the audit log has of something, newest first.
func (c *caller) actionsOn(subject string) []string {
	c.w.t.Helper()
	var out []string
	for _, item := range c.get("/api/v1/account/audit-log?subject_id=" + subject).list("items") {
		out = append(out, item.(map[string]any)["action"].(string))
	}
	return out
}

func TestAnEditedKeyIsKnownToTheGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gateway := w.watcher()
	ann, keys, made := w.shop("ann@example.test")
	id, hash := made.str("key.id"), hashOf(made.str("key.key"))
	require.Equal(t, "active", made.str("key.status"))
	require.Equal(t, false, made.at("key.allow_without_origin"))

	end := w.clock.Now().Add(48 * time.Hour).UTC().Truncate(time.Second)
	r := ann.do(http.MethodPatch, keys+"/"+id, map[string]any{
		"name": " Storefront ", "allowed_origins": []string{"HTTPS://Shop.Example/", "https://*.shop.example", "https://shop.example"}, "expires_at": end,
	})
	require.Equal(t, http.StatusOK, r.status, r.text)
	require.Equal(t, "Storefront", r.str("name"))
	require.Equal(t, []any{"https://shop.example", "https://*.shop.example"}, r.list("allowed_origins"), "put right, and once")
	require.Equal(t, `"v2"`, r.header.Get("ETag"))
	testkit.Eventually(t, func() bool {
		g, ok := gateway.Resolve(hash)
		return ok && g.ExpiresAt.Equal(end) && g.NeedsOrigin && g.Origins.Allows("https://eu.shop.example") && !g.Origins.Allows("https://evil.example")
	}, "the gateway knows")
	require.Equal(t, http.StatusPreconditionFailed, ann.with("If-Match", `"v1"`).do(http.MethodPatch, keys+"/"+id, map[string]any{"name": "x"}).status)

	r = ann.do(http.MethodPatch, keys+"/"+id, map[string]any{"allow_without_origin": true, "never_expires": true})
	require.Equal(t, http.StatusOK, r.status, r.text)
	require.Nil(t, r.at("expires_at"))
	require.Equal(t, "Storefront", r.str("name"), "what is absent stays")
	testkit.Eventually(t, func() bool { g, ok := gateway.Resolve(hash); return ok && g.ExpiresAt.IsZero() && !g.NeedsOrigin }, "that too")
	require.Equal(t, []string{"key.updated", "key.updated", "key.created"}, ann.actionsOn(id))

	for name, body := range map[string]map[string]any{
		"no name":             {"name": " "},
		"a path":              {"allowed_origins": []string{"https://shop.example/checkout"}},
		"all of com":          {"allowed_origins": []string{"https://*.com"}},
		"all of co.uk":        {"allowed_origins": []string{"https://*.co.uk"}},
		"all of a host":       {"allowed_origins": []string{"https://*.github.io"}},
		"null":                {"allowed_origins": []string{"null"}},
		"the past":            {"expires_at": w.clock.Now().Add(-time.Second)},
		"an end and none":     {"expires_at": end, "never_expires": true},
		"too many origins":    {"allowed_origins": slicesOf("https://a%d.example", 51)},
		"an origin too long":  {"allowed_origins": []string{"https://" + strings.Repeat("a.", 150) + "example"}},
		"a name with newline": {"name": "a\nb"},
	} {
		require.Equal(t, http.StatusBadRequest, ann.do(http.MethodPatch, keys+"/"+id, body).status, name)
	}
	require.Equal(t, http.StatusOK, ann.do(http.MethodPatch, keys+"/"+id, map[string]any{"allowed_origins": []string{"http://*.localhost:3000", "https://*.intranet"}}).status)

	require.Equal(t, http.StatusNoContent, ann.delete(keys+"/"+id).status)
	gone := ann.do(http.MethodPatch, keys+"/"+id, map[string]any{"name": "x"})
	require.Equal(t, http.StatusConflict, gone.status, "an ended key is as it was")
}

func slicesOf(format string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(format, i)
	}
	return out
}

func TestARolledKeyAndItsSuccessorWorkSideBySide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gateway := w.watcher()
	ann, keys, made := w.shop("ann@example.test")
	id := made.str("key.id")
	ann.do(http.MethodPatch, keys+"/"+id, map[string]any{"name": "Storefront", "allowed_origins": []string{"https://shop.example"}})

	asked := map[string]any{"grace": "24h"}
	r := ann.with("Idempotency-Key", "roll-1").post(keys+"/"+id+"/roll", asked)
	require.Equal(t, http.StatusCreated, r.status, r.text)
	require.JSONEq(t, r.text, ann.with("Idempotency-Key", "roll-1").post(keys+"/"+id+"/roll", asked).text, "asked again, answered again")
	require.Equal(t, "Storefront", r.str("key.name"))
	require.Equal(t, []any{"https://shop.example"}, r.list("key.allowed_origins"))
	require.Equal(t, "active", r.str("key.status"))
	require.Equal(t, "retiring", r.str("previous.status"))
	require.Equal(t, r.str("key.id"), r.str("previous.replaced_by"))
	require.Equal(t, made.str("key.key"), r.str("previous.key"), "it still stands in pages")
	require.NotEqual(t, made.str("key.key"), r.str("key.key"))
	testkit.Eventually(t, func() bool {
		old, okOld := gateway.Resolve(hashOf(made.str("key.key")))
		next, okNext := gateway.Resolve(hashOf(r.str("key.key")))
		return okOld && okNext && !old.Revoked && !old.Expired(w.clock.Now()) && old.Expired(w.clock.Now().Add(24*time.Hour+time.Minute)) && next.ExpiresAt.IsZero()
	}, "the gateway knows both")

	next := r.str("key.id")
	require.Equal(t, http.StatusConflict, ann.post(keys+"/"+id+"/roll", map[string]any{"grace": "now"}).status, "a key is rolled once")
	require.Equal(t, http.StatusConflict, ann.post(keys+"/"+next+"/roll", map[string]any{"grace": "1h"}).status, "two at most")
	require.Equal(t, http.StatusBadRequest, ann.do(http.MethodPatch, keys+"/"+id, map[string]any{"never_expires": true}).status)
	require.Equal(t, http.StatusOK, ann.do(http.MethodPatch, keys+"/"+id, map[string]any{"expires_at": w.clock.Now().Add(6 * 24 * time.Hour)}).status, "more time")
	require.Equal(t, http.StatusBadRequest, ann.post(keys+"/"+next+"/roll", map[string]any{"grace": "1y"}).status)

	third := ann.post(keys+"/"+next+"/roll", map[string]any{"grace": "now"})
	require.Equal(t, http.StatusCreated, third.status, third.text)
	require.Equal(t, "revoked", third.str("previous.status"))
	require.Empty(t, third.at("previous.key"))
	testkit.Eventually(t, func() bool { g, ok := gateway.Resolve(hashOf(r.str("key.key"))); return ok && g.Revoked }, "now is now")
	require.Equal(t, http.StatusConflict, ann.post(keys+"/"+third.str("key.id")+"/roll", map[string]any{"grace": "1h"}).status, "the first still works")
	w.clock.Advance(6*24*time.Hour + time.Minute)
	require.Equal(t, "expired", statusOf(ann.get(keys), id))
	require.Equal(t, http.StatusCreated, ann.post(keys+"/"+third.str("key.id")+"/roll", map[string]any{"grace": "1h"}).status)
	require.Equal(t, []string{"key.updated", "key.rolled", "key.updated", "key.created"}, ann.actionsOn(id))
	require.NotContains(t, ann.get("/api/v1/account/audit-log").text, made.str("key.key"))
}

// statusOf finds something in a list by its id.
func statusOf(list response, id string) string {
	list.t.Helper()
	for _, item := range list.list("items") {
		if one := item.(map[string]any); one["id"] == id {
			return one["status"].(string)
		}
	}
	list.t.Fatalf("%s is not in %s", id, list.text)
	return ""
}

// Eight at once roll one key: one does, and nobody makes a third that works.
func TestAKeyIsRolledOnceHoweverManyTry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, keys, made := w.shop("ann@example.test")
	token := ann.post("/api/v1/tokens", map[string]any{"name": "CI", "scopes": []string{"products:write"}}).str("token")
	codes := make(chan int, 8)
	for range cap(codes) {
		c := w.withToken(token)
		go func() { codes <- c.post(keys+"/"+made.str("key.id")+"/roll", map[string]any{"grace": "7d"}).status }()
	}
	created := 0
	for range cap(codes) {
		if status := <-codes; status == http.StatusCreated {
			created++
		} else {
			require.Equal(t, http.StatusConflict, status)
		}
	}
	require.Equal(t, 1, created)
}

func TestKeysOfAProductAreCountedByChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, keys, made := w.shop("ann@example.test")
	soon := w.clock.Now().Add(time.Hour)
	for i := range 19 {
		require.Equal(t, http.StatusCreated, ann.post(keys, map[string]any{"name": fmt.Sprint("Key ", i), "expires_at": soon}).status)
	}
	full := ann.post(keys, map[string]any{"name": "One too many"})
	require.Equal(t, http.StatusConflict, full.status)
	require.Equal(t, "limit_reached", full.str("code"))
	require.Equal(t, http.StatusCreated, ann.post(keys+"/"+made.str("key.id")+"/roll", map[string]any{"grace": "1h"}).status, "a leaked key can be rolled all the same")
	w.clock.Advance(time.Hour)
	require.Equal(t, http.StatusCreated, ann.post(keys, map[string]any{"name": "Room"}).status, "what has expired takes none")
}

func TestLastUseIsWhatGatewaysTell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, keys, made := w.shop("ann@example.test")
	other, otherKeys, otherMade := w.shop("bob@example.test")
	account := uuid.MustParse(ann.get("/api/v1/account").str("id"))
	id := uuid.MustParse(made.str("key.id"))
	require.Nil(t, made.at("key.last_used_at"))
	at := w.clock.Now().UTC().Truncate(time.Minute)
	tell := func(uses ...*eventv1.KeyUse) {
		t.Helper()
		_, err := bus.Publish(context.Background(), w.bus, event.KeysUsed, bus.Message[*eventv1.KeysUsed]{ID: uuid.New(), Time: at, Body: &eventv1.KeysUsed{Uses: uses}})
		require.NoError(t, err)
	}
	foreign := uuid.MustParse(otherMade.str("key.id"))
	tell(
		&eventv1.KeyUse{AccountId: account[:], KeyId: foreign[:], At: timestamppb.New(at)}, // not this account's
		&eventv1.KeyUse{AccountId: account[:], KeyId: id[:], At: timestamppb.New(at.Add(-time.Hour))},
	)
	tell(&eventv1.KeyUse{AccountId: account[:], KeyId: id[:], At: timestamppb.New(at.Add(-2 * time.Hour))}) // late
	lost := uuid.New()
	tell(&eventv1.KeyUse{AccountId: lost[:], KeyId: lost[:], At: timestamppb.New(at)}) // an account that is gone
	lastUse := func() any { return ann.get(keys).at("items.0.last_used_at") }
	testkit.Eventually(t, func() bool { return lastUse() == at.Add(-time.Hour).Format(time.RFC3339) }, "the use is told")
	tell(&eventv1.KeyUse{AccountId: account[:], KeyId: id[:], At: timestamppb.New(at.Add(-20 * time.Minute))})
	testkit.Eventually(t, func() bool { return lastUse() == at.Add(-20*time.Minute).Format(time.RFC3339) }, "a newer one")
	tell(&eventv1.KeyUse{AccountId: account[:], KeyId: id[:], At: timestamppb.New(at.AddDate(1, 0, 0))})
	testkit.Eventually(t, func() bool { return lastUse() != at.Add(-20*time.Minute).Format(time.RFC3339) }, "one of a clock that is ahead")
	parsed, err := time.Parse(time.RFC3339, lastUse().(string))
	require.NoError(t, err)
	require.False(t, parsed.After(w.clock.Now()), "is no later than now")
	require.Nil(t, other.get(otherKeys).at("items.0.last_used_at"))
	require.Equal(t, 1, int(made.at("key.version").(float64)))
	require.Equal(t, 1, int(ann.get(keys).at("items.0.version").(float64)), "to be used is no edit")
}

// A rebuilt catalogue has what the gateway enforces.
func TestARebuiltCatalogueKeepsEndsAndOrigins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, keys, made := w.shop("ann@example.test")
	r := ann.post(keys, map[string]any{"name": "Narrow", "allowed_origins": []string{"https://*.shop.example"}, "expires_at": w.clock.Now().Add(time.Hour)})
	require.Equal(t, http.StatusCreated, r.status, r.text)
	require.Equal(t, http.StatusCreated, ann.post(keys+"/"+made.str("key.id")+"/roll", map[string]any{"grace": "1h"}).status)
	pool := w.db.Pool(t, "specter_dashboard")
	testkit.Eventually(t, func() bool { return len(w.entries()) == 5 && w.drained(pool) }, "the outbox is empty")
	before := w.entries()
	require.Contains(t, before, catalog.KeyName(apikey.Hash(r.str("key"))))
	w.wipe()
	_, err := dashboard.RebuildCatalog(t.Context(), pool, w.bus, zap.NewNop())
	require.NoError(t, err)
	require.Equal(t, before, w.entries())
}

func TestARolledTokenAndItsSuccessorWorkSideBySide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	made := ann.post("/api/v1/tokens", map[string]any{"name": "CI", "scopes": []string{"products:read", "account:read"}, "expires_at": w.clock.Now().Add(90 * 24 * time.Hour)})
	require.Equal(t, http.StatusCreated, made.status, made.text)
	id, old := made.str("access_token.id"), w.withToken(made.str("token"))

	r := ann.post("/api/v1/tokens/"+id+"/roll", map[string]any{"grace": "1h"})
	require.Equal(t, http.StatusCreated, r.status, r.text)
	next := w.withToken(r.str("token"))
	require.Equal(t, "CI", r.str("access_token.name"))
	require.Equal(t, made.list("access_token.scopes"), r.list("access_token.scopes"))
	end, err := time.Parse(time.RFC3339, r.str("access_token.expires_at"))
	require.NoError(t, err)
	require.WithinDuration(t, w.clock.Now().Add(90*24*time.Hour), end, time.Minute, "it lives as long as the old one was made for")
	require.Equal(t, "retiring", r.str("previous.status"))
	require.Equal(t, http.StatusOK, old.get("/api/v1/products").status)
	require.Equal(t, http.StatusOK, next.get("/api/v1/products").status)
	require.NotContains(t, ann.get("/api/v1/tokens").text, r.str("token"), "shown once")

	w.clock.Advance(time.Hour)
	refused := old.get("/api/v1/products")
	require.Equal(t, http.StatusUnauthorized, refused.status)
	require.Equal(t, "key_expired", refused.str("code"))
	require.NotContains(t, refused.text, made.str("token"))
	require.Equal(t, http.StatusOK, next.get("/api/v1/products").status)
	require.Equal(t, "expired", statusOf(ann.get("/api/v1/tokens"), id))
	require.Equal(t, http.StatusConflict, ann.post("/api/v1/tokens/"+id+"/roll", map[string]any{"grace": "1h"}).status)

	require.Equal(t, http.StatusNoContent, ann.delete("/api/v1/tokens/"+r.str("access_token.id")).status)
	require.Equal(t, http.StatusNoContent, ann.delete("/api/v1/tokens/"+r.str("access_token.id")).status)
	require.Equal(t, "key_revoked", next.get("/api/v1/products").str("code"))
	require.Equal(t, []string{"token.revoked", "token.created"}, ann.actionsOn(r.str("access_token.id")), "revoking again writes nothing")
	require.Equal(t, []string{"token.rolled", "token.created"}, ann.actionsOn(id))
}

func TestNoTokenRollsAStrongerOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	strong := ann.post("/api/v1/tokens", map[string]any{"name": "strong", "scopes": []string{"account:admin", "proposals:decide"}})
	weak := w.withToken(ann.post("/api/v1/tokens", map[string]any{"name": "weak", "scopes": []string{"account:admin"}}).str("token"))
	r := weak.post("/api/v1/tokens/"+strong.str("access_token.id")+"/roll", map[string]any{"grace": "7d"})
	require.Equal(t, http.StatusForbidden, r.status)
	require.Equal(t, "key_scope", r.str("code"))
	self := w.withToken(strong.str("token"))
	require.Equal(t, http.StatusCreated, self.post("/api/v1/tokens/"+strong.str("access_token.id")+"/roll", map[string]any{"grace": "now"}).status, "one may roll itself")
	require.Equal(t, "key_revoked", self.get("/api/v1/tokens").str("code"))
}

func TestNoTokenOutlivesTheOneThatMadeIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	end := w.clock.Now().Add(time.Hour).UTC().Truncate(time.Second)
	stamp := func(at time.Time) string { return at.Format(time.RFC3339) }
	made := ann.post("/api/v1/tokens", map[string]any{"name": "brief", "scopes": []string{"account:admin"}, "expires_at": stamp(end)})
	require.Equal(t, http.StatusCreated, made.status, made.text)
	brief, id := w.withToken(made.str("token")), made.str("access_token.id")
	lasting := ann.post("/api/v1/tokens", map[string]any{"name": "lasting", "scopes": []string{"account:admin"}})
	long := ann.post("/api/v1/tokens", map[string]any{"name": "long", "scopes": []string{"account:admin"}, "expires_at": stamp(end.Add(24 * time.Hour))})
	require.Equal(t, http.StatusCreated, long.status, long.text)
	roll := func(id string) string { return "/api/v1/tokens/" + id + "/roll" }

	for path, body := range map[string]map[string]any{
		"/api/v1/tokens":                     {"name": "later", "scopes": []string{"account:admin"}},
		roll(id):                             {"grace": "1h"},
		roll(lasting.str("access_token.id")): {"grace": "now"},
	} {
		body["expires_at"] = stamp(end.Add(time.Second))
		r := brief.post(path, body)
		require.Equal(t, http.StatusBadRequest, r.status, "%s: %s", path, r.text)
		require.Equal(t, "/expires_at", r.str("errors.0.pointer"), path)
		require.Equal(t, "too_late", r.str("errors.0.code"), path)
	}

	expiry := func(r response) string {
		require.Equal(t, http.StatusCreated, r.status, r.text)
		return r.str("access_token.expires_at")
	}
	create := func(c *caller, expiresAt any) response {
		return c.post("/api/v1/tokens", map[string]any{"name": "made", "scopes": []string{"account:admin"}, "expires_at": expiresAt})
	}
	require.Equal(t, stamp(end), expiry(create(brief, nil)), "no end was asked for: it gets its maker's")
	require.Equal(t, stamp(end), expiry(create(brief, stamp(end))))
	require.Equal(t, stamp(end.Add(-time.Minute)), expiry(create(brief, stamp(end.Add(-time.Minute)))))
	require.Equal(t, stamp(end), expiry(brief.post(roll(lasting.str("access_token.id")), map[string]any{"grace": "now"})))
	require.Equal(t, stamp(end), expiry(brief.post(roll(long.str("access_token.id")), map[string]any{"grace": "now"})))
	w.clock.Advance(10 * time.Minute)
	itself := brief.post(roll(id), map[string]any{"grace": "now"})
	require.Equal(t, stamp(end), expiry(itself), "nor does it live on by rolling itself")

	again := create(ann, nil)
	require.Equal(t, http.StatusCreated, again.status, again.text)
	require.Nil(t, again.at("access_token.expires_at"), "a person may")
	more := create(w.withToken(again.str("token")), nil)
	require.Equal(t, http.StatusCreated, more.status, more.text)
	require.Nil(t, more.at("access_token.expires_at"), "and so may a token that never ends")
}

func TestARevokedTokenTakesAlongWhatItMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	makes := func(c *caller) (id string, token *caller) {
		r := c.post("/api/v1/tokens", map[string]any{"name": "made", "scopes": []string{"account:admin", "account:read"}})
		require.Equal(t, http.StatusCreated, r.status, r.text)
		return r.str("access_token.id"), w.withToken(r.str("token"))
	}
	rolls := func(c *caller, id string) (string, *caller) {
		r := c.post("/api/v1/tokens/"+id+"/roll", map[string]any{"grace": "1h"})
		require.Equal(t, http.StatusCreated, r.status, r.text)
		return r.str("access_token.id"), w.withToken(r.str("token"))
	}
	works := func(c *caller) bool { return c.get("/api/v1/tokens").status == http.StatusOK }
	revokes := func(c *caller, id string) {
		require.Equal(t, http.StatusNoContent, c.delete("/api/v1/tokens/"+id).status)
	}

	stolen, thief := makes(ann)
	_, mine := makes(ann)
	childID, child := makes(thief)
	grandchildID, grandchild := makes(child)
	itself, next := rolls(thief, stolen)
	revokes(ann, stolen)
	for name, c := range map[string]*caller{"the token": thief, "what it made": child, "what that made": grandchild, "what it rolled itself to": next} {
		require.Equal(t, "key_revoked", c.get("/api/v1/tokens").str("code"), name)
	}
	require.True(t, works(mine), "others go on")
	for _, id := range []string{childID, grandchildID, itself} {
		require.Equal(t, "token.revoked", ann.actionsOn(id)[0])
	}
	revokes(ann, stolen)
	require.Equal(t, "token.revoked", ann.actionsOn(childID)[0])
	require.Equal(t, "token.created", ann.actionsOn(childID)[1], "revoking again writes nothing")

	// So does one that is replaced at once, as a leaked one is; unless a program replaces its own.
	rollsNow := func(c *caller, id string) {
		require.Equal(t, http.StatusCreated, c.post("/api/v1/tokens/"+id+"/roll", map[string]any{"grace": "now"}).status)
	}
	leaked, finder := makes(ann)
	_, found := makes(finder)
	rollsNow(ann, leaked)
	require.False(t, works(finder))
	require.False(t, works(found))
	own, program := makes(ann)
	_, made := makes(program)
	rollsNow(program, own)
	require.True(t, works(made))

	// A program that renews its own token, and then ends the old one, goes on.
	oldID, old := makes(ann)
	freshID, fresh := rolls(old, oldID)
	_, later := makes(fresh)
	revokes(fresh, oldID)
	require.False(t, works(old))
	require.True(t, works(fresh))
	require.True(t, works(later))
	revokes(fresh, freshID)
	require.False(t, works(fresh), "a token may end itself")
	require.False(t, works(later))

	// What a person makes is nobody's.
	rolledID, _ := makes(ann)
	_, successor := rolls(ann, rolledID)
	revokes(ann, rolledID)
	require.True(t, works(successor))
}

// TestWhatARevokedTokenIsStillAskingForIsNotMade: the request came in while the token was good, and waited.
func TestWhatARevokedTokenIsStillAskingForIsNotMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	made := ann.post("/api/v1/tokens", map[string]any{"name": "stolen", "scopes": []string{"account:admin"}})
	other := ann.post("/api/v1/tokens", map[string]any{"name": "other", "scopes": []string{"account:admin"}}).str("access_token.id")
	id, thief := made.str("access_token.id"), w.withToken(made.str("token"))
	db := w.db.Owner(t)
	for path, body := range map[string]map[string]any{
		"/api/v1/tokens":                    {"name": "made", "scopes": []string{"account:admin"}},
		"/api/v1/tokens/" + other + "/roll": {"grace": "7d"},
	} {
		tx, err := db.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), `SELECT FROM accounts FOR UPDATE`)
		require.NoError(t, err)
		answers := make(chan response, 1)
		go func() { answers <- thief.post(path, body) }()
		testkit.Eventually(t, func() bool {
			var waiting int
			require.NoError(t, db.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting))
			return waiting == 1
		}, "the request waits for its turn")
		_, err = tx.Exec(t.Context(), `UPDATE access_tokens SET revoked_at = now() WHERE id = $1`, id)
		require.NoError(t, err)
		require.NoError(t, tx.Commit(t.Context()))
		r := <-answers
		require.Equal(t, http.StatusUnauthorized, r.status, "%s: %s", path, r.text)
		require.Equal(t, "key_revoked", r.str("code"))
		_, err = db.Exec(t.Context(), `UPDATE access_tokens SET revoked_at = NULL WHERE id = $1`, id)
		require.NoError(t, err)
	}
}
