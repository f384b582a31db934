package gateway_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/services/gateway"
)

const mib = 1 << 20

func packed(t testing.TB, open func(io.Writer) (io.WriteCloser, error), body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := open(&out)
	require.NoError(t, err)
	_, err = w.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func gzipped(w io.Writer) (io.WriteCloser, error)   { return gzip.NewWriter(w), nil }
func zlibbed(w io.Writer) (io.WriteCloser, error)   { return zlib.NewWriter(w), nil }
func deflated(w io.Writer) (io.WriteCloser, error)  { return flate.NewWriter(w, flate.BestCompression) }
func zstandard(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }
func zstdBest(w io.Writer) (io.WriteCloser, error) {
	return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
}

// command is what zstd(1) makes of a pipe that {"type":"a"} comes through: it declares the window of the
// level, 2 MiB for the usual one, however short the content is.
func command(window byte) []byte {
	return []byte("\x28\xb5\x2f\xfd\x04" + string([]byte{window}) + "\x61\x00\x00" + `{"type":"a"}` + "\x2c\x8f\x45\xeb")
}

// piped packs what comes piece by piece: the frame does not say how long its content is.
func piped(w io.Writer) (io.WriteCloser, error) {
	z, err := zstd.NewWriter(w, zstd.WithWindowSize(2<<20))
	if err != nil {
		return nil, err
	}
	return flushing{z}, nil
}

type flushing struct{ *zstd.Encoder }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.Encoder.Write(p)
	if err != nil {
		return n, err
	}
	return n, f.Flush()
}
func brotlied(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriterLevel(w, 5), nil }
func widely(w io.Writer) (io.WriteCloser, error) {
	return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: 5, LGWin: 24}), nil
}

func sized(n int) []byte {
	body := []byte(`{"type":"a","x":"`)
	return append(append(body, bytes.Repeat([]byte("x"), n-len(body)-2)...), `"}`...)
}

func TestBodiesAsTheyComeOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := []byte(`{"type":"a","payload":{"x":"` + strings.Repeat("x", 500) + `"}}`)
	gz, zs, br := packed(t, gzipped, good), packed(t, zstandard, good), packed(t, brotlied, good)
	badCRC := bytes.Clone(gz)
	badCRC[len(badCRC)-5] ^= 1
	bomb := bytes.Repeat([]byte("0"), 64*mib)
	several := []byte(`[` + strings.Repeat(`{"type":"a"},`, 999) + `{"type":"b","payload":{"x":"` + strings.Repeat("x", 30_000) + `"}}` + strings.Repeat(" ", 200_000) + `]`)

	for name, c := range map[string]struct {
		body    []byte
		headers []string
		status  int
	}{
		"text/plain":                {good, []string{"Content-Type", "text/plain"}, 200},
		"no content type":           {good, []string{"Content-Type", ""}, 200},
		"a charset":                 {good, []string{"Content-Type", "application/json; charset=utf-8"}, 200},
		"UTF-16":                    {good, []string{"Content-Type", "application/json; charset=utf-16"}, 415},
		"XML":                       {good, []string{"Content-Type", "application/xml"}, 415},
		"a form":                    {good, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		"a broken content type":     {good, []string{"Content-Type", "a/b/c"}, 415},
		"an empty body":             {nil, nil, 400},
		"at the limit":              {sized(mib), nil, 200},
		"one over the limit":        {sized(mib + 1), nil, 413},
		"gzip":                      {gz, []string{"Content-Encoding", "gzip"}, 200},
		"zstd":                      {zs, []string{"Content-Encoding", "zstd"}, 200},
		"deflate":                   {packed(t, zlibbed, good), []string{"Content-Encoding", "deflate"}, 200},
		"bare deflate":              {packed(t, deflated, good), []string{"Content-Encoding", "deflate"}, 200},
		"identity":                  {good, []string{"Content-Encoding", "identity"}, 200},
		"gzip at the limit":         {packed(t, gzipped, sized(mib)), []string{"Content-Encoding", "gzip"}, 200},
		"gzip one over":             {packed(t, gzipped, sized(mib+1)), []string{"Content-Encoding", "gzip"}, 413},
		"gzip bomb":                 {packed(t, gzipped, bomb), []string{"Content-Encoding", "gzip"}, 413},
		"zstd at the limit":         {packed(t, zstandard, sized(mib)), []string{"Content-Encoding", "zstd"}, 200},
		"zstd one over":             {packed(t, zstandard, sized(mib+1)), []string{"Content-Encoding", "zstd"}, 413},
		"zstd of a pipe":            {packed(t, piped, good), []string{"Content-Encoding", "zstd"}, 200},
		"zstd of the command":       {command(0x58), []string{"Content-Encoding", "zstd"}, 200},
		"zstd of the command, best": {command(0x88), []string{"Content-Encoding", "zstd"}, 200},
		"zstd of a full pipe":       {packed(t, piped, sized(mib)), []string{"Content-Encoding", "zstd"}, 200},
		"zstd of a pipe, one over":  {packed(t, piped, sized(mib+1)), []string{"Content-Encoding", "zstd"}, 413},
		"zstd bomb in a pipe":       {packed(t, piped, bomb), []string{"Content-Encoding", "zstd"}, 413},
		"zstd of several blocks":    {packed(t, zstandard, several), []string{"Content-Encoding", "zstd"}, 200},
		"zstd at its best":          {packed(t, zstdBest, several), []string{"Content-Encoding", "zstd"}, 200},
		"zstd bomb":                 {packed(t, zstandard, bomb), []string{"Content-Encoding", "zstd"}, 413},
		"gzip cut in half":          {gz[:len(gz)/2], []string{"Content-Encoding", "gzip"}, 400},
		"zstd cut in half":          {zs[:len(zs)/2], []string{"Content-Encoding", "zstd"}, 400},
		"gzip with a wrong sum":     {badCRC, []string{"Content-Encoding", "gzip"}, 400},
		"gzip with something after": {append(bytes.Clone(gz), "more"...), []string{"Content-Encoding", "gzip"}, 400},
		"two gzip members":          {append(bytes.Clone(gz), gz...), []string{"Content-Encoding", "gzip"}, 400},
		"zstd with something after": {append(bytes.Clone(zs), "more"...), []string{"Content-Encoding", "zstd"}, 400},
		"gzip that is none":         {good, []string{"Content-Encoding", "gzip"}, 400},
		"gzip that is not declared": {gz, nil, 400},
		"an empty gzip body":        {nil, []string{"Content-Encoding", "gzip"}, 400},
		"twice gzip":                {packed(t, gzipped, gz), []string{"Content-Encoding", "gzip, gzip"}, 415},
		"brotli":                    {br, []string{"Content-Encoding", "br"}, 200},
		"brotli at the limit":       {packed(t, brotlied, sized(mib)), []string{"Content-Encoding", "br"}, 200},
		"brotli one over":           {packed(t, brotlied, sized(mib+1)), []string{"Content-Encoding", "br"}, 413},
		"brotli bomb":               {packed(t, brotlied, bomb), []string{"Content-Encoding", "br"}, 413},
		"brotli cut in half":        {br[:len(br)/2], []string{"Content-Encoding", "br"}, 400},
		"brotli and something":      {append(bytes.Clone(br), "more"...), []string{"Content-Encoding", "br"}, 400},
		"brotli of a huge window":   {packed(t, widely, good), []string{"Content-Encoding", "br"}, 413},
		"brotli beyond the RFC":     {[]byte{0x11, 0x19, 0, 0}, []string{"Content-Encoding", "br"}, 413},
		"an empty brotli body":      {nil, []string{"Content-Encoding", "br"}, 400},
		"an empty encoding":         {good, []string{"Content-Encoding", " "}, 200},
		"an unknown encoding":       {good, []string{"Content-Encoding", "compress"}, 415},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.send("/api/signals", c.body, append([]string{"Origin", "https://shop.example"}, c.headers...)...)
			require.Equal(t, c.status, got.status, got.body)
			require.Equal(t, "*", got.header.Get("Access-Control-Allow-Origin"), "a page must be able to read the refusal")
			if c.status == http.StatusUnsupportedMediaType && strings.Contains(name, "g") && len(c.headers) > 0 && c.headers[0] == "Content-Encoding" {
				require.Equal(t, "gzip, deflate, br, zstd", got.header.Get("Accept-Encoding"))
				require.Contains(t, got.problem(t).Detail, "gzip, deflate, br or zstd")
			}
		})
	}
}

func TestABodyWithoutALengthIsStillLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/api/signals?key="+w.key, io.MultiReader(bytes.NewReader(sized(mib)), bytes.NewReader(sized(mib))))
	require.NoError(t, err)
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
}

func TestAKeyIsCheckedBeforeTheBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.do(http.MethodPost, "/api/signals?key=wrong", []byte("<not even JSON>"), "Content-Type", "application/xml", "Expect", "100-continue")
	require.Equal(t, http.StatusUnauthorized, got.status)
}

func TestCurlsDefaultContentTypeOnIngest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.do(http.MethodPost, "/api/ingest?key="+w.key, []byte(`{"type":"a"}`), "Content-Type", "application/x-www-form-urlencoded")
	require.JSONEq(t, `{"received":1}`, got.body)
}

func TestAHeadRequestChecksAKeyAndCostsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/api/signals", "/api/ingest"} {
		got := w.do(http.MethodHead, path, nil, "X-Api-Key", w.key)
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, got.header.Get("X-RateLimit-Limit"), got.header.Get("X-RateLimit-Remaining"))
		require.Empty(t, got.body)
		require.Equal(t, http.StatusUnauthorized, w.do(http.MethodHead, path, nil, "X-Api-Key", "wrong").status)
	}
}

func TestBadSignalsAreLeftOutWhenThatIsPreferred(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := []byte(`[{"type":"a"},{"type":""},{"type":"b","payload":` + strings.Repeat(`{"x":`, 40) + "1" + strings.Repeat("}", 40) + `},
		{"type":"c","payload":{"a":1,"a":2}},7,{"type":"d","timestamp":"yesterday"},{"type":"e"}]`)
	for name, c := range map[string]struct{ path, prefer string }{
		"by the query":      {"/api/signals?partial=true", ""},
		"by preference":     {"/api/signals", "handling=lenient"},
		"by one preference": {"/api/signals", "respond-async, handling = lenient"},
		"on ingest":         {"/api/ingest?partial=1", ""},
	} {
		got := w.send(c.path, body, "Prefer", c.prefer)
		require.Equal(t, http.StatusOK, got.status, "%s: %s", name, got.body)
		require.Equal(t, c.prefer != "", got.header.Get("Preference-Applied") == "handling=lenient", name)
		var answer struct {
			Received int
			Rejected []struct {
				Index        int
				Code, Detail string
			}
		}
		require.NoError(t, json.Unmarshal([]byte(got.body), &answer))
		var codes []string
		for _, r := range answer.Rejected {
			codes = append(codes, fmt.Sprint(r.Index, " ", r.Code))
			require.NotEmpty(t, r.Detail)
		}
		if c.path == "/api/ingest?partial=1" {
			require.Equal(t, []string{"1 missing_type", "2 too_deep", "3 invalid_json", "4 invalid_json"}, codes, "a time is not looked at")
			continue
		}
		require.Equal(t, 2, answer.Received, name)
		require.Equal(t, []string{"1 missing_type", "2 too_deep", "3 invalid_json", "4 invalid_json", "5 invalid_json"}, codes, name)
	}
	require.Equal(t, http.StatusBadRequest, w.send("/api/signals", body).status, "all or nothing is the default")
	require.Equal(t, http.StatusBadRequest, w.send("/api/signals?partial=true", []byte(`[{"type":"a"},{"type":]`)).status, "what is no JSON has no elements")
	require.Equal(t, http.StatusBadRequest, w.send("/api/signals?partial=true", []byte(`[{"type":"a","payload":{"a":1,"a":2},]}`)).status)

	got := w.send("/api/signals?partial=true", []byte(`{"payload":{}}`))
	require.Equal(t, http.StatusOK, got.status)
	require.Contains(t, got.body, `{"received":0,"rejected":[{`)
	require.Len(t, w.stored(), 3*2+3)
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/api/signals", "/api/ingest"} {
		got := w.do(http.MethodOptions, path, nil, "Origin", "https://shop.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-api-key")
		require.Equal(t, http.StatusNoContent, got.status)
		require.Equal(t, "*", got.header.Get("Access-Control-Allow-Origin"))
		require.Contains(t, got.header.Get("Access-Control-Allow-Methods"), "POST")
		allowed := strings.Split(strings.ToLower(got.header.Get("Access-Control-Allow-Headers")), ", ")
		require.Subset(t, allowed, []string{"content-type", "content-encoding", "authorization", "x-api-key", "prefer"})
		require.Equal(t, "86400", got.header.Get("Access-Control-Max-Age"))
		require.Empty(t, got.header.Get("Access-Control-Allow-Credentials"))
	}
}

// A page can ask for what every client can, and read the answer.
func TestAPageCanAskForPartOfABatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.send("/api/signals", []byte(`[{"type":"a"},{}]`), "Origin", "https://shop.example", "Prefer", "handling=lenient")
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, "handling=lenient", got.header.Get("Preference-Applied"))
	exposed := strings.Split(got.header.Get("Access-Control-Expose-Headers"), ", ")
	require.Subset(t, exposed, []string{"Preference-Applied", "Retry-After", "X-Quota-Remaining"})
}

func TestOtherMethodsAndPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/api/signals", 405}, {http.MethodTrace, "/api/signals", 405}, {http.MethodDelete, "/api/ingest", 405},
		{http.MethodPost, "/s.js", 405}, {http.MethodGet, "/api", 404}, {http.MethodPost, "/api/signals/", 404}, {http.MethodPost, "//api//signals", 404},
	} {
		got := w.do(c.method, c.path, nil, "X-Api-Key", w.key, "X-HTTP-Method-Override", "POST")
		require.Equal(t, c.status, got.status, c.method+" "+c.path)
		require.NotEmpty(t, got.problem(t).Code)
	}
}

func TestTheScriptTag(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) { c.PublicURL = "https://specter.example" })
	plain := w.do(http.MethodGet, "/s.js", nil)
	require.Equal(t, http.StatusOK, plain.status)
	require.Equal(t, "text/javascript; charset=utf-8", plain.header.Get("Content-Type"))
	require.Contains(t, plain.header.Get("Cache-Control"), "max-age=300")
	require.Equal(t, "cross-origin", plain.header.Get("Cross-Origin-Resource-Policy"))
	require.NotEmpty(t, plain.header.Get("Strict-Transport-Security"))
	require.Contains(t, plain.body, "page_view")

	zipped := w.do(http.MethodGet, "/s.js", nil, "Accept-Encoding", "gzip, br;q=0")
	require.Equal(t, "gzip", zipped.header.Get("Content-Encoding"))
	require.LessOrEqual(t, len(zipped.body), 4096)
	r, err := gzip.NewReader(strings.NewReader(zipped.body))
	require.NoError(t, err)
	unzipped, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, plain.body, string(unzipped))

	small := w.do(http.MethodGet, "/s.js", nil, "Accept-Encoding", "gzip, deflate, br")
	require.Equal(t, "br", small.header.Get("Content-Encoding"))
	require.Less(t, len(small.body), len(zipped.body))
	unpacked, err := io.ReadAll(brotli.NewReader(strings.NewReader(small.body)))
	require.NoError(t, err)
	require.Equal(t, plain.body, string(unpacked))

	for _, etag := range []string{plain.header.Get("ETag"), "W/" + plain.header.Get("ETag"), `"x", ` + plain.header.Get("ETag"), "*"} {
		again := w.do(http.MethodGet, "/s.js", nil, "If-None-Match", etag)
		require.Equal(t, http.StatusNotModified, again.status, etag)
		require.Empty(t, again.body)
	}
	require.NotEqual(t, plain.header.Get("ETag"), zipped.header.Get("ETag"))

	head := w.do(http.MethodHead, "/s.js", nil)
	require.Equal(t, http.StatusOK, head.status)
	require.Equal(t, plain.header.Get("Content-Length"), head.header.Get("Content-Length"))

	require.NotContains(t, plain.header.Get("Cache-Control"), "immutable")
	require.Equal(t, http.StatusNotFound, w.do(http.MethodGet, "/s/v0.0.0.js", nil).status)
}

// Every version that was ever published is served under the hash that is published for it.
func TestPinnedScripts(t *testing.T) {
	t.Parallel()
	for _, c := range []gateway.Config{
		{ScriptPath: "/s.js", IngestPath: "/api/signals"},
		{ScriptPath: "/lib/site.js", IngestPath: "/collect"},
	} {
		w := newWorld(t, func(config *gateway.Config) { config.ScriptPath, config.IngestPath = c.ScriptPath, c.IngestPath })
		var published struct {
			Latest   string
			Versions []struct{ Version, Path, Integrity string }
		}
		require.NoError(t, json.Unmarshal([]byte(w.do(http.MethodGet, "/s/versions.json", nil).body), &published))
		require.NotEmpty(t, published.Versions)
		require.Equal(t, published.Latest, published.Versions[0].Version)
		for _, v := range published.Versions {
			require.True(t, strings.HasPrefix(v.Path, map[string]string{"/s.js": "/s/"}[c.ScriptPath]) && strings.HasSuffix(v.Path, "/v"+v.Version+".js"), v.Path)
			got := w.do(http.MethodGet, v.Path, nil)
			require.Equal(t, http.StatusOK, got.status, v.Path)
			require.Contains(t, got.header.Get("Cache-Control"), "immutable")
			require.Equal(t, "*", got.header.Get("Access-Control-Allow-Origin"), "integrity needs CORS")
			require.Equal(t, v.Integrity, got.header.Get("X-Specter-Integrity"))
			sum := sha512.Sum384([]byte(got.body))
			require.Equal(t, v.Integrity, "sha384-"+base64.StdEncoding.EncodeToString(sum[:]))
			require.Contains(t, got.body, c.IngestPath)
			require.Equal(t, got.body, w.do(http.MethodGet, "/s/v"+v.Version+".js", nil).body, "the well-known name answers too")
		}
		require.Equal(t, w.do(http.MethodGet, "/s.js", nil).body, w.do(http.MethodGet, c.ScriptPath, nil).body)
		for _, path := range []string{c.IngestPath, "/api/signals"} {
			require.Equal(t, http.StatusOK, w.send(path, []byte(`{"type":"a"}`)).status, path)
			require.Equal(t, http.StatusNoContent, w.do(http.MethodOptions, path, nil).status, path)
		}
	}
}

func TestPathsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, paths := range map[string][]string{
		"SPECTER_INGEST_PATH": {"collect", "/", "", "/a b", "/a?b", "/a/", "/../a", "/a//b", `/"<`, "/api/v1/signals", "/api/ingest", "/auth/v1", "/healthz/ready", "/s.js", "/s/v1.js", "/p/x"},
		"SPECTER_SCRIPT_PATH": {"/script", "s.js", "/a b.js", "/assets/x.js", "/.js"},
	} {
		for _, path := range paths {
			_, err := gateway.Serves(config.Source{name: path})
			if path == "" { // an empty setting is an absent one
				require.NoError(t, err)
				continue
			}
			require.ErrorContains(t, err, name, path)
		}
	}
	serves, err := gateway.Serves(config.Source{"SPECTER_INGEST_PATH": "/collect", "SPECTER_SCRIPT_PATH": "/lib/a.b.js"})
	require.NoError(t, err)
	for path, want := range map[string]bool{
		"/collect": true, "/api/signals": true, "/api/ingest": true, "/s.js": true, "/s/v1.js": true, "/lib/a.b.js": true, "/lib/a.b.js/v1.js": true,
		"/": false, "/collected": false, "/lib/": false, "/s": false, "/api/v1/signals": false,
	} {
		require.Equal(t, want, serves(path), path)
	}
}
