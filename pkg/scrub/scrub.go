package scrub

import (
	"errors"
	"fmt"
	"sync"
)

// Class says what kind of thing was removed.
type Class string

// The classes; each appears in the marker and as the label of the metric.
const (
	Card   Class = "card"
	Secret Class = "secret"
	Health Class = "health"
	GovID  Class = "gov-id"
	Bank   Class = "bank"
	Email  Class = "email"
	Form   Class = "form"
)

const (
	markerPrefix = "[redacted:"

	defaultMaxDepth = 32
	// maxPointers bounds the report; counts stay exact.
	maxPointers = 64

	// A payload may grow by a fifth. Beyond that, short values are emptied instead of
	// replaced by a longer marker, so that scrubbing can never multiply what a sender
	// gets stored. A bare text may grow by textSlack in any case.
	growthShare = 5
	textSlack   = 64
)

// ErrInvalid is returned for input that is not one JSON value, and ErrDepth for one
// that nests deeper than allowed. There is no output in either case.
var (
	ErrInvalid = errors.New("payload is not valid JSON")
	ErrDepth   = errors.New("payload is nested too deeply")
)

// Options change the defaults.
type Options struct {
	// MaxDepth is how many containers may nest; 0 means 32.
	MaxDepth int
	// KeepEmails leaves e-mail addresses where they are.
	KeepEmails bool
}

// Report says what was removed without repeating it.
type Report struct {
	// Counts is how many values or parts of texts went, by class; nil when nothing did.
	Counts map[Class]int
	// Pointers are JSON pointers (RFC 6901) to the first 64 places.
	Pointers []string
}

// Total is the number of removals.
func (r Report) Total() int {
	n := 0
	for _, c := range r.Counts {
		n += c
	}
	return n
}

func (r *Report) add(c Class, n int) {
	if r.Counts == nil {
		r.Counts = make(map[Class]int, 2)
	}
	r.Counts[c] += n
}

// Scrubber is immutable and safe for concurrent use.
type Scrubber struct {
	o       Options
	walkers sync.Pool
}

// New returns a scrubber.
func New(o Options) *Scrubber {
	if o.MaxDepth <= 0 {
		o.MaxDepth = defaultMaxDepth
	}
	s := &Scrubber{o: o}
	s.walkers.New = func() any { return &walker{scan: &scanner{}} }
	return s
}

// JSON returns the payload without what must not be stored. When nothing had to go,
// the result is the payload itself. On error the result is nil.
func (s *Scrubber) JSON(payload []byte) (out []byte, report Report, err error) {
	w, _ := s.walkers.Get().(*walker)
	defer func() {
		if p := recover(); p != nil {
			// The walker is in an unknown state and is not reused.
			out, report, err = nil, Report{}, fmt.Errorf("scrubbing payload: internal failure (%T)", p)
		}
	}()
	w.reset(s.o, payload)
	if err = w.parse(); err == nil {
		w.walk()
		out, report = w.result()
	}
	s.release(w)
	return out, report, err
}

// Text scrubs a message, a URL or any other bare string.
func (s *Scrubber) Text(text string) (out string, report Report) {
	defer func() {
		if p := recover(); p != nil {
			out, report = marker(Secret), Report{Counts: map[Class]int{Secret: 1}}
		}
	}()
	w, _ := s.walkers.Get().(*walker)
	w.reset(s.o, nil)
	w.budget = max(len(text)/growthShare, textSlack)
	out, report = w.cleanText(text, !s.o.KeepEmails), w.report
	s.release(w)
	return out, report
}

// release keeps a walker for the next payload, without this one's data and without
// buffers that only a rare giant needs.
func (s *Scrubber) release(w *walker) {
	const keepNodes = 1 << 14
	w.in, w.out, w.report = nil, nil, Report{}
	if cap(w.nodes) <= keepNodes {
		s.walkers.Put(w)
	}
}

// marker has a fixed text for each class, so that replacing allocates nothing.
func marker(c Class) string {
	switch c {
	case Card:
		return "[redacted:card]"
	case Health:
		return "[redacted:health]"
	case GovID:
		return "[redacted:gov-id]"
	case Bank:
		return "[redacted:bank]"
	case Email:
		return "[redacted:email]"
	case Form:
		return "[redacted:form]"
	default:
		return "[redacted:secret]"
	}
}
