package httpapi

import (
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
	"sync/atomic"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/labstack/echo/v4"

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

	// growsFast is the size from which a body grows twofold.
	growsFast = 64 << 10

	// zstdBlock is the most that a block adds (RFC 8878 §3.1.1.2.3), and what its decoder may write
	// beyond it.
	zstdBlock = 128<<10 + 32

	// inflater is what a decoder of gzip and deflate keeps: a window of 32 KiB and its tables.
	inflater = 48 << 10
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
	memory memory
	zstd   *zstd.Decoder
	kept   []sync.Pool // of *body; each text has twice the room of those in the pool before
}

// LeastMemory is the memory with which a body of the limit can be read, whatever its coding: somebody
// alone gets half of it, and a body is unpacked from one place to another.
func LeastMemory(limit int64) int64 { return 2 * (4*limit + brotliWindow) }

func newBodies(limit, memory int64) (*bodies, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("making a decoder: %w", err)
	}
	b := &bodies{limit: limit, zstd: decoder, kept: make([]sync.Pool, classOf(largestKept)+1)}
	b.memory.free.Store(memory)
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
	holding  *atomic.Int64 // what all bodies of the product hold
}

// release gives a body's memory to the next.
func (b *bodies) release(of *body) {
	b.memory.give(of.reserved, of.holding)
	of.reserved, of.holding = 0, nil
	if class := classOf(cap(of.text)); class < len(b.kept) && cap(of.text) == smallBody<<class {
		of.text = of.text[:0]
		b.kept[class].Put(of)
	}
}

// room returns an empty body for n bytes.
func (b *bodies) room(n int64, holding *atomic.Int64) (*body, error) {
	class := classOf(int(n))
	size := int64(smallBody) << class
	if class >= len(b.kept) {
		size = n
	}
	if !b.memory.take(size, holding) {
		return nil, errBusy
	}
	if class >= len(b.kept) {
		return &body{text: make([]byte, 0, n), reserved: size, holding: holding}, nil
	}
	into, _ := b.kept[class].Get().(*body)
	into.reserved, into.holding = size, holding
	return into, nil
}

// read returns the decompressed body, to be released. holding counts what all bodies of its product
// hold.
func (b *bodies) read(w http.ResponseWriter, r *http.Request, holding *atomic.Int64) (*body, error) {
	into, err := b.room(0, holding)
	if err == nil {
		if err = b.fill(into, w, r); err == nil {
			return into, nil
		}
		b.release(into)
	}
	// A connection that is closed on somebody who still sends looks like a broken network: hear a little
	// more of it out.
	_, _ = io.CopyN(io.Discard, r.Body, heardOut)
	return nil, err
}

func (b *bodies) fill(into *body, w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength > b.limit {
		return b.tooLarge()
	}
	var unpack unpacking
	if coding := r.Header["Content-Encoding"]; len(coding) > 0 {
		var err error
		if unpack, err = b.unpacking(strings.Join(coding, ",")); err != nil {
			w.Header().Set(echo.HeaderAcceptEncoding, encodings)
			return err
		}
	}
	var err error
	if r.ContentLength >= 0 {
		err = b.exactly(into, r)
	} else {
		err = b.all(into, http.MaxBytesReader(w, r.Body, b.limit))
	}
	if err != nil || unpack == nil {
		return err
	}
	return b.unpack(into, unpack)
}

// exactly reads a body that says its length. It gets room as it comes, not as it says: who sends
// nothing holds nothing that others could use.
func (b *bodies) exactly(into *body, r *http.Request) error {
	for length := int(r.ContentLength); len(into.text) < length; {
		if have := cap(into.text); have < length && len(into.text) >= have-have/4 {
			if err := b.grow(into, r.ContentLength); err != nil {
				return err
			}
		}
		n, err := r.Body.Read(into.text[len(into.text):min(length, cap(into.text))])
		into.text = into.text[:len(into.text)+n]
		if err != nil && len(into.text) < length {
			return readFault(unexpected(err))
		}
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
			if err := b.grow(into, b.limit+1); err != nil {
				return err
			}
		}
	}
}

// grow moves a body to where it has more room, up to most bytes of it.
func (b *bodies) grow(into *body, most int64) error {
	factor := int64(2)
	if cap(into.text) < growsFast {
		factor = 4 // so that a usual batch is moved once
	}
	larger, err := b.room(min(factor*int64(cap(into.text)), most), into.holding)
	if err != nil {
		return err
	}
	larger.text = append(larger.text, into.text...)
	*into, *larger = *larger, *into
	b.release(larger)
	return nil
}

func (b *bodies) reserve(into *body, n int64) bool {
	if !b.memory.take(n, into.holding) {
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

// unpacking puts into a body what is packed in the bytes of another.
type unpacking func(into *body, packed []byte) error

// unpacking undoes the one content coding a request may have; nil when there is none. Two codings are
// refused: four kilobytes of twice-compressed zeros are a gigabyte.
func (b *bodies) unpacking(coding string) (unpacking, error) {
	switch strings.ToLower(strings.TrimSpace(coding)) {
	case "", "identity":
		return nil, nil
	case "gzip", "x-gzip":
		return b.inflating(openGzip), nil
	case "deflate":
		return b.inflating(openDeflate), nil
	case "br":
		return b.unbrotli, nil
	case "zstd":
		return b.unzstd, nil
	default:
		return nil, errEncoding
	}
}

// unpack replaces a body that has come whole by what is packed in it. Not before: a decoder keeps far
// more memory than what it has been given, and would keep it while the rest is waited for.
func (b *bodies) unpack(of *body, unpack unpacking) error {
	into, err := b.room(min(4*int64(len(of.text)), b.limit+1), of.holding)
	if err != nil {
		return err
	}
	err = unpack(into, of.text)
	*of, *into = *into, *of
	b.release(into)
	return err
}

func (b *bodies) inflating(open func(*bytes.Reader) (io.ReadCloser, error)) unpacking {
	return func(into *body, packed []byte) error {
		if !b.reserve(into, inflater) {
			return errBusy
		}
		return b.stream(into, packed, open)
	}
}

func (b *bodies) unbrotli(into *body, packed []byte) error {
	window, err := brotliWindowOf(packed)
	if err != nil {
		return err
	}
	if !b.reserve(into, window) {
		return errBusy
	}
	return b.stream(into, packed, openBrotli)
}

var errTrailing = errors.New("data after the end of the compressed body")

// stream reads exactly one compressed stream and refuses anything after it.
func (b *bodies) stream(into *body, packed []byte, open func(*bytes.Reader) (io.ReadCloser, error)) error {
	source := bytes.NewReader(packed)
	stream, err := open(source)
	if err != nil {
		return readFault(unexpected(err))
	}
	defer stream.Close()
	if err := b.all(into, stream); err != nil {
		return err
	}
	if source.Len() > 0 {
		return readFault(errTrailing)
	}
	return nil
}

// unzstd decodes in one piece, so that no window has to be kept, however large the one is that a frame
// declares. What does not fit is tried again in a larger place. The decoder does not say so of all that
// did not fit, but in a place that has room for one block more than has come, a block did.
func (b *bodies) unzstd(into *body, packed []byte) error {
	for most := b.limit + zstdBlock; ; {
		text, err := b.zstd.DecodeAll(packed, into.text[:0])
		switch tight := len(text)+zstdBlock > cap(into.text); {
		case int64(len(text)) > b.limit:
			return b.tooLarge()
		case err == nil:
			into.text = text
			return nil
		case int64(cap(into.text)) >= most, !tight && !errors.Is(err, zstd.ErrDecoderSizeExceeded):
			return readFault(err)
		}
		if err := b.grow(into, most); err != nil {
			return err
		}
	}
}

// brotliWindowOf reads the size of the window that a decoder will keep (RFC 7932 §9.1).
func brotliWindowOf(packed []byte) (int64, error) {
	if len(packed) == 0 {
		return 0, readFault(io.ErrUnexpectedEOF)
	}
	bits := 16
	switch c := packed[0]; {
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

// unexpected keeps an empty body from reading as a proper end.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func openGzip(r *bytes.Reader) (io.ReadCloser, error) {
	stream, err := gzip.NewReader(r)
	if err != nil {
		return nil, unexpected(err)
	}
	stream.Multistream(false)
	return stream, nil
}

// openDeflate reads the zlib format, which is what the name means (RFC 9110 §8.4.1.2), or bare
// deflate, which is what some clients send.
func openDeflate(r *bytes.Reader) (io.ReadCloser, error) {
	var head [2]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, unexpected(err)
	}
	if head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(r)
	}
	return flate.NewReader(r), nil
}

func openBrotli(r *bytes.Reader) (io.ReadCloser, error) {
	return io.NopCloser(brotli.NewReader(r)), nil
}
