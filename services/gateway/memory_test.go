package gateway_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
	"github.com/draftlabs/specter/services/gateway"
)

// stranger adds a product of another account and returns its key.
func (w *world) stranger() (key string) {
	w.t.Helper()
	account, product := uuid.New(), uuid.New()
	key = apikey.New(apikey.Ingest)
	w.put(catalog.ProductName(product), &catalogv1.Product{ProductId: product.String(), AccountId: account.String()})
	w.put(catalog.KeyName(apikey.Hash(key)), &catalogv1.Key{KeyId: uuid.NewString(), ProductId: product.String(), AccountId: account.String()})
	testkit.Eventually(w.t, func() bool { return w.do(http.MethodHead, "/api/signals?key="+key, nil).status == http.StatusOK }, "the key")
	return key
}

// unfinished begins a request whose body does not come to its end.
func (w *world) unfinished(key string, length int, sent []byte, headers ...string) net.Conn {
	w.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	require.NoError(w.t, err)
	w.t.Cleanup(func() { conn.Close() })
	head := fmt.Sprintf("POST /api/signals HTTP/1.1\r\nHost: x\r\nX-Api-Key: %s\r\nContent-Length: %d\r\n", key, length)
	for i := 0; i < len(headers); i += 2 {
		head += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	_, err = conn.Write(append([]byte(head+"\r\n"), sent...))
	require.NoError(w.t, err)
	return conn
}

// Bodies that are announced and do not come take next to nothing from anybody: keys are public, so
// everybody can announce what they like.
func TestAnnouncedBodiesTakeNoMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.stranger()
	for coding, body := range map[string][]byte{
		"identity": sized(mib), "gzip": packed(t, gzipped, sized(mib)), "br": packed(t, brotlied, sized(mib)), "zstd": packed(t, zstandard, sized(mib)),
	} {
		for range 150 { // of 1 MiB, more than the memory for bodies
			conn := w.unfinished(key, mib, body[:12], "Content-Encoding", coding, "Expect", "100-continue")
			line, err := bufio.NewReader(conn).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "HTTP/1.1 100 Continue\r\n", line, "the body is waited for")
		}
	}
	got := w.send("/api/signals", []byte(`{"type":"a"}`))
	require.Equal(t, http.StatusOK, got.status, got.body)
}

// A product whose bodies come slowly holds what has come of them, but never all there is.
func TestOneProductLeavesMemoryToTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) { c.MemoryBytes = 32 * mib })
	key, whole := w.stranger(), sized(mib)
	var open []net.Conn
	testkit.Eventually(t, func() bool {
		open = append(open, w.unfinished(key, mib, whole[:mib-1]))
		return w.do(http.MethodPost, "/api/signals?key="+key, whole).status == http.StatusServiceUnavailable
	}, "the slow product's part is used up")
	got := w.send("/api/signals", whole)
	require.Equal(t, http.StatusOK, got.status, got.body)
	for range 20 {
		// Also where a connection ends after its answer, who is refused is heard out and reads why.
		got = w.do(http.MethodPost, "/api/signals?key="+key, whole, "Connection", "close")
		require.Equal(t, http.StatusServiceUnavailable, got.status)
		require.NotEmpty(t, got.header.Get("Retry-After"))
	}

	for _, conn := range open {
		require.NoError(t, conn.Close())
	}
	testkit.Eventually(t, func() bool {
		return w.do(http.MethodPost, "/api/signals?key="+key, whole).status == http.StatusOK
	}, "what it held is free again")
}
