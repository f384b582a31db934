package session

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// maxRemembered bounds how many sessions and hours a Memory holds.
const maxRemembered = 1 << 16

// Place is a context and an hour.
type Place struct {
	Context uuid.UUID
	Hour    int64 // Unix seconds of its start
}

// Memory is what is known of the hours' samples, so that most batches need not ask. It
// may know less than there is: others write, too. Then a level rises late and the sample
// is larger than it need be until it is combined. Not for use by several goroutines
// at once.
type Memory struct {
	hours map[Place]*hour
	n     int // entries
	seed  maphash.Seed
}

// hour is a sample that is being filled.
type hour struct {
	level    int
	sessions map[uint64]*held
}

// held says what is kept of a session.
type held struct {
	n     int    // signals
	types uint64 // a bit for each type, several types may share one
	now   *sent  // what the running batch adds
}

// NewMemory returns one that knows nothing.
func NewMemory() *Memory { return &Memory{hours: make(map[Place]*hour), seed: maphash.MakeSeed()} }

// Forget all: what was taken was not stored after all.
func (m *Memory) Forget() {
	clear(m.hours)
	m.n = 0
}

// Trim forgets all when it is too much.
func (m *Memory) Trim() {
	if m.n >= maxRemembered {
		m.Forget()
	}
}

// Unknown are the places of a batch's sessions that nothing is known of. They are known
// from then on, as empty unless Learn says otherwise.
func (m *Memory) Unknown(sessions signal.Sessions) []Place {
	var out []Place
	for _, h := range sessions.Hours {
		p := Place{h.Context.ID, h.Start}
		if m.hours[p] == nil {
			m.begin(p)
			out = append(out, p)
		}
	}
	return out
}

func (m *Memory) begin(p Place) *hour {
	h := &hour{sessions: make(map[uint64]*held)}
	m.hours[p] = h
	m.n++
	return h
}

// Learn adds what a stored row of a place says.
func (m *Memory) Learn(p Place, level int, sessions []uint64) {
	h := m.hours[p]
	if h == nil {
		return
	}
	if level > h.level {
		m.raise(h, level)
	}
	for _, hash := range sessions {
		if below(hash, h.level) {
			m.hold(h, hash)
		}
	}
}

// hold notes a session that is below the bound; nil when it was one too many.
func (m *Memory) hold(h *hour, hash uint64) *held {
	if known := h.sessions[hash]; known != nil {
		return known
	}
	h.sessions[hash] = &held{}
	m.n++
	for len(h.sessions) > MaxSessions && h.level < MaxLevel {
		m.raise(h, h.level+1)
	}
	return h.sessions[hash]
}

func (m *Memory) raise(h *hour, level int) {
	h.level = level
	for hash := range h.sessions {
		if !below(hash, level) {
			delete(h.sessions, hash)
			m.n--
		}
	}
}

// Row is what a batch adds to an hour's sample, as it is stored.
type Row struct {
	ProductID uuid.UUID
	ContextID uuid.UUID
	Hour      time.Time
	Level     int
	Sessions  []uint64 // each once, in order
	Signals   []byte   // see Encode
}

// Take decides what of a batch is kept; its places are known. The reader reads the
// dimensions that only the contexts name.
func (m *Memory) Take(batch []signal.Placed, sessions signal.Sessions, reader *signal.Reader) []Row {
	areas := make([]taken, len(sessions.Hours))
	for i, h := range sessions.Hours {
		p := Place{h.Context.ID, h.Start}
		known := m.hours[p]
		if known == nil {
			known = m.begin(p)
		}
		areas[i] = taken{hour: known, before: known.level}
	}
	for i, of := range sessions.Of {
		if of.Hour == 0 {
			continue
		}
		if to := &areas[of.Hour-1]; below(of.Hash, to.hour.level) {
			m.keep(to, of.Hash, &batch[i])
		}
	}
	var out []Row
	for i, h := range sessions.Hours {
		kept := areas[i].finish()
		level := areas[i].hour.level
		if len(kept) == 0 && level == areas[i].before {
			continue
		}
		row := Row{ProductID: h.Context.ProductID, ContextID: h.Context.ID, Hour: time.Unix(h.Start, 0).UTC(), Level: level}
		row.Sessions, row.Signals = encodeTaken(kept, h, reader)
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b Row) int {
		return cmp.Or(bytes.Compare(a.ContextID[:], b.ContextID[:]), a.Hour.Compare(b.Hour))
	})
	return out
}

// taken is what is kept for one hour.
type taken struct {
	hour     *hour
	before   int // the level
	sessions []*sent
}

// sent is what one session adds.
type sent struct {
	hash    uint64
	of      *held
	n       int
	signals []*signal.Placed
}

// keep adds a signal of a session below the bound.
func (m *Memory) keep(t *taken, hash uint64, s *signal.Placed) {
	known := m.hold(t.hour, hash)
	if known == nil {
		return
	}
	if known.now == nil {
		known.now = &sent{hash: hash, of: known}
		t.sessions = append(t.sessions, known.now)
	}
	known.now.n++
	if bit := uint64(1) << (maphash.String(m.seed, s.Type) & 63); hasRoom(known.n, known.types&bit != 0) {
		known.n++
		known.types |= bit
		known.now.signals = append(known.now.signals, s)
	}
}

// hasRoom tells whether one more signal of a session is kept beside n.
func hasRoom(n int, repeated bool) bool {
	return n < maxRepeats || n < MaxSignals && !repeated
}

// finish are the sessions that are below the bound as it came to be, in order.
func (t *taken) finish() []*sent {
	out := t.sessions[:0]
	for _, s := range t.sessions {
		s.of.now = nil
		if below(s.hash, t.hour.level) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *sent) int { return cmp.Compare(a.hash, b.hash) })
	return out
}
