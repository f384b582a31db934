// Package broker removes an account from what the broker keeps.
package broker

import (
	"context"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/services/retention/internal/deletion"
)

// Queues is the deletion.Queues.
type Queues struct {
	bus *bus.Bus
	// renewBytes is how large a bucket may be that is written anew.
	renewBytes int64
}

var _ deletion.Queues = Queues{}

// New returns the queues of b, which writes buckets of up to renewBytes anew.
func New(b *bus.Bus, renewBytes int64) Queues { return Queues{bus: b, renewBytes: renewBytes} }

// Erase implements deletion.Queues.
func (q Queues) Erase(ctx context.Context, d deletion.Deletion, p deletion.Progress) (deletion.Erased, error) {
	done, err := q.bus.Erase(ctx, d.AccountID, p.Names, p.Next)
	return deletion.Erased{Messages: done.Messages, Waiting: done.Waiting, Next: done.Next}, err
}

// Renew implements deletion.Queues.
func (q Queues) Renew(ctx context.Context) ([]erasure.Remain, error) {
	left, err := q.bus.Renew(ctx, q.renewBytes)
	remains := make([]erasure.Remain, len(left))
	for i, bucket := range left {
		remains[i] = erasure.Remain{
			Where: "the broker's files of the bucket " + bucket + ": ids in values that newer ones replaced",
			Until: "the broker writes the block anew",
		}
	}
	return remains, err
}
