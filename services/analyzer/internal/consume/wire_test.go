package consume

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/storable"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// reference reads a batch through the generated code.
func reference(data []byte) (out []signal.Signal, ok bool) {
	var batch eventv1.SignalBatch
	if proto.Unmarshal(data, &batch) != nil {
		return nil, false
	}
	for _, w := range batch.GetSignals() {
		s := signal.Signal{
			Type: w.GetType(), SessionID: w.GetSessionId(), Imported: w.GetImported(), Payload: w.GetPayload(),
			At: w.GetOccurredAt().AsTime(), ReceivedAt: w.GetReceivedAt().AsTime(), Source: source(w.GetSource()), TimeMark: timeMark(w.GetTimeMark()),
		}
		for into, from := range map[*uuid.UUID][]byte{&s.ID: w.GetId(), &s.ClientID: w.GetClientId(), &s.AccountID: w.GetAccountId(), &s.ProductID: w.GetProductId(), &s.ContextID: w.GetContextId()} {
			if len(from) == 0 {
				continue
			}
			id, err := uuid.FromBytes(from)
			if err != nil {
				return nil, false
			}
			*into = id
		}
		if s.ID == uuid.Nil || s.AccountID == uuid.Nil || s.ProductID == uuid.Nil || w.GetOccurredAt().CheckValid() != nil || w.GetReceivedAt().CheckValid() != nil {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

func TestDecodesAsTheGeneratedCodeDoes(t *testing.T) {
	t.Parallel()
	id := rapid.Custom(func(rt *rapid.T) []byte { return rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, "id") })
	maybe := func(rt *rapid.T, name string) []byte {
		if rapid.Bool().Draw(rt, "has "+name) {
			return id.Draw(rt, name)
		}
		return nil
	}
	stamp := func(rt *rapid.T, name string) *timestamppb.Timestamp {
		return timestamppb.New(time.Unix(rapid.Int64Range(-1e9, 4e9).Draw(rt, name), rapid.Int64Range(0, 999_999_999).Draw(rt, "nanos")))
	}
	rapid.Check(t, func(rt *rapid.T) {
		var batch eventv1.SignalBatch
		for range rapid.IntRange(0, 5).Draw(rt, "signals") {
			batch.Signals = append(batch.Signals, &eventv1.Signal{
				Id: id.Draw(rt, "id"), ClientId: maybe(rt, "client"), AccountId: id.Draw(rt, "account"), ProductId: id.Draw(rt, "product"), ContextId: maybe(rt, "context"),
				Type: rapid.StringN(0, 20, -1).Draw(rt, "type"), Payload: rapid.SliceOf(rapid.Byte()).Draw(rt, "payload"), SessionId: rapid.StringN(0, 20, -1).Draw(rt, "session"),
				OccurredAt: stamp(rt, "occurred"), ReceivedAt: stamp(rt, "received"), Imported: rapid.Bool().Draw(rt, "imported"),
				Source: eventv1.Source(rapid.IntRange(0, 6).Draw(rt, "source")), TimeMark: eventv1.TimeMark(rapid.IntRange(0, 6).Draw(rt, "mark")),
			})
		}
		data, err := proto.Marshal(&batch)
		require.NoError(rt, err)
		requireSame(rt, data)
		if len(data) > 0 {
			requireSame(rt, data[:rapid.IntRange(0, len(data)-1).Draw(rt, "cut")])
		}
	})
}

// requireSame compares the two readers; texts only when they are storable as they are.
func requireSame(t require.TestingT, data []byte) {
	want, ok := reference(data)
	got, _, err := decode(data)
	if !ok {
		require.Error(t, err)
		return
	}
	require.NoError(t, err)
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, string(want[i].Payload), string(got[i].Payload))
		want[i].Payload, got[i].Payload = nil, nil
		want[i].Type, want[i].SessionID = storable.Text(want[i].Type), storable.Text(want[i].SessionID)
		require.Equal(t, want[i], got[i])
	}
}
