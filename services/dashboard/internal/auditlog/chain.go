package auditlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

const hashSize = sha256.Size

// Reasons of a Break.
const (
	// Missing: the entry of this number is not there, though a later one is, or though it was noted.
	Missing = "missing"
	// Relinked: it does not follow the entry that stands before it.
	Relinked = "relinked"
	// Altered: what it says is not what was hashed.
	Altered = "altered"
	// Replaced: the chain is whole, but this is not the entry that was noted.
	Replaced = "replaced"
)

// Break is the first entry that is not as it was written.
type Break struct {
	Number int64
	Reason string
}

// Result is what came of a check.
type Result struct {
	Entries int64  // how many were found in order
	Head    []byte // the hash of the last of them; nil of an empty log
	Broken  *Break // nil: the chain is whole
}

// chain checks entries in the order of their numbers.
type chain struct {
	result Result
	last   []byte
	known  *Mark
}

func newChain(known *Mark) *chain { return &chain{last: make([]byte, hashSize), known: known} }

// add checks the next entries and reports whether to go on.
func (c *chain) add(entries []Entry) bool {
	for _, e := range entries {
		if reason := c.wrong(e); reason != "" {
			c.result.Broken = &Break{Number: c.result.Entries + 1, Reason: reason}
			return false
		}
		c.result.Entries, c.result.Head, c.last = e.Number, e.Hash, e.Hash
	}
	return true
}

// wrong says what is the matter with the next entry: "" when nothing is.
func (c *chain) wrong(e Entry) string {
	switch {
	case e.Number != c.result.Entries+1:
		return Missing
	case !bytes.Equal(e.Previous, c.last):
		return Relinked
	case !bytes.Equal(e.Hash, e.sum()):
		return Altered
	case c.known != nil && c.known.Number == e.Number && !bytes.Equal(c.known.Hash, e.Hash):
		return Replaced
	}
	return ""
}

// end is what came of it: a log that ends before the entry that was noted has lost its tail.
func (c *chain) end() Result {
	if c.result.Broken == nil && c.known != nil && c.known.Number > c.result.Entries {
		c.result.Broken = &Break{Number: c.result.Entries + 1, Reason: Missing}
	}
	return c.result
}

// sum computes the hash of an entry as the database does (specter_audit_hash): over ten netstrings,
// each the length in bytes, a colon, the text and a comma. The time counts microseconds since 1970.
func (e Entry) sum() []byte {
	subject := ""
	if e.SubjectID != nil {
		subject = e.SubjectID.String()
	}
	h := sha256.New()
	for _, part := range [][]byte{
		[]byte("specter-audit-1"), []byte(hex.EncodeToString(e.Previous)), []byte(e.Account.String()), strconv.AppendInt(nil, e.Number, 10),
		strconv.AppendInt(nil, e.At.UnixMicro(), 10), []byte(e.Actor), []byte(e.Action), []byte(e.SubjectType), []byte(subject), e.Detail,
	} {
		h.Write(append(strconv.AppendInt(nil, int64(len(part)), 10), ':'))
		h.Write(part)
		h.Write([]byte{','})
	}
	return h.Sum(nil)
}
