package e2e

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// transportCase is one way to send a request and what must be answered. ids are the cases of the shared
// list that it covers.
type transportCase struct {
	ids    string
	name   string
	header []string // name, value, …
	path   string   // /api/signals when empty
	method string   // POST when empty
	noKey  bool
	body   []byte
	want   []int
	code   string // of the problem, when it matters
}

func transportCases(s *system) []transportCase {
	const signal = `{"type":"transport"}`
	mebibyte := 1 << 20
	padded := func(n int) []byte { return []byte(signal + strings.Repeat(" ", n-len(signal))) }
	packed := gzipped([]byte(signal))
	badSum := slices.Clone(packed)
	badSum[len(badSum)-5] ^= 1
	batch := func(n int) []byte { return []byte("[" + strings.Repeat(signal+",", n-1) + signal + "]") }
	bomb := bytes.Repeat(make([]byte, 1<<20), 64)
	coding := func(name string) []string { return []string{"Content-Encoding", name} }
	media := func(name string) []string { return []string{"Content-Type", name} }

	ok, bad, large, unsupported := []int{200}, []int{400}, []int{413}, []int{415}
	return []transportCase{
		{ids: "001", name: "empty body", want: bad},
		{name: "only space", body: []byte(" \r\n\t "), want: bad},
		{ids: "002", name: "another media type", header: media("application/xml"), body: []byte(signal), want: unsupported},
		{name: "form", header: media("application/x-www-form-urlencoded"), body: []byte("type=a"), want: unsupported},
		{name: "media type that is none", header: media("a/b/c; =;"), body: []byte(signal), want: unsupported},
		{ids: "003", name: "text/plain", header: media("text/plain;charset=UTF-8"), body: []byte(signal), want: ok},
		{ids: "004", name: "no media type", body: []byte(signal), want: ok},
		{ids: "005", name: "another charset", header: media("application/json; charset=utf-16"), body: []byte(signal), want: unsupported},
		{ids: "006", name: "body as large as allowed", body: padded(mebibyte), want: ok},
		{ids: "007", name: "body one byte larger", body: padded(mebibyte + 1), want: large, code: "payload_too_large"},
		{ids: "009", name: "payload too large", body: []byte(`{"type":"a","payload":{"x":"` + strings.Repeat("text ", 13_200) + `"}}`), want: large, code: "payload_too_large"},
		{name: "as many signals as allowed", body: batch(1000), want: ok},
		{ids: "010", name: "one signal more", body: batch(1001), want: large, code: "batch_too_large"},
		{ids: "011", name: "no signals", body: []byte("[]"), want: bad},
		{ids: "012", name: "one bad signal among good ones", body: []byte("[" + signal + `,{"payload":{}},` + signal + "]"), want: bad, code: "missing_type"},
		{ids: "013", name: "only bad signals", body: []byte(`[{},{},{}]`), want: bad, code: "missing_type"},
		{ids: "018", name: "gzip", header: coding("gzip"), body: packed, want: ok},
		{name: "deflate", header: coding("deflate"), body: deflated([]byte(signal), true), want: ok},
		{name: "bare deflate", header: coding("deflate"), body: deflated([]byte(signal), false), want: ok},
		{name: "zstd", header: coding("zstd"), body: zstandard([]byte(signal)), want: ok},
		{name: "gzip in capitals", header: coding(" GZIP "), body: packed, want: ok},
		{ids: "019", name: "gzip cut off", header: coding("gzip"), body: packed[:len(packed)/2], want: bad},
		{name: "gzip of nothing", header: coding("gzip"), body: gzipped(nil), want: bad},
		{name: "no gzip at all", header: coding("gzip"), want: bad},
		{ids: "020", name: "gzip with a wrong checksum", header: coding("gzip"), body: badSum, want: bad},
		{ids: "021", name: "bytes after gzip", header: coding("gzip"), body: append(slices.Clone(packed), "more"...), want: bad},
		{name: "gzip after gzip", header: coding("gzip"), body: append(slices.Clone(packed), packed...), want: bad},
		{ids: "022", name: "gzip bomb", header: coding("gzip"), body: gzipped(bomb), want: large},
		{ids: "023", name: "zstd bomb", header: coding("zstd"), body: zstandard(bomb), want: large},
		{name: "deflate bomb", header: coding("deflate"), body: deflated(bomb, true), want: large},
		{ids: "024", name: "gzip twice", header: coding("gzip, gzip"), body: gzipped(gzipped(bomb)), want: unsupported},
		{name: "gzip twice, said once", header: coding("gzip"), body: gzipped(packed), want: bad},
		{ids: "025", name: "unknown coding", header: coding("compress"), body: []byte(signal), want: unsupported},
		{ids: "026", name: "gzip sent as identity", header: coding("identity"), body: packed, want: bad},
		{name: "zstd cut off", header: coding("zstd"), body: zstandard([]byte(signal))[:9], want: bad},
		{ids: "029", name: "a mebibyte of brackets", body: bytes.Repeat([]byte("["), mebibyte), want: bad},
		{ids: "030", name: "a hundred thousand names", body: object(80_000, func(i int) string { return "n" + strconv.Itoa(i) }), want: []int{400, 413}},
		{ids: "031", name: "names that look alike", body: object(250, func(i int) string {
			return strings.Repeat("Aa", i%16) + strings.Repeat("BB", 16-i%16) + strconv.Itoa(i)
		}), want: ok},
		{ids: "032", name: "a name of 64 KiB", body: []byte(`{"type":"a","payload":{"` + strings.Repeat("n", 64<<10) + `":1}}`), want: []int{400, 413}},
		{ids: "046", name: "names of the envelope in capitals", body: []byte(`{"Type":"a","type":"b"}`), want: bad},
		{ids: "049", name: "a mebibyte of combining characters", body: []byte(`{"type":"a","payload":{"x":"` + strings.Repeat("\u0301", 500_000) + `"}}`), want: large},
		{ids: "052", name: "unknown fields", body: []byte(`{"type":"unknown_fields","account_id":"` + uuid.NewString() + `","received_at":0,"x":{"y":[1]},"payload":{"known":1}}`), want: ok},
		{ids: "053", name: "key in the query", path: "/api/signals?key=" + s.IngestKey, noKey: true, body: []byte(signal), want: ok},
		{ids: "054", name: "no key", noKey: true, body: []byte(signal), want: []int{401}, code: "missing_key"},
		{name: "key with another prefix", noKey: true, header: []string{"X-Api-Key", "spt_" + s.IngestKey[4:]}, body: []byte(signal), want: []int{401, 403}},
		{name: "key with a wrong checksum", noKey: true, header: []string{"X-Api-Key", s.IngestKey[:39] + flip(s.IngestKey[39])}, body: []byte(signal), want: []int{401}, code: "invalid_key"},
		{name: "key with a NUL", path: "/api/signals?key=" + s.IngestKey[:20] + "%00" + s.IngestKey[21:], noKey: true, body: []byte(signal), want: []int{401}, code: "invalid_key"},
		{ids: "072", name: "TRACE", method: http.MethodTrace, want: []int{405}},
		{name: "DELETE", method: http.MethodDelete, want: []int{405}},
		{ids: "079", name: "doubled slashes", path: "//api//signals", body: []byte(signal), want: []int{301, 307, 308, 400, 404, 405}},
		{name: "a step up", path: "/api/signals/../v1/products", body: []byte(signal), want: []int{301, 307, 308, 400, 401, 404, 405}},
		{name: "an encoded step up", path: "/api/signals/%2e%2e/v1/products", body: []byte(signal), want: []int{301, 307, 308, 400, 401, 404, 405}},
		{ids: "080", name: "method override", header: []string{"X-HTTP-Method-Override", "DELETE", "X-Method-Override", "DELETE"}, body: []byte(signal), want: ok},
		{ids: "082", name: "preflight", method: http.MethodOptions, noKey: true, header: []string{"Origin", "https://shop.example", "Access-Control-Request-Method", "POST"}, want: []int{204}},
		{ids: "083", name: "a batch over 64 KiB", body: batch(65_537/len(signal) - 2300), want: ok},
	}
}

// testTransport covers the shared list of transport cases, but for those that elsewhere names.
func testTransport(t *testing.T, s *system) {
	for _, c := range transportCases(s) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if !c.noKey {
				header.Set("X-Api-Key", s.IngestKey)
			}
			for i := 0; i < len(c.header); i += 2 {
				header.Set(c.header[i], c.header[i+1])
			}
			path, method := c.path, c.method
			if path == "" {
				path = "/api/signals"
			}
			if method == "" {
				method = http.MethodPost
			}
			res, answer := send(t, noRedirects, method, s.URL+path, header, bytes.NewReader(c.body))
			require.Contains(t, c.want, res.StatusCode, "%s", answer)
			if res.StatusCode >= 400 && res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusMethodNotAllowed && c.path == "" {
				requireRefusal(t, c.name, res.StatusCode, string(answer))
			}
			if c.code != "" {
				require.Contains(t, string(answer), `"`+c.code+`"`)
			}
			switch c.ids {
			case "025":
				require.Contains(t, res.Header.Get("Accept-Encoding"), "gzip")
			case "082":
				require.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"))
				require.Empty(t, res.Header.Get("Access-Control-Allow-Credentials"))
			}
		})
	}
	t.Run("the same id", func(t *testing.T) { testSameID(t, s) })
	t.Run("timestamps", func(t *testing.T) { testTimestamps(t, s) })
	t.Run("a revoked key", func(t *testing.T) { testRevokedKey(t, s) })
	t.Run("a body without end", func(t *testing.T) { testEndlessBody(t, s) })
	t.Run("an answer before the body", func(t *testing.T) { testExpectContinue(t, s) })
	t.Run("framing", func(t *testing.T) { testFraming(t, s) })
	t.Run("hidden requests", func(t *testing.T) { testHidden(t, s) })
	t.Run("a slow client", func(t *testing.T) { testSlowClient(t, s) })
	t.Run("every case of the shared list is accounted for", func(t *testing.T) { testSharedList(t, s) })
}

var noRedirects = &http.Client{
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// elsewhere are cases of the shared list that have a test of their own here, or belong to another part.
var elsewhere = map[string]string{
	"008": "a body without end", "014": "the same id", "015": "the same id", "016": "the same id", "017": "the same id",
	"027": "testdata", "028": "testdata", "033": "testdata", "034": "testdata", "035": "testdata", "036": "testdata", "037": "testdata",
	"038": "testdata", "039": "testdata", "040": "testdata", "041": "testdata", "042": "testdata", "043": "testdata", "044": "testdata",
	"045": "testdata", "047": "testdata", "048": "testdata", "050": "testdata",
	"051": "timestamps", "055": "a revoked key", "056": "TestTheLoop: an ingest key cannot read",
	"057": "services/gateway/internal/ingest: limits need settings of their own", "058": "services/gateway/internal/ingest: the same",
	"059": "the fault suite", "060": "the fault suite", "061": "the fault suite",
	"062": "hidden requests", "063": "framing", "064": "framing", "065": "framing", "066": "framing", "067": "hidden requests", "068": "framing", "069": "framing",
	"070": "testEdge: the edge serves its own host only", "071": "framing", "073": "an answer before the body",
	"074": "a slow client", "075": "a slow client", "076": "answers fit into a socket's buffer; the server has a write timeout",
	"077": "net/http; pinned to a Go release that has the repair", "078": "net/http; the same",
	"081": "no address of a client is believed or limited by; limits go by key",
}

func testSharedList(t *testing.T, s *system) {
	covered := map[string]bool{}
	for _, c := range transportCases(s) {
		covered[c.ids] = true
	}
	for id := range elsewhere {
		require.False(t, covered[id], "%s is covered twice", id)
		covered[id] = true
	}
	want := []string{}
	for i := range 83 {
		want = append(want, fmt.Sprintf("%03d", i+1))
	}
	if shared := os.Getenv("SPECTER_CORPORA"); shared != "" {
		raw, err := os.ReadFile(filepath.Join(shared, "json-ingest.json"))
		require.NoError(t, err)
		var corpus struct{ Transport []struct{ ID string } }
		require.NoError(t, json.Unmarshal(raw, &corpus))
		want = nil
		for _, c := range corpus.Transport {
			want = append(want, strings.TrimPrefix(c.ID, "in-"))
		}
	}
	for _, id := range want {
		require.True(t, covered[id], "case in-%s has no test", id)
	}
}

// testSameID: an id counts once, whatever the batch and the payload, and in each account for itself.
func testSameID(t *testing.T, s *system) {
	other := signUp(t, s.URL)
	id := uuid.NewString()
	body := func(n int) string {
		return fmt.Sprintf(`[{"type":"same_id","id":%q,"payload":{"n":%d}},{"type":"same_id","id":%q,"payload":{"n":%d}}]`, id, n, id, n+1)
	}
	for n, sender := range []*system{s, s, other, s} {
		status, answer := sender.post(t, "/api/signals", sender.IngestKey, body(10*n))
		require.Equal(t, http.StatusOK, status, answer)
	}
	marker := uuid.NewString()
	for _, account := range []*system{s, other} {
		status, answer := account.post(t, "/api/signals", account.IngestKey, `{"type":"same_id_done","id":"`+marker+`"}`)
		require.Equal(t, http.StatusOK, status, answer)
		path := "/api/v1/products/" + account.ProductID.String() + "/signals?limit=100&type="
		program.Await(t, 30*time.Second, "the last signal to be stored", func() bool {
			return len(call[api.SignalPage](t, account, http.MethodGet, path+"same_id_done", nil).Items) == 1
		})
		stored := call[api.SignalPage](t, account, http.MethodGet, path+"same_id", nil)
		require.Len(t, stored.Items, 1)
		// Of one request the first counts; of several, whichever is stored first.
		first := map[*system][]any{s: {0.0, 10.0, 30.0}, other: {20.0}}[account]
		require.Contains(t, first, stored.Items[0].Payload["n"])
	}
}

// testTimestamps: far from now is clamped and marked, and no timestamp is what is none.
func testTimestamps(t *testing.T, s *system) {
	now := time.Now()
	for i, c := range []struct {
		text string
		mark string // of the stored signal; "refused" when it must be
	}{
		{`0`, "clamped_old"}, {`"1970-01-01T00:00:00Z"`, "clamped_old"}, {`"0001-01-01T00:00:00Z"`, "clamped_old"},
		{`"9999-12-31T23:59:59Z"`, "clamped_future"}, {strconv.FormatInt(now.Add(48*time.Hour).UnixMilli(), 10), "clamped_future"},
		{strconv.FormatInt(now.Add(-time.Hour).UnixMilli(), 10), ""}, {`"` + now.Add(-time.Minute).Format(time.RFC3339Nano) + `"`, ""},
		{`null`, "received"}, {`"yesterday"`, "refused"}, {`"2026-02-30T00:00:00Z"`, "refused"}, {`{}`, "refused"}, {`true`, "refused"},
		{`9223372036854775807`, "clamped_future"}, {`-9223372036854775808`, "clamped_old"}, {`99999999999999999999999`, "clamped_future"},
	} {
		signalType := "timestamp_" + strconv.Itoa(i)
		status, answer := s.post(t, "/api/signals", s.IngestKey, `{"type":"`+signalType+`","timestamp":`+c.text+`}`)
		if c.mark == "refused" {
			requireRefusal(t, c.text, status, answer)
			continue
		}
		require.Equal(t, http.StatusOK, status, "%s: %s", c.text, answer)
		var page api.SignalPage
		program.Await(t, 30*time.Second, "the signal to be stored", func() bool {
			page = call[api.SignalPage](t, s, http.MethodGet, "/api/v1/products/"+s.ProductID.String()+"/signals?type="+signalType, nil)
			return len(page.Items) == 1
		})
		mark := ""
		if page.Items[0].TimeMark != nil {
			mark = *page.Items[0].TimeMark
		}
		require.Equal(t, c.mark, mark, c.text)
		require.WithinDuration(t, now, page.Items[0].OccurredAt, 25*time.Hour, c.text)
		require.WithinDuration(t, now, page.Items[0].ReceivedAt, 5*time.Minute, c.text)
	}
}

func testRevokedKey(t *testing.T, s *system) {
	other := signUp(t, s.URL)
	status, answer := other.post(t, "/api/signals", other.IngestKey, `{"type":"a"}`)
	require.Equal(t, http.StatusOK, status, answer)
	keys := "/api/v1/products/" + other.ProductID.String() + "/keys"
	for _, key := range call[api.ApiKeyPage](t, other, http.MethodGet, keys, nil).Items {
		call[any](t, other, http.MethodDelete, keys+"/"+key.Id.String(), nil)
	}
	program.Await(t, 5*time.Second, "the revoked key to be refused", func() bool {
		status, answer = other.post(t, "/api/signals", other.IngestKey, `{"type":"a"}`)
		return status == http.StatusUnauthorized
	})
	requireRefusal(t, "a revoked key", status, answer)
}

// testEndlessBody: the answer comes when the limit is passed, not when the client stops.
func testEndlessBody(t *testing.T, s *system) {
	connection := dialRaw(t, s)
	_, err := io.WriteString(connection, "POST /api/signals HTTP/1.1\r\nHost: x\r\nX-Api-Key: "+s.IngestKey+"\r\nTransfer-Encoding: chunked\r\n\r\n")
	require.NoError(t, err)
	chunk := "10000\r\n" + strings.Repeat(" ", 0x10000) + "\r\n"
	go func() {
		for range 1000 { // 62 MiB; ends when the server closes the connection
			if _, err := io.WriteString(connection, chunk); err != nil {
				return
			}
		}
	}()
	require.Equal(t, http.StatusRequestEntityTooLarge, readStatus(t, connection))
}

func testExpectContinue(t *testing.T, s *system) {
	connection := dialRaw(t, s)
	_, err := io.WriteString(connection, "POST /api/signals HTTP/1.1\r\nHost: x\r\nX-Api-Key: spk_wrong\r\nExpect: 100-continue\r\nContent-Length: 20\r\n\r\n")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, readStatus(t, connection), "without reading the body first")
}

// testFraming sends what net/http's client never would. Some of it net/http takes, though a server need
// not, and so does Caddy, which is made of it; what that could hide is tried by testHidden.
func testFraming(t *testing.T, s *system) {
	body := `{"type":"framing"}`
	head := "POST /api/signals HTTP/1.1\r\nHost: x\r\nX-Api-Key: " + s.IngestKey + "\r\nConnection: close\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	for _, c := range []struct {
		name, request string
		want          int
	}{
		{"chunked", head + "Transfer-Encoding: chunked\r\n\r\n" + chunked, 200},
		{"two lengths", head + "Content-Length: 3\r\n" + length + "\r\n" + body, 400},
		{"length with a sign", head + fmt.Sprintf("Content-Length: +%d\r\n\r\n", len(body)) + body, 400},
		{"length that is none", head + "Content-Length: ten\r\n\r\n" + body, 400},
		{"negative length", head + "Content-Length: -1\r\n\r\n" + body, 400},
		{"unknown coding", head + "Transfer-Encoding: xchunked\r\n\r\n" + chunked, 501},
		{"chunked, identity", head + "Transfer-Encoding: chunked, identity\r\n\r\n" + chunked, 501},
		{"chunked twice", head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked, 501},
		{"space before the colon", head + "Transfer-Encoding : chunked\r\n\r\n" + chunked, 400},
		{"bare LF after a chunk's size", head + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\n%s\r\n0\r\n\r\n", len(body), body), 400},
		{"chunk size that is none", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body, 400},
		{"folded header", head + "X-Folded: a\r\n b\r\n" + length + "\r\n" + body, 200},
		{"a thousand headers", head + strings.Repeat("X: y\r\n", 1001) + length + "\r\n" + body, 200},
		{"17 KiB and more of headers", head + "X: " + strings.Repeat("y", 64<<10) + "\r\n" + length + "\r\n" + body, 431},
		{"two hosts", "POST /api/signals HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n" + length + "\r\n" + body, 400},
		{"no host", "POST /api/signals HTTP/1.1\r\nConnection: close\r\n" + length + "\r\n" + body, 400},
		{"NUL in a header", head + "X: a\x00b\r\n" + length + "\r\n" + body, 400},
		{"no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400},
		{"HTTP/9", "POST /api/signals HTTP/9.9\r\nHost: x\r\n\r\n", 505},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			connection := dialRaw(t, s)
			_, err := io.WriteString(connection, c.request)
			require.NoError(t, err)
			require.Equal(t, c.want, readStatus(t, connection))
		})
	}
}

// testHidden sends requests that two servers may read differently, so that one takes for a request what
// the other took for a body. Only what follows asks for the connection to be closed: it is answered, or
// the server ends the connection by itself.
func testHidden(t *testing.T, s *system) {
	const body, next = `{"type":"framing"}`, "GET /s.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	head := "POST /api/signals HTTP/1.1\r\nHost: x\r\nX-Api-Key: " + s.IngestKey + "\r\n"
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }
	both := "Transfer-Encoding: chunked\r\n\r\n"
	const empty = "0\r\n\r\n"
	chunk := func(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }
	for _, c := range []struct {
		name, request string
		first         []int // what the request itself may be answered
		after         int   // answers that follow
	}{
		{"a body by its length", head + length(len(chunk(body)+empty+next)) + both + chunk(body) + empty + next, []int{200, 400}, 0},
		{"all of a body by its length", head + length(len(empty+next)) + both + empty + next, []int{400}, 0},
		{"a body by its chunks", head + length(len(chunk(next))-len(next)-2) + both + chunk(next) + empty, []int{400}, 0},
		{"a request after one with bare LF", strings.ReplaceAll(head+length(len(body))+"\r\n", "\r\n", "\n") + body + next, []int{200}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			connection := dialRaw(t, s)
			_, err := io.WriteString(connection, c.request)
			require.NoError(t, err)
			statuses := readStatuses(t, connection)
			require.Len(t, statuses, 1+c.after, "%v", statuses)
			require.Contains(t, c.first, statuses[0])
		})
	}
}

// readStatuses reads answers until the server ends the connection.
func readStatuses(t *testing.T, connection net.Conn) (statuses []int) {
	t.Helper()
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(20*time.Second)))
	for in := bufio.NewReader(connection); ; {
		res, err := http.ReadResponse(in, nil)
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) { // reset: the rest was not read
			return statuses
		}
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		statuses = append(statuses, res.StatusCode)
	}
}

// testSlowClient: one that does not send its headers is let go after some seconds, and meanwhile
// nobody else waits.
func testSlowClient(t *testing.T, s *system) {
	slow := make([]net.Conn, 200)
	for i := range slow {
		slow[i] = dialRaw(t, s)
		part := "POST /api/signals HTTP/1.1\r\nHost: x\r\n"
		if i%2 == 1 { // this half stops in the middle of its body
			part += "X-Api-Key: " + s.IngestKey + "\r\nContent-Length: 100\r\n\r\n{"
		}
		_, err := io.WriteString(slow[i], part)
		require.NoError(t, err)
	}
	began := time.Now()
	for range 20 {
		status, answer := s.post(t, "/api/signals", s.IngestKey, `{"type":"quick"}`)
		require.Equal(t, http.StatusOK, status, answer)
	}
	require.Less(t, time.Since(began), 5*time.Second, "others do not wait for slow clients")

	require.NoError(t, slow[0].SetReadDeadline(time.Now().Add(15*time.Second)))
	answer, err := io.ReadAll(slow[0])
	require.NoError(t, err, "the connection must be closed by the server")
	require.True(t, len(answer) == 0 || bytes.HasPrefix(answer, []byte("HTTP/1.1 408")) || bytes.HasPrefix(answer, []byte("HTTP/1.1 400")), "%s", answer)
}

// dialRaw opens a connection on which a test writes bytes of its own.
func dialRaw(t *testing.T, s *system) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

func readStatus(t *testing.T, connection net.Conn) int {
	t.Helper()
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(20*time.Second)))
	res, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	return res.StatusCode
}

func gzipped(body []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

func deflated(body []byte, wrapped bool) []byte {
	var out bytes.Buffer
	var w io.WriteCloser = zlib.NewWriter(&out)
	if !wrapped {
		w, _ = flate.NewWriter(&out, flate.DefaultCompression) // the level exists
	}
	_, _ = w.Write(body)
	_ = w.Close()
	return out.Bytes()
}

func zstandard(body []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err) // the options are the defaults
	}
	return w.EncodeAll(body, nil)
}

// object is a signal whose payload has n names.
func object(n int, name func(i int) string) []byte {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = `"` + name(i) + `":1`
	}
	return []byte(`{"type":"object","payload":{` + strings.Join(fields, ",") + `}}`)
}

// flip is another character of a key's alphabet.
func flip(c byte) string {
	if c == '0' {
		return "1"
	}
	return "0"
}
