package bus_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// batchOf is a batch with a signal of each account, whose payload is its canary.
func batchOf(canaries map[uuid.UUID]string) bus.Message[*eventv1.SignalBatch] {
	m := bus.Message[*eventv1.SignalBatch]{ID: uuid.New(), Time: time.Now(), Body: &eventv1.SignalBatch{}}
	for owner, canary := range canaries {
		m.Body.Signals = append(m.Body.Signals, &eventv1.Signal{AccountId: owner[:], Payload: []byte(canary)})
	}
	return m
}

// raw is all that a stream stores, as the broker hands it out.
func raw(t *testing.T, b *bus.Bus, stream string) string {
	t.Helper()
	s, err := b.JetStream().Stream(t.Context(), stream)
	require.NoError(t, err)
	var all strings.Builder
	for seq := max(1, s.CachedInfo().State.FirstSeq); seq <= s.CachedInfo().State.LastSeq; seq++ {
		msg, err := s.GetMsg(t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		require.NoError(t, err)
		all.WriteString(msg.Subject)
		all.Write(msg.Data)
		for _, values := range msg.Header {
			all.WriteString(strings.Join(values, " "))
		}
	}
	return all.String()
}

func TestEraseLeavesNothingOfAnAccountAndAllOfOthers(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := connect(t, server, bus.Options{})
	gone, stays := uuid.New(), uuid.New()
	run(t, bus.Consume(b, event.ProposalCreated, fast(), func(context.Context, bus.Delivery[*eventv1.ProposalCreated]) error {
		return fault.Permanent(errors.New("bad"))
	}))
	for _, owner := range []uuid.UUID{gone, stays} {
		m := created("canary-" + owner.String()[:8])
		m.AccountID = owner
		publish(t, b, m)
	}
	poison := true
	run(t, bus.Consume(b, event.SignalBatch, fast(), func(context.Context, bus.Delivery[*eventv1.SignalBatch]) error {
		if poison {
			poison = false
			return fault.Permanent(errors.New("bad"))
		}
		return nil
	}))
	for range 2 { // the first is put aside, the second processed
		_, err := bus.Publish(t.Context(), b, event.SignalBatch, batchOf(map[uuid.UUID]string{gone: "canary-gone", stays: "canary-stays"}))
		require.NoError(t, err)
		eventually(t, "the batch is settled", func() bool {
			pending, floor, err := b.ConsumerPending(t.Context(), event.SignalBatch, "test")
			last, lastErr := b.StreamLastSequence(t.Context(), event.SignalBatch)
			return err == nil && lastErr == nil && pending == 0 && floor == last
		})
	}
	eventually(t, "three are put aside", func() bool { return len(deadLetters(t, b)) == 3 })
	entries, err := b.JetStream().KeyValue(t.Context(), event.CatalogBucket)
	require.NoError(t, err)
	key := catalog.KeyName([]byte("0123456789abcdef0123456789abcdef"))
	for range 3 { // older values stay in the file, where nothing but writing it anew reaches them
		for name, value := range map[string]string{catalog.AccountName(gone): gone.String(), catalog.AccountName(stays): stays.String(), key: gone.String()} {
			_, err = entries.Put(t.Context(), name, []byte(value))
			require.NoError(t, err)
		}
	}
	require.NoError(t, entries.Delete(t.Context(), key)) // its marker has no value

	var done bus.Erased
	erased := map[string]int64{}
	eventually(t, "the batches are old enough to be erased", func() bool {
		next, err := b.Erase(t.Context(), gone, []string{key}, done.Next)
		require.NoError(t, err)
		for stream, n := range next.Messages {
			erased[stream] += n
		}
		done = next
		return done.Waiting == 0
	})
	require.Equal(t, map[string]int64{"SIGNALS": 2, "EVENTS": 1, "DEADLETTER": 2, "KV_CATALOG": 2}, erased)
	for _, stream := range []string{"SIGNALS", "EVENTS", "REFUSALS", "DEADLETTER", "ADVISORIES", "KV_CATALOG", "KV_QUOTA", "KV_ATTEMPTS"} {
		all := raw(t, b, stream)
		for _, trace := range []string{gone.String(), string(gone[:]), key, "canary-gone", "canary-" + gone.String()[:8]} {
			require.NotContains(t, all, trace, stream)
		}
	}
	require.Contains(t, raw(t, b, "EVENTS"), "canary-"+stays.String()[:8])
	require.Contains(t, raw(t, b, "DEADLETTER"), "canary-stays", "another's part of a shared dead letter stays")
	require.Contains(t, raw(t, b, "KV_CATALOG"), stays.String())

	again, err := b.Erase(t.Context(), gone, []string{key}, done.Next)
	require.NoError(t, err)
	require.Empty(t, again.Messages)

	left, err := b.Renew(t.Context(), 1<<20)
	require.NoError(t, err)
	require.Empty(t, left)
	onDisk(t, server.Dir, func(file, text string) {
		for _, trace := range []string{gone.String(), string(gone[:]), key, "canary-gone"} {
			require.NotContains(t, text, trace, "the bytes are on the disk still: %s", file)
		}
	})
	require.Contains(t, raw(t, b, "KV_CATALOG"), stays.String())
}

// onDisk reads every file of the broker's store. What is not compressed there is found as it is.
func onDisk(t *testing.T, dir string, see func(file, text string)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) { // replaced meanwhile
			return nil
		}
		see(path, string(text))
		return err
	}))
}

func TestEverythingTheBrokerKeepsIsLookedAt(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	done, err := b.Erase(t.Context(), uuid.New(), nil, nil)
	require.NoError(t, err)
	var looked []string
	for name := range done.Next {
		looked = append(looked, name)
	}
	var there []string
	for name := range b.JetStream().StreamNames(t.Context()).Name() {
		there = append(there, name)
	}
	require.ElementsMatch(t, there, looked)
}

func TestWhatOthersHaveYetToBeStoredIsNotErased(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	gone, stays := uuid.New(), uuid.New()
	let := make(chan struct{})
	run(t, bus.Consume(b, event.SignalBatch, fast(), func(ctx context.Context, _ bus.Delivery[*eventv1.SignalBatch]) error {
		select {
		case <-let:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}))
	_, err := bus.Publish(t.Context(), b, event.SignalBatch, batchOf(map[uuid.UUID]string{gone: "a", stays: "b"}))
	require.NoError(t, err)
	first, err := b.Erase(t.Context(), gone, nil, nil)
	require.NoError(t, err)
	require.Equal(t, 1, first.Waiting)
	require.Empty(t, first.Messages)
	close(let)
	eventually(t, "it is processed and erased", func() bool {
		next, err := b.Erase(t.Context(), gone, nil, first.Next)
		return err == nil && maps.Equal(next.Messages, map[string]int64{"SIGNALS": 1}) && next.Waiting == 0
	})
}

// stalled is a way to the broker that holds up an answer once, as a disk does or a broker that starts again.
type stalled struct {
	address string
	after   atomic.Int64 // bytes; once they are read the next ones take their time
}

// InProcessConn implements nats.InProcessConnProvider.
func (s *stalled) InProcessConn() (net.Conn, error) {
	conn, err := net.Dial("tcp", s.address)
	return stalledConn{conn, s}, err
}

type stalledConn struct {
	net.Conn
	way *stalled
}

func (c stalledConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if before := c.way.after.Load(); before > 0 && c.way.after.Add(-int64(n)) <= 0 {
		<-time.After(3 * time.Second) // longer than an erasure waits for a message, shorter than for an answer
	}
	return n, err
}

// A pause is not the end of a stream: what comes after it has to be erased, too.
func TestEraseReadsOnAfterAPause(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	gone, stays := uuid.New(), uuid.New()
	b := connect(t, server, bus.Options{})
	for range 30 {
		_, err := bus.Publish(t.Context(), b, event.SignalBatch, batchOf(map[uuid.UUID]string{stays: strings.Repeat("x", 60<<10)}))
		require.NoError(t, err)
	}
	_, err := bus.Publish(t.Context(), b, event.SignalBatch, batchOf(map[uuid.UUID]string{gone: "canary-gone"}))
	require.NoError(t, err)
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	way := &stalled{address: at.Host}
	slow := connect(t, server, bus.Options{InProcess: way})
	way.after.Store(600 << 10)
	erased, err := slow.Erase(t.Context(), gone, nil, nil)
	require.NoError(t, err)
	require.Negative(t, way.after.Load(), "there was a pause")
	require.EqualValues(t, 1, erased.Messages["SIGNALS"]+int64(erased.Waiting))
}
