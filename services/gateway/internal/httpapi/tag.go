package httpapi

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/pkg/httpx"
	"github.com/draftlabs/specter/services/gateway/internal/script"
)

const (
	// A new version reaches pages within minutes; a page that has a copy never waits for it.
	latestPolicy = "public, max-age=300, stale-while-revalidate=86400"
	pinnedPolicy = "public, max-age=31536000, immutable"

	mediaScript = "text/javascript; charset=utf-8"
)

// tag serves every version of the script, compressed once.
type tag struct {
	versions []version // the build first, then the newest first
}

type version struct {
	script.Script
	etag  string            // without quotes
	forms map[string][]byte // the body by content coding; "" is as it is
}

func newTag(scripts []script.Script) (*tag, error) {
	t := &tag{}
	for _, s := range scripts {
		v := version{Script: s, etag: strings.TrimPrefix(s.Integrity, "sha384-")[:22], forms: map[string][]byte{"": s.Body}}
		for coding, writer := range map[string]func(io.Writer) io.WriteCloser{
			"br": func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, brotli.BestCompression) },
			"gzip": func(w io.Writer) io.WriteCloser {
				z, _ := gzip.NewWriterLevel(w, gzip.BestCompression) // the level is a valid one
				return z
			},
		} {
			packed, err := compress(s.Body, writer)
			if err != nil {
				return nil, fmt.Errorf("compressing script %s: %w", s.Version, err)
			}
			v.forms[coding] = packed
		}
		t.versions = append(t.versions, v)
	}
	return t, nil
}

func compress(body []byte, to func(io.Writer) io.WriteCloser) ([]byte, error) {
	var packed bytes.Buffer
	w := to(&packed)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// route adds the script's paths, well-known and chosen.
func (t *tag) route(e *echo.Echo, p Paths) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, path := range p.scripts() {
			e.Add(method, path, t.latest)
			e.Add(method, versionsOf(path)+":file", t.pinned)
		}
		e.Add(method, versionsOf(DefaultPaths.Script)+"versions.json", t.list(p))
	}
}

// latest serves /s.js, also a build that was not released.
func (t *tag) latest(c echo.Context) error { return t.versions[0].serve(c, latestPolicy) }

// pinned serves /s/v<version>.js.
func (t *tag) pinned(c echo.Context) error {
	for _, v := range t.versions {
		if v.Released && c.Param("file") == "v"+v.Version+".js" {
			return v.serve(c, pinnedPolicy)
		}
	}
	return httpx.ErrNotFound
}

// listed is one version of /s/versions.json.
type listed struct {
	Version   string `json:"version"`
	Path      string `json:"path"`
	Integrity string `json:"integrity"`
	Bytes     int    `json:"bytes"`
	GzipBytes int    `json:"gzip_bytes"`
}

// list publishes the hash of each version, for people and programs that pin one.
func (t *tag) list(p Paths) echo.HandlerFunc {
	path := p.scripts()[len(p.scripts())-1] // the chosen one
	answer := struct {
		Latest   string   `json:"latest"`
		Versions []listed `json:"versions"`
	}{Versions: []listed{}}
	for _, v := range t.versions {
		if !v.Released {
			continue // nobody may pin what can still change
		}
		answer.Latest = cmp.Or(answer.Latest, v.Version)
		answer.Versions = append(answer.Versions, listed{
			Version: v.Version, Path: Pinned(path, v.Version), Integrity: v.Integrity,
			Bytes: len(v.Body), GzipBytes: len(v.forms["gzip"]),
		})
	}
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderCacheControl, "public, max-age=300")
		return c.JSON(http.StatusOK, answer)
	}
}

func (v version) serve(c echo.Context, policy string) error {
	h := c.Response().Header()
	coding := bestCoding(c.Request().Header.Get(echo.HeaderAcceptEncoding))
	body, etag := v.forms[coding], `"`+v.etag+`"`
	if coding != "" {
		// Another representation, another strong tag.
		etag = `"` + v.etag + "-" + coding + `"`
		h.Set(echo.HeaderContentEncoding, coding)
	}
	h.Set(echo.HeaderVary, echo.HeaderAcceptEncoding)
	h.Set("ETag", etag)
	h.Set(echo.HeaderCacheControl, policy)
	h.Set("X-Specter-Version", v.Version)
	h.Set("X-Specter-Integrity", v.Integrity)
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

// bestCoding is the smallest of our codings that the client takes (RFC 9110 §12.5.3), "" for none.
func bestCoding(accept string) string {
	taken := map[string]bool{}
	for one := range strings.SplitSeq(accept, ",") {
		name, parameter, _ := strings.Cut(one, ";")
		weight, ok := strings.CutPrefix(strings.TrimSpace(parameter), "q=")
		q, err := strconv.ParseFloat(weight, 64)
		taken[strings.ToLower(strings.TrimSpace(name))] = !ok || (err == nil && q > 0)
	}
	for _, coding := range []string{"br", "gzip"} {
		if taken[coding] {
			return coding
		}
	}
	return ""
}

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
