package ledger_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/services/retention/internal/ledger"
)

func document(t testing.TB) []byte {
	t.Helper()
	signer, err := erasure.NewSigner("0123456789abcdef0123456789abcdef")
	require.NoError(t, err)
	text, err := signer.Sign(erasure.Certificate{ID: erasure.NewID(), Subject: erasure.NewSubject(uuid.New())})
	require.NoError(t, err)
	return text
}

func TestCertificatesAreKeptOnceAndATornLineHidesNoOther(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deletions.jsonl")
	file := ledger.NewFile(path)
	first, second := document(t), document(t)
	require.NoError(t, file.Append(t.Context(), first))
	require.NoError(t, file.Append(t.Context(), first))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(text, `{"certif`...), 0o600))
	require.NoError(t, ledger.NewFile(path).Append(t.Context(), second))

	text, err = os.ReadFile(path)
	require.NoError(t, err)
	kept, torn := ledger.Read(text)
	require.Equal(t, 1, torn)
	require.Len(t, kept, 2)
	for i, want := range [][]byte{first, second} {
		require.JSONEq(t, string(want), string(kept[i]))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

func TestWithoutAPathNothingIsKept(t *testing.T) {
	t.Parallel()
	require.NoError(t, ledger.NewFile("").Append(t.Context(), document(t)))
	kept, torn := ledger.Read(nil)
	require.Empty(t, kept)
	require.Zero(t, torn)
}

func FuzzRead(f *testing.F) {
	f.Add(document(f))
	f.Fuzz(func(t *testing.T, text []byte) {
		kept, _ := ledger.Read(text)
		for _, one := range kept {
			if _, _, err := erasure.Verify(one); err != nil {
				t.Fatal(err)
			}
		}
	})
}
