package httpapi

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/pkg/httpx"
	"github.com/draftlabs/specter/services/gateway/internal/script"
)

const (
	// A new version reaches pages within minutes; a page that has a copy never waits for it.
	latestPolicy = "public, max-age=300, stale-while-revalidate=86400"
	pinnedPolicy = "public, max-age=31536000, immutable"
)

// tag serves the script, compressed once.
type tag struct {
	script script.Script
	packed []byte
	etag   string // without quotes
}

func newTag(s script.Script) (*tag, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("compressing the script: %w", err)
	}
	if _, err := w.Write(s.Body); err != nil {
		return nil, fmt.Errorf("compressing the script: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compressing the script: %w", err)
	}
	return &tag{script: s, packed: packed.Bytes(), etag: strings.TrimPrefix(s.Integrity, "sha384-")[:22]}, nil
}

// latest serves /s.js.
func (t *tag) latest(c echo.Context) error { return t.serve(c, latestPolicy) }

// pinned serves /s/v<version>.js. Only the version this gateway was built with exists.
func (t *tag) pinned(c echo.Context) error {
	if c.Param("file") != "v"+t.script.Version+".js" {
		return httpx.ErrNotFound
	}
	return t.serve(c, pinnedPolicy)
}

func (t *tag) serve(c echo.Context, policy string) error {
	h := c.Response().Header()
	body, etag := t.script.Body, `"`+t.etag+`"`
	if strings.Contains(c.Request().Header.Get(echo.HeaderAcceptEncoding), "gzip") {
		// Another representation, another strong tag.
		body, etag = t.packed, `"`+t.etag+`-gz"`
		h.Set(echo.HeaderContentEncoding, "gzip")
	}
	h.Set(echo.HeaderVary, echo.HeaderAcceptEncoding)
	h.Set("ETag", etag)
	h.Set(echo.HeaderCacheControl, policy)
	h.Set("X-Specter-Version", t.script.Version)
	h.Set("X-Specter-Integrity", t.script.Integrity)
	if matches(c.Request().Header.Get("If-None-Match"), etag) {
		h.Del(echo.HeaderContentEncoding)
		return c.NoContent(http.StatusNotModified)
	}
	h.Set(echo.HeaderContentLength, strconv.Itoa(len(body)))
	if c.Request().Method == http.MethodHead {
		h.Set(echo.HeaderContentType, mediaScript)
		return c.NoContent(http.StatusOK)
	}
	return c.Blob(http.StatusOK, mediaScript, body)
}

const mediaScript = "text/javascript; charset=utf-8"

// matches compares weakly (RFC 9110 §13.1.2): a proxy that compresses on its own may have made the
// tag a weak one.
func matches(header, etag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == etag {
			return true
		}
	}
	return false
}
