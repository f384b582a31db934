package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"
)

const (
	testLimit  = 64 << 10
	testMemory = 16 << 20
)

func reader(t testing.TB) *bodies {
	t.Helper()
	b, err := newBodies(testLimit, testMemory)
	require.NoError(t, err)
	return b
}

// requireAllBack checks that no body holds any memory.
func requireAllBack(t testing.TB, b *bodies) {
	t.Helper()
	require.True(t, b.memory.TryAcquire(testMemory))
	b.memory.Release(testMemory)
}

func request(body io.Reader, coding string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/api/signals", body)
	if coding != "" {
		r.Header.Set(echo.HeaderContentEncoding, coding)
	}
	return r
}

func TestABodyIsReadWholeWhateverItsLengthAndForm(t *testing.T) {
	t.Parallel()
	b := reader(t)
	for _, n := range []int{0, 1, smallBody - 1, smallBody, smallBody + 1, 3 * smallBody, testLimit - 1, testLimit} {
		want := bytes.Repeat([]byte("abcdefg"), n/7+1)[:n]
		for name, body := range map[string]io.Reader{
			"with a length": bytes.NewReader(want), "without": io.MultiReader(bytes.NewReader(want)),
			"byte by byte": io.MultiReader(iotestOneByte{bytes.NewReader(want)}),
		} {
			got, err := b.read(httptest.NewRecorder(), request(body, ""))
			require.NoError(t, err, "%d bytes %s", n, name)
			require.Equal(t, string(want), string(got.text))
			b.release(got)
		}
	}
	_, err := b.read(httptest.NewRecorder(), request(io.MultiReader(bytes.NewReader(make([]byte, testLimit+1))), ""))
	require.Error(t, err)
	requireAllBack(t, b)
}

// iotestOneByte reads as a slow network does.
type iotestOneByte struct{ r io.Reader }

func (o iotestOneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

func TestBodiesShareTheirMemory(t *testing.T) {
	t.Parallel()
	b, err := newBodies(testLimit, 3*testLimit)
	require.NoError(t, err)
	var held []*body
	for range 3 {
		one, err := b.read(httptest.NewRecorder(), request(bytes.NewReader(make([]byte, testLimit)), ""))
		require.NoError(t, err)
		held = append(held, one)
	}
	_, err = b.read(httptest.NewRecorder(), request(bytes.NewReader([]byte("{}")), ""))
	require.True(t, fault.Is(err, fault.Unavailable), "full: %v", err)
	b.release(held[0])
	small, err := b.read(httptest.NewRecorder(), request(bytes.NewReader([]byte("{}")), ""))
	require.NoError(t, err)
	for _, one := range append(held[1:], small) {
		b.release(one)
	}
	require.True(t, b.memory.TryAcquire(3*testLimit))
}

// FuzzBody: whatever the bytes, in every coding, the answer is a body within the limit or a client's
// error, and all memory comes back.
func FuzzBody(f *testing.F) {
	text := bytes.Repeat([]byte(`{"type":"a"}`), 100)
	f.Add(text, uint8(0))
	for i, open := range []func(io.Writer) io.WriteCloser{
		func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
		func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
	} {
		var packed bytes.Buffer
		w := open(&packed)
		_, _ = w.Write(text)
		require.NoError(f, w.Close())
		f.Add(packed.Bytes(), uint8(i+1))
	}
	b := reader(f)
	codings := []string{"", "gzip", "br", "zstd", "deflate", "identity", "gzip, gzip"}
	f.Fuzz(func(t *testing.T, raw []byte, coding uint8) {
		got, err := b.read(httptest.NewRecorder(), request(bytes.NewReader(raw), codings[int(coding)%len(codings)]))
		if err == nil {
			require.LessOrEqual(t, len(got.text), testLimit)
			b.release(got)
		} else {
			var status *echo.HTTPError
			var tooLarge *http.MaxBytesError
			known := fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) || errors.As(err, &status) || errors.As(err, &tooLarge)
			require.True(t, known, "%v", err)
		}
		requireAllBack(t, b)
	})
}
