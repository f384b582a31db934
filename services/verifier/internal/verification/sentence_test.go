package verification

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/pcf"
)

func TestChangesOfOddsReadLikeThePageShowsThem(t *testing.T) {
	t.Parallel()
	require.Equal(t, "+21 %, interval -4 % to +52 %", change(pcf.Range{Low: -.04, Mid: .21, High: .52}))
	require.Equal(t, "×21.5, interval +94 % to ×199.4", change(pcf.Range{Low: .94, Mid: 20.5, High: 198.43}))
}
