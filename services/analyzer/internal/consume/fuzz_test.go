package consume

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/storable"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// FuzzDecode: any bytes of the SIGNALS stream are an error for good, or signals that Postgres can keep.
func FuzzDecode(f *testing.F) {
	id := uuid.MustParse("0190a0a0-0000-7000-8000-000000000001")
	at := timestamppb.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	good := func() *eventv1.Signal {
		return &eventv1.Signal{Id: id[:], AccountId: id[:], ProductId: id[:], Type: "a", Payload: []byte(`{"a":1}`), OccurredAt: at, ReceivedAt: at}
	}
	seed := func(change func(*eventv1.Signal)) {
		bad := good()
		change(bad)
		raw, err := proto.Marshal(&eventv1.SignalBatch{Signals: []*eventv1.Signal{good(), bad}})
		require.NoError(f, err)
		f.Add(raw)
	}
	seed(func(*eventv1.Signal) {})
	seed(func(s *eventv1.Signal) { s.Payload = []byte(`{"a":"\u0000","b":"\ud83d"}`) })
	seed(func(s *eventv1.Signal) { s.Payload = []byte("\xff{") })
	seed(func(s *eventv1.Signal) { s.Type, s.SessionId = "a\x00b", "\x00" })
	seed(func(s *eventv1.Signal) { s.Id = nil })
	seed(func(s *eventv1.Signal) { s.AccountId = make([]byte, 16) })
	seed(func(s *eventv1.Signal) { s.ClientId = []byte{1} })
	seed(func(s *eventv1.Signal) { s.ReceivedAt = nil })
	seed(func(s *eventv1.Signal) { s.OccurredAt = &timestamppb.Timestamp{Seconds: 1 << 62, Nanos: -1} })
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		signals, _, err := decode(raw)
		if err != nil {
			return
		}
		for _, s := range signals {
			for _, id := range []uuid.UUID{s.ID, s.AccountID, s.ProductID} {
				require.NotEqual(t, uuid.Nil, id)
			}
			require.True(t, json.Valid(storable.Object(s.Payload)))
			for _, text := range []string{s.Type, s.SessionID} {
				require.True(t, utf8.ValidString(text))
				require.NotContains(t, text, "\x00")
			}
			// A year that timestamptz does not have would fail the batch for ever.
			for _, at := range []time.Time{s.At, s.ReceivedAt} {
				require.True(t, at.Year() > -4713 && at.Year() < 294277, "%s", at)
			}
		}
	})
}
