package postgres

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// draft is what one account's part of a call comes to, supposing these contexts.
type draft struct {
	contexts []signal.Context
	homed    []candidate // signals with a home, in the order they came
	homeless []candidate
	filed    map[filing][]int // the first of each key, by where its id belongs
	rows     rows             // of those, supposing that all are new
}

func (s *Signals) draft(list []candidate, contexts []signal.Context, reader *signal.Reader) *draft {
	d := &draft{contexts: contexts, homed: make([]candidate, 0, len(list))}
	places := signal.NewContexts(contexts)
	for _, one := range list {
		home, ok := places.Place(one.Signal)
		if !ok {
			d.homeless = append(d.homeless, one)
			continue
		}
		one.home = home
		d.homed = append(d.homed, one)
	}
	unique := firstOfEach(d.homed)
	d.filed = byDay(d.homed, unique, s.today())
	supposed := make([]bool, len(d.homed))
	for _, i := range unique {
		supposed[i] = true
	}
	d.rows = newRows(d.homed, supposed, reader)
	return d
}

// rows are what is written of new signals.
type rows struct {
	placed []signal.Placed
	blocks []signal.Block
	counts signal.Counts
}

// newRows makes them of those signals of a list that are new.
func newRows(list []candidate, fresh []bool, reader *signal.Reader) rows {
	var r rows
	r.placed = make([]signal.Placed, 0, len(list))
	for i, one := range list {
		if fresh[i] {
			r.placed = append(r.placed, signal.Placed{Signal: one.Signal, Context: one.home})
		}
	}
	r.blocks, r.counts = signal.Blocks(r.placed, newID), signal.Count(r.placed, reader)
	return r
}

// maxProducts bounds how many products' contexts are remembered.
const maxProducts = 10_000

// productsOf are the products of a list, each once.
func productsOf(list []candidate) []uuid.UUID {
	seen := make(map[uuid.UUID]bool)
	var out []uuid.UUID
	for _, one := range list {
		if !seen[one.ProductID] {
			seen[one.ProductID] = true
			out = append(out, one.ProductID)
		}
	}
	return out
}

// knownContexts are the contexts of products as they were last read, in the order of
// their ids. ok is false when some never were.
func (s *Signals) knownContexts(products []uuid.UUID) (known []signal.Context, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range products {
		list, ok := s.contexts[id]
		if !ok {
			return nil, false
		}
		known = append(known, list...)
	}
	slices.SortFunc(known, func(a, b signal.Context) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return known, true
}

// rememberContexts keeps what was read of products; one without contexts is gone.
func (s *Signals) rememberContexts(products []uuid.UUID, known []signal.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.contexts) >= maxProducts {
		clear(s.contexts)
	}
	for _, id := range products {
		s.contexts[id] = nil
	}
	for _, c := range known {
		s.contexts[c.ProductID] = append(s.contexts[c.ProductID], c)
	}
}

type activity struct {
	productID       uuid.UUID
	firstAt, lastAt time.Time // of receipt
	n               int64
	context         uuid.UUID // of the earliest
	kind            string
	at              time.Time
}

func activities(list []signal.Placed) []activity {
	byProduct := make(map[uuid.UUID]*activity)
	for _, one := range list {
		a := byProduct[one.ProductID]
		if a == nil {
			a = &activity{productID: one.ProductID, firstAt: one.ReceivedAt, lastAt: one.ReceivedAt, context: one.Context.ID, kind: one.Type, at: one.At}
			byProduct[one.ProductID] = a
		}
		a.n++
		if one.ReceivedAt.Before(a.firstAt) {
			a.firstAt, a.context, a.kind, a.at = one.ReceivedAt, one.Context.ID, one.Type, one.At
		}
		if one.ReceivedAt.After(a.lastAt) {
			a.lastAt = one.ReceivedAt
		}
	}
	out := make([]activity, 0, len(byProduct))
	for _, a := range byProduct {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b activity) int { return bytes.Compare(a.productID[:], b.productID[:]) })
	return out
}

// areas lists the contexts of a list, those with live signals marked, and when they are to be analysed.
func areas(account uuid.UUID, list []signal.Placed, due time.Time) []signal.Area {
	live := make(map[uuid.UUID]bool)
	for _, one := range list {
		live[one.Context.ID] = live[one.Context.ID] || !one.Imported
	}
	out := make([]signal.Area, 0, len(live))
	for id, is := range live {
		out = append(out, signal.Area{AccountID: account, ContextID: id, Live: is, Due: due})
	}
	slices.SortFunc(out, func(a, b signal.Area) int { return cmp.Compare(a.ContextID.String(), b.ContextID.String()) })
	return out
}
