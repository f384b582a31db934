package promises_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/promises"
)

const root = "../../.."

func lists(t *testing.T) []promises.List {
	t.Helper()
	all, err := promises.Lists()
	require.NoError(t, err)
	return all
}

func TestEveryClaimNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	for _, l := range lists(t) {
		for _, c := range l.Claims {
			for _, name := range c.Tests {
				folder, function, err := promises.Split(name)
				require.NoError(t, err)
				require.True(t, defines(t, filepath.Join(root, folder), function), "%s: there is no test %s", c.ID, name)
			}
		}
	}
}

// defines looks for a test function in the test files of a folder.
func defines(t *testing.T, folder, function string) bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == function {
				return true
			}
		}
	}
	return false
}

func TestTheDocumentsSayWhatTheListsSay(t *testing.T) {
	t.Parallel()
	for _, l := range lists(t) {
		text, err := os.ReadFile(filepath.Join(root, "docs", l.Document))
		require.NoError(t, err)
		written, err := l.Write(string(text))
		require.NoError(t, err)
		require.Equal(t, written, string(text), "docs/%s: run `make generate`", l.Document)
	}
}

func TestAllElevenPromisesAreThere(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	for _, c := range lists(t)[0].Claims {
		have[c.ID] = true
	}
	for _, id := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"} {
		require.True(t, have[id], "promise %s", id)
	}
}

func TestAClaimIsProvedByATestThatPassedOnly(t *testing.T) {
	t.Parallel()
	claims := []promises.List{{Document: "X.md", Claims: []promises.Claim{
		{ID: "1", Tests: []string{"pkg/a.TestGood", "pkg/a.TestBad", "pkg/a.TestSkipped", "pkg/a.TestAbsent", "pkg/b.TestGood"}},
	}}}
	events := `{"Action":"start","Package":"github.com/draftlabs/specter/pkg/a"}
{"Action":"output","Package":"github.com/draftlabs/specter/pkg/a","Test":"TestGood","Output":"{\"Action\":\"fail\"}\n"}
{"Action":"pass","Package":"github.com/draftlabs/specter/pkg/a","Test":"TestGood"}
{"Action":"fail","Package":"github.com/draftlabs/specter/pkg/a","Test":"TestBad"}
{"Action":"pass","Package":"github.com/draftlabs/specter/pkg/a","Test":"TestBad"}
{"Action":"pass","Package":"github.com/draftlabs/specter/pkg/a","Test":"TestAbsent/a part"}
{"Action":"skip","Package":"github.com/draftlabs/specter/pkg/a","Test":"TestSkipped"}`
	results := promises.Results{}
	require.NoError(t, results.Add(strings.NewReader(events)))
	require.Equal(t, []string{
		"X.md 1: pkg/a.TestBad ended with fail",
		"X.md 1: pkg/a.TestSkipped ended with skip",
		"X.md 1: pkg/a.TestAbsent did not run",
		"X.md 1: pkg/b.TestGood did not run",
	}, results.Unproved(claims))
	require.Error(t, results.Add(strings.NewReader("{broken")))
}
