package scrub

import (
	"bytes"
	"encoding/binary"
)

// said is what a member's name says, besides its verdict.
type said uint32

const (
	saysTag       said = 1 << iota // {"tag": "input"} describes an element of the page
	saysEditable                   // contenteditable
	saysType                       // type
	saysResource                   // resourceType, exactly
	saysName                       // the name in a pair
	saysValue                      // the value in a pair
	saysEntry                      // what a form control holds
	saysContent                    // the text of an element
	saysElement                    // its object is an element of the page
	saysTarget                     // element, elements or target
	saysAttribute                  // attributes of an element
	saysPerson                     // user, traits: e-mail addresses stay
	saysHeaders                    // names and values in turn
	saysCard                       // speaks of a card
	saysSystem                     // the vocabulary that a code is from
	saysRole                       // an element's role
	saysAbout                      // an attribute or a reference: created_at, id
	saysLogin                      // a URL parameter that carries what logs one in
	saysCode                       // a URL parameter that may carry an OAuth code
	hasHits                        // the name itself holds something that must go

	// The next ones are no names, but what the parser found below.
	hasHitsInValue
	hasList // a list that may be a pair or a split number
)

// telling reports whether anything in the parsed payload can have to go; otherwise
// there is no need for a walk.
func (p *parser) telling() bool {
	s := p.said
	return p.force || s&(saysResource|saysSystem|saysHeaders|hasHits|hasHitsInValue|hasList) != 0 ||
		s&saysName != 0 && s&saysValue != 0 ||
		s&(saysTag|saysEditable|saysElement|saysTarget|saysAttribute|saysRole|saysType) != 0 && s&(saysEntry|saysContent) != 0
}

// meaning is all that a name says.
type meaning struct {
	force verdict
	said  said
}

// meaningOf judges a member's name.
func (s *scanner) meaningOf(key []byte) meaning {
	m := meaning{force: s.judge(key), said: saidBy(key)}
	if m.force.class == classCard {
		m.said |= saysCard
	}
	if isFormData(key) {
		m.force = verdict{classForm, scalar}
	}
	switch {
	case len(s.scan(key, true, false)) > 0:
		m.said |= hasHits
	case !bytes.Contains(key, []byte(markerPrefix)) && s.name.mentions(key):
		m.said |= saysAbout
	}
	return m
}

// judge is name.judgeKey for a name that may hold something to remove itself: only what
// is left of it in the end counts, so that a second pass agrees with the first.
func (s *scanner) judge(name []byte) verdict {
	for range maxRounds {
		hits := s.scan(name, true, false)
		if len(hits) == 0 {
			return s.name.judgeKey(name)
		}
		var rest []byte
		from := 0
		for _, h := range hits {
			rest = append(append(rest, name[from:h.start]...), marker(h.class)...)
			from = h.end
		}
		name = append(rest, name[from:]...)
	}
	return verdict{}
}

// longestTellingName is longer than every name that saidBy knows.
const longestTellingName = 20

func saidBy(key []byte) said {
	if string(key) == "resourceType" {
		return saysResource
	}
	var buf [longestTellingName]byte
	if len(key) > len(buf) {
		return 0
	}
	switch string(appendLower(buf[:0], key)) {
	case "tag", "tagname", "tag_name", "nodename", "node_name", "localname":
		return saysTag
	case "contenteditable", "iscontenteditable":
		return saysEditable
	case "type":
		return saysType
	case "role", "aria-role":
		return saysRole
	case "system", "codesystem", "code_system", "codingsystem", "coding_system", "vocabulary":
		return saysSystem
	case "key", "k", "name", "header", "param", "attribute", "property", "parameter", "id", "label", "question":
		return saysName
	case "field":
		return saysName | saysElement
	case "value", "values":
		return saysValue | saysEntry
	case "v", "val", "data", "raw", "oldvalue", "newvalue", "old_value", "new_value", "before", "after", "previous", "answer":
		return saysValue
	case "content":
		return saysValue | saysContent
	case "defaultvalue", "default_value", "attr__value", "aria-valuetext", "aria-valuenow", "initialvalue",
		"currentvalue", "valueasnumber", "selectedvalue", "selectedoptions":
		return saysEntry
	case "text", "innertext", "textcontent", "innerhtml", "outerhtml", "$el_text", "inner_text", "text_content":
		return saysContent
	case "fields", "inputs", "controls", "form_fields", "formfields", "input", "form":
		return saysElement
	case "element", "target":
		return saysElement | saysTarget
	case "elements":
		return saysTarget
	case "attributes", "attrs":
		return saysAttribute
	case "user", "traits", "$set", "$set_once", "person":
		return saysPerson
	case "rawheaders", "raw_headers":
		return saysHeaders
	}
	return 0
}

func isFormData(key []byte) bool {
	var buf [longestTellingName]byte
	if len(key) > len(buf) {
		return false
	}
	switch string(appendLower(buf[:0], key)) {
	case "formdata", "form_data", "formvalues", "form_values", "field_values", "fieldvalues", "formvalue", "form_value",
		"fieldvalue", "field_value", "inputvalue", "input_value", "elementvalue", "element_value", "typedtext", "typed_text",
		"typedvalue", "typed_value", "enteredtext", "entered_text", "enteredvalue", "entered_value":
		return true
	}
	return false
}

func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		if isUpper(c) {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

const (
	// Products send the same names for ever, so what a name says is worth remembering:
	// in one of a few places, of which the last one used is written over.
	rememberedNames = 256
	places          = 4
	longestName     = 40
)

// memory remembers what names say. It changes how long judging takes and never what
// comes out.
type memory struct {
	slots [rememberedNames][places]remembered
	turn  uint8
}

type remembered struct {
	hash    uint32
	length  uint8 // 0: empty
	name    [longestName]byte
	meaning meaning
}

// find returns nil for names it does not know.
func (m *memory) find(name []byte) *meaning {
	if len(name) == 0 || len(name) > longestName {
		return nil
	}
	h := hashOf(name)
	slot := &m.slots[h%rememberedNames]
	for i := range slot {
		if r := &slot[i]; r.hash == h && string(r.name[:r.length]) == string(name) {
			return &r.meaning
		}
	}
	return nil
}

func (m *memory) keep(name []byte, what meaning) {
	if len(name) == 0 || len(name) > longestName {
		return
	}
	h := hashOf(name)
	m.turn++
	r := &m.slots[h%rememberedNames][m.turn%places]
	r.hash, r.length, r.meaning = h, uint8(len(name)), what
	copy(r.name[:], name)
}

// hashOf spreads names; those that fall together only cost time.
func hashOf(name []byte) uint32 {
	const k = 0x9e3779b97f4a7c15
	h := uint64(len(name)) * k
	for ; len(name) >= 8; name = name[8:] {
		h = (h ^ binary.LittleEndian.Uint64(name)) * k
		h ^= h >> 29
	}
	var rest uint64
	for _, c := range name {
		rest = rest<<8 | uint64(c)
	}
	return uint32((h ^ rest) * k >> 32)
}
