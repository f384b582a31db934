package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
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
	require.EqualValues(t, testMemory, b.memory.free.Load())
}

// somebody is a product without any other body.
func somebody() *atomic.Int64 { return new(atomic.Int64) }

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
			got, err := b.read(httptest.NewRecorder(), request(body, ""), somebody())
			require.NoError(t, err, "%d bytes %s", n, name)
			require.Equal(t, string(want), string(got.text))
			b.release(got)
		}
	}
	_, err := b.read(httptest.NewRecorder(), request(io.MultiReader(bytes.NewReader(make([]byte, testLimit+1))), ""), somebody())
	require.Error(t, err)
	requireAllBack(t, b)
}

// iotestOneByte reads as a slow network does.
type iotestOneByte struct{ r io.Reader }

func (o iotestOneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

// slowly delivers a body a little at a time and looks, before each piece, at what is held for it.
type slowly struct {
	*bytes.Reader
	look func(come int)
}

func (s slowly) Read(p []byte) (int, error) {
	s.look(int(s.Size()) - s.Len())
	return s.Reader.Read(p[:min(len(p), 700)])
}

func TestABodyHoldsMemoryAsItComes(t *testing.T) {
	t.Parallel()
	b := reader(t)
	holding := somebody()
	source := slowly{bytes.NewReader(make([]byte, testLimit)), func(come int) {
		require.LessOrEqual(t, holding.Load(), int64(max(smallBody, 6*come)))
	}}
	r := request(source, "")
	r.ContentLength = testLimit
	got, err := b.read(httptest.NewRecorder(), r, holding)
	require.NoError(t, err)
	require.Len(t, got.text, testLimit)
	require.EqualValues(t, testLimit, holding.Load())
	b.release(got)
	require.Zero(t, holding.Load())
	requireAllBack(t, b)
}

func TestBodiesShareTheirMemory(t *testing.T) {
	t.Parallel()
	b, err := newBodies(testLimit, 8*testLimit)
	require.NoError(t, err)
	read := func(n int, holding *atomic.Int64) (*body, error) {
		return b.read(httptest.NewRecorder(), request(bytes.NewReader(make([]byte, n)), ""), holding)
	}
	greedy, others := somebody(), []*atomic.Int64{somebody(), somebody()}
	var held []*body
	for {
		one, err := read(testLimit, greedy)
		if err != nil {
			require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
			break
		}
		held = append(held, one)
	}
	require.LessOrEqual(t, greedy.Load(), b.memory.free.Load(), "half is all that one gets")
	require.GreaterOrEqual(t, greedy.Load(), int64(2*testLimit))
	for _, other := range others {
		one, err := read(testLimit/2, other)
		require.NoError(t, err)
		held = append(held, one)
	}
	b.release(held[0])
	again, err := read(testLimit, greedy)
	require.NoError(t, err)
	for _, one := range append(held[1:], again) {
		b.release(one)
	}
	require.EqualValues(t, 8*testLimit, b.memory.free.Load())
	require.Zero(t, greedy.Load())
}

// With the least memory that the settings allow, a lone body of the largest size is read in every coding.
func TestTheLeastMemoryIsEnoughForOneBody(t *testing.T) {
	t.Parallel()
	text := make([]byte, testLimit)
	_, _ = rand.NewChaCha8([32]byte{}).Read(text) // which no coding makes smaller
	text = text[:testLimit-100]
	for name, open := range map[string]func(io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"br": func(w io.Writer) io.WriteCloser {
			return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: 5, LGWin: 22})
		},
		"zstd": func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
	} {
		b, err := newBodies(testLimit, LeastMemory(testLimit))
		require.NoError(t, err)
		var packed bytes.Buffer
		w := open(&packed)
		_, _ = w.Write(text)
		require.NoError(t, w.Close())
		got, err := b.read(httptest.NewRecorder(), request(&packed, name), somebody())
		require.NoError(t, err, name)
		require.Equal(t, text, got.text, name)
		b.release(got)
		require.Equal(t, LeastMemory(testLimit), b.memory.free.Load(), name)
	}
}

// Whatever its frames say of themselves and however well it is packed, a zstd body is read when it is
// within the limit, is too large when it is not, and is broken when its end is missing.
func TestAZstdBodyOfAnySizeIsRead(t *testing.T) {
	t.Parallel()
	const limit, memory = 600_000, 64 << 20
	b, err := newBodies(limit, memory)
	require.NoError(t, err)
	random := rand.NewChaCha8([32]byte{})
	fills := map[string]func(n int) []byte{
		"zeros": func(n int) []byte { return make([]byte, n) },
		"noise": func(n int) []byte { p := make([]byte, n); _, _ = random.Read(p); return p },
		"signals": func(n int) []byte {
			var p []byte
			for len(p) < n {
				p = fmt.Appendf(p, `{"type":"page_view","id":"%x"},`, random.Uint64())
			}
			return p[:n]
		},
	}
	streamed := func(piece int) func(text []byte) []byte {
		return func(text []byte) []byte {
			var packed bytes.Buffer
			w, _ := zstd.NewWriter(&packed, zstd.WithEncoderConcurrency(1))
			for part := range slices.Chunk(text, piece) {
				_, _ = w.Write(part)
				_ = w.Flush()
			}
			_ = w.Close()
			return packed.Bytes()
		}
	}
	whole, _ := zstd.NewWriter(nil)
	packs := map[string]func(text []byte) []byte{
		"whole": func(text []byte) []byte { return whole.EncodeAll(text, nil) }, "flushed": streamed(30_000), "streamed": streamed(1 << 20),
	}
	for fill, text := range fills {
		for pack, packed := range packs {
			for _, n := range []int{1, 5000, 65_537, 131_072, 131_073, 400_000, limit - 1, limit, limit + 1, limit + zstdBlock, 5 * limit} {
				name := fmt.Sprint(n, " of ", fill, " ", pack)
				want := text(n)
				sent := packed(want)
				if len(sent) > limit {
					continue
				}
				got, err := b.read(httptest.NewRecorder(), request(bytes.NewReader(sent), "zstd"), somebody())
				if n > limit {
					require.True(t, fault.Is(err, fault.TooLarge), "%s: %v", name, err)
					continue
				}
				require.NoError(t, err, name)
				require.Equal(t, want, got.text, name)
				b.release(got)
				_, err = b.read(httptest.NewRecorder(), request(bytes.NewReader(sent[:len(sent)-5]), "zstd"), somebody())
				require.True(t, fault.Is(err, fault.Invalid), "%s: %v", name, err)
			}
		}
	}
	require.EqualValues(t, memory, b.memory.free.Load())
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
		got, err := b.read(httptest.NewRecorder(), request(bytes.NewReader(raw), codings[int(coding)%len(codings)]), somebody())
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
