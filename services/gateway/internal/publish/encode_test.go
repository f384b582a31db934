package publish

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/scrub"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

func id(rt *rapid.T, name string) (out uuid.UUID) {
	if rapid.Bool().Draw(rt, name+" given") {
		copy(out[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, name))
	}
	return out
}

func moment(rt *rapid.T, name string) time.Time {
	return time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(rt, name), rapid.Int64Range(0, 999_999_999).Draw(rt, name+" ns")).UTC()
}

func drawSignal(rt *rapid.T) signal.Signal {
	return signal.Signal{
		ID: id(rt, "id"), ClientID: id(rt, "client id"), AccountID: id(rt, "account"), ProductID: id(rt, "product"), ContextID: id(rt, "context"),
		Type: rapid.String().Draw(rt, "type"), Payload: []byte(rapid.StringN(0, 5000, 20000).Draw(rt, "payload")),
		OccurredAt: moment(rt, "occurred"), ReceivedAt: moment(rt, "received"), SessionID: rapid.String().Draw(rt, "session"),
		Source: signal.Source(rapid.IntRange(0, int(signal.Webhook)).Draw(rt, "source")), TimeMark: signal.TimeMark(rapid.IntRange(0, int(signal.TimeClampedFuture)).Draw(rt, "mark")),
	}
}

func generated(s signal.Signal) *eventv1.Signal {
	optional := func(id uuid.UUID) []byte {
		if id == uuid.Nil {
			return nil
		}
		return id[:]
	}
	return &eventv1.Signal{
		Id: optional(s.ID), ClientId: optional(s.ClientID), AccountId: optional(s.AccountID), ProductId: optional(s.ProductID), ContextId: optional(s.ContextID),
		Type: s.Type, Payload: s.Payload, OccurredAt: timestamppb.New(s.OccurredAt), ReceivedAt: timestamppb.New(s.ReceivedAt),
		SessionId: s.SessionID, Source: sources[s.Source], TimeMark: marks[s.TimeMark],
	}
}

// TestEncodeIsTheGeneratedEncoding holds the hand-written bytes to protobuf's own, and joined
// batches to one batch.
func TestEncodeIsTheGeneratedEncoding(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var want eventv1.SignalBatch
		var same, joined []byte
		for range rapid.IntRange(0, 3).Draw(rt, "requests") {
			var request []signal.Signal
			for range rapid.IntRange(0, 4).Draw(rt, "signals") {
				request = append(request, drawSignal(rt))
			}
			one := &eventv1.SignalBatch{ScrubRules: scrub.Rules}
			for _, s := range request {
				one.Signals = append(one.Signals, generated(s))
			}
			bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(one)
			require.NoError(rt, err)
			same, joined = append(same, bytes...), Encode(joined, request)
			want.Signals, want.ScrubRules = append(want.Signals, one.GetSignals()...), scrub.Rules
		}
		require.Equal(rt, same, joined)
		var got eventv1.SignalBatch
		require.NoError(rt, proto.Unmarshal(joined, &got))
		require.True(rt, proto.Equal(&want, &got))
	})
}

func BenchmarkEncode(b *testing.B) {
	s := signal.Signal{
		ID: signal.NewID(), AccountID: uuid.New(), ProductID: uuid.New(), Type: "page_view", Payload: make([]byte, 200),
		OccurredAt: time.Now(), ReceivedAt: time.Now(), SessionID: "019cafe0-0000-7000-8000-00000000000b",
	}
	request := []signal.Signal{s}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = Encode(dst[:0], request)
	}
	b.SetBytes(int64(len(dst)))
}
