package datadir_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/specter/internal/datadir"
)

func TestOnlyOneProcessHasTheDirectory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "data")
	holder, err := datadir.Holder(path)
	require.NoError(t, err)
	require.Zero(t, holder)

	first, err := datadir.Claim(path)
	require.NoError(t, err)
	_, err = datadir.Claim(path)
	var inUse *datadir.InUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, os.Getpid(), inUse.PID)
	require.ErrorContains(t, err, "SPECTER_DATA_DIR")
	holder, err = datadir.Holder(path)
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), holder)

	require.NoError(t, first.Release())
	holder, err = datadir.Holder(path)
	require.NoError(t, err)
	require.Zero(t, holder)
	second, err := datadir.Claim(path)
	require.NoError(t, err)
	require.NoError(t, second.Release())
}

func TestAPathThatCannotHoldADirectoryIsOneClearLine(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := datadir.Claim(filepath.Join(file, "data"))
	require.ErrorContains(t, err, "cannot write to the data directory")
	require.ErrorContains(t, err, "SPECTER_DATA_DIR")
	require.NotContains(t, err.Error(), "\n")
}

func TestSecretsAreMadeOnceAndPrivate(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	dir, err := datadir.Claim(path)
	require.NoError(t, err)
	secrets, err := dir.Secrets()
	require.NoError(t, err)
	require.NotEqual(t, secrets.JWTSecret, secrets.SecretKey)
	again, err := dir.Secrets()
	require.NoError(t, err)
	require.Equal(t, secrets, again)
	info, err := os.Stat(filepath.Join(path, "secrets.json"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	require.NoError(t, dir.Release())
}

func TestAReplacedFileIsWholeAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, datadir.WriteFile(path, []byte("one")))
	require.NoError(t, datadir.WriteFile(path, []byte("two")))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "two", string(text))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}
