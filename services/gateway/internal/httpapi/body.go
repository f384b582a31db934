package httpapi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/labstack/echo/v4"
	"golang.org/x/sync/semaphore"

	"github.com/draftlabs/specter/pkg/fault"
)

const (
	mediaJSON = "application/json"
	mediaText = "text/plain" // a beacon without a preflight
	mediaForm = "application/x-www-form-urlencoded"

	encodings = "gzip, deflate, br, zstd"

	// smallBody is what a body may use before it must ask for more.
	smallBody = 4 << 10
	// heardOut is how much is read of a body that is too large.
	heardOut = 4 << 20
	// largestKept is the size of the largest buffers that are kept for other bodies.
	largestKept = 256 << 10

	// zstdWindow is the largest window RFC 8878 §3.1.1.1.2 asks every decoder to support.
	zstdWindow = 8 << 20
	// brotliWindow is the largest window that is accepted of RFC 7932's 16 MiB: a decoder keeps all
	// of it, and what encoders use when nobody asks for more is this.
	brotliWindow = 4 << 20
)

var (
	errMediaType = echo.NewHTTPError(http.StatusUnsupportedMediaType)
	errEncoding  = echo.NewHTTPError(http.StatusUnsupportedMediaType, "Compress the body once, with gzip, deflate, br or zstd, or not at all.")
	errTimeout   = echo.NewHTTPError(http.StatusRequestTimeout, "The body took too long to arrive.")
	errBusy      = fault.New(fault.Unavailable, "unavailable", "Too many requests are being read. Try again.")
)

// mediaType returns the type of the body, JSON when none is given. Only UTF-8 is JSON (RFC 8259).
func mediaType(r *http.Request) (string, error) {
	header := r.Header.Get(echo.HeaderContentType)
	if header == "" || header == mediaJSON {
		return mediaJSON, nil
	}
	media, parameters, err := mime.ParseMediaType(header)
	if err != nil {
		return "", errMediaType
	}
	switch media {
	case mediaJSON, mediaText, mediaForm:
	default:
		return "", errMediaType
	}
	switch strings.ToLower(parameters["charset"]) {
	case "", "utf-8", "utf8", "us-ascii":
		return media, nil
	default:
		return "", errMediaType
	}
}

func looksLikeJSON(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && (body[0] == '{' || body[0] == '[')
}

// bodies reads request bodies within a limit for each and a memory for all.
type bodies struct {
	limit  int64
	memory *semaphore.Weighted
	zstd   *zstd.Decoder
	kept   []sync.Pool // of *body; each text has twice the room of those in the pool before
}

func newBodies(limit, memory int64) (*bodies, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(uint64(limit)))
	if err != nil {
		return nil, fmt.Errorf("making a decoder: %w", err)
	}
	b := &bodies{limit: limit, memory: semaphore.NewWeighted(memory), zstd: decoder, kept: make([]sync.Pool, classOf(largestKept)+1)}
	for class := range b.kept {
		b.kept[class].New = func() any { return &body{text: make([]byte, 0, smallBody<<class)} }
	}
	return b, nil
}

// classOf returns the pool whose buffers hold n bytes.
func classOf(n int) int { return bits.Len(uint(max(n, smallBody)-1)) - bits.Len(uint(smallBody-1)) }

// body is a request's body with the memory it holds.
type body struct {
	text     []byte
	reserved int64
}

// release gives a body's memory to the next.
func (b *bodies) release(of *body) {
	b.memory.Release(of.reserved)
	of.reserved = 0
	if class := classOf(cap(of.text)); class < len(b.kept) && cap(of.text) == smallBody<<class {
		of.text = of.text[:0]
		b.kept[class].Put(of)
	}
}

// room returns an empty body for n bytes.
func (b *bodies) room(n int64) (*body, error) {
	class := classOf(int(n))
	size := int64(smallBody) << class
	if class >= len(b.kept) {
		size = n
	}
	if !b.memory.TryAcquire(size) {
		return nil, errBusy
	}
	if class >= len(b.kept) {
		return &body{text: make([]byte, 0, n), reserved: size}, nil
	}
	into, _ := b.kept[class].Get().(*body)
	into.reserved = size
	return into, nil
}

// read returns the decompressed body, to be released.
func (b *bodies) read(w http.ResponseWriter, r *http.Request) (*body, error) {
	if r.ContentLength > b.limit {
		// A connection that is closed on somebody who still sends looks like a broken network, and is
		// tried again: hear a little more of it out.
		_, _ = io.CopyN(io.Discard, r.Body, heardOut)
		return nil, b.tooLarge()
	}
	into, err := b.room(r.ContentLength)
	if err != nil {
		return nil, err
	}
	if err := b.fill(into, w, r); err != nil {
		b.release(into)
		return nil, err
	}
	return into, nil
}

func (b *bodies) fill(into *body, w http.ResponseWriter, r *http.Request) error {
	coding := r.Header["Content-Encoding"]
	if len(coding) == 0 {
		if r.ContentLength >= 0 {
			return b.exactly(into, r)
		}
		return b.all(into, http.MaxBytesReader(w, r.Body, b.limit))
	}
	source, decode, err := b.decompress(into, http.MaxBytesReader(w, r.Body, b.limit), strings.Join(coding, ","))
	switch {
	case err != nil:
		w.Header().Set(echo.HeaderAcceptEncoding, encodings)
		return err
	case decode != nil:
		return decode()
	}
	defer source.Close()
	return b.all(into, source)
}

// exactly reads a body that says its length.
func (b *bodies) exactly(into *body, r *http.Request) error {
	into.text = into.text[:r.ContentLength]
	if _, err := io.ReadFull(r.Body, into.text); err != nil {
		return readFault(err)
	}
	return nil
}

// all reads to the end, or to the limit.
func (b *bodies) all(into *body, source io.Reader) error {
	for {
		n, err := source.Read(into.text[len(into.text):cap(into.text)])
		into.text = into.text[:len(into.text)+n]
		switch {
		case int64(len(into.text)) > b.limit:
			return b.tooLarge()
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return readFault(err)
		case len(into.text) == cap(into.text):
			if err := b.grow(into); err != nil {
				return err
			}
		}
	}
}

// grow moves a body to where it has more room.
func (b *bodies) grow(into *body) error {
	larger, err := b.room(min(2*int64(cap(into.text)), b.limit+1))
	if err != nil {
		return err
	}
	larger.text = append(larger.text, into.text...)
	*into, *larger = *larger, *into
	b.release(larger)
	return nil
}

func (b *bodies) reserve(into *body, n int64) bool {
	if !b.memory.TryAcquire(n) {
		return false
	}
	into.reserved += n
	return true
}

func (b *bodies) tooLarge() error {
	return fault.Newf(fault.TooLarge, "payload_too_large", "The body is larger than %d bytes.", b.limit)
}

// readFault says whose fault it is that a body could not be read to its end.
func readFault(err error) error {
	var tooLarge *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &tooLarge):
		return tooLarge
	case errors.As(err, &network) && network.Timeout():
		return errTimeout
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fault.Wrap(err, fault.TooLarge, "payload_too_large", "The body is too large when decompressed.")
	default:
		return fault.Wrap(err, fault.Invalid, "invalid_json", "The body is incomplete or not encoded as its headers say.")
	}
}

// decompress undoes the one content coding a request may have: it returns either what is to be read
// or what does it all. Two codings are refused: four kilobytes of twice-compressed zeros are a
// gigabyte.
func (b *bodies) decompress(into *body, raw io.Reader, coding string) (source io.ReadCloser, decode func() error, err error) {
	switch strings.ToLower(strings.TrimSpace(coding)) {
	case "", "identity":
		return io.NopCloser(raw), nil, nil
	case "gzip", "x-gzip":
		return &single{open: openGzip, source: bufio.NewReader(raw)}, nil, nil
	case "deflate":
		return &single{open: openDeflate, source: bufio.NewReader(raw)}, nil, nil
	case "br":
		buffered := bufio.NewReader(raw)
		window, err := brotliWindowOf(buffered)
		if err != nil {
			return nil, nil, err
		}
		if !b.reserve(into, window) {
			return nil, nil, errBusy
		}
		return &single{open: openBrotli, source: buffered}, nil, nil
	case "zstd":
		return nil, func() error { return b.unzstd(into, raw) }, nil
	default:
		return nil, nil, errEncoding
	}
}

// unzstd decodes in one piece, so that no window has to be kept.
func (b *bodies) unzstd(into *body, raw io.Reader) error {
	if err := b.all(into, raw); err != nil {
		return err
	}
	packed := into.text
	if !b.reserve(into, b.limit) {
		return errBusy
	}
	text, err := b.zstd.DecodeAll(packed, make([]byte, 0, min(b.limit, int64(4*len(packed)))))
	if err != nil {
		return readFault(err)
	}
	into.text = text
	return nil
}

// brotliWindowOf reads the size of the window that a decoder will keep (RFC 7932 §9.1).
func brotliWindowOf(r *bufio.Reader) (int64, error) {
	head, err := r.Peek(1)
	if err != nil {
		return 0, readFault(unexpected(err))
	}
	bits := 16
	switch c := head[0]; {
	case c&1 == 0:
	case c>>1&7 != 0:
		bits = 17 + int(c>>1&7)
	case c>>4&7 == 0:
		bits = 17
	case c>>4&7 != 1:
		bits = 8 + int(c>>4&7)
	default: // reserved by the RFC, used for windows far beyond it
		bits = 30
	}
	if 1<<bits > brotliWindow {
		return 0, fault.Newf(fault.TooLarge, "payload_too_large", "The body is compressed with a window of more than %d bytes.", brotliWindow)
	}
	return 1 << bits, nil
}

// single reads exactly one compressed stream and refuses anything after it. It opens the stream
// with the first Read, because that already reads the body.
type single struct {
	open   func(*bufio.Reader) (io.ReadCloser, error)
	source *bufio.Reader
	stream io.ReadCloser
}

var errTrailing = errors.New("data after the end of the compressed body")

func (s *single) Read(p []byte) (int, error) {
	if s.stream == nil {
		var err error
		if s.stream, err = s.open(s.source); err != nil {
			return 0, unexpected(err)
		}
	}
	n, err := s.stream.Read(p)
	if errors.Is(err, io.EOF) {
		if _, more := s.source.Peek(1); more == nil {
			return n, errTrailing
		}
	}
	return n, err //nolint:wrapcheck // a Reader passes io.EOF on as it is
}

func (s *single) Close() error {
	if s.stream == nil {
		return nil
	}
	return s.stream.Close() //nolint:wrapcheck // nothing to add
}

// unexpected keeps an empty body from reading as a proper end.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func openGzip(r *bufio.Reader) (io.ReadCloser, error) {
	stream, err := gzip.NewReader(r)
	if err != nil {
		return nil, unexpected(err)
	}
	stream.Multistream(false)
	return stream, nil
}

// openDeflate reads the zlib format, which is what the name means (RFC 9110 §8.4.1.2), or bare
// deflate, which is what some clients send.
func openDeflate(r *bufio.Reader) (io.ReadCloser, error) {
	head, err := r.Peek(2)
	if err != nil {
		return nil, unexpected(err)
	}
	if head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(r)
	}
	return flate.NewReader(r), nil
}

func openBrotli(r *bufio.Reader) (io.ReadCloser, error) {
	return io.NopCloser(brotli.NewReader(r)), nil
}
