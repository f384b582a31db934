package e2e

import (
	"io"
	"net/http"
	"testing"

	"github.com/draftlabs/specter/deploy/e2e/parts"
)

// call sends one request and decodes the answer; anything but a success fails the test.
func call[T any](t testing.TB, c parts.Caller, method, path string, body any) T {
	t.Helper()
	return parts.Call[T](t, c, method, path, body)
}

// Do uses the account's access token.
func (s *system) Do(t testing.TB, method, path string, body io.Reader) (*http.Response, []byte) {
	t.Helper()
	header := http.Header{"Authorization": {"Bearer " + s.Token}}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	return send(t, http.DefaultClient, method, s.URL+path, header, body)
}

// send does one request and reads the whole answer.
func send(t testing.TB, client *http.Client, method, url string, header http.Header, body io.Reader) (*http.Response, []byte) {
	t.Helper()
	return parts.Send(t, client, method, url, header, body)
}
