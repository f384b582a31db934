package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/pkg/fault"
)

// etags gives every JSON answer to a GET a weak tag of its content, and answers 304 to a client
// that has it already. A resource that is edited under If-Match sets its version as tag itself.
func etags(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		if c.Request().Method != http.MethodGet {
			return next(c)
		}
		inner := c.Response().Writer
		buffer := &buffered{ResponseWriter: inner}
		c.Response().Writer = buffer
		err := next(c)
		c.Response().Writer = inner
		if err != nil || buffer.passed {
			return err
		}
		if buffer.status == http.StatusOK && h.Get("ETag") == "" {
			sum := sha256.Sum256(buffer.body.Bytes())
			tag := `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
			h.Set("ETag", tag)
			if has(c.Request().Header.Get("If-None-Match"), tag) {
				h.Del("Content-Type")
				c.Response().Status = http.StatusNotModified
				inner.WriteHeader(http.StatusNotModified)
				return nil
			}
		}
		if buffer.status != 0 {
			inner.WriteHeader(buffer.status)
		}
		_, err = inner.Write(buffer.body.Bytes())
		return err
	}
}

func has(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || candidate == tag || "W/"+candidate == tag {
			return true
		}
	}
	return false
}

// buffered holds an answer back until its tag is known; an event stream and an archive pass through.
type buffered struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
	passed bool
}

func (b *buffered) WriteHeader(status int) {
	if t := b.Header().Get("Content-Type"); strings.HasPrefix(t, "text/event-stream") || t == archiveType || status == http.StatusPartialContent {
		b.passed = true
		b.ResponseWriter.WriteHeader(status)
		return
	}
	b.status = status
}

func (b *buffered) Write(p []byte) (int, error) {
	if b.passed {
		return b.ResponseWriter.Write(p)
	}
	return b.body.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (b *buffered) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// versionTag is the tag of a version that If-Match can name.
func versionTag(version int) string { return `"v` + strconv.Itoa(version) + `"` }

// ifMatch reads the version that an edit was made on; 0 for any.
func ifMatch(header *string) (int, error) {
	if header == nil || *header == "" || *header == "*" {
		return 0, nil
	}
	tag := strings.TrimSpace(*header)
	version, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(tag, `"v`), `"`))
	if err != nil || version < 1 || versionTag(version) != tag {
		return 0, fault.New(fault.PreconditionFailed, "precondition_failed", "If-Match names no version of this.")
	}
	return version, nil
}
