package e2e

import (
	"bufio"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/draftlabs/specter/"

type goPackage struct {
	ImportPath, Dir, Doc string
	Imports              []string
	GoFiles              []string
}

// packages lists every package of the workspace but the test-only modules.
func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Doc,Imports,GoFiles", "./pkg/...", "./pkg/sdk/go/...", "./proto/...",
		"./services/analyzer/...", "./services/dashboard/...", "./services/gateway/...", "./services/notifier/...",
		"./services/proposal/...", "./services/retention/...", "./services/specter/...", "./services/verifier/...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p goPackage
		require.NoError(t, decoder.Decode(&p))
		all = append(all, p)
	}
	require.Greater(t, len(all), 40)
	return all
}

// TestWhoMayImportWhom holds the rules that make a service replaceable.
func TestWhoMayImportWhom(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, module)
			if !ours {
				requireAdapter(t, from, imported)
				continue
			}
			switch {
			case strings.HasPrefix(from, "proto"):
				require.True(t, strings.HasPrefix(to, "proto"), "%s imports %s: contracts import nothing of ours", from, to)
			case strings.HasPrefix(from, "pkg"):
				require.False(t, strings.HasPrefix(to, "services"), "%s imports %s: shared code never knows a service", from, to)
			case strings.HasPrefix(from, "services/specter"):
				if strings.HasPrefix(to, "services/") && !strings.HasPrefix(to, "services/specter") {
					require.Equal(t, 2, len(strings.Split(to, "/")), "%s imports %s: only a service's root package", from, to)
				}
			case strings.HasPrefix(from, "services/"):
				if strings.HasPrefix(to, "services/") {
					require.Equal(t, strings.Split(from, "/")[1], strings.Split(to, "/")[1], "%s imports %s: no service imports another", from, to)
					requireApart(t, from, to)
				}
			}
		}
	}
}

// adapters of a service do not import each other; only its root wires them.
func requireApart(t *testing.T, from, to string) {
	t.Helper()
	adapter := func(path string) string {
		for _, name := range []string{"httpapi", "consume", "postgres", "timers", "llm"} {
			if strings.Contains(path+"/", "/internal/"+name+"/") {
				return name
			}
		}
		return ""
	}
	a, b := adapter(from), adapter(to)
	require.False(t, a != "" && b != "" && a != b, "%s imports %s: adapters do not import each other", from, to)
}

// requireAdapter: the database driver is met only where SQL lives.
func requireAdapter(t *testing.T, from, imported string) {
	t.Helper()
	if !strings.HasPrefix(imported, "github.com/jackc/pgx") || !strings.HasPrefix(from, "services/") || strings.HasPrefix(from, "services/specter") {
		return
	}
	parts := strings.Split(from, "/")
	isRoot := len(parts) == 2
	// What a service's own benchmark seeds is no part of the service.
	require.True(t, isRoot || strings.Contains(from, "/internal/postgres") || strings.Contains(from, "/internal/timers") || strings.HasSuffix(from, "/internal/bench"),
		"%s imports %s: SQL lives in internal/postgres", from, imported)
}

// TestTheGoSDKNeedsNothingElse: whoever uses it gets no dependency with it, not even one of ours.
func TestTheGoSDKNeedsNothingElse(t *testing.T) {
	t.Parallel()
	const sdk = module + "pkg/sdk/go"
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if strings.HasPrefix(p.ImportPath, sdk) && strings.Contains(imported, ".") {
				require.True(t, strings.HasPrefix(imported, sdk), "%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

// TestOnlyOnePackageEntersATenant: what a transaction's tenant is, and what credential it looks up, is set in pkg/tenant
// and nowhere else, and no setting outlives its transaction.
func TestOnlyOnePackageEntersATenant(t *testing.T) {
	t.Parallel()
	base := root(t)
	setting := regexp.MustCompile(`specter\.(account_id|user_id|[a-z]+_hash|hook_product|billing_customer|billing_due|certificate)\b`)
	calls := regexp.MustCompile(`set_config\(([^()]|\([^()]*\))*\)`)
	seen := 0
	require.NoError(t, filepath.WalkDir(base, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(base, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == "node_modules" || entry.Name() == ".git" || entry.Name() == ".tools" || name == "pkg/schema/migrations" {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, "_test.go") || filepath.Ext(name) != ".go" && filepath.Ext(name) != ".sql" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		if !strings.HasPrefix(name, "pkg/tenant/") {
			require.NotRegexp(t, setting, string(text), "%s: pkg/tenant enters tenants", name)
		}
		for _, call := range calls.FindAllString(string(text), -1) {
			require.True(t, strings.HasSuffix(call, "true)") || strings.HasSuffix(call, "(…, true)"), "%s: %s outlives its transaction", name, call)
		}
		return nil
	}))
	require.Greater(t, seen, 300)
}

// TestEveryPackageSaysWhatItIsFor: the doc comment is the first thing a reader meets.
func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if strings.Contains(p.ImportPath, "/gen/") || strings.HasSuffix(p.ImportPath, "/postgres/db") || strings.Contains(p.ImportPath, "/cmd/") {
			continue
		}
		require.NotEmpty(t, p.Doc, "%s has no doc comment", p.ImportPath)
	}
}

// TestFilesStaySmallAndSettingsStayInOnePlace reads the sources as text.
func TestFilesStaySmallAndSettingsStayInOnePlace(t *testing.T) {
	t.Parallel()
	base := root(t)
	walk := func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch entry.Name() {
			case ".git", ".tools", "node_modules", "gen", "dist", "db", "bin", ".specter":
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(path) {
		case ".go", ".ts", ".tsx", ".sql", ".css":
		default:
			return nil
		}
		name, err := filepath.Rel(base, path)
		if err != nil {
			return err
		}
		lines, text := readLines(t, path)
		require.LessOrEqual(t, lines, 600, "%s is too long to hold in one's head", name)
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(name, "deploy/") || strings.Contains(name, "/examples/") {
			return nil
		}
		if !strings.HasPrefix(name, "pkg/config/") && strings.HasSuffix(path, ".go") {
			require.NotContains(t, text, "os.Getenv(", "%s: settings are read in pkg/config", name)
			require.NotContains(t, text, "os.LookupEnv(", "%s: settings are read in pkg/config", name)
		}
		if !strings.HasPrefix(name, "pkg/svcmain/") && !strings.Contains(name, "/build/") && !strings.Contains(name, "/doc/") && strings.HasSuffix(path, ".go") {
			require.NotContains(t, text, "os.Exit(", "%s: pkg/svcmain decides exit codes", name)
		}
		if !strings.HasPrefix(name, "services/specter/") && strings.HasSuffix(path, ".go") {
			require.NotContains(t, strings.ToLower(text), "all-in-one", "%s: modes are known in services/specter only", name)
		}
		return nil
	}
	require.NoError(t, filepath.WalkDir(base, walk))
}

func readLines(t *testing.T, path string) (int, string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	n := 0
	scanner := bufio.NewScanner(strings.NewReader(string(raw)))
	scanner.Buffer(make([]byte, 1<<20), 1<<20)
	for scanner.Scan() {
		n++
	}
	return n, string(raw)
}
