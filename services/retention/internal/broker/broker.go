// Package broker removes an account from what the broker keeps.
package broker

import (
	"context"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/services/retention/internal/deletion"
)

// Queues is the deletion.Queues.
type Queues struct{ bus *bus.Bus }

var _ deletion.Queues = Queues{}

// New returns the queues of b.
func New(b *bus.Bus) Queues { return Queues{bus: b} }

// Erase implements deletion.Queues.
func (q Queues) Erase(ctx context.Context, d deletion.Deletion, p deletion.Progress) (deletion.Erased, error) {
	done, err := q.bus.Erase(ctx, d.AccountID, p.Names, p.Next)
	return deletion.Erased{Messages: done.Messages, Waiting: done.Waiting, Next: done.Next}, err
}
