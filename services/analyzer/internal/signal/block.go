package signal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

const (
	// FullBlock is how many signals a block holds at most.
	FullBlock = 1000
	// FullBlockBytes is how long its payloads are at most, unless one alone is longer:
	// little enough to read for one example.
	FullBlockBytes = 2 << 20
)

// Block is one row of raw signals: one product and context, ordered by time,
// within one UTC month (blocks are partitioned by month). Element i of each array
// is signal i.
type Block struct {
	ID         uuid.UUID
	ProductID  uuid.UUID
	ContextID  uuid.UUID
	FirstAt    time.Time // to the microsecond, as Postgres keeps it
	LastAt     time.Time
	N          int
	Types      []string
	IDs        []uuid.UUID
	ClientIDs  []uuid.UUID // uuid.Nil: sent none
	AtMicros   []int64     // after FirstAt
	Delays     []int64     // microseconds from happening to receipt
	TypeNos    []int16     // index into Types, from 1
	Sessions   []string
	SessionNos []int16   // index into Sessions, from 1; 0 = none
	Flags      []int16   // source, time mark and imported
	Payloads   []byte    // a JSON array
	StoredAt   time.Time // when the newest of it was stored
}

// entry is a signal on its way into a block.
type entry struct {
	id, clientID uuid.UUID
	at, received int64 // Unix microseconds
	kind         string
	session      string
	flags        int16
	payload      []byte
}

func newEntry(s *Signal) entry {
	return entry{
		id: s.ID, clientID: s.ClientID, at: s.At.UnixMicro(), received: s.ReceivedAt.UnixMicro(),
		kind: s.Type, session: s.SessionID, flags: flagsOf(s), payload: s.Payload,
	}
}

// flagsOf packs what few signals differ in; the schema's comment says how.
func flagsOf(s *Signal) int16 {
	flags := int16(max(0, slices.Index(sources[:], s.Source)))
	flags |= int16(max(0, slices.Index(timeMarks[:], s.TimeMark))) << 2
	if s.Imported {
		flags |= 1 << 4
	}
	return flags
}

var (
	sources   = [4]Source{Script, SDK, Webhook, REST}
	timeMarks = [4]string{"", "received", "clamped_old", "clamped_future"}
)

// Blocks packs a batch. newID names each block.
func Blocks(batch []Placed, newID func() uuid.UUID) []Block {
	sizes := make(map[*Context]int)
	for _, s := range batch {
		sizes[s.Context]++
	}
	areas := make(map[*Context][]entry, len(sizes))
	for i := range batch {
		s := &batch[i]
		list, ok := areas[s.Context]
		if !ok {
			list = make([]entry, 0, sizes[s.Context])
		}
		areas[s.Context] = append(list, newEntry(s.Signal))
	}
	var out []Block
	for home, entries := range areas {
		out = append(out, pack(home.ProductID, home.ID, entries, newID)...)
	}
	slices.SortFunc(out, func(a, b Block) int {
		return cmp.Or(bytes.Compare(a.ContextID[:], b.ContextID[:]), a.FirstAt.Compare(b.FirstAt))
	})
	return out
}

// pack sorts by time and cuts where a block is full or the month ends.
func pack(product, context uuid.UUID, entries []entry, newID func() uuid.UUID) []Block {
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	var out []Block
	for start := 0; start < len(entries); {
		size, end := 0, start
		month := monthAfter(entries[start].at)
		for end < len(entries) && end-start < FullBlock && entries[end].at < month &&
			(end == start || size+len(entries[end].payload) <= FullBlockBytes) {
			size += len(entries[end].payload) + 1
			end++
		}
		b := build(entries[start:end], size)
		b.ID, b.ProductID, b.ContextID = newID(), product, context
		out = append(out, b)
		start = end
	}
	return out
}

// monthAfter is the start of the next UTC month.
func monthAfter(micros int64) int64 {
	year, month, _ := time.UnixMicro(micros).UTC().Date()
	return time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
}

// build makes the arrays of entries that are in order; size is their payloads'
// with a byte between them.
func build(entries []entry, size int) Block {
	n := len(entries)
	first := entries[0].at
	b := Block{
		N: n, FirstAt: time.UnixMicro(first).UTC(), LastAt: time.UnixMicro(entries[n-1].at).UTC(),
		IDs: make([]uuid.UUID, n), ClientIDs: make([]uuid.UUID, n), AtMicros: make([]int64, n), Delays: make([]int64, n),
		TypeNos: make([]int16, n), SessionNos: make([]int16, n), Flags: make([]int16, n), Sessions: []string{}, Payloads: make([]byte, 0, size+2),
	}
	types, sessions := make(map[string]int16), make(map[string]int16)
	for i := range entries {
		e := &entries[i]
		if types[e.kind] == 0 {
			b.Types = append(b.Types, e.kind)
			types[e.kind] = int16(len(b.Types))
		}
		if e.session != "" && sessions[e.session] == 0 {
			b.Sessions = append(b.Sessions, e.session)
			sessions[e.session] = int16(len(b.Sessions))
		}
		b.IDs[i], b.ClientIDs[i], b.AtMicros[i], b.Delays[i] = e.id, e.clientID, e.at-first, e.received-e.at
		b.TypeNos[i], b.SessionNos[i], b.Flags[i] = types[e.kind], sessions[e.session], e.flags
		b.Payloads = append(append(b.Payloads, separator(i)), e.payload...)
	}
	b.Payloads = append(b.Payloads, ']')
	return b
}

// separator is what stands before element i of a JSON array.
func separator(i int) byte {
	if i == 0 {
		return '['
	}
	return ','
}

// entries takes a block apart again.
func (b *Block) entries() ([]entry, error) {
	payloads, err := elements(b.Payloads, b.N)
	if err != nil {
		return nil, err
	}
	for _, n := range []int{len(b.IDs), len(b.ClientIDs), len(b.AtMicros), len(b.Delays), len(b.TypeNos), len(b.SessionNos), len(b.Flags)} {
		if n != b.N {
			return nil, fmt.Errorf("%d signals with %d values in a column", b.N, n)
		}
	}
	first := b.FirstAt.UnixMicro()
	out := make([]entry, b.N)
	for i := range out {
		kind, session := int(b.TypeNos[i]), int(b.SessionNos[i])
		if kind < 1 || kind > len(b.Types) || session < 0 || session > len(b.Sessions) {
			return nil, fmt.Errorf("signal %d has type %d of %d and session %d of %d", i+1, kind, len(b.Types), session, len(b.Sessions))
		}
		at := first + b.AtMicros[i]
		out[i] = entry{
			id: b.IDs[i], clientID: b.ClientIDs[i], at: at, received: at + b.Delays[i],
			kind: b.Types[kind-1], flags: b.Flags[i], payload: payloads[i],
		}
		if session > 0 {
			out[i].session = b.Sessions[session-1]
		}
	}
	return out, nil
}

// elements are the n values of a JSON array, each as it is written.
func elements(array []byte, n int) ([][]byte, error) {
	s := scanner{text: array}
	if !s.next('[') {
		return nil, errors.New("the payloads are no array")
	}
	out := make([][]byte, n)
	for i := range out {
		if i > 0 && !s.next(',') {
			return nil, fmt.Errorf("%d payloads of %d", i, n)
		}
		s.space()
		start := s.at
		if !s.value(1) {
			return nil, fmt.Errorf("payload %d cannot be read", i+1)
		}
		out[i] = array[start:s.at]
	}
	if !s.next(']') {
		return nil, fmt.Errorf("more than %d payloads", n)
	}
	return out, nil
}

// Merge repacks small blocks of one product and context into full ones. Every
// signal stays as it is, its payload byte for byte. A block was stored when the newest
// of those it may have signals of was: it is no news to those who ask for new ones.
func Merge(blocks []Block, newID func() uuid.UUID) ([]Block, error) {
	var all []entry
	for i := range blocks {
		b := &blocks[i]
		if b.ProductID != blocks[0].ProductID || b.ContextID != blocks[0].ContextID {
			return nil, fmt.Errorf("merging blocks: %s is of another context", b.ID)
		}
		entries, err := b.entries()
		if err != nil {
			return nil, fmt.Errorf("reading block %s: %w", b.ID, err)
		}
		all = append(all, entries...)
	}
	if len(all) == 0 {
		return nil, nil
	}
	merged := pack(blocks[0].ProductID, blocks[0].ContextID, all, newID)
	for i := range merged {
		m := &merged[i]
		for j := range blocks {
			b := &blocks[j]
			if !b.FirstAt.After(m.LastAt) && !m.FirstAt.After(b.LastAt) && b.StoredAt.After(m.StoredAt) {
				m.StoredAt = b.StoredAt
			}
		}
	}
	return merged, nil
}
