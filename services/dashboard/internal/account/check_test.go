package account

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"
)

func TestATokensNameIsReadable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	person := Principal{}
	for name, ok := range map[string]bool{
		"CI": true, "deploy bot – Zürich": true,
		"": false, "   ": false, strings.Repeat("x", 101): false,
		"a\x00b": false, "two\nlines": false,
	} {
		err := NewToken{Name: name, Scopes: Scopes()[:1]}.check(person, now)
		if ok {
			require.NoError(t, err, "%q", name)
			continue
		}
		require.NotNil(t, fault.As(err), "%q", name)
		require.Equal(t, fault.Invalid, fault.As(err).Kind, "%q", name)
		require.Equal(t, "/name", fault.As(err).Fields[0].Pointer, "%q", name)
	}
}
