package exportfile

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// ErrDamaged is wrapped by every way in which an archive does not hold what its manifest says.
var ErrDamaged = errors.New("the archive is damaged")

const (
	maxManifest = 256 << 20 // some 600,000 files
	maxEntries  = 1_000_000
)

// Verify reads an archive once and checks every file against the manifest: that none is missing,
// added, changed or in another order, their rows, and the sum of the whole list. It returns the manifest.
// What it keeps in memory grows with the number of files, never with their size.
func Verify(r io.Reader) (Manifest, error) {
	zipped, err := gzip.NewReader(bufio.NewReaderSize(r, 64<<10))
	if err != nil {
		return Manifest{}, damaged("it is not a .tar.gz: %w", err)
	}
	var found []Entry
	unzipped := &counter{}
	content := io.TeeReader(zipped, unzipped)
	files := tar.NewReader(content)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return Manifest{}, damaged("it ends without %s", ManifestName)
		}
		if err != nil {
			return Manifest{}, damaged("after %d files: %w", len(found), err)
		}
		if header.Typeflag != tar.TypeReg {
			return Manifest{}, damaged("%q is not a file", header.Name)
		}
		if header.Name == ManifestName {
			m, err := readManifest(files)
			if err == nil {
				err = compare(m, found)
			}
			if err == nil {
				err = ended(files, content, unzipped)
			}
			return m, err
		}
		if len(found) == maxEntries {
			return Manifest{}, damaged("it has more than %d files", maxEntries)
		}
		e, err := measure(header.Name, files)
		if err != nil {
			return Manifest{}, err
		}
		found = append(found, e)
	}
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrDamaged, fmt.Errorf(format, args...))
}

// measure reads one file.
func measure(name string, r io.Reader) (Entry, error) {
	sum, count := sha256.New(), &counter{}
	rows, err := countRows(name, io.TeeReader(r, io.MultiWriter(sum, count)))
	if err != nil {
		return Entry{}, damaged("reading %s: %w", name, err)
	}
	return Entry{Path: name, Rows: rows, Bytes: count.n, SHA256: hexSum(sum)}, nil
}

type counter struct{ n int64 }

// Write counts.
func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// countRows reads r to its end.
func countRows(name string, r io.Reader) (rows int64, err error) {
	switch {
	case strings.HasPrefix(name, "json/"):
		lines := &lineCounter{}
		_, err = io.Copy(lines, r)
		return lines.n, err
	case strings.HasPrefix(name, "csv/"):
		records := csv.NewReader(r)
		records.ReuseRecord = true
		for {
			switch _, err := records.Read(); {
			case errors.Is(err, io.EOF):
				return max(0, rows-1), nil // the first is the header
			case err != nil:
				return 0, err
			}
			rows++
		}
	default:
		_, err = io.Copy(io.Discard, r)
		return 0, err
	}
}

type lineCounter struct{ n int64 }

// Write counts line ends.
func (c *lineCounter) Write(p []byte) (int, error) {
	c.n += int64(bytes.Count(p, []byte{'\n'}))
	return len(p), nil
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

func readManifest(r io.Reader) (m Manifest, err error) {
	text, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil || len(text) > maxManifest {
		return m, damaged("reading %s: %w", ManifestName, errors.Join(err, errors.New("it is too long or cut off")))
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, damaged("reading %s: %w", ManifestName, err)
	}
	if m.Format != Format || m.Version != Version {
		return m, fmt.Errorf("this is %q version %d; only %q version %d can be checked", m.Format, m.Version, Format, Version)
	}
	return m, nil
}

// compare checks what was found against what should be there. The last file found is SHA256SUMS.
func compare(m Manifest, found []Entry) error {
	if len(found) == 0 || found[len(found)-1].Path != SumsName {
		return damaged("%s is not the last file but one", SumsName)
	}
	listed, sums := found[:len(found)-1], found[len(found)-1]
	for i, want := range m.Entries {
		switch {
		case i >= len(listed):
			return damaged("%s is missing", want.Path)
		case listed[i].Path != want.Path:
			return damaged("%q is where %q should be", listed[i].Path, want.Path)
		case listed[i].SHA256 != want.SHA256 || listed[i].Bytes != want.Bytes:
			return damaged("%s is not what was exported: its checksum differs", want.Path)
		case want.Format != Text && listed[i].Rows != want.Rows:
			return damaged("%s has %d rows, not %d", want.Path, listed[i].Rows, want.Rows)
		}
	}
	if len(listed) > len(m.Entries) {
		return damaged("%q is not in the manifest", listed[len(m.Entries)].Path)
	}
	sum := sha256.Sum256(Sums(m.Entries))
	if m.ContentsSHA256 != sums.SHA256 || sums.SHA256 != hex.EncodeToString(sum[:]) {
		return damaged("%s does not match the manifest", SumsName)
	}
	var rows int64
	perTable := map[string]int64{}
	for _, e := range m.Entries {
		if e.Format == JSON {
			perTable[e.Table] += e.Rows
			rows += e.Rows
		}
	}
	wrong := slices.IndexFunc(m.Tables, func(t Table) bool { return perTable[t.Name] != t.Rows })
	if wrong >= 0 || rows != m.Rows {
		return damaged("the rows of its tables do not add up")
	}
	return nil
}

// ended checks that nothing follows the manifest, and that the end of the archive is there: two blocks
// of zeros, in the last member.
func ended(files *tar.Reader, content io.Reader, unzipped *counter) error {
	const trailer = 2 * 512
	before := unzipped.n
	if _, err := files.Next(); !errors.Is(err, io.EOF) {
		return damaged("something follows %s", ManifestName)
	}
	// Only zeros may follow; reading them checks the last member's checksum.
	rest, err := io.ReadAll(io.LimitReader(content, 1<<20))
	switch {
	case err != nil:
		return damaged("at its end: %w", err)
	case len(bytes.Trim(rest, "\x00")) > 0:
		return damaged("something follows its end")
	case unzipped.n-before < trailer:
		return damaged("its end is missing")
	}
	return nil
}
