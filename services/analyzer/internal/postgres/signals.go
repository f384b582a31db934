package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/tenant"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/analyzer/internal/session"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// keptMonths is how old a signal may be to find a partition (1-product: at most
// 24 months); older ones are refused before the queue and dropped here.
const keptMonths = 24

// Schedule is told, inside the transaction, which contexts got signals: what it
// inserts is committed with them.
type Schedule func(ctx context.Context, tx pgx.Tx, areas []signal.Area) error

// first is a product's first signal.
type first struct {
	productID uuid.UUID
	contextID uuid.UUID
	kind      string
	at        time.Time
}

// Signals stores batches.
type Signals struct {
	db       *pgxpool.Pool
	outbox   outbox.Outbox
	now      func() time.Time
	due      func(account uuid.UUID) time.Time
	schedule Schedule
	readers  sync.Pool // of *signal.Reader

	lanes   lanes
	kept    [partCount]kept
	samples [partCount]*session.Memory // of sessions, guarded like kept

	mu         sync.Mutex
	partitions map[string]bool                // days and months known to exist
	contexts   map[uuid.UUID][]signal.Context // as they were last read, by product
}

// NewSignals returns a store; db is borrowed. due is when an account's contexts with new signals are to be analysed.
func NewSignals(db *pgxpool.Pool, box outbox.Outbox, now func() time.Time, due func(account uuid.UUID) time.Time, schedule Schedule) *Signals {
	s := &Signals{
		db: db, outbox: box, now: now, due: due, schedule: schedule, partitions: make(map[string]bool), contexts: make(map[uuid.UUID][]signal.Context),
		readers: sync.Pool{New: func() any { return signal.NewReader() }},
		lanes:   newLanes(),
	}
	for i := range s.samples {
		s.samples[i] = session.NewMemory()
	}
	return s
}

// candidate is a signal on its way into the store.
type candidate struct {
	*signal.Signal
	batch int // index into the call's batches
	home  *signal.Context
}

// Store commits ids, blocks, rollup deltas and the positions of the batches, each
// signal counted once however often it comes. Batches may come alone or several at a
// time: a transaction costs the same for one as for many. Accounts go in parts, a
// transaction each; what one has committed is known by the part when a batch comes
// again, so a call that fails half way leaves nothing to be stored twice; with its
// error it tells what it has committed, which the next call does not tell again.
// The batches are the store's from then on.
func (s *Signals) Store(ctx context.Context, batches []signal.Batch) ([]signal.Stored, error) {
	reader, _ := s.readers.Get().(*signal.Reader)
	defer s.readers.Put(reader)
	lists, tooOld := s.prepare(batches, reader)
	if err := s.ensurePartitions(ctx, lists); err != nil {
		return nil, err
	}
	// What needs no lock is done before the transactions, supposing that nothing was
	// stored before and no context changed: so it nearly always is.
	parts := split(lists)
	drafts := make(map[uuid.UUID]*draft)
	for _, p := range parts {
		for _, list := range p.accounts {
			if known, ok := s.knownContexts(productsOf(list)); ok {
				drafts[list[0].AccountID] = s.draft(list, known, reader)
			}
		}
	}
	results := make([]signal.Stored, len(batches))
	for i := range results {
		results[i].Repeated = true
	}
	for len(parts) > 0 {
		p := s.lanes.take(&parts)
		part, err := s.storePart(ctx, batches, p, len(parts) == 0, writing{Signals: s, reader: reader, drafts: drafts, kept: &s.kept[p.number], sample: s.samples[p.number]})
		if err != nil {
			s.forgetPartitions(err)
			return results, fmt.Errorf("storing signals: %w", err)
		}
		for i := range results {
			results[i].Add(part[i])
		}
	}
	for i := range results {
		if !results[i].Repeated {
			results[i].TooOld = tooOld[i]
		}
	}
	return results, nil
}

// storePart stores one part of a call, whose lane it has; last says that the others are
// committed.
func (s *Signals) storePart(ctx context.Context, batches []signal.Batch, p *part, last bool, common writing) ([]signal.Stored, error) {
	defer s.lanes.free(p.number)
	var results []signal.Stored
	sampled := false
	err := pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		w := common // the transaction may run again
		if sampled {
			w.sample.Forget() // what it remembers was rolled back
		}
		sampled = true
		w.tx, w.results, w.done = tx, make([]signal.Stored, len(batches)), make([]bool, len(batches))
		results = w.results
		return w.store(ctx, batches, p, last)
	})
	if err != nil {
		common.sample.Forget()
	}
	return results, err
}

// today is the start of the UTC day.
func (s *Signals) today() time.Time { return s.now().UTC().Truncate(day) }

// prepare reads the payloads and leaves out what is too old to be kept.
func (s *Signals) prepare(batches []signal.Batch, reader *signal.Reader) (lists [][]candidate, tooOld []int) {
	tooOld, lists = make([]int, len(batches)), make([][]candidate, len(batches))
	oldest := s.now().AddDate(0, -keptMonths, 0)
	for i, b := range batches {
		lists[i] = make([]candidate, 0, len(b.Signals))
		for j := range b.Signals {
			one := &b.Signals[j]
			if one.At.Before(oldest) {
				tooOld[i]++
				continue
			}
			reader.Prepare(one)
			lists[i] = append(lists[i], candidate{Signal: one, batch: i})
		}
	}
	return lists, tooOld
}

// writing is one transaction.
type writing struct {
	*Signals
	tx      pgx.Tx
	reader  *signal.Reader
	drafts  map[uuid.UUID]*draft
	kept    *kept
	sample  *session.Memory
	results []signal.Stored // of each batch
	done    []bool          // batches whose part is committed
}

// store writes one part; last says that the others are committed.
func (w *writing) store(ctx context.Context, batches []signal.Batch, p *part, last bool) error {
	if err := w.readDone(ctx, batches, p.number); err != nil {
		return err
	}
	accounts := p.accounts
	if slices.Contains(w.done, true) {
		accounts = p.without(w.done)
		w.drafts = nil // they have signals that are stored
	}
	var touched []signal.Area
	for _, list := range accounts {
		areas, err := w.storeAccount(ctx, list)
		if err != nil {
			return err
		}
		touched = append(touched, areas...)
	}
	if len(touched) > 0 {
		if err := w.schedule(ctx, w.tx, touched); err != nil {
			return err
		}
	}
	if last {
		return w.writePositions(ctx, batches)
	}
	return w.writePart(ctx, batches, p.number)
}

// storeAccount stores one account's part and returns the contexts that got signals. It
// asks all it can in one round trip and writes in another.
func (w *writing) storeAccount(ctx context.Context, list []candidate) ([]signal.Area, error) {
	account, products := list[0].AccountID, productsOf(list)
	w.kept.trim()
	w.sample.Trim()
	round := &pgx.Batch{}
	contexts, err := queueEnter(round, account, products)
	if err != nil {
		return nil, err
	}
	d := w.drafts[account]
	var ids *lookups
	if d != nil {
		ids = w.queueReads(round, account, d)
	}
	if err := w.send(ctx, round, "reading what is there"); err != nil {
		return nil, err
	}
	if d == nil || !slices.EqualFunc(d.contexts, *contexts, signal.Context.Equal) {
		w.rememberContexts(products, *contexts)
		d = w.draft(list, *contexts, w.reader)
		round = &pgx.Batch{}
		ids = w.queueReads(round, account, d)
		if err := w.send(ctx, round, "reading what is there"); err != nil {
			return nil, err
		}
	}
	d.contexts = *contexts // equal but for the types they name
	if len(ids.crowded) > 0 {
		round = &pgx.Batch{}
		ids.queueCrowded(round, account)
		if err := w.send(ctx, round, "looking ids up"); err != nil {
			return nil, err
		}
	}
	return w.write(ctx, account, d, ids)
}

// queueReads reads what a draft depends on beside the contexts.
func (w *writing) queueReads(round *pgx.Batch, account uuid.UUID, d *draft) *lookups {
	w.kept.queue(round, account, d.rows.counts)
	queueSampleReads(round, account, w.sample, d.rows.counts.Sessions)
	return queueLookups(round, account, d.homed, d.filed)
}

// write writes what of a draft is new.
func (w *writing) write(ctx context.Context, account uuid.UUID, d *draft, ids *lookups) ([]signal.Area, error) {
	months := monthCounts{}
	for _, one := range d.homeless {
		w.results[one.batch].Homeless++
		months.add(one, false)
	}
	fresh := make([]bool, len(d.homed))
	for _, members := range d.filed {
		for _, i := range members {
			fresh[i] = !ids.known[d.homed[i].Key()]
		}
	}
	stored := 0
	for i, one := range d.homed {
		months.add(one, fresh[i])
		if fresh[i] {
			w.results[one.batch].New++
			stored++
		} else {
			w.results[one.batch].Known++
		}
	}
	round := &pgx.Batch{}
	months.queue(round, account)
	if stored == 0 {
		return nil, w.send(ctx, round, "counting signals that are not stored")
	}
	added := d.rows
	if stored < len(added.placed) {
		added = newRows(d.homed, fresh, w.reader)
	}
	var err error
	if added.counts, err = w.boundTypes(ctx, account, added.counts, d.contexts); err != nil {
		return nil, err
	}
	queueIDs(round, account, d.homed, d.filed, fresh)
	touched := areas(account, added.placed, w.due(account))
	queueAnalyses(round, account, touched, w.now())
	var firsts []first
	w.queueRows(round, account, added, &firsts)
	if err := w.send(ctx, round, "writing ids, blocks and rollups"); err != nil {
		return nil, err
	}
	for _, f := range firsts {
		if err := w.announce(ctx, account, f); err != nil {
			return nil, err
		}
	}
	return touched, nil
}

// send runs a batch, if there is anything in it.
func (w *writing) send(ctx context.Context, round *pgx.Batch, doing string) error {
	if round.Len() == 0 {
		return nil
	}
	if err := w.tx.SendBatch(ctx, round).Close(); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

func (w *writing) announce(ctx context.Context, account uuid.UUID, f first) error {
	return outbox.Put(ctx, w.tx, w.outbox, event.SignalFirstReceived, bus.Message[*eventv1.SignalFirstReceived]{
		ID: newID(), AccountID: account, Time: w.now(),
		Body: &eventv1.SignalFirstReceived{
			ProductId: f.productID.String(), ContextId: f.contextID.String(), Type: f.kind, OccurredAt: timestamppb.New(f.at),
		},
	})
}

// queueEnter switches to the account, takes its lock and reads the contexts of its
// products. What is queued after it sees what the lock's last holder has committed.
func queueEnter(round *pgx.Batch, account uuid.UUID, products []uuid.UUID) (*[]signal.Context, error) {
	if err := tenant.QueueEnter(round, account); err != nil {
		return nil, err
	}
	contexts := new([]signal.Context)
	round.Queue(lockSignals, account)
	round.Queue(`SELECT id, product_id, is_default, payload_keys, positive_types, negative_types FROM contexts WHERE account_id = $1 AND product_id = ANY($2) ORDER BY id`, account, uuids(products)).
		Query(func(rows pgx.Rows) (err error) {
			*contexts, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (signal.Context, error) {
				var c signal.Context
				err := row.Scan(&c.ID, &c.ProductID, &c.Default, &c.PayloadKeys, &c.PositiveTypes, &c.NegativeTypes)
				return c, err
			})
			return err
		})
	return contexts, nil
}

// lockSignals serialises the writers of one account's signals.
const lockSignals = `SELECT pg_advisory_xact_lock(hashtextextended('specter.signals.' || $1::uuid::text, 0))`

// newID is a UUIDv7, so that blocks of one time lie together.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
