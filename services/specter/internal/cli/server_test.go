package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/gateway"
	"github.com/draftlabs/specter/services/specter"
	"github.com/draftlabs/specter/services/specter/internal/bootstrap"
)

// writes keeps what each call of Write was given.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

// Whoever waits for the first line, a supervisor or a script, has the rest of it too.
func TestAServerIsAnnouncedInOnePiece(t *testing.T) {
	t.Parallel()
	ready := specter.Ready{
		Facts: bootstrap.Facts{URL: "http://127.0.0.1:8080", Email: "operator@specter.localhost", Password: "once", IngestKey: "spk_1"},
		Tag:   gateway.Tag{Path: "/s.js", Pinned: "/s/v1.0.0.js", Integrity: "sha384-x"},
		Fresh: true, Took: 1500 * time.Millisecond, Dir: "data", Mail: "data/mail",
	}
	for _, format := range []string{"table", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			var out writes
			a := &app{out: newPrinter(&out), format: format}
			a.announce(ready)
			require.Len(t, out, 1)
			require.Contains(t, out[0], ready.Facts.URL)
			require.Contains(t, out[0], ready.Facts.IngestKey)
			require.Contains(t, out[0], ready.Facts.Password)
		})
	}
}
