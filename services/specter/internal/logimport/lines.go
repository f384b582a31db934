package logimport

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// lineReader reads lines of bounded length and can take lines back.
type lineReader struct {
	in     *bufio.Reader
	number int    // of the line returned last
	back   []line // lines to return again, first one first
}

type line struct {
	number int
	text   []byte
	bad    *badRecord // set instead of the text when the line could not be read
}

// badRecord is a record that cannot even be read; the input goes on after it.
type badRecord struct {
	line   int
	reason string
}

func (b *badRecord) Error() string { return fmt.Sprintf("line %d: %s", b.line, b.reason) }

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(r, MaxLine+2)}
}

// next returns the next line that is not blank, without its line end and, on the first
// line, without a byte-order mark. The text stays valid.
func (l *lineReader) next() (line, error) {
	if len(l.back) > 0 {
		first := l.back[0]
		l.back = l.back[1:]
		if first.bad != nil {
			return line{}, first.bad
		}
		return first, nil
	}
	for {
		text, err := l.in.ReadSlice('\n')
		if len(text) > 0 {
			l.number++
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			if err := l.skipLine(); err != nil {
				return line{number: l.number}, err
			}
			return line{}, &badRecord{l.number, fmt.Sprintf("longer than %d bytes", MaxLine)}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return line{number: l.number}, err
		}
		if l.number == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
		}
		text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
		if len(bytes.TrimSpace(text)) > 0 {
			return line{number: l.number, text: bytes.Clone(text)}, nil
		}
		if err != nil {
			return line{number: l.number}, io.EOF
		}
	}
}

// skipLine reads to the end of a line that is too long, without keeping it.
func (l *lineReader) skipLine() error {
	for {
		_, err := l.in.ReadSlice('\n')
		switch {
		case err == nil, errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// unread makes next return these lines again before it reads on.
func (l *lineReader) unread(lines []line) {
	l.back = append(append([]line(nil), lines...), l.back...)
}
