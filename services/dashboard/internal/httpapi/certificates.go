package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/throttle"
)

// certificatesPath is where the certificate of a deleted account is; its id follows.
const certificatesPath = "/deletions/"

// Certificates is the ledger of deleted accounts.
type Certificates interface {
	Document(ctx context.Context, id string) (string, error)
	Keys(ctx context.Context) ([][]byte, error)
}

// certificates serves what proves a deletion to whoever knows its id: the person it is about has no account any
// more to sign in to.
type certificates struct {
	ledger   Certificates
	key      []byte // that certificates are signed with now
	visitors *throttle.Throttle
	address  echo.IPExtractor
}

// serve answers GET and HEAD /deletions/{id}.
func (s *certificates) serve(c echo.Context) error {
	keepPrivate(c.Response().Header())
	if err := s.admit(c); err != nil {
		return err
	}
	document, err := s.ledger.Document(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	return c.JSONBlob(http.StatusOK, []byte(document))
}

// keys answers GET and HEAD /.well-known/specter-deletions.json: the key in use first, then those before it.
func (s *certificates) keys(c echo.Context) error {
	if err := s.admit(c); err != nil {
		return err
	}
	used, err := s.ledger.Keys(c.Request().Context())
	if err != nil {
		return err
	}
	used = slices.DeleteFunc(used, func(k []byte) bool { return bytes.Equal(k, s.key) })
	type key struct {
		Algorithm string `json:"algorithm"`
		PublicKey []byte `json:"public_key"`
	}
	var out struct {
		Type string `json:"type"`
		Keys []key  `json:"keys"`
	}
	out.Type = erasure.Type
	for _, k := range append([][]byte{s.key}, used...) {
		out.Keys = append(out.Keys, key{"Ed25519", k})
	}
	c.Response().Header().Set("Cache-Control", "public, max-age=300")
	return c.JSON(http.StatusOK, out)
}

func (s *certificates) admit(c echo.Context) error {
	if wait := s.visitors.Take(throttle.Network(s.address(c.Request()))); wait > 0 {
		return fault.New(fault.RateLimited, "rate_limited", "Certificates are read too fast from your address. Try again in a moment.").After(wait)
	}
	return nil
}
