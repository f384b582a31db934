package session

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// version of the encoding: its first byte. Then come the texts (their number; each its
// length and bytes) and, for each session of the row in its order: how many signals it
// sent, how many are here, and of each of these the milliseconds since the one before,
// its type, the number of its dimensions, and each of them as name and value. All
// numbers are unsigned varints; types, names and values are indexes of texts.
const version = 1

var errEncoding = errors.New("it is not what Encode makes")

// encoder writes sessions.
type encoder struct {
	numbers []byte
	texts   map[string]uint64
	list    []string
}

func newEncoder() *encoder { return &encoder{texts: make(map[string]uint64)} }

func (e *encoder) number(n uint64) { e.numbers = binary.AppendUvarint(e.numbers, n) }

func (e *encoder) text(s string) {
	n, ok := e.texts[s]
	if !ok {
		n = uint64(len(e.list))
		e.texts[s] = n
		e.list = append(e.list, s)
	}
	e.number(n)
}

func (e *encoder) signal(gap time.Duration, kind string, dimensions ...[]signal.Dimension) {
	e.number(uint64(gap / time.Millisecond))
	e.text(kind)
	n := 0
	for _, list := range dimensions {
		n += len(list)
	}
	e.number(uint64(n))
	for _, list := range dimensions {
		for _, d := range list {
			e.text(d.Name)
			e.text(d.Value)
		}
	}
}

func (e *encoder) bytes() []byte {
	size := 1 + 2*binary.MaxVarintLen64 + len(e.numbers)
	for _, s := range e.list {
		size += len(s) + 3
	}
	out := append(make([]byte, 0, size), version)
	out = binary.AppendUvarint(out, uint64(len(e.list)))
	for _, s := range e.list {
		out = append(binary.AppendUvarint(out, uint64(len(s))), s...)
	}
	return append(out, e.numbers...)
}

// encodeTaken writes what a batch adds to a row.
func encodeTaken(sessions []*sent, in signal.SessionHour, reader *signal.Reader) (hashes []uint64, data []byte) {
	e := newEncoder()
	start := time.Unix(in.Start, 0)
	fixed := make([]signal.Dimension, 0, 8)
	hashes = make([]uint64, len(sessions))
	for i, s := range sessions {
		hashes[i] = s.hash
		slices.SortStableFunc(s.signals, func(a, b *signal.Placed) int { return a.At.Compare(b.At) })
		e.number(uint64(s.n))
		e.number(uint64(len(s.signals)))
		last := time.Duration(0)
		for _, one := range s.signals {
			at := one.At.Sub(start).Truncate(time.Millisecond)
			fixed = one.Fields.Append(fixed[:0])
			e.signal(at-last, one.Type, fixed, reader.Extra(one.Payload, in.Context.PayloadKeys))
			last = at
		}
	}
	return hashes, e.bytes()
}

// Encode is the stored form of an hour's sessions.
func Encode(sessions []Session) (hashes []uint64, data []byte) {
	e := newEncoder()
	hashes = make([]uint64, len(sessions))
	for i, s := range sessions {
		hashes[i] = s.Hash
		e.number(uint64(s.N))
		e.number(uint64(len(s.Signals)))
		last := time.Duration(0)
		for _, one := range s.Signals {
			e.signal(one.Offset-last, one.Type, one.Dimensions)
			last = one.Offset
		}
	}
	return hashes, e.bytes()
}

// decoder reads what an encoder wrote and believes nothing of it.
type decoder struct {
	data  []byte
	texts []string
	types []string // that are wanted; nil: all
	bad   bool
}

// number takes one that is at most limit; there is none below zero.
func (d *decoder) number(limit int) int {
	n, size := binary.Uvarint(d.data)
	if size <= 0 || limit < 0 || n > uint64(limit) {
		d.bad, d.data = true, nil
		return 0
	}
	d.data = d.data[size:]
	return int(n)
}

func (d *decoder) text() string {
	n := d.number(len(d.texts) - 1)
	if d.bad {
		return ""
	}
	return d.texts[n]
}

// Decode reads the sessions of a row that are in a sample of this level, with those of
// their signals that are of some types; nil are all.
func Decode(hashes []uint64, data []byte, level int, types []string) ([]Session, error) {
	sessions, err := decode(hashes, data, level, types)
	if err != nil {
		return nil, fmt.Errorf("decoding a sample of sessions: %w", err)
	}
	return sessions, nil
}

func decode(hashes []uint64, data []byte, level int, types []string) ([]Session, error) {
	if len(data) == 0 || data[0] != version {
		return nil, errEncoding
	}
	d := decoder{data: data[1:], types: types}
	d.texts = make([]string, d.number(len(d.data))) // each takes a byte at least
	for i := range d.texts {
		size := d.number(len(d.data))
		if size > len(d.data) { // the number took some
			return nil, errEncoding
		}
		d.texts[i], d.data = string(d.data[:size]), d.data[size:]
	}
	var out []Session
	for _, hash := range hashes {
		s := d.session(hash, below(hash, level))
		if d.bad {
			return nil, errEncoding
		}
		if below(hash, level) {
			out = append(out, s)
		}
	}
	if d.bad || len(d.data) > 0 {
		return nil, errEncoding
	}
	return out, nil
}

const (
	maxCount      = 1 << 40
	hourMillis    = 3_600_000
	maxDimensions = 64
)

// session takes one, and makes nothing of it unless it is wanted.
func (d *decoder) session(hash uint64, wanted bool) Session {
	s := Session{Hash: hash, N: d.number(maxCount)}
	n := d.number(MaxSignals)
	if wanted && n > 0 && d.types == nil {
		s.Signals = make([]Signal, 0, n)
	}
	millis := 0
	for range n {
		millis += d.number(hourMillis - 1 - millis)
		kind, dimensions := d.text(), d.number(maxDimensions)
		if d.bad {
			return Session{}
		}
		one := Signal{Offset: time.Duration(millis) * time.Millisecond, Type: kind}
		wanted := wanted && (d.types == nil || slices.Contains(d.types, kind))
		if wanted && dimensions > 0 {
			one.Dimensions = make([]signal.Dimension, 0, dimensions)
		}
		for range dimensions {
			name, value := d.text(), d.text()
			if wanted {
				one.Dimensions = append(one.Dimensions, signal.Dimension{Name: name, Value: value})
			}
		}
		if wanted {
			s.Signals = append(s.Signals, one)
		}
	}
	return s
}

// compare orders signals of a session: by time, and those of one moment in an order
// that does not depend on how they came.
func compare(a, b Signal) int {
	return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Type, b.Type), slices.CompareFunc(a.Dimensions, b.Dimensions, func(x, y signal.Dimension) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Value, y.Value))
	}))
}
