package postgres

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// filing is where an id is kept.
type filing struct {
	day    time.Time // zero for imported history, which has a table of its own
	lookUp bool      // it may lie under another day
}

func (f filing) imported() bool { return f.day.IsZero() }

// day of the partitions.
const day = 24 * time.Hour

// file decides the day of an id, whose key refuses it there a second time. To be
// unique for 24 h also across midnight it must be filed alike when it comes again, or
// be looked up. Two times do not change until then: that of receipt of an id of ours,
// which never comes with another, and that which a client's UUIDv7 carries (what the
// script and the SDKs send). By such a time of today, ids are filed under it, whatever
// the clocks of two analyzers make of midnight. All others are looked up, too; and what
// has no such time, or one that may have no partition, is filed by its receipt.
func file(one *signal.Signal, today time.Time) filing {
	if one.Imported {
		return filing{}
	}
	received := one.ReceivedAt.UTC().Truncate(day)
	fixed := received
	switch {
	case one.ClientID.Version() == 7:
		fixed = timeOf(one.ClientID).Truncate(day)
	case one.ClientID != uuid.Nil:
		fixed = time.Time{}
	}
	yesterday, tomorrow := today.Add(-day), today.Add(day)
	switch {
	case fixed.Equal(today):
		return filing{day: fixed}
	case fixed.Equal(yesterday) || fixed.Equal(tomorrow):
		return filing{day: fixed, lookUp: true}
	case received.Before(yesterday): // it waited in the queue
		return filing{day: yesterday, lookUp: true}
	case received.After(tomorrow):
		return filing{day: tomorrow, lookUp: true}
	default:
		return filing{day: received, lookUp: true}
	}
}

// daysAround are those an id that is looked up may lie under.
func daysAround(today time.Time) []time.Time {
	return []time.Time{today.Add(-2 * day), today.Add(-day), today, today.Add(day), today.Add(2 * day)}
}

// timeOf is the time a UUIDv7 carries.
func timeOf(id uuid.UUID) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:]) >> 16)).UTC()
}

// byDay files the members of a list, given as indexes in the order of their keys.
func byDay(list []candidate, unique []int, today time.Time) map[filing][]int {
	filed := make(map[filing][]int)
	// Nearly all are filed alike: those that follow one another are gathered first.
	var current filing
	var members []int
	for _, i := range unique {
		if f := file(list[i].Signal, today); f != current || members == nil {
			filed[current] = members
			current, members = f, filed[f]
		}
		members = append(members, i)
	}
	filed[current] = members
	if len(filed[filing{}]) == 0 {
		delete(filed, filing{})
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

// queueIDs inserts the ids of those members that are new. Its callers hold the account's
// lock and have looked them up, so that what was not there then is not there now: plain
// INSERT costs Postgres a third of ON CONFLICT … RETURNING.
func queueIDs(round *pgx.Batch, account uuid.UUID, list []candidate, filed map[filing][]int, fresh []bool) {
	for f, members := range filed {
		ids := make(pgtype.FlatArray[pgtype.UUID], 0, len(members))
		var at []time.Time
		for _, i := range members {
			if !fresh[i] {
				continue
			}
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
}

const (
	// gap is the time between two ids beyond which what lies between is not worth
	// reading.
	gap = 2 * time.Second
	// readPerID bounds how many ids are read in place of looking one up.
	readPerID = 8
	// fewIDs are looked up one by one.
	fewIDs = 16
)

// lookups are ids that are there, once the batch they were queued in is done.
type lookups struct {
	known map[uuid.UUID]bool
	// crowded stretches hold too many of others' ids: theirs must be looked up singly.
	crowded []uuid.UUID
}

// queueLookups looks up all filed members of a list.
func queueLookups(round *pgx.Batch, account uuid.UUID, list []candidate, filed map[filing][]int, today time.Time) *lookups {
	l := &lookups{known: make(map[uuid.UUID]bool)}
	var single []uuid.UUID
	for f, members := range filed {
		ids := make([]uuid.UUID, len(members))
		for n, i := range members {
			ids[n] = list[i].Key()
		}
		switch {
		case f.imported():
			round.Queue(`SELECT i.id FROM imported_ids i WHERE i.account_id = $1 AND i.id = ANY($2)`, account, uuids(ids)).Query(l.note(nil))
		case f.lookUp:
			single = append(single, ids...)
		default:
			// Ids that carry a time lie side by side in the index: the stretch between the first
			// and the last is read in one go, unless others have a lot there.
			for _, stretch := range stretches(ids) {
				if len(stretch) < fewIDs {
					single = append(single, stretch...)
					continue
				}
				limit := readPerID * len(stretch)
				round.Queue(`SELECT s.id FROM signal_ids s WHERE s.account_id = $1 AND s.day = $2 AND s.id BETWEEN $3 AND $4 LIMIT $5`,
					account, f.day, stretch[0], stretch[len(stretch)-1], limit).
					Query(l.note(func(n int) {
						if n == limit {
							l.crowded = append(l.crowded, stretch...)
						}
					}))
			}
		}
	}
	l.queueSingle(round, account, single, today)
	return l
}

func (l *lookups) queueSingle(round *pgx.Batch, account uuid.UUID, ids []uuid.UUID, today time.Time) {
	if len(ids) == 0 {
		return
	}
	// LIMIT keeps the planner on the key's index; a join scanned the whole day.
	round.Queue(`SELECT u.id FROM unnest($2::uuid[]) AS u (id)
		CROSS JOIN LATERAL (SELECT FROM signal_ids s WHERE s.account_id = $1 AND s.id = u.id AND s.day = ANY($3::date[]) LIMIT 1) AS k`,
		account, uuids(ids), daysAround(today)).Query(l.note(nil))
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
func (l *lookups) note(count func(n int)) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		n := 0
		for rows.Next() {
			l.known[uuid.UUID(rows.RawValues()[0])] = true
			n++
		}
		if count != nil {
			count(n)
		}
		return rows.Err()
	}
}
