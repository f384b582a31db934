package httpapi

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"

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

	encodings = "gzip, deflate, zstd"

	// smallBody is what a body may use before it must ask for more.
	smallBody = 4 << 10

	// zstdWindow is the largest window RFC 8878 §3.1.1.1.2 asks every decoder to support.
	zstdWindow = 8 << 20
)

var (
	errMediaType = echo.NewHTTPError(http.StatusUnsupportedMediaType)
	errEncoding  = echo.NewHTTPError(http.StatusUnsupportedMediaType, "Compress the body once, with gzip, deflate or zstd, or not at all.")
	errTimeout   = echo.NewHTTPError(http.StatusRequestTimeout, "The body took too long to arrive.")
	errBusy      = fault.New(fault.Unavailable, "unavailable", "Too many requests are being read. Try again.")
)

// mediaType returns the type of the body, JSON when none is given. Only UTF-8 is JSON (RFC 8259).
func mediaType(r *http.Request) (string, error) {
	header := r.Header.Get(echo.HeaderContentType)
	if header == "" {
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
}

// read returns the decompressed body. release gives its memory back and is never nil. answer gets
// the header that tells which encodings are understood.
func (b bodies) read(answer http.Header, r *http.Request) (body []byte, release func(), err error) {
	var reserved int64
	release = func() { b.memory.Release(reserved) }
	reserve := func(n int64) bool {
		if !b.memory.TryAcquire(n) {
			return false
		}
		reserved += n
		return true
	}
	source, err := decompress(r)
	if err != nil {
		answer.Set(echo.HeaderAcceptEncoding, encodings)
		return nil, release, err
	}
	defer source.Close()

	size := int64(smallBody)
	if r.ContentLength > size && r.Header.Get(echo.HeaderContentEncoding) == "" {
		size = min(r.ContentLength, b.limit) + 1
	}
	if !reserve(size) {
		return nil, release, errBusy
	}
	body = make([]byte, 0, size)
	for {
		n, err := source.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > b.limit:
			return nil, release, fault.Newf(fault.TooLarge, "payload_too_large", "The body is larger than %d bytes.", b.limit)
		case errors.Is(err, io.EOF):
			return body, release, nil
		case err != nil:
			return nil, release, readFault(err)
		case len(body) < cap(body):
			continue
		}
		bigger := min(2*int64(cap(body)), b.limit+1)
		if !reserve(bigger - int64(cap(body))) {
			return nil, release, errBusy
		}
		body = append(make([]byte, 0, bigger), body...)
	}
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

// decompress undoes the one content coding a request may have. Two codings are refused: four
// kilobytes of twice-compressed zeros are a gigabyte.
func decompress(r *http.Request) (io.ReadCloser, error) {
	switch coding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values(echo.HeaderContentEncoding), ","))); coding {
	case "", "identity":
		return io.NopCloser(r.Body), nil
	case "gzip", "x-gzip":
		return &single{open: openGzip, source: bufio.NewReader(r.Body)}, nil
	case "deflate":
		return &single{open: openDeflate, source: bufio.NewReader(r.Body)}, nil
	case "zstd":
		decoder, err := zstd.NewReader(r.Body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, readFault(err)
		}
		return decoder.IOReadCloser(), nil
	default:
		return nil, errEncoding
	}
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
