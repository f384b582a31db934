package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
	"github.com/stretchr/testify/require"
)

// Tests run in the folder of the package, one below where go generate runs.
var testSDK = filepath.Join("..", sdkDir)

func TestCommittedScriptIsBuiltFromTheCommittedSource(t *testing.T) {
	t.Parallel()
	built, err := bundle(testSDK)
	require.NoError(t, err)

	script, err := os.ReadFile(filepath.Join("..", distDir, "s.js"))
	require.NoError(t, err)
	manifest, err := os.ReadFile(filepath.Join("..", distDir, "s.json"))
	require.NoError(t, err)

	require.Equal(t, string(built.script), string(script), "run: make generate")
	require.Equal(t, string(built.manifest), string(manifest), "run: make generate")
}

func TestScriptFitsItsBudget(t *testing.T) {
	t.Parallel()
	built, err := bundle(testSDK)
	require.NoError(t, err)
	size, err := gzipSize(built.script)
	require.NoError(t, err)
	require.LessOrEqual(t, size, maxGzipBytes)
}

// What a page's own bundle grows by.
func TestPackageFitsItsBudget(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, writeSDK(testSDK, dir))
	for name, budget := range map[string]int{"index.js": 4608, "react.js": 700, "vue.js": 500, "node.js": 4096, "specter.iife.js": 4864} {
		script, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		size, err := gzipSize(script)
		require.NoError(t, err)
		require.LessOrEqual(t, size, budget, name)
	}
}

func TestAReleaseIsFrozen(t *testing.T) {
	t.Parallel()
	dist, released := t.TempDir(), t.TempDir()
	built := artifact{script: []byte("one"), manifest: []byte(`{"version":"1.2.3"}`)}
	require.NoError(t, built.write(dist))
	require.NoError(t, release(dist, released))
	require.NoError(t, release(dist, released), "again, without a change")
	built.script = []byte("two")
	require.NoError(t, built.write(dist))
	require.ErrorContains(t, release(dist, released), "raise the version")
	frozen, err := os.ReadFile(filepath.Join(released, "v1.2.3.js"))
	require.NoError(t, err)
	require.Equal(t, "one", string(frozen))
}

// The SDK's own tests are TypeScript: they are translated here, so that they run with Go and Node
// alone, without npm.
func TestSDKUnits(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob(filepath.Join(testSDK, "test", "*.test.ts"))
	require.NoError(t, err)
	require.NotEmpty(t, sources)
	dir := t.TempDir()
	res := api.Build(api.BuildOptions{
		EntryPoints:  sources,
		Bundle:       true,
		Format:       api.FormatESModule,
		Platform:     api.PlatformNode,
		Define:       map[string]string{"TAG": "false"},
		Target:       api.ES2022,
		Outdir:       dir,
		OutExtension: map[string]string{".js": ".mjs"},
		Write:        true,
		LogLevel:     api.LogLevelSilent,
	})
	require.Empty(t, res.Errors)

	built, err := filepath.Glob(filepath.Join(dir, "*.mjs"))
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), node(t), append([]string{"--test"}, built...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
}

// node finds Node where the machine or scripts/bootstrap.sh has put it.
func node(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("node"); err == nil {
		return path
	}
	own, err := filepath.Abs(filepath.Join(testSDK, "..", "..", "..", ".tools", "node", "node_modules", "node", "bin", "node"))
	require.NoError(t, err)
	require.FileExists(t, own, "Node 20 is needed: run make test, which installs it")
	return own
}
