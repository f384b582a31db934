package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBeyondADoublingAChangeIsAFactor(t *testing.T) {
	t.Parallel()
	for change, want := range map[float64]string{-.5: "-50 %", 0: "+0 %", .99: "+99 %", 1: "×2.0", 1.32: "×2.3", 198.4: "×199.4"} {
		require.Equal(t, want, percent(change))
	}
}
