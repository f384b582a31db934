package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/event/wire"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// The numbers are those of the contract, and none of its fields is missing.
func TestNumbersAreTheContracts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		message proto.Message
		numbers map[string]int32
	}{
		{&eventv1.SignalBatch{}, map[string]int32{"signals": wire.BatchSignals, "scrub_rules": wire.BatchScrubRules}},
		{&eventv1.Signal{}, map[string]int32{
			"id": wire.ID, "client_id": wire.ClientID, "account_id": wire.AccountID, "product_id": wire.ProductID, "context_id": wire.ContextID,
			"type": wire.Type, "payload": wire.Payload, "occurred_at": wire.OccurredAt, "received_at": wire.ReceivedAt, "session_id": wire.SessionID,
			"source": wire.Source, "time_mark": wire.TimeMark, "imported": wire.Imported,
		}},
		{&timestamppb.Timestamp{}, map[string]int32{"seconds": wire.Seconds, "nanos": wire.Nanos}},
	} {
		got := map[string]int32{}
		fields := c.message.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			got[string(fields.Get(i).Name())] = int32(fields.Get(i).Number())
		}
		require.Equal(t, c.numbers, got)
	}
}
