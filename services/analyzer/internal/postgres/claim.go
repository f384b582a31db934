package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// filing is where an id is kept and where else it is looked for.
type filing struct {
	day   time.Time    // zero for imported history, which has a table of its own
	other [2]time.Time // zero: nowhere
}

func (f filing) imported() bool { return f.day.IsZero() }

func (f filing) days() []time.Time { return []time.Time{f.day, f.other[0], f.other[1]} }

// file decides the day of an id. Its own day refuses an id by the key; to be unique
// for 24 h also across midnight it is looked up in other days, unless what it is
// filed by cannot change until it comes again:
//
//   - an id of ours always comes with the same time of receipt,
//   - a client's UUIDv7 (what the script and the SDKs send) carries a time itself.
//
// Only days from yesterday on have a partition for certain. What waited in the queue
// for longer, or carries an earlier time, is filed by when it came and looked up.
func file(one *signal.Signal, today time.Time) filing {
	if one.Imported {
		return filing{}
	}
	const day = 24 * time.Hour
	yesterday, tomorrow := today.Add(-day), today.Add(day)
	if carried := one.ClientID.Version() == 7; carried {
		switch own := timeOf(one.ClientID).Truncate(day); {
		case own.Equal(today), own.Equal(yesterday):
			return filing{day: own}
		case own.Equal(tomorrow): // a fast clock: a day ago this was out of reach, and filed by when it came
			return filing{day: own, other: [2]time.Time{yesterday, today}}
		}
	}
	received := one.ReceivedAt.UTC().Truncate(day)
	bounded := received
	if bounded.Before(yesterday) {
		bounded = yesterday
	} else if bounded.After(tomorrow) {
		bounded = tomorrow
	}
	if one.ClientID == uuid.Nil && bounded.Equal(received) {
		return filing{day: received}
	}
	return filing{day: bounded, other: [2]time.Time{bounded.Add(-day), bounded.Add(day)}}
}

// timeOf is the time a UUIDv7 carries.
func timeOf(id uuid.UUID) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:]) >> 16)).UTC()
}

// byDay files the members of a list, given as indexes in the order of their keys.
func byDay(list []candidate, unique []int, today time.Time) map[filing][]int {
	filed := make(map[filing][]int)
	for _, i := range unique {
		f := file(list[i].Signal, today)
		filed[f] = append(filed[f], i)
	}
	return filed
}

// firstOfEach are the indexes of the signals whose key did not occur before in the
// list, in the order of the keys: written so, neighbours of the index go together.
func firstOfEach(list []candidate) []int {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := list[a].Key(), list[b].Key()
		return bytes.Compare(x[:], y[:])
	})
	return slices.CompactFunc(order, func(a, b int) bool { return list[a].Key() == list[b].Key() })
}

// claim finds out which signals of one account are new and inserts their ids. Its
// callers hold the account's lock, so that what is not there now is not there when it
// is inserted: plain INSERT costs Postgres a third of ON CONFLICT … RETURNING.
func claim(ctx context.Context, tx pgx.Tx, account uuid.UUID, list []candidate, filed map[filing][]int) (fresh []bool, err error) {
	known, err := lookUp(ctx, tx, account, list, filed)
	if err != nil {
		return nil, err
	}
	fresh = make([]bool, len(list))
	round := &pgx.Batch{}
	for f, members := range filed {
		ids := make(pgtype.FlatArray[pgtype.UUID], 0, len(members))
		var at []time.Time
		for _, i := range members {
			if known[list[i].Key()] {
				continue
			}
			fresh[i] = true
			ids = append(ids, present(list[i].Key()))
			if f.imported() {
				at = append(at, list[i].At)
			}
		}
		switch {
		case len(ids) == 0:
		case f.imported():
			round.Queue(`INSERT INTO imported_ids (account_id, id, occurred_at) SELECT $1, u.id, u.at FROM unnest($2::uuid[], $3::timestamptz[]) AS u (id, at)`, account, ids, at)
		default:
			round.Queue(`INSERT INTO signal_ids (account_id, id, day) SELECT $1, u.id, $3 FROM unnest($2::uuid[]) AS u (id)`, account, ids, f.day)
		}
	}
	if err := tx.SendBatch(ctx, round).Close(); err != nil {
		return nil, fmt.Errorf("inserting ids: %w", err)
	}
	return fresh, nil
}

const (
	// gap is the time between two ids beyond which what lies between is not worth
	// reading.
	gap = 2 * time.Second
	// readPerID bounds how many ids are read in place of looking one up.
	readPerID = 8
)

// lookUp returns the ids that are there.
func lookUp(ctx context.Context, tx pgx.Tx, account uuid.UUID, list []candidate, filed map[filing][]int) (map[uuid.UUID]bool, error) {
	known := make(map[uuid.UUID]bool)
	var single []lookup
	round := &pgx.Batch{}
	for f, members := range filed {
		ids := make([]uuid.UUID, len(members))
		for n, i := range members {
			ids[n] = list[i].Key()
		}
		if f.imported() {
			round.Queue(`SELECT i.id FROM imported_ids i WHERE i.account_id = $1 AND i.id = ANY($2)`, account, uuids(ids)).Query(note(known, nil))
			continue
		}
		if f.other[0] != f.other[1] {
			single = append(single, lookup{ids, f.days()})
			continue
		}
		// Ids that carry a time lie side by side in the index: the stretch between the first
		// and the last is read in one go, unless others have a lot there.
		for _, stretch := range stretches(ids) {
			limit := readPerID * len(stretch)
			round.Queue(`SELECT s.id FROM signal_ids s WHERE s.account_id = $1 AND s.day = $2 AND s.id BETWEEN $3 AND $4 LIMIT $5`,
				account, f.day, stretch[0], stretch[len(stretch)-1], limit).
				Query(note(known, func(n int) {
					if n == limit {
						single = append(single, lookup{stretch, f.days()})
					}
				}))
		}
	}
	if err := tx.SendBatch(ctx, round).Close(); err != nil {
		return nil, fmt.Errorf("looking ids up: %w", err)
	}
	if len(single) == 0 {
		return known, nil
	}
	round = &pgx.Batch{}
	for _, l := range single {
		// LIMIT keeps the planner on the key's index; a join scanned the whole day.
		round.Queue(`SELECT u.id FROM unnest($2::uuid[]) AS u (id)
			CROSS JOIN LATERAL (SELECT FROM signal_ids s WHERE s.account_id = $1 AND s.id = u.id AND s.day = ANY($3::date[]) LIMIT 1) AS k`,
			account, uuids(l.ids), l.days).Query(note(known, nil))
	}
	if err := tx.SendBatch(ctx, round).Close(); err != nil {
		return nil, fmt.Errorf("looking ids up: %w", err)
	}
	return known, nil
}

// lookup is a list of ids to be looked up one by one in some days.
type lookup struct {
	ids  []uuid.UUID
	days []time.Time
}

// stretches cuts ids in order where the times they carry are far apart.
func stretches(ids []uuid.UUID) (out [][]uuid.UUID) {
	for start := 0; start < len(ids); {
		end := start + 1
		for end < len(ids) && timeOf(ids[end]).Sub(timeOf(ids[end-1])) < gap {
			end++
		}
		out = append(out, ids[start:end])
		start = end
	}
	return out
}

// note adds the ids of a result to known and tells how many there were.
func note(known map[uuid.UUID]bool, count func(n int)) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		n := 0
		for rows.Next() {
			known[uuid.UUID(rows.RawValues()[0])] = true
			n++
		}
		if count != nil {
			count(n)
		}
		return rows.Err()
	}
}
