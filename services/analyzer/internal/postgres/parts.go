package postgres

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// partCount is how many parts the accounts are split into. Every group of messages has
// signals of every busy account, and a transaction holds its accounts' locks until it
// is on disk: with one transaction a group they would run one after the other.
//
// Kept in stream_parts: before it changes, batches that are half stored must be
// finished, or be known by their ids alone.
const partCount = 4

// partOf is the part of an account, always the same. An account's id ends in random
// bits.
func partOf(account uuid.UUID) int { return int(account[len(account)-1]) % partCount }

// part is what one transaction of a call stores.
type part struct {
	number   int
	accounts [][]candidate // the signals of each
}

// split sorts signals by part and account, accounts in the order of their ids: two
// transactions that share accounts lock them in the same order. There is always one
// part, so that batches of nothing get their positions.
func split(lists [][]candidate) []*part {
	sizes := make(map[uuid.UUID]int)
	for _, list := range lists {
		for _, one := range list {
			sizes[one.AccountID]++
		}
	}
	places := make(map[uuid.UUID]int, len(sizes))
	accounts := make([][]candidate, 0, len(sizes))
	for _, list := range lists {
		for _, one := range list {
			n, ok := places[one.AccountID]
			if !ok {
				n = len(accounts)
				places[one.AccountID] = n
				accounts = append(accounts, make([]candidate, 0, sizes[one.AccountID]))
			}
			accounts[n] = append(accounts[n], one)
		}
	}
	slices.SortFunc(accounts, func(a, b []candidate) int { return bytes.Compare(a[0].AccountID[:], b[0].AccountID[:]) })
	var all [partCount]part
	for _, list := range accounts {
		n := partOf(list[0].AccountID)
		all[n].accounts = append(all[n].accounts, list)
	}
	var out []*part
	for n := range all {
		if p := &all[n]; len(p.accounts) > 0 {
			p.number = n
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		out = append(out, &all[0])
	}
	return out
}

// without is the part's accounts without the signals of batches that are done.
func (p *part) without(done []bool) [][]candidate {
	var out [][]candidate
	for _, list := range p.accounts {
		list = slices.DeleteFunc(slices.Clone(list), func(c candidate) bool { return done[c.batch] })
		if len(list) > 0 {
			out = append(out, list)
		}
	}
	return out
}

// lanes let calls that run at once work on different parts: one that waits for another's
// accounts in Postgres would hold a connection and get nothing done.
type lanes struct {
	mu    *sync.Mutex
	freed *sync.Cond
	taken *[partCount]bool
}

func newLanes() lanes {
	mu := &sync.Mutex{}
	return lanes{mu: mu, freed: sync.NewCond(mu), taken: &[partCount]bool{}}
}

// take removes from left a part that nobody is working on, and waits for one if need be.
func (l lanes) take(left *[]*part) *part {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for i, p := range *left {
			if !l.taken[p.number] {
				l.taken[p.number] = true
				*left = slices.Delete(*left, i, i+1)
				return p
			}
		}
		l.freed.Wait()
	}
}

func (l lanes) free(number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken[number] = false
	l.freed.Broadcast()
}

// readDone notes the batches whose effect is committed, as a whole or of this part. A
// message is known by its own id: replayed, it comes under another sequence, and a broker
// that lost its store counts from 1 again.
func (w *writing) readDone(ctx context.Context, batches []signal.Batch, number int) error {
	streams, ids := messages(batches)
	rows, err := w.tx.Query(ctx, `SELECT u.n, p.message_id IS NOT NULL FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS u (stream, message_id, n)
		LEFT JOIN stream_positions p ON p.stream = u.stream AND p.message_id = u.message_id
		LEFT JOIN stream_parts s ON s.stream = u.stream AND s.message_id = u.message_id AND s.part = $3
		WHERE p.message_id IS NOT NULL OR s.message_id IS NOT NULL`, streams, ids, number)
	if err != nil {
		return fmt.Errorf("reading the positions: %w", err)
	}
	var n int
	var whole bool
	if _, err := pgx.ForEachRow(rows, []any{&n, &whole}, func() error {
		w.done[n-1], w.results[n-1].Repeated = true, whole
		return nil
	}); err != nil {
		return fmt.Errorf("reading the positions: %w", err)
	}
	type message struct {
		stream string
		id     uuid.UUID
	}
	seen := make(map[message]bool, len(batches))
	for i, b := range batches { // twice in one call
		m := message{b.Stream, b.MessageID}
		if seen[m] {
			w.done[i], w.results[i].Repeated = true, true
		}
		seen[m] = true
	}
	return nil
}

func messages(batches []signal.Batch) (streams []string, ids []uuid.UUID) {
	for _, b := range batches {
		streams, ids = append(streams, b.Stream), append(ids, b.MessageID)
	}
	return streams, ids
}

// writePart notes that the batches' part is stored. A replayed dead letter has another
// position, so the message's own id names it.
func (w *writing) writePart(ctx context.Context, batches []signal.Batch, number int) error {
	round := &pgx.Batch{}
	for i, b := range batches {
		if !w.done[i] {
			round.Queue(`INSERT INTO stream_parts (stream, message_id, part, stored, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (stream, message_id, part) DO NOTHING`,
				b.Stream, b.MessageID, number, w.results[i].New, w.now())
		}
	}
	return w.send(ctx, round, "writing the parts")
}

// writePositions notes that all of the batches is stored, in place of their parts.
func (w *writing) writePositions(ctx context.Context, batches []signal.Batch) error {
	round := &pgx.Batch{}
	for i, b := range batches {
		if !w.results[i].Repeated {
			round.Queue(`WITH parts AS (DELETE FROM stream_parts WHERE stream = $1 AND message_id = $3 RETURNING stored)
				INSERT INTO stream_positions (stream, sequence, message_id, signals, stored, at) VALUES ($1, $2, $3, $4, $5 + (SELECT coalesce(sum(stored), 0) FROM parts), $6)
				ON CONFLICT (stream, sequence) DO UPDATE SET message_id = excluded.message_id, signals = excluded.signals, stored = excluded.stored, at = excluded.at`,
				b.Stream, int64(b.Sequence), b.MessageID, len(b.Signals), w.results[i].New, w.now())
		}
	}
	return w.send(ctx, round, "writing the positions")
}
