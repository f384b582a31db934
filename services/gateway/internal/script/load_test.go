package script

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// A page may pin only what never changes: a build is that from the moment it is frozen.
func TestABuildIsPinnedOnlyAsItWasReleased(t *testing.T) {
	t.Parallel()
	const one, two = `post("/api/signals",1)`, `post("/api/signals",2)`
	manifest := []byte(`{"version":"0.2.0"}`)
	for name, c := range map[string]struct {
		released map[string]string
		want     []Script
	}{
		"not yet released": {
			map[string]string{"v0.1.0.js": one},
			[]Script{{Version: "0.2.0", Body: []byte(two)}, {Version: "0.1.0", Body: []byte(one), Released: true}},
		},
		"released": {
			map[string]string{"v0.1.0.js": one, "v0.2.0.js": two},
			[]Script{{Version: "0.2.0", Body: []byte(two), Released: true}, {Version: "0.1.0", Body: []byte(one), Released: true}},
		},
		"changed after its release": {
			map[string]string{"v0.2.0.js": one},
			[]Script{{Version: "0.2.0", Body: []byte(two)}, {Version: "0.2.0", Body: []byte(one), Released: true}},
		},
		"the newest release comes first": {
			map[string]string{"v0.1.9.js": one, "v0.1.10.js": one},
			[]Script{{Version: "0.2.0", Body: []byte(two)}, {Version: "0.1.10", Body: []byte(one), Released: true}, {Version: "0.1.9", Body: []byte(one), Released: true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := fstest.MapFS{}
			for file, body := range c.released {
				files["released/"+file] = &fstest.MapFile{Data: []byte(body)}
			}
			got, err := load(manifest, []byte(two), files, DefaultIngestPath)
			require.NoError(t, err)
			for i := range got {
				require.NotEmpty(t, got[i].Integrity)
				got[i].Integrity = ""
			}
			require.Equal(t, c.want, got)
		})
	}
}
