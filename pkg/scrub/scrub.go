package scrub

import (
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"
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

// class is a Class in one byte, as the judging code passes it around.
type class uint8

const (
	classCard class = iota + 1
	classSecret
	classHealth
	classGovID
	classBank
	classEmail
	classForm
)

func (c class) public() Class {
	switch c {
	case classCard:
		return Card
	case classHealth:
		return Health
	case classGovID:
		return GovID
	case classBank:
		return Bank
	case classEmail:
		return Email
	case classForm:
		return Form
	default:
		return Secret
	}
}

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
	// shortText is the longest text that is looked through on the stack.
	shortText = 64
)

// Rules is the number of the rules in force. It is raised whenever a text may be judged differently than
// before, so that whoever meets what was scrubbed by others knows whether to look again: scrubbing twice
// by the same rules changes nothing.
const Rules = 2

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

// counts is how many removals there were, by class.
type counts [classForm + 1]int

func (n *counts) report(pointers []string) Report {
	r := Report{Pointers: pointers}
	for c, v := range n {
		if v == 0 {
			continue
		}
		if r.Counts == nil {
			r.Counts = make(map[Class]int, 2)
		}
		r.Counts[class(c).public()] = v
	}
	return r
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
	s.walkers.New = func() any { return newWalker() }
	return s
}

// JSON returns the payload without what must not be stored. When nothing had to go,
// the result is the payload itself. On error the result is nil.
func (s *Scrubber) JSON(payload []byte) (out []byte, report Report, err error) {
	if !utf8.Valid(payload) {
		return nil, Report{}, ErrInvalid
	}
	return s.Valid(payload)
}

// Valid is JSON for a payload whose UTF-8 the caller has checked already, as a strict
// parser does; everything else is checked all the same.
func (s *Scrubber) Valid(payload []byte) (out []byte, report Report, err error) {
	w, _ := s.walkers.Get().(*walker)
	defer func() {
		if p := recover(); p != nil {
			// The walker is in an unknown state and is not reused.
			out, report, err = nil, Report{}, fmt.Errorf("scrubbing payload: internal failure (%T)", p)
		}
	}()
	w.reset(s.o, payload)
	if err = w.parse(); err == nil {
		if w.telling() {
			w.walk()
		}
		out, report = w.result()
	}
	s.release(w)
	return out, report, err
}

// Text scrubs a message, a URL or any other bare string.
func (s *Scrubber) Text(text string) (out string, report Report) {
	if isShortAndClean(text) {
		return text, Report{}
	}
	return s.text(text)
}

// isShortAndClean knows the ids and names that most bare texts are, without borrowing
// anything.
func isShortAndClean(text string) bool {
	var buf [shortText]byte
	if len(text) > len(buf) {
		return false
	}
	t := buf[:copy(buf[:], text)]
	if len(t) < shortest {
		var seen mark
		for _, c := range t {
			seen |= marks[c]
		}
		if seen.harmless(len(t)) {
			return true
		}
	}
	f := traitsOf(t)
	return f.clean()
}

func (s *Scrubber) text(text string) (out string, report Report) {
	defer func() {
		if p := recover(); p != nil {
			out, report = marker(classSecret), Report{Counts: map[Class]int{Secret: 1}}
		}
	}()
	w, _ := s.walkers.Get().(*walker)
	w.reset(s.o, nil)
	w.budget = max(len(text)/growthShare, textSlack)
	out = w.cleanText(text, !s.o.KeepEmails)
	report = w.counts.report(nil)
	s.release(w)
	return out, report
}

// release keeps a walker for the next payload, without this one's data and without
// buffers that only a rare giant needs.
func (s *Scrubber) release(w *walker) {
	const keepNodes, keepBytes = 1 << 14, 1 << 18
	w.in, w.out, w.pointers = nil, nil, nil
	if cap(w.nodes) <= keepNodes && cap(w.scratch) <= keepBytes && cap(w.cleaned[0]) <= keepBytes {
		s.walkers.Put(w)
	}
}

// marker has a fixed text for each class, so that replacing allocates nothing.
func marker(c class) string {
	switch c {
	case classCard:
		return "[redacted:card]"
	case classHealth:
		return "[redacted:health]"
	case classGovID:
		return "[redacted:gov-id]"
	case classBank:
		return "[redacted:bank]"
	case classEmail:
		return "[redacted:email]"
	case classForm:
		return "[redacted:form]"
	default:
		return "[redacted:secret]"
	}
}
