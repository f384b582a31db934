package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/ledger"
	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// The load of the crash test: enough that a kill lands in the middle of work.
const (
	crashClients = 8
	crashBatch   = 25
	crashTarget  = 20_000 // acknowledged signals at least
	crashKills   = 4
)

// TestKillNine kills the whole process under load again and again: what was
// acknowledged is there, once, and what was refused may be sent again.
func TestKillNine(t *testing.T) {
	t.Parallel()
	dataDir := t.TempDir()
	addr := program.FreeAddr(t)
	s, p := startUp(t, upOptions{dataDir: dataDir, addr: addr})

	book, err := ledger.Open(t.TempDir(), crashClients)
	require.NoError(t, err)
	t.Cleanup(func() { _ = book.Close() })

	load, stop := context.WithCancel(t.Context())
	defer stop()
	var clients sync.WaitGroup
	problems := make(chan error, crashClients)
	for n := range crashClients {
		clients.Go(func() {
			if err := sendUntilDone(load, s, book, n); err != nil {
				problems <- err
			}
		})
	}
	for kill := range crashKills {
		due := int64(crashTarget * (kill + 1) / (crashKills + 1))
		program.Await(t, 120*time.Second, "load before the next kill", func() bool { return book.Acked() >= due || len(problems) > 0 })
		p.Kill()
		s, p = startUp(t, upOptions{dataDir: dataDir, addr: addr})
	}
	program.Await(t, 120*time.Second, "the rest of the load", func() bool { return book.Acked() >= crashTarget || len(problems) > 0 })
	stop()
	clients.Wait()
	close(problems)
	for err := range problems {
		require.NoError(t, err)
	}

	acked, err := book.ReadAcked()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(acked), crashTarget)
	var stored map[uuid.UUID]struct{}
	program.Await(t, 120*time.Second, "every acknowledged signal to be stored", func() bool {
		total := call[api.Product](t, s, http.MethodGet, "/api/v1/products/"+s.ProductID.String(), nil).SignalsTotal
		return total >= int64(len(acked))
	})
	stored = storedIDs(t, s, s.ProductID, func(signal api.Signal) uuid.UUID {
		require.NotNil(t, signal.ClientId)
		return *signal.ClientId
	})
	missing := 0
	for id := range acked {
		if _, ok := stored[id]; !ok {
			missing++
		}
	}
	require.Zero(t, missing, "acknowledged and lost")
	for id := range stored {
		_, ok := book.Sender(id)
		require.True(t, ok, "stored but never sent: %s", id)
	}
	t.Logf("%d kills: %d sent, %d acknowledged, %d stored, 0 missing, 0 doubled", crashKills, book.Sent(), len(acked), len(stored))
}

// sendUntilDone sends batches, the same one again until it is acknowledged.
func sendUntilDone(ctx context.Context, s *system, book *ledger.Ledger, client int) error {
	web := &http.Client{Timeout: 5 * time.Second}
	defer web.CloseIdleConnections()
	r := rand.New(rand.NewPCG(uint64(client), 2))
	for ctx.Err() == nil {
		ids := make([]uuid.UUID, crashBatch)
		batch := make([]map[string]any, crashBatch)
		for i := range ids {
			ids[i] = uuid.New()
			batch[i] = map[string]any{"type": "page_view", "id": ids[i], "payload": map[string]any{"path": fmt.Sprintf("/p/%d", r.IntN(50))}}
		}
		body, err := json.Marshal(batch)
		if err != nil {
			return err
		}
		book.Send(s.ProductID, ids)
		for ctx.Err() == nil {
			status, err := postOnce(ctx, web, s, body)
			if err == nil && status == http.StatusOK {
				if err := book.Ack(client, ids); err != nil {
					return err
				}
				break
			}
			if err == nil && status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests {
				return fmt.Errorf("a refusal that cannot be retried: %d", status)
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
	return nil
}

func postOnce(ctx context.Context, client *http.Client, s *system, body []byte) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/signals", strings.NewReader(string(body)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("x-api-key", s.IngestKey)
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}
