package scrub

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// view is a text as a detector reads it, with the way back: byte i of text comes from
// byte off[i] of the original. A nil off means that text is the original.
type view struct {
	text []byte
	off  []int
}

func (v view) origin(i int) int {
	if v.off == nil {
		return i
	}
	return v.off[i]
}

type hit struct {
	start, end int
	class      class
}

// scanner finds what must go from one text. It is reused.
type scanner struct {
	text        []byte
	hits        []hit
	name        name
	words       *memory // what the names in texts say
	ends        ends    // in the text that is being looked through
	command     command // in it
	emails      bool
	cardContext bool
	// bufs hold decoded views, one pair a level.
	bufs [maxDecodings]struct {
		text []byte
		off  []int
	}
}

// maxDecodings is how many layers of encoding are undone: a URL in a query value in a
// JSON text in a log line is three.
const maxDecodings = 4

// scan returns the sorted, disjoint parts of the text that must go; the slice is valid
// until the next call.
func (s *scanner) scan(text []byte, emails, cardContext bool) []hit {
	f := traitsOf(text)
	if f.clean() {
		return nil
	}
	s.text = text
	s.hits, s.emails, s.cardContext = s.hits[:0], emails, cardContext
	v := view{text: text}
	s.detect(v, &f)
	for level := 0; f.encoded && level < maxDecodings; level++ {
		v = s.decode(v, level)
		f = traitsOf(v.text)
		s.detect(v, &f)
	}
	if len(s.hits) > 1 {
		s.merge()
	}
	return s.hits
}

// hit records a part of a view.
func (s *scanner) hit(v view, start, end int, c class) {
	a, b := v.origin(start), v.origin(end)
	// Some detectors stop after so many bytes; a character is not to be cut in two.
	for a > 0 && a < len(s.text) && !utf8.RuneStart(s.text[a]) {
		a--
	}
	for b < len(s.text) && !utf8.RuneStart(s.text[b]) {
		b++
	}
	if a < b {
		s.hits = append(s.hits, hit{a, b, c})
	}
}

// merge joins overlapping parts; the first of them gives its class.
func (s *scanner) merge() {
	byStart := func(a, b hit) int { return a.start - b.start }
	if !slices.IsSortedFunc(s.hits, byStart) {
		slices.SortStableFunc(s.hits, byStart)
	}
	out := s.hits[:1]
	for _, h := range s.hits[1:] {
		if last := &out[len(out)-1]; h.start < last.end {
			last.end = max(last.end, h.end)
		} else {
			out = append(out, h)
		}
	}
	s.hits = out
}

// detect runs the detectors that can find something.
func (s *scanner) detect(v view, f *traits) {
	s.ends, s.command = ends{}, command{}
	if f.digits >= 13 && !s.cardContext && (f.mayHoldCard() || f.encoded) {
		s.cardContext = containsFold(v.text, "card") || containsFold(v.text, "visa")
	}
	if f.mayHoldCard() {
		s.findCards(v)
	}
	if f.mayHoldEncodedCard() {
		s.findEncodedCards(v)
	}
	if f.assignment || f.sentence || f.option {
		s.findAssignments(v, f)
	}
	if f.mayHoldToken() {
		s.findTokens(v)
	}
	if f.mayHoldPathToken() {
		s.findPathTokens(v)
	}
	if f.seen&mTag != 0 {
		s.findMarkup(v)
	}
	if f.mayHoldNumber() {
		s.findNumbers(v, f)
	}
	if f.seen&mAt != 0 {
		s.findAddresses(v)
	}
	if f.seen&mPipe != 0 {
		s.findHL7(v)
	}
	if f.rule && bytes.Contains(v.text, []byte("-----BEGIN ")) {
		s.findPEM(v)
	}
}

func containsFold(t []byte, lower string) bool { return indexFold(t, lower) >= 0 }

func indexFold(t []byte, lower string) int {
	first := lower[0]
	for i := 0; i+len(lower) <= len(t); i++ {
		if t[i]|0x20 == first && hasPrefixFold(t[i:], lower) {
			return i
		}
	}
	return -1
}

func hasPrefixFold(t []byte, lower string) bool {
	if len(t) < len(lower) {
		return false
	}
	for i := range len(lower) {
		c := t[i]
		if isUpper(c) {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
