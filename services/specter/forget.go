package specter

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/specter/internal/bootstrap"
	"github.com/draftlabs/specter/services/specter/internal/datadir"
)

// forgetsFirstAccount removes what Up has written down of the first account, with its password and keys, when
// that account is deleted.
func (h *host) forgetsFirstAccount(own Config, dir *datadir.Dir) {
	h.add("first-account", lifecycle.Func(func(ctx context.Context, ready func()) error {
		return bus.Consume(h.broker, event.AccountPurgeBegun, bus.ConsumerOptions{Durable: "specter"}, func(_ context.Context, d bus.Delivery[*eventv1.AccountPurgeBegun]) error {
			facts, err := bootstrap.ReadFile(dir.Path(factsFile))
			if errors.Is(err, fs.ErrNotExist) || err == nil && facts.AccountID != d.AccountID {
				return nil
			}
			if err != nil {
				return err
			}
			// The facts last: while they are there a restart knows that there is something to remove.
			for _, path := range []string{own.BootstrapFile, dir.Path(bootstrap.StateFile), dir.Path(factsFile)} {
				if path == "" {
					continue
				}
				if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
			return nil
		}).Run(ctx, ready)
	}), unitBus, unitFirstRun)
}
