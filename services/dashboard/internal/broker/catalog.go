package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/event"

	"github.com/draftlabs/specter/services/dashboard/internal/rebuild"
)

// Catalog is the rebuild.Bucket.
type Catalog struct{ bus *bus.Bus }

var _ rebuild.Bucket = Catalog{}

// NewCatalog returns the bucket behind b.
func NewCatalog(b *bus.Bus) Catalog { return Catalog{bus: b} }

// State tells the newest revision and whether the bucket is noted as complete.
func (c Catalog) State(ctx context.Context) (newest uint64, complete bool, err error) {
	bucket, err := c.open(ctx)
	if err != nil {
		return 0, false, err
	}
	status, err := bucket.Status(ctx)
	if err != nil {
		return 0, false, fmt.Errorf("reading the state of bucket %s: %w", event.CatalogBucket, err)
	}
	if s, ok := status.(*jetstream.KeyValueBucketStatus); ok {
		newest = s.StreamInfo().State.LastSeq
	}
	_, err = bucket.Get(ctx, catalog.CompleteName)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return newest, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("reading whether the catalogue is complete: %w", err)
	}
	return newest, true, nil
}

// Complete notes that every account's entries have been written.
func (c Catalog) Complete(ctx context.Context) error {
	bucket, err := c.open(ctx)
	if err != nil {
		return err
	}
	if _, err := bucket.Put(ctx, catalog.CompleteName, nil); err != nil {
		return fmt.Errorf("noting that the catalogue is complete: %w", err)
	}
	return nil
}

// Entries lists what the bucket holds beside the note that it is complete.
func (c Catalog) Entries(ctx context.Context) ([]rebuild.Entry, error) {
	bucket, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	return list(ctx, bucket)
}

// Remove deletes e unless it was changed since.
func (c Catalog) Remove(ctx context.Context, e rebuild.Entry) (bool, error) {
	bucket, err := c.open(ctx)
	if err != nil {
		return false, err
	}
	err = bucket.Delete(ctx, e.Name, jetstream.LastRevision(e.Revision))
	if bus.IsWrongRevision(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("removing a catalogue entry: %w", err)
	}
	return true, nil
}

func (c Catalog) open(ctx context.Context) (jetstream.KeyValue, error) {
	bucket, err := c.bus.JetStream().KeyValue(ctx, event.CatalogBucket)
	if err != nil {
		return nil, fmt.Errorf("opening bucket %s: %w", event.CatalogBucket, err)
	}
	return bucket, nil
}

func list(ctx context.Context, bucket jetstream.KeyValue) ([]rebuild.Entry, error) {
	watch, err := bucket.WatchAll(ctx, jetstream.IgnoreDeletes(), jetstream.MetaOnly())
	if err != nil {
		return nil, fmt.Errorf("listing the catalogue: %w", err)
	}
	defer func() { _ = watch.Stop() }() // fails only when the connection is gone, and the watch with it
	var out []rebuild.Entry
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("listing the catalogue: %w", context.Cause(ctx))
		case e, open := <-watch.Updates():
			if !open {
				return nil, errors.New("listing the catalogue: the watch ended")
			}
			if e == nil { // all that was there when the watch began
				return out, nil
			}
			if e.Key() != catalog.CompleteName {
				out = append(out, rebuild.Entry{Name: e.Key(), Revision: e.Revision()})
			}
		}
	}
}
