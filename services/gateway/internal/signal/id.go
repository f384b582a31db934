package signal

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// NewID returns a UUIDv7 (RFC 9562 §5.7): an old signal is found by the time in its id. It counts
// nothing and asks the system for nothing, because every signal needs one; an id says when, and
// keeps no secret.
func NewID() uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(time.Now().UnixMilli())<<16|rand.Uint64()&0x0fff|0x7000)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()>>2|1<<63)
	return id
}
