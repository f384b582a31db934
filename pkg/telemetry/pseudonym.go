package telemetry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"regexp"

	"go.uber.org/zap/zapcore"
)

// personal finds what a line must not keep: ids of accounts, products and whatever is theirs, and e-mail
// addresses. A request's own id is random and told to the person who asks about it; it stays.
var personal = regexp.MustCompile(`"request_id":"[^"]*"|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|[\pL\pN.!#$%&'*+/=?^_{|}~-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)*\.\pL{2,}`)

// pseudonymBytes of a hash tell the things of one instance apart.
const pseudonymBytes = 5

// Pseudonym is what stands for an id in logs: "id-" and the first ten hexadecimal digits of its SHA-256. Who
// knows an id finds its lines; the id cannot be found from them, and after an account was deleted nobody here
// knows it.
func Pseudonym(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "id-" + hex.EncodeToString(sum[:pseudonymBytes])
}

// pseudonymous is a log whose lines name nobody.
type pseudonymous struct{ zapcore.WriteSyncer }

// Write implements zapcore.WriteSyncer for one encoded line.
func (p pseudonymous) Write(line []byte) (int, error) {
	if !mayName(line) {
		return p.WriteSyncer.Write(line)
	}
	if _, err := p.WriteSyncer.Write(personal.ReplaceAllFunc(line, stands)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// mayName is false for most lines, which then need no search: they have neither the sign of an address nor
// hyphens that stand as in an id.
func mayName(line []byte) bool {
	for i, c := range line {
		if c == '@' || c == '-' && i+15 < len(line) && line[i+5] == '-' && line[i+10] == '-' && line[i+15] == '-' {
			return true
		}
	}
	return false
}

func stands(found []byte) []byte {
	switch {
	case found[0] == '"':
		return found
	case bytes.IndexByte(found, '@') >= 0:
		return []byte("[email]")
	default:
		return []byte(Pseudonym(string(bytes.ToLower(found))))
	}
}
