package cli_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

const secretText = "hunter2-in-a-payload"

// buried publishes a batch that a consumer gives up on until cured is closed, and
// returns the broker.
func buried(t *testing.T, cured <-chan struct{}) (broker *testkit.NATSServer, b *bus.Bus, handled <-chan uuid.UUID) {
	t.Helper()
	broker = testkit.NATS(t)
	b = broker.Bus(t)
	done := make(chan uuid.UUID, 10)
	consumer := bus.Consume(b, event.SignalBatch, bus.ConsumerOptions{Durable: "analyzer", MaxAttempts: 2, MinBackoff: time.Millisecond},
		func(_ context.Context, d bus.Delivery[*eventv1.SignalBatch]) error {
			select {
			case <-cured:
				done <- d.ID
				return nil
			default:
				return errors.New("cannot be stored yet")
			}
		})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx, func() {}) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })
	id := uuid.MustParse("018f0000-0000-7000-8000-000000000001")
	_, err := bus.Publish(t.Context(), b, event.SignalBatch, bus.Message[*eventv1.SignalBatch]{
		ID: uuid.MustParse("018f0000-0000-7000-8000-00000000000a"), Time: now,
		Body: &eventv1.SignalBatch{Signals: []*eventv1.Signal{{
			Id: id[:], AccountId: id[:], ProductId: id[:], Type: "purchase", Payload: []byte(`{"note":"` + secretText + `"}`),
			OccurredAt: timestamppb.New(now), ReceivedAt: timestamppb.New(now), Source: eventv1.Source_SOURCE_SDK,
		}}},
	})
	require.NoError(t, err)
	testkit.Eventually(t, func() bool {
		letters, err := b.DeadLetters(t.Context(), 0, 10)
		return err == nil && len(letters) == 1
	}, "the dead letter")
	return broker, b, done
}

func TestDeadLettersAreListedShownAndReplayed(t *testing.T) {
	t.Parallel()
	cured := make(chan struct{})
	broker, b, handled := buried(t, cured)
	src := config.Source{"SPECTER_NATS_URL": broker.URL}

	code, out, errOut := run(t, src, "dlq", "list")
	require.Zero(t, code, errOut)
	for _, want := range []string{"NUMBER", "analyzer_signal_batch_v1", "signal.batch.v1", "cannot be stored yet"} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, secretText)

	code, out, errOut = run(t, src, "dlq", "list", "-o", "json")
	require.Zero(t, code, errOut)
	var list []struct {
		Sequence  uint64
		Reason    string
		Attempts  int
		Bytes     int
		MessageID string `json:"message_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	require.Len(t, list, 1)
	require.EqualValues(t, 1, list[0].Sequence)
	require.Equal(t, 2, list[0].Attempts)
	require.Positive(t, list[0].Bytes)
	require.Equal(t, "018f0000-0000-7000-8000-00000000000a", list[0].MessageID)
	code, out, _ = run(t, src, "dlq", "list", "--consumer", "other", "-o", "json")
	require.Zero(t, code)
	require.JSONEq(t, `[]`, out)

	code, out, errOut = run(t, src, "dlq", "show", "1")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "Specter-Dead-Reason")
	require.NotContains(t, out, secretText)
	code, out, errOut = run(t, src, "dlq", "show", "1", "--body")
	require.Zero(t, code, errOut)
	require.Contains(t, out, secretText)
	require.Contains(t, out, "018f0000-0000-7000-8000-000000000001")

	for args, want := range map[[2]string]int{{"show", "7"}: 4, {"replay", "7"}: 4, {"show", "x"}: 2, {"replay", "0"}: 2} {
		code, _, errOut = run(t, src, "dlq", args[0], args[1])
		require.Equal(t, want, code, errOut)
	}
	code, _, _ = run(t, src, "dlq", "replay")
	require.Equal(t, 2, code)

	close(cured)
	code, out, errOut = run(t, src, "dlq", "replay", "--all")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "1 is SIGNALS 2 again")
	require.Equal(t, "018f0000-0000-7000-8000-00000000000a", (<-handled).String(), "the same message, by its id")
	letters, err := b.DeadLetters(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Empty(t, letters)
	code, out, _ = run(t, src, "dlq", "list")
	require.Zero(t, code)
	require.Equal(t, "no dead letters\n", out)
}

func TestDeadLettersAreFoundThroughTheDataDirectory(t *testing.T) {
	t.Parallel()
	broker, _, _ := buried(t, nil)
	dir := t.TempDir()
	code, _, errOut := run(t, config.Source{"SPECTER_DATA_DIR": dir}, "dlq", "list")
	require.Equal(t, 2, code, errOut)
	require.Contains(t, errOut, "specter up")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broker.url"), []byte(broker.URL+"\n"), 0o600))
	code, out, errOut := run(t, config.Source{"SPECTER_DATA_DIR": dir}, "dlq", "list")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "signal.batch.v1")
}

func TestAListOfDeadLettersIsWholeAndReadable(t *testing.T) {
	t.Parallel()
	broker := testkit.NATS(t)
	b := broker.Bus(t)
	src := config.Source{"SPECTER_NATS_URL": broker.URL}
	for range 3 {
		m := nats.NewMsg(event.DeadLetterSubject("someone", event.SignalBatch.Subject(uuid.Nil)))
		m.Header.Set(bus.HeaderDeadConsumer, "someone")
		m.Header.Set(bus.HeaderDeadReason, "x"+strings.Repeat("ü", 200))
		_, err := b.JetStream().PublishMsg(t.Context(), m)
		require.NoError(t, err)
	}
	code, out, errOut := run(t, src, "dlq", "list")
	require.Zero(t, code, errOut)
	require.True(t, utf8.ValidString(out), out)
	require.Contains(t, out, " x"+strings.Repeat("ü", 79)+"…")
	for _, c := range []struct {
		limit string
		want  int
	}{{"2", 2}, {"0", 3}} {
		for _, consumer := range []string{"", "someone"} {
			code, out, errOut := run(t, src, "dlq", "list", "-o", "json", "--limit", c.limit, "--consumer", consumer)
			require.Zero(t, code, errOut)
			require.Equal(t, c.want, strings.Count(out, `"sequence"`), "--limit %s --consumer %q", c.limit, consumer)
		}
	}
	code, _, errOut = run(t, src, "dlq", "list", "--limit", "-1")
	require.Equal(t, 2, code, errOut)
}

func TestWhyTheBrokerCannotBeReachedIsSaid(t *testing.T) {
	t.Parallel()
	start := func(o server.Options) string {
		o.Host, o.Port, o.NoSigs, o.NoLog = "127.0.0.1", server.RANDOM_PORT, true, true
		s, err := server.NewServer(&o)
		require.NoError(t, err)
		go s.Start()
		require.True(t, s.ReadyForConnections(20*time.Second))
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		return s.Addr().String()
	}
	selfSigned := httptest.NewTLSServer(nil)
	certificate := selfSigned.TLS.Certificates
	selfSigned.Close()
	for name, c := range map[string]struct {
		url  string
		code int
		says string
	}{
		"wrong token":    {"nats://wrong-token@" + start(server.Options{Authorization: "right"}), 4, "Authorization Violation"},
		"untrusted":      {"nats://" + start(server.Options{TLS: true, TLSConfig: &tls.Config{Certificates: certificate}, TLSTimeout: 5}), 3, "certificate"},
		"nobody there":   {"nats://127.0.0.1:1", 3, "no servers available"},
		"no URL of NATS": {"nats://secret-token@127.0.0.1:x", 3, "invalid port"},
	} {
		code, _, errOut := run(t, config.Source{"SPECTER_NATS_URL": c.url}, "dlq", "list")
		require.Equal(t, c.code, code, "%s: %s", name, errOut)
		require.Contains(t, errOut, c.says, name)
		require.NotContains(t, errOut, "-token", name)
	}
}

func TestHelpSaysForHowLongDeadLettersWait(t *testing.T) {
	t.Parallel()
	code, out, errOut := run(t, config.Source{}, "dlq", "--help")
	require.Zero(t, code, errOut)
	require.Contains(t, out, fmt.Sprintf("for %d days", int(event.DeadLetters().MaxAge/(24*time.Hour))))
}
