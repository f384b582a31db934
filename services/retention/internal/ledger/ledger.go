// Package ledger keeps certificates in a file outside the database, one a line: what a restored backup has
// brought back is deleted again by it.
package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/services/retention/internal/deletion"
)

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
	var line []byte
	if !has(there, c.ID) {
		if line, err = erasure.Compact(document); err != nil {
			return err
		}
		if len(there) > 0 && there[len(there)-1] != '\n' {
			line = slices.Concat([]byte{'\n'}, line) // a power cut or a full disk tore the last line
		}
	}
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening the ledger: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(line); err != nil {
		return fmt.Errorf("writing the ledger: %w", err)
	}
	// Also for a line that was there: the run that wrote it may have ended before this.
	if err := file.Sync(); err != nil {
		return fmt.Errorf("writing the ledger to the disk: %w", err)
	}
	return syncFolder(filepath.Dir(f.path))
}

// has reports whether the certificate of that id is in a ledger, whole.
func has(ledger []byte, id string) bool {
	documents, _ := Read(ledger)
	return slices.ContainsFunc(documents, func(document []byte) bool {
		c, _, err := erasure.Verify(document)
		return err == nil && c.ID == id
	})
}

// syncFolder makes the name of a new file last as long as what is in it.
func syncFolder(path string) (err error) {
	folder, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil // one may be let in to write, and not to read
	}
	if err != nil {
		return fmt.Errorf("opening the ledger's directory: %w", err)
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	err = folder.Sync()
	if err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) { // as some file systems answer
		return fmt.Errorf("writing the ledger's directory to the disk: %w", err)
	}
	return nil
}

// Read reads certificates, one a line, as Append writes them. torn counts lines that are no certificate: the last
// one may be half written.
func Read(text []byte) (documents [][]byte, torn int) {
	for line := range bytes.SplitSeq(text, []byte{'\n'}) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if _, _, err := erasure.Verify(line); err != nil {
			torn++
			continue
		}
		documents = append(documents, bytes.Clone(line))
	}
	return documents, torn
}
