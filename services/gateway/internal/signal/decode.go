package signal

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
)

// Decoder turns request bodies into signals. It is safe for concurrent use.
type Decoder struct {
	limits  Limits
	newID   func() uuid.UUID
	batches *sync.Pool
}

// NewDecoder returns a decoder; newID makes UUIDv7s.
func NewDecoder(limits Limits, newID func() uuid.UUID) Decoder {
	return Decoder{limits: limits, newID: newID, batches: &sync.Pool{New: func() any { return new(Batch) }}}
}

// Batch is what a body held, in its order. Payloads are pieces of the body and of the batch's own
// memory: they are good until the body changes or Release is called.
type Batch struct {
	Signals  []Signal
	Rejected []Rejected // only with Receipt.Partial

	decoding decoding
	pool     *sync.Pool
}

// Rejected is an element that was left out.
type Rejected struct {
	Index    int
	Code     string    // of the public contract
	Detail   string    // a sentence
	Element  []byte    // as sent, a piece of the body
	ClientID uuid.UUID // uuid.Nil without a valid one
}

// ElementError is the refusal of a body because of one of its elements.
type ElementError struct {
	Fault    *fault.Error
	Element  []byte    // the first bad one as sent, a piece of the body
	ClientID uuid.UUID // that it carried, uuid.Nil without a valid one
}

func (e *ElementError) Error() string { return e.Fault.Error() }

// Unwrap returns the fault.
func (e *ElementError) Unwrap() error { return e.Fault }

// Release gives the batch's memory to the next body.
func (b *Batch) Release() {
	const keptSignals, keptBytes = 1024, 256 << 10
	if cap(b.Signals) > keptSignals || cap(b.decoding.owned) > keptBytes {
		return
	}
	clear(b.Signals)
	clear(b.Rejected)
	b.Signals, b.Rejected = b.Signals[:0], b.Rejected[:0]
	b.decoding.reset()
	b.pool.Put(b)
}

// Decode reads the body of POST /api/signals: one object, or an array of them. Errors carry a
// *fault.Error that names the first bad element and, in Fields, up to ten. With Receipt.Partial
// bad elements of well-formed JSON are left out instead.
func (d Decoder) Decode(body []byte, r Receipt) (*Batch, error) {
	return d.decode(body, r, (*decoding).signal)
}

// element reads one signal at the current position.
type element func(d *decoding, s *Signal, at place) *malformed

var (
	errEmpty     = fault.New(fault.Invalid, codeInvalid, "The body is empty; send one signal or an array of signals.")
	errNotUTF8   = fault.New(fault.Invalid, codeInvalid, "The body is not valid UTF-8.")
	errNoSignals = fault.New(fault.Invalid, codeInvalid, "The array holds no signals.")
)

func (d Decoder) decode(body []byte, r Receipt, read element) (*Batch, error) {
	switch {
	case len(bytes.TrimLeft(body, " \t\r\n")) == 0:
		return nil, errEmpty
	case !utf8.Valid(body):
		return nil, errNotUTF8
	}
	b, _ := d.batches.Get().(*Batch)
	b.pool = d.batches
	b.decoding.begin(body, d.limits, r)
	if err := b.elements(read); err != nil {
		b.Release()
		return nil, err
	}
	for i := range b.Signals {
		b.Signals[i].ID = d.newID()
	}
	return b, nil
}

// elements reads the whole body.
func (b *Batch) elements(read element) error {
	dec := &b.decoding
	if dec.peek() != '[' {
		err := b.element(read, single)
		if err == nil {
			err = dec.end()
		}
		return b.verdict(err, single)
	}
	dec.pos++
	if dec.peek() == ']' {
		dec.pos++
		if err := dec.end(); err != nil {
			return unreadable(err, single)
		}
		return errNoSignals
	}
	for at := place(0); ; at++ {
		if int(at) == dec.limits.Signals {
			// One past the limit: the answer no longer depends on the rest.
			return fault.Newf(fault.TooLarge, codeBatch, "A request holds at most %d signals.", dec.limits.Signals)
		}
		if err := b.element(read, at); err != nil {
			return b.verdict(err, at)
		}
		more, err := dec.next()
		if err == nil && !more {
			return b.verdict(dec.end(), single)
		}
		if err != nil {
			return b.verdict(err, at)
		}
	}
}

// element reads one signal, or notes what is wrong with it.
func (b *Batch) element(read element, at place) *malformed {
	dec := &b.decoding
	dec.nodes, dec.names = 0, dec.names[:0]
	dec.peek()
	start := dec.pos
	b.Signals = append(b.Signals, Signal{})
	s := &b.Signals[len(b.Signals)-1]
	dec.blank(s)
	s.index = max(0, int(at))
	err := read(dec, s, at)
	if err != nil && dec.receipt.Partial && err.wellFormed {
		dec.problems.note(err, at)
		dec.pos = start
		err = dec.skip()
	}
	s.sent = dec.data[start:dec.pos]
	switch {
	case err != nil:
		dec.problems.element, dec.problems.id = s.sent, s.ClientID
		return err
	case dec.problems.first == nil || dec.problems.element != nil:
		return nil
	case !dec.receipt.Partial:
		dec.problems.element, dec.problems.id = s.sent, s.ClientID
		return nil
	}
	b.Rejected = append(b.Rejected, Rejected{
		Index: max(0, int(at)), Code: dec.problems.first.Code, Detail: dec.problems.fields[0].Detail, Element: s.sent, ClientID: s.ClientID,
	})
	b.Signals = b.Signals[:len(b.Signals)-1]
	dec.problems.reset()
	return nil
}

// Reject leaves out the signals from the nth on, all for one reason.
func (b *Batch) Reject(n int, code, detail string) {
	for i := n; i < len(b.Signals); i++ {
		s := &b.Signals[i]
		b.Rejected = append(b.Rejected, Rejected{Index: s.index, Code: code, Detail: detail, Element: s.sent, ClientID: s.ClientID})
	}
	b.Signals = b.Signals[:n]
	slices.SortFunc(b.Rejected, func(x, y Rejected) int { return cmp.Compare(x.Index, y.Index) })
}

// verdict is the answer to a body that has been read to its end or to where it breaks off.
func (b *Batch) verdict(broken *malformed, at place) error {
	p := &b.decoding.problems
	switch {
	case broken != nil:
		return &ElementError{Fault: unreadable(broken, at), Element: p.element, ClientID: p.id}
	case p.first != nil:
		return &ElementError{Fault: p.fault(), Element: p.element, ClientID: p.id}
	default:
		return nil
	}
}

// decoding is one body on its way.
type decoding struct {
	scanner
	receipt  Receipt
	problems problems
	owned    []byte            // backs what is not kept as it was sent
	types    map[string]string // seen before: a product has few
	session  string            // of the signal before
}

func (d *decoding) begin(body []byte, limits Limits, r Receipt) {
	d.data, d.pos, d.limits, d.receipt = body, 0, limits, r
}

// reset forgets the body, and keeps what helps with the next.
func (d *decoding) reset() {
	const keptTypes = 256
	names := d.names[:cap(d.names)]
	clear(names)
	if len(d.types) > keptTypes {
		d.types = nil
	}
	*d = decoding{scanner: scanner{names: names[:0]}, owned: d.owned[:0], types: d.types, problems: d.problems}
	d.problems.reset()
}

// end makes sure that nothing follows the value.
func (d *decoding) end() *malformed {
	if d.peek(); d.pos < len(d.data) {
		return d.fail("something follows the JSON value")
	}
	return nil
}

// isObject reports whether an object is next; what else there is has been noted and skipped then.
func (d *decoding) isObject(at place) (bool, *malformed) {
	if d.peek() == '{' {
		return true, nil
	}
	if err := d.value(0); err != nil {
		return false, err
	}
	d.problems.add(fault.Invalid, codeInvalid, at, "", "not_an_object", "a signal must be an object.")
	return false, nil
}

func (d *decoding) blank(s *Signal) {
	s.AccountID, s.ProductID = d.receipt.AccountID, d.receipt.ProductID
	s.OccurredAt, s.ReceivedAt = d.receipt.At, d.receipt.At
	s.Source, s.TimeMark = d.receipt.Source, TimeReceived
}

// literal reads a value that is looked at and not kept. absent is true for null.
func (d *decoding) literal() (literal []byte, absent bool, err *malformed) {
	d.peek()
	start := d.pos
	if err := d.value(0); err != nil {
		return nil, false, err
	}
	literal = d.data[start:d.pos]
	return literal, literal[0] == 'n', nil
}

// compacted returns a value that has just been read, as sent when that is compact already.
func (d *decoding) compacted(value []byte) []byte {
	if !d.loose {
		return value
	}
	start := len(d.owned)
	d.owned = compact(d.owned, value)
	return d.owned[start:len(d.owned):len(d.owned)]
}
