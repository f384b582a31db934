package signal

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

const (
	// FullBlock is how many signals a block holds at most.
	FullBlock = 1000
	// maxBlockBytes keeps one block's document small enough to read for one example.
	maxBlockBytes = 2 << 20
)

// Block is one row of raw signals: one product and context, ordered by time,
// within one UTC month (blocks are partitioned by month).
type Block struct {
	ID        uuid.UUID
	ProductID uuid.UUID
	ContextID uuid.UUID
	FirstAt   time.Time
	LastAt    time.Time
	N         int
	Types     []string
	Document  []byte // a JSON array of stored signals
}

// stored is one element of a block's document.
type stored struct {
	ID         uuid.UUID       `json:"id"`
	ClientID   *uuid.UUID      `json:"client_id,omitempty"`
	Type       string          `json:"type"`
	Payload    json.RawMessage `json:"payload"`
	At         time.Time       `json:"at"`
	ReceivedAt time.Time       `json:"received_at"`
	SessionID  string          `json:"session_id,omitempty"`
	Source     Source          `json:"source"`
	TimeMark   string          `json:"time_mark,omitempty"`
	Imported   bool            `json:"imported,omitempty"`
}

// entry is an encoded signal with what a block's row says about it.
type entry struct {
	at       time.Time
	kind     string
	document json.RawMessage
}

// Blocks packs a batch. newID names each block.
func Blocks(batch []Placed, newID func() uuid.UUID) ([]Block, error) {
	type area struct{ product, context uuid.UUID }
	areas := make(map[area][]entry)
	for _, s := range batch {
		document, err := encode(s.Signal)
		if err != nil {
			return nil, fmt.Errorf("encoding signal %s: %w", s.ID, err)
		}
		k := area{s.ProductID, s.Context.ID}
		areas[k] = append(areas[k], entry{at: s.At, kind: s.Type, document: document})
	}
	var out []Block
	for k, entries := range areas {
		out = append(out, pack(k.product, k.context, entries, newID)...)
	}
	slices.SortFunc(out, func(a, b Block) int {
		return cmp.Or(bytes.Compare(a.ContextID[:], b.ContextID[:]), a.FirstAt.Compare(b.FirstAt))
	})
	return out, nil
}

func encode(s *Signal) (json.RawMessage, error) {
	e := stored{
		ID: s.ID, Type: s.Type, Payload: s.Payload, At: s.At.UTC(), ReceivedAt: s.ReceivedAt.UTC(),
		SessionID: s.SessionID, Source: s.Source, TimeMark: s.TimeMark, Imported: s.Imported,
	}
	if s.ClientID != uuid.Nil {
		e.ClientID = &s.ClientID
	}
	if len(e.Payload) == 0 {
		e.Payload = json.RawMessage("{}")
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false) // six bytes for each < of a selector or URL otherwise
	if err := encoder.Encode(e); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buffer.Bytes(), "\n"), nil
}

// pack sorts by time and cuts where a block is full or the month ends.
func pack(product, context uuid.UUID, entries []entry, newID func() uuid.UUID) []Block {
	slices.SortStableFunc(entries, func(a, b entry) int { return a.at.Compare(b.at) })
	var out []Block
	for start := 0; start < len(entries); {
		size, end := 0, start
		for end < len(entries) && end-start < FullBlock && sameMonth(entries[start].at, entries[end].at) &&
			(end == start || size+len(entries[end].document) <= maxBlockBytes) {
			size += len(entries[end].document) + 1
			end++
		}
		out = append(out, build(product, context, entries[start:end], size, newID()))
		start = end
	}
	return out
}

func build(product, context uuid.UUID, entries []entry, size int, id uuid.UUID) Block {
	b := Block{
		ID: id, ProductID: product, ContextID: context, N: len(entries),
		FirstAt: entries[0].at.UTC(), LastAt: entries[len(entries)-1].at.UTC(),
		Document: make([]byte, 0, size+2),
	}
	b.Document = append(b.Document, '[')
	for i, e := range entries {
		if i > 0 {
			b.Document = append(b.Document, ',')
		}
		b.Document = append(b.Document, e.document...)
		b.Types = append(b.Types, e.kind)
	}
	b.Document = append(b.Document, ']')
	slices.Sort(b.Types)
	b.Types = slices.Compact(b.Types)
	return b
}

func sameMonth(a, b time.Time) bool {
	a, b = a.UTC(), b.UTC()
	return a.Year() == b.Year() && a.Month() == b.Month()
}

// Merge repacks small blocks of one product and context into full ones. Every
// signal's document is kept byte for byte.
func Merge(blocks []Block, newID func() uuid.UUID) ([]Block, error) {
	var entries []entry
	for _, b := range blocks {
		if b.ProductID != blocks[0].ProductID || b.ContextID != blocks[0].ContextID {
			return nil, fmt.Errorf("merging blocks: %s is of another context", b.ID)
		}
		var documents []json.RawMessage
		if err := json.Unmarshal(b.Document, &documents); err != nil {
			return nil, fmt.Errorf("reading block %s: %w", b.ID, err)
		}
		for _, d := range documents {
			var head struct {
				At   time.Time `json:"at"`
				Type string    `json:"type"`
			}
			if err := json.Unmarshal(d, &head); err != nil {
				return nil, fmt.Errorf("reading block %s: %w", b.ID, err)
			}
			entries = append(entries, entry{at: head.At, kind: head.Type, document: d})
		}
	}
	if len(entries) == 0 {
		return nil, nil
	}
	return pack(blocks[0].ProductID, blocks[0].ContextID, entries, newID), nil
}
