package ledger_test

import (
	"os"
	"path/filepath"
	"slices"
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

// A full disk or a power cut takes a part of the line; the purge comes back in a minute with the same certificate.
func TestACertificateWhoseLineWasTornIsKeptWholeTheNextTime(t *testing.T) {
	t.Parallel()
	first, second := document(t), document(t)
	whole, err := erasure.Compact(first)
	require.NoError(t, err)
	line, err := erasure.Compact(second)
	require.NoError(t, err)
	for _, there := range []int{1, len(line) / 2, len(line) - 2} {
		path := filepath.Join(t.TempDir(), "deletions.jsonl")
		require.NoError(t, os.WriteFile(path, slices.Concat(whole, line[:there]), 0o600))
		for range 2 {
			require.NoError(t, ledger.NewFile(path).Append(t.Context(), second))
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		kept, torn := ledger.Read(text)
		require.Equal(t, 1, torn, "%d bytes of it were there", there)
		require.Len(t, kept, 2)
		require.JSONEq(t, string(second), string(kept[1]))
	}
	// All of it was there but its end.
	path := filepath.Join(t.TempDir(), "deletions.jsonl")
	require.NoError(t, os.WriteFile(path, line[:len(line)-1], 0o600))
	for _, one := range [][]byte{second, first} {
		require.NoError(t, ledger.NewFile(path).Append(t.Context(), one))
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, slices.Concat(line, whole), text)
}

// What a broken disk has put there may be longer than any certificate.
func TestALineOfAnyLengthHidesNoOther(t *testing.T) {
	t.Parallel()
	line, err := erasure.Compact(document(t))
	require.NoError(t, err)
	kept, torn := ledger.Read(slices.Concat(make([]byte, 1<<20), []byte("\n"), line))
	require.Len(t, kept, 1)
	require.Equal(t, 1, torn)
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
