package cli

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/svcmain"
)

// said runs the command without anything around it.
func said(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	src := config.Source{"SPECTER_DATA_DIR": filepath.Join(t.TempDir(), "none")}
	code = Main(t.Context(), Env{
		Args: args, In: strings.NewReader(""), Out: &stdout, Err: &stderr,
		Settings: func() (config.Source, error) { return src, nil }, Now: time.Now,
	})
	return code, stdout.String(), stderr.String()
}

// groups are the commands that have others below them, as they are typed.
func groups(cmd *cobra.Command, path []string) (all [][]string) {
	if cmd.HasSubCommands() {
		all = append(all, path)
	}
	for _, below := range cmd.Commands() {
		all = append(all, groups(below, append(path[:len(path):len(path)], below.Name()))...)
	}
	return all
}

func tree() *cobra.Command {
	a := &app{Env: Env{Out: io.Discard, Err: io.Discard}}
	return a.root()
}

// A script that mistypes a word must not go on as if it had been done.
func TestNoGroupOfCommandsTakesAWordItDoesNotKnow(t *testing.T) {
	t.Parallel()
	all := groups(tree(), nil)
	require.Greater(t, len(all), 15)
	require.Contains(t, all, []string{"deploy", "hook"})
	require.Contains(t, all, []string{"completion"})
	for _, path := range all {
		t.Run(strings.Join(append([]string{"specter"}, path...), " "), func(t *testing.T) {
			t.Parallel()
			code, out, errOut := said(t, append(path, "nosuchword", "X")...)
			require.Equal(t, svcmain.ExitUsage, code, out+errOut)
			require.Empty(t, out)
			require.NotEmpty(t, errOut)
			require.Equal(t, 2, strings.Count(errOut, "\n"), "an error and a hint: %s", errOut)
		})
	}
}

func TestAMistypedCommandIsAnsweredWithTheOneThatWasMeant(t *testing.T) {
	t.Parallel()
	for typed, meant := range map[string]string{
		"keys rol X": "specter keys roll", "account delet": "specter account delete", "key list": "specter keys", "deploy hook sho": "specter deploy hook show", "export verfy F": "specter export verify",
	} {
		code, out, errOut := said(t, strings.Fields(typed)...)
		require.Equal(t, svcmain.ExitUsage, code, typed)
		require.Empty(t, out, typed)
		require.Contains(t, errOut, "did you mean", typed)
		require.Contains(t, errOut, "`"+meant+"`", typed)
	}
	code, _, errOut := said(t, "keys", "nosuchword")
	require.Equal(t, svcmain.ExitUsage, code)
	require.Contains(t, errOut, "`specter keys --help`")
}

func TestAGroupAloneShowsWhatThereIs(t *testing.T) {
	t.Parallel()
	code, out, errOut := said(t, "keys")
	require.Equal(t, svcmain.ExitOK, code, errOut)
	require.Contains(t, out, "roll ")
	require.NotContains(t, out, "specter keys [flags]")
}
