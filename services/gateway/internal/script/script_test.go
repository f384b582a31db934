package script_test

import (
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/gateway/internal/script"
)

// frozen are the hashes of all published scripts as they were published. Pages pin them: a line here
// is added with a release and never changed.
var frozen = map[string]string{
	"0.1.0": "sha384-AxKqZRSEk0u43Yt3cY8PLd6FQt7C+wLHcr//JdU5euuSONjjBKEl8eLm+2APcfpc",
	"0.2.0": "sha384-g2eHWwxmkPVBftxSRaeqQd7ItrbYP50rnWw7jR4IZgzWVMksXKtVmPVZm6us4HMe",
}

func TestReleasedScriptsNeverChange(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("released/*.js")
	require.NoError(t, err)
	require.Len(t, files, len(frozen))
	served := map[string]string{}
	all, err := script.Load(script.DefaultIngestPath)
	require.NoError(t, err)
	for _, s := range all {
		served[s.Version] = s.Integrity
	}
	for version, integrity := range frozen {
		require.Equal(t, integrity, served[version], version)
	}
}

// A version has one meaning: once it is released, the build of the same version is the same bytes. That
// the build is that of the source is held in package build.
func TestTheBuildIsTheReleaseOfItsVersion(t *testing.T) {
	t.Parallel()
	all, err := script.Load(script.DefaultIngestPath)
	require.NoError(t, err)
	build := all[0]
	for _, s := range all[1:] {
		require.True(t, s.Released, s.Version)
		require.NotEqual(t, s.Version, build.Version, "this version is released with other bytes: raise it in pkg/sdk/js/package.json and run make generate")
	}
	_, published := frozen[build.Version]
	require.Equal(t, published, build.Released, "a version that is not frozen is served to nobody who pins it")
}

// Who raises the version without having frozen the last one would make the pages that pin it load
// nothing: the version is the last frozen one or one step after it.
func TestNoVersionIsLeftOut(t *testing.T) {
	t.Parallel()
	all, err := script.Load(script.DefaultIngestPath)
	require.NoError(t, err)
	var last [3]int
	for version := range frozen {
		if v := numbers(t, version); slices.Compare(v[:], last[:]) > 0 {
			last = v
		}
	}
	steps := [][3]int{last, {last[0], last[1], last[2] + 1}, {last[0], last[1] + 1, 0}, {last[0] + 1, 0, 0}}
	require.Contains(t, steps, numbers(t, all[0].Version), "freeze the last version first: go run ./build release")
}

func numbers(t *testing.T, version string) (n [3]int) {
	t.Helper()
	_, err := fmt.Sscanf(version, "%d.%d.%d", &n[0], &n[1], &n[2])
	require.NoError(t, err)
	return n
}

func TestScriptsPostWhereTheyAreTold(t *testing.T) {
	t.Parallel()
	standard, err := script.Load(script.DefaultIngestPath)
	require.NoError(t, err)
	renamed, err := script.Load("/collect")
	require.NoError(t, err)
	require.Len(t, renamed, len(standard))
	for i, s := range renamed {
		require.Equal(t, standard[i].Version, s.Version)
		require.NotContains(t, string(s.Body), script.DefaultIngestPath)
		require.Equal(t, 1, strings.Count(string(s.Body), "/collect"))
		require.NotEqual(t, standard[i].Integrity, s.Integrity)
		sum := sha512.Sum384(s.Body)
		require.Equal(t, "sha384-"+base64.StdEncoding.EncodeToString(sum[:]), s.Integrity)
	}
}
