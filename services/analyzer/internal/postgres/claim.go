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

// filing is where an id is kept and looked for.
type filing struct {
	imported bool      // history has a table of its own
	day      time.Time // its partition; zero when the id is not kept
	around   time.Time // it may lie under any day around this one, too, unless zero
	late     time.Time // the day of receipt when the stored signals of then are asked, else zero
}

const (
	// day of the partitions.
	day = 24 * time.Hour
	// reach is how far from the day of receipt the same id can be filed: a retry comes within
	// 24 hours, and the time that an id carries counts if it is a day off.
	reach = 2 * day
	// waits is how long a message can be in the stream before it is stored.
	waits = 7 * day
	// remembered is how old, by the day of receipt, an id may be to be filed: what waited is looked
	// up among those. Partitions reach back a day further, for the times that ids carry.
	remembered = waits + reach
)

// file decides the day of an id, whose key refuses it there a second time. A retry comes
// within 24 hours, but it may be stored days before or after. So the day of receipt
// decides, and today only whether ids of that day are kept.
//
// To be unique also across midnight an id must be filed alike when it comes again, or be
// looked up. Two times do not change until then: that of receipt of an id of ours, which
// never comes with another, and that which a client's UUIDv7 carries (what the script and
// the SDKs send). An id is filed under such a time if it is about that of receipt; if it
// is of the same day, every retry is filed alike. All others are looked up, too; and what
// has no such time is filed by its receipt.
func file(one *signal.Signal, today time.Time) filing {
	if one.Imported {
		return filing{imported: true}
	}
	var f filing
	received := one.ReceivedAt.UTC().Truncate(day)
	if received.Before(today.Add(-waits)) {
		f.late = received
	}
	switch newest := today.Add(day); { // later ones may have no partition
	case received.Before(today.Add(-remembered)):
		return f
	case received.After(newest):
		received = newest
	}
	f.day = received
	switch {
	case one.ClientID == uuid.Nil:
	case one.ClientID.Version() != 7:
		f.around = received
	default:
		made := timeOf(one.ClientID).Truncate(day)
		if !made.Equal(received) {
			f.around = received
		}
		if made.Sub(received).Abs() <= day {
			f.day = made
		}
	}
	return f
}

// daysAround are those an id that is looked up may lie under.
func daysAround(around time.Time) (days []time.Time) {
	for d := around.Add(-reach); !d.After(around.Add(reach)); d = d.Add(day) {
		days = append(days, d)
	}
	return days
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
	delete(filed, filing{}) // the one before the first
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
			if f.imported {
				at = append(at, list[i].At)
			}
		}
		switch {
		case len(ids) == 0:
		case f.imported:
			round.Queue(`INSERT INTO imported_ids (account_id, id, occurred_at) SELECT $1, u.id, u.at FROM unnest($2::uuid[], $3::timestamptz[]) AS u (id, at)`, account, ids, at)
		case !f.day.IsZero():
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
	// crowded stretches of a day hold too many of others' ids: theirs must be looked up singly.
	crowded map[time.Time][]uuid.UUID
}

// queueLookups looks up all filed members of a list.
func queueLookups(round *pgx.Batch, account uuid.UUID, list []candidate, filed map[filing][]int) *lookups {
	l := &lookups{known: make(map[uuid.UUID]bool), crowded: make(map[time.Time][]uuid.UUID)}
	for f, members := range filed {
		ids := make([]uuid.UUID, len(members))
		for n, i := range members {
			ids[n] = list[i].Key()
		}
		switch {
		case f.imported:
			round.Queue(`SELECT i.id FROM imported_ids i WHERE i.account_id = $1 AND i.id = ANY($2)`, account, uuids(ids)).Query(l.note(nil))
		case !f.around.IsZero():
			l.queueSingle(round, account, ids, daysAround(f.around))
		case !f.day.IsZero():
			l.queueStretches(round, account, ids, f.day)
		}
		if !f.late.IsZero() {
			l.queueStored(round, account, ids, f.late)
		}
	}
	return l
}

// queueStretches looks ids of one day up. Those that carry a time lie side by side in
// the index: the stretch between the first and the last is read in one go, unless others
// have a lot there.
func (l *lookups) queueStretches(round *pgx.Batch, account uuid.UUID, ids []uuid.UUID, under time.Time) {
	var few []uuid.UUID
	for _, stretch := range stretches(ids) {
		if len(stretch) < fewIDs {
			few = append(few, stretch...)
			continue
		}
		limit := readPerID * len(stretch)
		round.Queue(`SELECT s.id FROM signal_ids s WHERE s.account_id = $1 AND s.day = $2 AND s.id BETWEEN $3 AND $4 LIMIT $5`,
			account, under, stretch[0], stretch[len(stretch)-1], limit).
			Query(l.note(func(n int) {
				if n == limit {
					l.crowded[under] = append(l.crowded[under], stretch...)
				}
			}))
	}
	l.queueSingle(round, account, few, []time.Time{under})
}

// queueCrowded looks up what its day is too crowded for.
func (l *lookups) queueCrowded(round *pgx.Batch, account uuid.UUID) {
	for under, ids := range l.crowded {
		l.queueSingle(round, account, ids, []time.Time{under})
	}
}

func (l *lookups) queueSingle(round *pgx.Batch, account uuid.UUID, ids []uuid.UUID, days []time.Time) {
	if len(ids) == 0 {
		return
	}
	// LIMIT keeps the planner on the key's index; a join scanned the whole day.
	round.Queue(`SELECT u.id FROM unnest($2::uuid[]) AS u (id)
		CROSS JOIN LATERAL (SELECT FROM signal_ids s WHERE s.account_id = $1 AND s.id = u.id AND s.day = ANY($3::date[]) LIMIT 1) AS k`,
		account, uuids(ids), days).Query(l.note(nil))
}

// queueStored looks for ids in the signals themselves, which are kept for longer than ids
// would be worth their room. It reads all that an account has of four days: a retry is
// received within 24 hours, and a signal happened at most 24 hours before that. Only dead
// letters come so late.
func (l *lookups) queueStored(round *pgx.Batch, account uuid.UUID, ids []uuid.UUID, received time.Time) {
	round.Queue(`SELECT k.id FROM signal_blocks b CROSS JOIN LATERAL (
			SELECT coalesce(u.client_id, u.id) AS id FROM unnest(b.ids, b.client_ids) AS u (id, client_id)
		) AS k WHERE b.account_id = $1 AND b.last_at >= $3 AND b.first_at <= $4 AND k.id = ANY($2)`,
		account, uuids(ids), received.Add(-2*day), received.Add(2*day)).Query(l.note(nil))
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
