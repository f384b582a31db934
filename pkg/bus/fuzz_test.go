package bus

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
)

// FuzzDecode: any message is an error or a delivery with everything a handler relies on.
func FuzzDecode(f *testing.F) {
	const id, account, at = "0190a0a0-0000-7000-8000-000000000001", "0190a0a0-0000-7000-8000-000000000002", "2026-03-01T12:00:00.000000005Z"
	f.Add(event.SignalBatch.Info().Tag(), id, "", at, []byte{})
	f.Add(event.SignalBatch.Info().Tag(), id+"/replay-1", "", at, []byte{0x0a, 0x02, 0x0a, 0x00})
	f.Add(event.ProposalCreated.Info().Tag(), id, account, at, []byte{0x0a, 0x01, 'x'})
	f.Add(event.ProposalCreated.Info().Tag(), "", account, "yesterday", []byte{0xff})
	f.Add("unknown.v1", id, account, at, []byte{})
	types := event.All()
	f.Fuzz(func(t *testing.T, tag, id, account, at string, data []byte) {
		var d Delivery[proto.Message]
		h := nats.Header{HeaderEvent: {tag}, jetstream.MsgIDHeader: {id}, HeaderAccount: {account}, HeaderTime: {at}}
		if decodeInto(&d, h, data, types) != nil {
			return
		}
		require.Equal(t, tag, d.Type.Tag())
		require.NotNil(t, d.Body)
		parsed, err := time.Parse(time.RFC3339Nano, at)
		require.NoError(t, err)
		require.True(t, parsed.Equal(d.Time))
		if d.Type.Scope() == event.OneAccount {
			want, err := uuid.Parse(account)
			require.NoError(t, err)
			require.Equal(t, want, d.AccountID)
		}
		_, err = proto.Marshal(d.Body)
		require.NoError(t, err)
	})
}
