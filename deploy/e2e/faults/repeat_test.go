package faults

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/faults/load"
	"github.com/draftlabs/specter/deploy/e2e/faults/rig"
	"github.com/draftlabs/specter/pkg/event"
)

// batch is a request that a test sends more than once.
type batch struct {
	target load.Target
	ids    []uuid.UUID
	body   string
}

func newBatch(r *rig.Rig, n, size int) batch {
	b := batch{target: r.Targets[n%len(r.Targets)], ids: make([]uuid.UUID, size)}
	for i := range b.ids {
		b.ids[i] = uuid.New()
	}
	b.body = load.Body(b.ids, rand.New(rand.NewPCG(uint64(n), 3)))
	r.Book.Send(b.target.Account, b.ids)
	return b
}

// send sends the batch once, which must be acknowledged.
func (b batch) send(ctx context.Context, client *http.Client, r *rig.Rig, n int) (status int, err error) {
	res, _, err := load.Post(ctx, client, r.Gateways[0].URL, b.target.Key, b.body)
	if err != nil {
		return 0, err
	}
	if res.StatusCode == http.StatusOK {
		err = r.Book.Ack(n, b.ids)
	}
	return res.StatusCode, err
}

func TestRow19SameBatchAtOnce(t *testing.T) {
	const clients, size = 50, 20
	batches := count(200, 20)
	line := begin(t, "19", "the same batch ×%d at once, %d batches", clients, batches)
	r := rig.New(t, rig.Options{})
	web := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	t.Cleanup(web.CloseIdleConnections)
	for n := range batches {
		b := newBatch(r, n, size)
		statuses, errs := make([]int, clients), make([]error, clients)
		var all sync.WaitGroup
		for c := range clients {
			all.Go(func() { statuses[c], errs[c] = b.send(t.Context(), web, r, c) })
		}
		all.Wait()
		for c := range clients {
			require.NoError(t, errs[c])
			require.Equal(t, http.StatusOK, statuses[c])
		}
	}
	line.judge(t, r)
	require.Equal(t, batches*size, line.Acked)
}

func TestRow20ResendAfterTheWindow(t *testing.T) {
	const size = 20
	batches := count(500, 50)
	line := begin(t, "20", "resend after the broker's window and a restart, %d batches", batches)
	r := rig.New(t, rig.Options{})
	// The window is five minutes in production. A second proves the same: what comes later is
	// no longer the broker's to find out.
	stream, err := r.JetStream.Stream(t.Context(), event.Signals().Name)
	require.NoError(t, err)
	config := stream.CachedInfo().Config
	config.Duplicates = time.Second
	_, err = r.JetStream.UpdateStream(t.Context(), config)
	require.NoError(t, err)

	web := &http.Client{Timeout: 10 * time.Second}
	t.Cleanup(web.CloseIdleConnections)
	all := make([]batch, batches)
	sendAll := func() {
		for n, b := range all {
			status, err := b.send(t.Context(), web, r, n)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status)
		}
	}
	for n := range all {
		all[n] = newBatch(r, n, size)
	}
	sendAll()
	r.Settle(t, mode == "short")
	messages := r.Messages(t)
	pause(t, 2*time.Second)
	r.Broker.Kill()
	r.Broker.Start(t)
	r.AwaitReady(t)
	sendAll()
	require.Greater(t, r.Messages(t), messages, "the broker took them for new ones")
	line.judge(t, r)
	require.Equal(t, batches*size, line.Acked)
	line.note("each sent twice")
}

// pause is the length of a fault.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
