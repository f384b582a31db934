package scrub_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/scrub"
)

// The number of the rules goes with the code that has them, so that nobody changes these and forgets it.
func TestRulesHaveANumberOfTheirOwn(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
	sum := sha256.New()
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		sum.Write(text)
	}
	want, err := os.ReadFile("testdata/rules")
	require.NoError(t, err)
	got := fmt.Sprintf("%d %x\n", scrub.Rules, sum.Sum(nil))
	require.Equal(t, string(want), got, "the code has changed: when any text may be judged differently now, raise Rules; then write the second line into testdata/rules")
}
