package takeout

import (
	"errors"
	"fmt"
	"io"
)

// Archive reads an archive from any byte on. It holds one chunk at a time, and asks the store for the next when that is
// read: a slow reader holds neither memory nor a connection.
type Archive struct {
	size  int64
	read  func(at int64) (Chunk, error)
	at    int64
	chunk Chunk
}

var _ io.ReadSeeker = (*Archive)(nil)

// Read implements io.Reader.
func (a *Archive) Read(p []byte) (int, error) {
	if a.at >= a.size {
		return 0, io.EOF
	}
	if !a.holds(a.at) {
		chunk, err := a.read(a.at)
		if err != nil {
			return 0, err
		}
		if a.chunk = chunk; !a.holds(a.at) {
			return 0, fmt.Errorf("reading an archive: byte %d is missing", a.at)
		}
	}
	n := copy(p, a.chunk.Data[a.at-a.chunk.First:])
	a.at += int64(n)
	return n, nil
}

func (a *Archive) holds(at int64) bool {
	return at >= a.chunk.First && at < a.chunk.First+int64(len(a.chunk.Data))
}

// Seek implements io.Seeker.
func (a *Archive) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += a.at
	case io.SeekEnd:
		offset += a.size
	}
	if offset < 0 {
		return a.at, errors.New("reading an archive before its beginning")
	}
	a.at = offset
	return offset, nil
}
