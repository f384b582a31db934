package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// dist is written by `npm run build`; a tree in which it was never run holds
// only a placeholder, and Handler says so instead of serving a blank page.
//
//go:embed all:dist
var dist embed.FS

//go:generate npm run --silent types

const page = "index.html"

// contentSecurityPolicy allows our own origin and nothing else: no inline
// script, no other host, no framing.
const contentSecurityPolicy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// Handler serves the web app: files under /assets for ever (their names carry
// a hash of their content), everything else answers with the page itself so
// that a shared link opens where it points.
func Handler() http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		// The directory is embedded above: this cannot fail in a built binary.
		panic(err)
	}
	index, indexErr := fs.ReadFile(files, page)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		setSecurityHeaders(w.Header())
		if errors.Is(indexErr, fs.ErrNotExist) {
			http.Error(w, "The web app is not in this build: run `make build`. The API works without it.", http.StatusNotFound)
			return
		}
		name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
		if serveFile(w, r, files, name) {
			return
		}
		if strings.HasPrefix(name, "assets/") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", etag(index))
		http.ServeContent(w, r, page, time.Time{}, bytes.NewReader(index))
	})
}

func setSecurityHeaders(h http.Header) {
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // a link from a mail carries a secret
}

// serveFile answers with an embedded file; false when there is none of that name.
func serveFile(w http.ResponseWriter, r *http.Request, files fs.FS, name string) bool {
	if name == "" || name == page || strings.HasPrefix(name, ".") {
		return false
	}
	f, err := files.Open(name)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // an embedded file: closing cannot fail
	info, err := f.Stat()
	content, ok := f.(io.ReadSeeker)
	if err != nil || !ok || info.IsDir() {
		return false
	}
	if strings.HasPrefix(name, "assets/") {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		w.Header().Set("Cache-Control", "public, max-age=3600")
	}
	http.ServeContent(w, r, name, time.Time{}, content)
	return true
}

func etag(content []byte) string {
	sum := sha256.Sum256(content)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}
