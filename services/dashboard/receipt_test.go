package dashboard_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// backlog fills the queue with more than one question reads, and returns when it is of the past.
func (w *world) backlog(t testkit.Tenant) {
	w.t.Helper()
	const size, total = 400 << 10, 9 << 20
	for range total / size {
		id := uuid.New()
		body := &eventv1.SignalBatch{Signals: []*eventv1.Signal{{Id: id[:], AccountId: t.AccountID[:], ProductId: t.ProductID[:], Payload: make([]byte, size)}}}
		_, err := bus.Publish(w.t.Context(), w.bus, event.SignalBatch, bus.Message[*eventv1.SignalBatch]{ID: id, Time: time.Now(), Body: body})
		require.NoError(w.t, err)
	}
	full := time.Now()
	testkit.Eventually(w.t, func() bool { return time.Since(full) > 150*time.Millisecond }, "clocks may differ a little")
}

// v7 is an id that was made at a time.
func v7(at time.Time) uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	ms := at.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	return id
}

func (c *caller) receipt(id uuid.UUID) response {
	c.w.t.Helper()
	return c.get("/api/v1/signals/" + id.String())
}

// unsure requires an answer that is to be asked for again.
func unsure(t *testing.T, r response) {
	t.Helper()
	require.Equal(t, http.StatusServiceUnavailable, r.status, r.text)
	require.NotEmpty(t, r.header.Get("Retry-After"))
	require.Equal(t, "unavailable", r.str("code"))
}

func TestAReceiptDoesNotGuessBehindALongQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := w.tenant()
	c := w.withToken(mine.Token)
	ahead := v7(time.Now().Add(time.Hour)) // the clock of its sender is wrong
	w.queued(mine, [2]uuid.UUID{v7(time.Now()), ahead})
	w.backlog(mine)
	deep, deepClient, deepOther := v7(time.Now()), v7(time.Now()), uuid.New()
	w.queued(mine, [2]uuid.UUID{deep, deepClient}, [2]uuid.UUID{v7(time.Now()), deepOther})

	t.Log("an id that tells its time is found however long the queue is")
	for _, id := range []uuid.UUID{deep, deepClient, ahead} {
		var r response
		testkit.Eventually(t, func() bool { // on a busy machine the look may end at its time, which says so
			r = c.receipt(id)
			return r.status != http.StatusServiceUnavailable
		}, "the look comes to an end")
		require.Equal(t, http.StatusOK, r.status, r.text)
		require.Equal(t, "queued", r.str("status"))
	}
	t.Log("of another nothing is said that may be false")
	unsure(t, c.receipt(deepOther))
	unsure(t, c.receipt(uuid.New()))
	unsure(t, c.receipt(v7(time.Now())))

	t.Log("nor when it was refused before it was sent again, unless sending it again changes nothing")
	wrong := uuid.New()
	w.refused(uuid.New(), &eventv1.IngestRefused{Samples: []*eventv1.RefusalSample{
		sampleOf(mine, "rate_limited", "{}", time.Now(), deepOther), sampleOf(mine, "missing_type", "{}", time.Now(), wrong),
	}})
	testkit.Eventually(t, func() bool { return c.receipt(wrong).status == http.StatusOK }, "the refusals are known")
	require.Equal(t, "rejected", c.receipt(wrong).str("status"))
	unsure(t, c.receipt(deepOther))
}

func TestAReceiptDoesNotGuessWhenBlocksTakeTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := w.tenant()
	c := w.withToken(mine.Token)
	kept, queued := v7(time.Now()), v7(time.Now())
	w.insert("specter_analyzer", mine.AccountID, `INSERT INTO signal_ids (account_id, id, day) VALUES ($1, $2, (now() AT TIME ZONE 'UTC')::date)`, mine.AccountID, kept)
	w.queued(mine, [2]uuid.UUID{queued})
	slow, err := w.db.Owner(t).Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = slow.Rollback(context.Background()) })
	_, err = slow.Exec(t.Context(), `LOCK TABLE signal_blocks IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)

	unsure(t, c.receipt(v7(time.Now().Add(-100*time.Hour))))
	require.Equal(t, "queued", c.receipt(queued).str("status"))
	require.Equal(t, "stored", c.receipt(kept).str("status"))
	require.Equal(t, http.StatusNotFound, c.receipt(uuid.New()).status, "no block is read for an id without a time")

	require.NoError(t, slow.Rollback(t.Context()))
	require.Equal(t, http.StatusNotFound, c.receipt(v7(time.Now().Add(-100*time.Hour))).status)
}

// Who was told to come again may have come, and once ids are forgotten nothing tells.
func TestARefusalThatPassesIsNoVerdictForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := w.tenant()
	c := w.withToken(mine.Token)
	passing := []string{"rate_limited", "quota_exceeded", "unavailable", "internal"}
	ids := map[string]uuid.UUID{"missing_type": uuid.New()}
	body := &eventv1.IngestRefused{Samples: []*eventv1.RefusalSample{sampleOf(mine, "missing_type", "{}", time.Now(), ids["missing_type"])}}
	for _, code := range passing {
		ids[code] = uuid.New()
		body.Samples = append(body.Samples, sampleOf(mine, code, "{}", time.Now(), ids[code]))
	}
	w.refused(uuid.New(), body)
	for code, id := range ids {
		testkit.Eventually(t, func() bool { return c.receipt(id).status == http.StatusOK }, "the refusal is known")
		require.Equal(t, code, c.receipt(id).str("reason.code"), "it did not come again")
	}

	t.Log("what came again and was given up on is said to be so")
	w.queued(mine, [2]uuid.UUID{v7(time.Now()), ids["unavailable"]})
	w.analyzer(func() error { return fault.Permanent(errors.New("no")) })
	testkit.Eventually(t, func() bool { return c.receipt(ids["unavailable"]).at("reason.code") == "dead_letter" }, "it is a dead letter")

	w.clock.Advance(6 * 24 * time.Hour)
	require.Equal(t, "rate_limited", c.receipt(ids["rate_limited"]).str("reason.code"), "had it come, its id would be known")
	w.clock.Advance(3 * 24 * time.Hour)
	require.Equal(t, "missing_type", c.receipt(ids["missing_type"]).str("reason.code"))
	require.Equal(t, http.StatusNotFound, c.receipt(ids["rate_limited"]).status)
	require.Equal(t, "dead_letter", c.receipt(ids["unavailable"]).str("reason.code"))
}
