package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/event"
)

func TestThePageNamesEveryEventWithItsMeaning(t *testing.T) {
	t.Parallel()
	page, err := render(os.DirFS("../../../proto/specter/event/v1"))
	require.NoError(t, err)
	for _, i := range event.All() {
		require.Contains(t, string(page), "| `"+i.Tag()+"` | ")
	}
	require.Contains(t, string(page), "| `proposal.expired.v1` | nobody decided and the evidence is 30 days old. |")
}
