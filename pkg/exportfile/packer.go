package exportfile

import (
	"archive/tar"
	"bytes"
	"fmt"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Packer writes the members of an archive. It keeps its compressor from one to the next and nothing
// else: what was packed does not depend on what was packed before.
type Packer struct{ gzip *gzip.Writer }

// NewPacker returns a Packer.
func NewPacker() *Packer { return &Packer{gzip: gzip.NewWriter(nil)} }

// Pack appends to dst a file as a gzip member.
func (p *Packer) Pack(dst *bytes.Buffer, path string, at time.Time, content []byte) error {
	return p.member(dst, func() error {
		w := tar.NewWriter(p.gzip)
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Size: int64(len(content)), Mode: 0o600, ModTime: at.Truncate(time.Second), Format: tar.FormatUSTAR})
		if err != nil {
			return fmt.Errorf("packing %s: %w", path, err)
		}
		if _, err := w.Write(content); err != nil {
			return fmt.Errorf("packing %s: %w", path, err)
		}
		return w.Flush() // pads to a whole block; Close would end the archive
	})
}

// End appends the member that ends the archive.
func (p *Packer) End(dst *bytes.Buffer) error {
	return p.member(dst, func() error { return tar.NewWriter(p.gzip).Close() })
}

func (p *Packer) member(dst *bytes.Buffer, write func() error) error {
	p.gzip.Reset(dst)
	if err := write(); err != nil {
		return err
	}
	return p.gzip.Close()
}
