package signal

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"
)

// HashSession is the hash of a session within its product: the same for ever, and not to
// be turned back into an id.
func HashSession(product uuid.UUID, id string) uint64 {
	h := xxhash.Sum64String(id) ^ binary.BigEndian.Uint64(product[:8]) ^ binary.BigEndian.Uint64(product[8:])
	// Murmur3's finaliser: products sample different sessions of the same ids.
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// Sessions are those of a batch's signals. Most are not kept: what decides it lies
// together, apart from the signals.
type Sessions struct {
	Hours []SessionHour
	Of    []SessionOf // the i-th signal's
}

// SessionHour is a context and an hour that has signals with sessions.
type SessionHour struct {
	Context *Context
	Start   int64 // Unix seconds
}

// SessionOf is one signal's session. Its hour is an index into Hours from 1; 0 = it has
// none.
type SessionOf struct {
	Hash uint64
	Hour uint32
}
