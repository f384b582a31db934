package bench

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/draftlabs/specter/pkg/testkit/program"
)

// specter starts the one-process Specter and returns its address and an ingest key.
func specter(b *testing.B) (addr, key string) {
	b.Helper()
	binary, err := filepath.Abs("../../bin/specter")
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	program.OpenPath(b, dir)
	addr = program.FreeAddr(b)
	facts := filepath.Join(dir, "facts.json")
	p := program.Start(b, "specter up", []string{
		"SPECTER_HTTP_ADDR=" + addr, "SPECTER_DATA_DIR=" + filepath.Join(dir, "data"),
		"SPECTER_BOOTSTRAP_FILE=" + facts, "SPECTER_LOG_LEVEL=error",
		// The limit per key is not what is measured.
		"SPECTER_INGEST_RATE_PER_SECOND=10000000",
	}, binary, "up")
	p.AwaitReady(b, "http://"+addr+"/healthz/ready")
	var boot struct {
		IngestKey string `json:"ingest_key"`
	}
	program.Await(b, program.StartTimeout, "the bootstrap file", func() bool {
		raw, err := os.ReadFile(facts)
		return err == nil && json.Unmarshal(raw, &boot) == nil
	})
	return addr, boot.IngestKey
}

// BenchmarkIngest posts batches from many clients at once; every 200 is on the disk.
func BenchmarkIngest(b *testing.B) {
	addr, key := specter(b)
	for _, size := range []int{1, 20, 100} {
		b.Run("batch="+strconv.Itoa(size), func(b *testing.B) {
			signal := `{"type":"page_view","payload":{"path":"/pricing","browser":"Firefox","release":"2.3.1"},"session_id":"s-1"}`
			body := "[" + strings.TrimSuffix(strings.Repeat(signal+",", size), ",") + "]"
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			defer client.CloseIdleConnections()
			var refused atomic.Int64
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://"+addr+"/api/signals", strings.NewReader(body))
					if err != nil {
						b.Error(err)
						return
					}
					req.Header.Set("Content-Type", "application/json")
					req.Header.Set("x-api-key", key)
					res, err := client.Do(req)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, res.Body) // the answer is two words; its status is what counts
					res.Body.Close()
					if res.StatusCode != http.StatusOK {
						refused.Add(1)
					}
				}
			})
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "signals/s")
			b.ReportMetric(float64(refused.Load())/float64(b.N), "refused/op")
		})
	}
}
