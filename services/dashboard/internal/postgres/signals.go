package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/services/dashboard/internal/insight"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
	"github.com/draftlabs/specter/services/dashboard/internal/product"
)

const (
	// Blocks of up to about 1,000 signals are expanded together: few at first, because the newest few
	// usually fill a page, then more and more, because a search goes far.
	firstBlocks = 4
	mostBlocks  = 64
	// maxBlocksScanned bounds one page: a search for what hardly occurs ends early with a cursor
	// that goes on where it stopped, instead of reading 24 months at once.
	maxBlocksScanned = 1024
	// maxFresh bounds one step of a live tail, in signals and in blocks.
	maxFresh = 200
)

// Signals lists signals, newest first. Blocks are walked from the newest: once a block ends before
// the signals found so far, no later block can hold a newer one.
func (s Insights) Signals(ctx context.Context, accountID, productID uuid.UUID, f insight.Filter, r page.Request) (page.Of[insight.Signal], error) {
	var out page.Of[insight.Signal]
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		contexts, err := contextsOf(ctx, q, productID)
		if err != nil {
			return err
		}
		w := newWalk(productID, f, r)
		for !w.done {
			if err := w.step(ctx, q); err != nil {
				return err
			}
		}
		out = w.page()
		for i := range out.Items {
			describe(&out.Items[i], contexts)
		}
		return nil
	})
	return out, wrap(err, "listing signals")
}

// contextsOf reads a product's contexts; a product that does not exist here is not found.
func contextsOf(ctx context.Context, q *db.Queries, productID uuid.UUID) (map[uuid.UUID]product.Context, error) {
	rows, err := q.ListContexts(ctx, db.ListContextsParams{ProductID: productID, RowLimit: product.MaxContexts})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errNotFound // a product always has its default context
	}
	out := make(map[uuid.UUID]product.Context, len(rows))
	for _, row := range rows {
		out[row.ID] = toContext(row)
	}
	return out, nil
}

func describe(n *insight.Signal, contexts map[uuid.UUID]product.Context) {
	c := contexts[n.ContextID]
	n.ContextName, n.Polarity = c.Name, c.Polarity(n.Type)
}

type walk struct {
	blocks  db.SignalBlocksParams
	signals db.SignalsOfBlocksParams
	request page.Request
	atOnce  int // blocks of the next step
	found   []insight.Signal
	scanned int
	stopped *time.Time // the scan bound was reached: everything after this moment was seen
	done    bool
}

func newWalk(productID uuid.UUID, f insight.Filter, r page.Request) *walk {
	from, to := time.Unix(0, 0).UTC(), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	if f.From != nil {
		from = *f.From
	}
	if f.To != nil {
		to = *f.To
	}
	if r.After.At != nil && r.After.At.Before(to) {
		to = *r.After.At
	}
	w := &walk{
		request: r, atOnce: firstBlocks,
		blocks:  db.SignalBlocksParams{ProductID: productID, FromAt: from, ToAt: to, ContextID: f.ContextID},
		signals: db.SignalsOfBlocksParams{ProductID: productID, FromAt: from, ToAt: to, BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()},
	}
	if f.Type != "" {
		w.blocks.Type, w.signals.Type = &f.Type, &f.Type
	}
	if f.SessionID != "" {
		w.signals.SessionID = &f.SessionID
	}
	if f.Text != "" {
		pattern := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(f.Text) + "%"
		w.signals.Q = &pattern
	}
	return w
}

// step expands the next blocks.
func (w *walk) step(ctx context.Context, q *db.Queries) error {
	w.blocks.RowLimit = int32(w.atOnce) + 1
	blocks, err := q.SignalBlocks(ctx, w.blocks)
	if err != nil {
		return err
	}
	var next *db.SignalBlocksRow
	if len(blocks) > w.atOnce {
		next = &blocks[w.atOnce]
		blocks = blocks[:w.atOnce]
	}
	w.atOnce = min(2*w.atOnce, mostBlocks)
	if len(blocks) > 0 {
		w.signals.BlockIds, w.signals.BlockFirstAts = nil, nil
		for _, b := range blocks {
			w.signals.BlockIds = append(w.signals.BlockIds, b.BlockID)
			w.signals.BlockFirstAts = append(w.signals.BlockFirstAts, b.FirstAt)
		}
		rows, err := q.SignalsOfBlocks(ctx, w.signals)
		if err != nil {
			return err
		}
		w.add(mapped(rows, toSignal))
		last := blocks[len(blocks)-1]
		w.blocks.BeforeAt, w.blocks.BeforeID = &last.LastAt, &last.BlockID
	}
	w.scanned += len(blocks)
	switch {
	case next == nil:
		w.done = true
	case len(w.found) > w.request.Limit && w.found[w.request.Limit].OccurredAt.After(next.LastAt):
		w.done = true // blocks further on hold only older signals
	case w.scanned >= maxBlocksScanned:
		w.done, w.stopped = true, &next.LastAt
	}
	return nil
}

func (w *walk) add(rows []insight.Signal) {
	w.found = append(w.found, rows...)
	slices.SortFunc(w.found, func(a, b insight.Signal) int {
		if c := b.OccurredAt.Compare(a.OccurredAt); c != 0 {
			return c
		}
		return slices.Compare(b.ID[:], a.ID[:])
	})
	if keep := w.request.Limit + 1; len(w.found) > keep {
		w.found = w.found[:keep]
	}
}

// page cuts what was found. After an early stop only what lies after the stop is sure to be in
// order, and the cursor goes on from the stop.
func (w *walk) page() page.Of[insight.Signal] {
	cut := page.Cut(w.found, w.request, func(n insight.Signal) page.Cursor { return page.AtID(n.OccurredAt, n.ID) })
	if w.stopped == nil || (cut.Next != nil && cut.Next.At.After(*w.stopped)) {
		return cut
	}
	sure := slices.IndexFunc(cut.Items, func(n insight.Signal) bool { return !n.OccurredAt.After(*w.stopped) })
	if sure >= 0 {
		cut.Items = cut.Items[:sure]
	}
	// The greatest id: everything at the moment of the stop itself comes on the next page.
	next := page.AtID(*w.stopped, uuid.Max)
	cut.Next = &next
	return cut
}

func toSignal(row db.SignalsOfBlocksRow) insight.Signal {
	return insight.Signal{
		ID: row.ID, ClientID: row.ClientID, Type: row.Type, Payload: []byte(row.Payload), ContextID: row.ContextID, Source: row.Source,
		SessionID: row.SessionID, OccurredAt: row.OccurredAt, ReceivedAt: row.ReceivedAt, TimeMark: row.TimeMark, Imported: row.Imported,
	}
}

// Fresh returns the newest live signals, oldest first. While the product's total is what the caller
// has seen, it costs one primary-key look-up.
func (s Insights) Fresh(ctx context.Context, accountID, productID uuid.UUID, receivedSince, storedSince time.Time, seen int64) ([]insight.Signal, int64, error) {
	var out []insight.Signal
	var total int64
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		var err error
		total, err = q.ProductActivity(ctx, productID)
		if errors.Is(err, pgx.ErrNoRows) { // no signal yet, or no such product
			_, err = q.Product(ctx, productID)
			return found(err)
		}
		if err != nil || total == seen {
			return err
		}
		contexts, err := contextsOf(ctx, q, productID)
		if err != nil {
			return err
		}
		blocks, err := q.FreshBlocks(ctx, db.FreshBlocksParams{ProductID: productID, Since: storedSince, RowLimit: maxFresh})
		if err != nil || len(blocks) == 0 {
			return err
		}
		p := db.FreshSignalsParams{ProductID: productID, Since: receivedSince, RowLimit: maxFresh}
		for _, b := range blocks {
			p.BlockIds = append(p.BlockIds, b.BlockID)
			p.BlockFirstAts = append(p.BlockFirstAts, b.FirstAt)
		}
		rows, err := q.FreshSignals(ctx, p)
		if err != nil {
			return err
		}
		out = mapped(rows, func(row db.FreshSignalsRow) insight.Signal { return toSignal(db.SignalsOfBlocksRow(row)) })
		slices.Reverse(out)
		for i := range out {
			describe(&out[i], contexts)
		}
		return nil
	})
	return out, total, wrap(err, "reading fresh signals")
}
