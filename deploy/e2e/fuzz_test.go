package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFuzzScript runs scripts/fuzz.sh in a small workspace of its own: it finds the targets of every
// module, and stops at one that fails with the path of the input.
func TestFuzzScript(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile(filepath.Join(root(t), "scripts", "fuzz.sh"))
	require.NoError(t, err)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	write := func(name, text string, mode os.FileMode) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
	}
	target := func(name, check string) string {
		return "package p\n\nimport \"testing\"\n\nfunc " + name + "(f *testing.F) {\n\tf.Add(\"seed\")\n\tf.Fuzz(func(t *testing.T, s string) { " + check + " })\n}\n"
	}
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "scripts", "fuzz.sh"), args...)
		cmd.Env = append(os.Environ(), "FUZZTIME=500x", "GOFLAGS=", "GOWORK="+filepath.Join(dir, "go.work"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	write("scripts/fuzz.sh", string(script), 0o755)
	write("go.work", "go 1.26.0\n\nuse (\n\t./a\n\t./b\n)\n", 0o644)
	write("a/go.mod", "module example.test/a\n\ngo 1.26.0\n", 0o644)
	write("b/go.mod", "module example.test/b\n\ngo 1.26.0\n", 0o644)
	write("a/p/p.go", "package p\n", 0o644)
	write("b/deep/p/p.go", "package p\n", 0o644)
	write("a/p/p_test.go", target("FuzzSame", `if s != s+"" { t.Fatal() }`), 0o644)
	write("b/deep/p/p_test.go", target("FuzzLong", `if len(s) > 1<<20 { t.Fatal() }`), 0o644)

	out, err := run()
	require.NoError(t, err, out)
	require.Contains(t, out, "fuzz: a/p FuzzSame")
	require.Contains(t, out, "fuzz: b/deep/p FuzzLong")
	require.Contains(t, out, "fuzz: 2 targets ran clean")

	write("b/deep/p/more_test.go", target("FuzzLess", `if s != "seed" { t.Fatal("another") }`), 0o644)
	out, err = run()
	require.Error(t, err, out)
	require.Regexp(t, `fuzz: b/deep/p FuzzLess failed; commit the input with the repair: b/deep/p/testdata/fuzz/FuzzLess/[0-9a-f]+\n`, out)
	require.NotContains(t, out, "b/deep/p FuzzLong", "it stops at the first")

	out, err = run("a/p")
	require.NoError(t, err, out)
	require.Contains(t, out, "fuzz: 1 targets ran clean")
	out, err = run("nothing")
	require.Error(t, err, out)
	require.Contains(t, out, "no target matches nothing")

	// Of a package that cannot be read no target is known.
	write("b/deep/p/p_test.go", "package p\n\nimport (\n", 0o644)
	out, err = run("a/p")
	require.Error(t, err, out)
	require.Contains(t, out, "p_test.go")
	require.NotContains(t, out, "ran clean")
}
