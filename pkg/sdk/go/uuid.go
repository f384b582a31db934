package specter

import (
	"encoding/hex"
	"math/rand/v2"
	"time"
)

const uuidLength = 36

// appendUUID appends a new UUIDv7 (RFC 9562 §5.7). The 74 random bits come from the runtime's
// generator, which the operating system seeds: ids must differ, not be secret.
func appendUUID(dst []byte, at time.Time) []byte {
	ms, a, b := uint64(at.UnixMilli()), rand.Uint64(), rand.Uint64()
	return appendUUIDText(dst, [16]byte{
		byte(ms >> 40), byte(ms >> 32), byte(ms >> 24), byte(ms >> 16), byte(ms >> 8), byte(ms),
		0x70 | byte(a>>8)&0x0f, byte(a),
		0x80 | byte(b>>56)&0x3f, byte(b >> 48), byte(b >> 40), byte(b >> 32), byte(b >> 24), byte(b >> 16), byte(b >> 8), byte(b),
	})
}

func appendUUIDText(dst []byte, id [16]byte) []byte {
	dst = hex.AppendEncode(dst, id[:4])
	for _, part := range [][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
		dst = hex.AppendEncode(append(dst, '-'), part)
	}
	return dst
}

// isUUID reports whether s is a UUID in its usual form.
func isUUID(s string) bool {
	if len(s) != uuidLength {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		default:
			return false
		}
	}
	return true
}
