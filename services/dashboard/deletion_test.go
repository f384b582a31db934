package dashboard_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/dashboard"
)

// knows makes the auth server know a person who has no account (any more).
func (g *goTrue) knows(email string) uuid.UUID {
	id := uuid.New()
	g.set(func() { g.users[email] = id })
	return id
}

func (g *goTrue) has(email string) (known bool) {
	g.set(func() { _, known = g.users[email] })
	return known
}

func (g *goTrue) asked() (n int) {
	g.set(func() { n = len(g.deletes) })
	return n
}

// purged is what retention says when a purge has begun.
func (w *world) purged(owner string, at time.Time) {
	w.t.Helper()
	_, err := bus.Publish(w.t.Context(), w.bus, event.AccountPurgeBegun, bus.Message[*eventv1.AccountPurgeBegun]{
		ID: uuid.New(), AccountID: uuid.New(), Time: at, Body: &eventv1.AccountPurgeBegun{DeletionId: uuid.NewString(), OwnerUserId: owner},
	})
	require.NoError(w.t, err)
}

// answers are what the parties said, in order.
func (w *world) answers() (all []string) {
	w.t.Helper()
	_, err := bus.Scan(w.t.Context(), w.bus, event.AccountForgotten, bus.Look{MaxBytes: 1 << 20}, func(d bus.Delivery[*eventv1.AccountForgotten]) bool {
		all = append(all, d.Body.GetParty()+" "+d.Body.GetOutcome())
		return false
	})
	require.NoError(w.t, err)
	return all
}

// awaitDone waits until every deletion that was published has its final verdict.
func (w *world) awaitDone() {
	w.t.Helper()
	stream, err := w.bus.JetStream().Stream(w.t.Context(), event.AccountPurgeBegun.Stream().Name)
	require.NoError(w.t, err)
	info, err := stream.Info(w.t.Context(), jetstream.WithSubjectFilter(event.AccountPurgeBegun.Filter()))
	require.NoError(w.t, err)
	var told uint64
	for _, n := range info.State.Subjects {
		told += n
	}
	testkit.Eventually(w.t, func() bool {
		c, err := stream.Consumer(w.t.Context(), bus.DurableName(event.AccountPurgeBegun, "dashboard"))
		if err != nil {
			return false
		}
		// Nothing pending is also what the broker says before it has looked at a new message.
		i := c.CachedInfo()
		return i.Delivered.Consumer >= told && i.NumPending == 0 && i.NumAckPending == 0
	}, "every deletion has its verdict")
}

func (w *world) deadLetters() int {
	w.t.Helper()
	letters, err := w.bus.DeadLetters(w.t.Context(), 0, 10)
	require.NoError(w.t, err)
	return len(letters)
}

func TestTheAuthServerForgetsWhoseAccountIsGone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*dashboard.Config){
		"with a key made from the secret": func(*dashboard.Config) {},
		"with the operator's key":         func(c *dashboard.Config) { c.ServiceKey = aServiceKey },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, change)
			w.signedUp("bob@example.test")
			ann := w.auth.knows("ann@example.test")
			w.purged(ann.String(), w.clock.Now())
			w.purged(ann.String(), w.clock.Now()) // told twice: the second finds nobody, which is fine
			w.awaitDone()
			require.False(t, w.auth.has("ann@example.test"))
			require.True(t, w.auth.has("bob@example.test"))
			require.Equal(t, 2, w.auth.asked())
			require.Zero(t, w.deadLetters())
			testkit.Eventually(t, func() bool { return len(w.answers()) == 4 }, "retention is told")
			require.ElementsMatch(t, []string{"billing none", "auth deleted", "billing none", "auth deleted"}, w.answers())

			w.signedUp("ann@example.test")
		})
	}
}

func TestAHostedProjectsGatewayGetsTheKeyItKnows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *dashboard.Config) { c.AnonKey, c.ServiceKey = "anon", aServiceKey })
	w.purged(w.auth.knows("ann@example.test").String(), w.clock.Now())
	w.awaitDone()
	require.Equal(t, 1, w.auth.asked())
	require.Equal(t, aServiceKey, w.auth.deletes[0].Get("Apikey"))
	require.Equal(t, "Bearer "+aServiceKey, w.auth.deletes[0].Get("Authorization"))
}

func TestAnOutageOfTheAuthServerOnlyDelaysForgetting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.auth.set(func() { w.auth.down = true })
	w.purged(w.auth.knows("ann@example.test").String(), w.clock.Now())
	testkit.Eventually(t, func() bool { return w.auth.asked() > 1 }, "it is tried again")
	require.True(t, w.auth.has("ann@example.test"))
	w.auth.set(func() { w.auth.down = false })
	testkit.Eventually(t, func() bool { return !w.auth.has("ann@example.test") }, "forgotten in the end")
	require.Zero(t, w.deadLetters())
}

func TestWithoutAKeyForgettingWaitsForOne(t *testing.T) {
	t.Parallel()
	w := newStage(t)
	keyless := w.config()
	keyless.JWTSecret, keyless.JWKSURL = "", w.auth.URL+"/jwks"
	core, logged := observer.New(zapcore.WarnLevel)
	stop := w.start(keyless, zap.New(core))
	require.Equal(t, 1, logged.FilterMessageSnippet("SPECTER_SUPABASE_SERVICE_KEY").Len(), "said once, at the start")

	w.purged(w.auth.knows("ann@example.test").String(), w.clock.Now())
	testkit.Eventually(t, func() bool {
		c, err := w.bus.JetStream().Consumer(t.Context(), event.AccountPurgeBegun.Stream().Name, bus.DurableName(event.AccountPurgeBegun, "dashboard"))
		return err == nil && c.CachedInfo().NumRedelivered > 0
	}, "it is tried again")
	require.Zero(t, w.deadLetters())
	require.Zero(t, w.auth.asked())
	stop()

	w.start(w.config(), zap.NewNop())
	testkit.Eventually(t, func() bool { return !w.auth.has("ann@example.test") }, "forgotten once there is a key")
}

func TestAnOldQuestionIsLetGoForANewerOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.auth.set(func() { w.auth.down = true })
	w.purged(w.auth.knows("ann@example.test").String(), w.clock.Now().Add(-time.Hour))
	w.purged("nobody", w.clock.Now())
	w.awaitDone()
	require.Equal(t, 1, w.deadLetters(), "what says nothing is put aside")
	testkit.Eventually(t, func() bool { return len(w.answers()) == 1 }, "whoever could answer did")
	require.Equal(t, []string{"billing none"}, w.answers())
}

func TestWhoCameBackKeepsTheirPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	var id uuid.UUID
	w.auth.set(func() { id = w.auth.users["ann@example.test"] })
	w.purged(id.String(), w.clock.Now()) // of the account she had before
	w.awaitDone()
	require.True(t, w.auth.has("ann@example.test"))
	require.Zero(t, w.auth.asked())
	testkit.Eventually(t, func() bool { return slices.Contains(w.answers(), "auth kept") }, "and the certificate will say so")
	require.Equal(t, http.StatusOK, ann.get("/api/v1/account").status)
}

func TestAPromisedGracePeriodOutlivesAShorterSetting(t *testing.T) {
	t.Parallel()
	w := newStage(t)
	stop := w.start(w.config(), zap.NewNop())
	ann := w.signedUp("ann@example.test")
	id, err := uuid.Parse(ann.get("/api/v1/account").str("id"))
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, ann.post("/api/v1/account/deletion", map[string]any{"confirm_email": "ann@example.test"}).status)
	now := w.clock.Now()
	w.insert("specter_retention", id, `INSERT INTO deletions (id, account_id, requested_at, purge_at) SELECT deletion_id, id, $2, $3 FROM accounts WHERE id = $1`,
		id, now, now.Add(time.Hour))
	stop()

	shorter := w.config()
	shorter.DeletionGrace = 0
	w.start(shorter, zap.NewNop())
	require.Equal(t, http.StatusOK, ann.delete("/api/v1/account/deletion").status)
}

// TestWhoLeavesLearnsWhereTheCertificateWillBe: without a mail server nothing but this session tells.
func TestWhoLeavesLearnsWhereTheCertificateWillBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	id, err := uuid.Parse(ann.get("/api/v1/account").str("id"))
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, ann.post("/api/v1/account/deletion", map[string]any{"confirm_email": "ann@example.test"}).status)
	require.NotContains(t, ann.get("/api/v1/session").text, "certificate_id", "retention has not heard of it")

	at := w.clock.Now().Add(time.Hour).UTC().Truncate(time.Second)
	w.insert("specter_retention", id, `INSERT INTO deletions (id, account_id, requested_at, purge_at, certificate_id) SELECT deletion_id, id, $2, $2, 'the-certificate' FROM accounts WHERE id = $1`, id, at)
	for _, path := range []string{"/api/v1/session", "/api/v1/account"} {
		r := ann.get(path)
		require.Equal(t, "the-certificate", r.str("certificate_id"), path)
		require.Equal(t, at.Format(time.RFC3339), r.str("purge_at"), "as retention has it: %s", path)
	}

	require.Equal(t, http.StatusOK, ann.delete("/api/v1/account/deletion").status)
	require.NotContains(t, ann.get("/api/v1/session").text, "certificate_id")
}

func TestTheGracePeriodIsTheOperatorsChoice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *dashboard.Config) { c.DeletionGrace = 0 })
	ann := w.signedUp("ann@example.test")
	r := ann.post("/api/v1/account/deletion", map[string]any{"confirm_email": "ann@example.test"})
	require.Equal(t, http.StatusAccepted, r.status, r.text)
	at, err := time.Parse(time.RFC3339Nano, r.str("purge_at"))
	require.NoError(t, err)
	require.WithinDuration(t, w.clock.Now(), at, time.Minute)
	require.Equal(t, http.StatusConflict, ann.delete("/api/v1/account/deletion").status, "the purge has begun")
}
