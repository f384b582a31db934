// Package ledger keeps certificates in a file outside the database, one a line: what a restored backup has
// brought back is deleted again by it.
package ledger

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/services/retention/internal/deletion"
)

// maxLine bounds one certificate, in bytes.
const maxLine = 256 << 10

// File is a deletion.Ledger. "" keeps nothing.
type File struct {
	path string
	mu   sync.Mutex
}

var _ deletion.Ledger = (*File)(nil)

// NewFile keeps certificates at path, which is made when the first one comes.
func NewFile(path string) *File { return &File{path: path} }

// Append implements deletion.Ledger.
func (f *File) Append(_ context.Context, document []byte) (err error) {
	if f.path == "" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c, _, err := erasure.Verify(document)
	if err != nil {
		return err
	}
	there, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the ledger: %w", err)
	}
	if bytes.Contains(there, []byte(`"`+c.ID+`"`)) {
		return nil
	}
	var line bytes.Buffer
	if len(there) > 0 && there[len(there)-1] != '\n' {
		line.WriteByte('\n') // a power cut tore the last line
	}
	compact, err := erasure.Compact(document)
	if err != nil {
		return err
	}
	line.Write(compact)
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening the ledger: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(line.Bytes()); err != nil {
		return fmt.Errorf("writing the ledger: %w", err)
	}
	return file.Sync()
}

// Read reads certificates, one a line, as Append writes them. torn counts lines that are no certificate: the last
// one may be half written.
func Read(text []byte) (documents [][]byte, torn int) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if _, _, err := erasure.Verify(line); err != nil {
			torn++
			continue
		}
		documents = append(documents, bytes.Clone(line))
	}
	if lines.Err() != nil {
		torn++
	}
	return documents, torn
}
