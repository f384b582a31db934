package specter

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// BenchmarkTrack is what a signal costs the caller; batches are sent meanwhile, to a server that
// costs nothing.
func BenchmarkTrack(b *testing.B) {
	for name, payload := range map[string]any{
		"none":   nil,
		"map":    map[string]any{"plan": "pro", "amount": 12.5, "path": "/pricing"},
		"struct": struct{ Plan, Path string }{"pro", "/pricing"},
	} {
		b.Run(name, func(b *testing.B) {
			client, err := New(testKey, WithHost("http://specter.test"), WithFlushInterval(time.Hour), WithBatchSize(MaxBatchSize), WithMaxQueue(1<<30),
				WithHTTPClient(&http.Client{Transport: discard{}}))
			must(b, err)
			b.ReportAllocs()
			for b.Loop() {
				_ = client.Track(b.Context(), "cta_click", payload)
			}
			b.StopTimer()
			must(b, client.Close(b.Context()))
		})
	}
}

// discard answers as if everything had been stored.
type discard struct{}

func (discard) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"received":1000}`)), Header: http.Header{}, Request: r}, nil
}
