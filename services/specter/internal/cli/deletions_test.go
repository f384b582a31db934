package cli_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/services/specter/internal/cli"
)

// Whoever checks a certificate compares its key with those that the server publishes, which are JSON.
func TestTheKeyOfACertificateIsPrintedAsItIsPublished(t *testing.T) {
	t.Parallel()
	signer, err := erasure.NewSigner("0123456789012345678901234567890123456789")
	require.NoError(t, err)
	document, err := signer.Sign(erasure.Certificate{ID: "c1", Instance: "https://specter.example.test", CompletedAt: now})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "certificate.json")
	require.NoError(t, os.WriteFile(file, document, 0o600))
	var published string
	text, err := json.Marshal([]byte(signer.PublicKey()))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &published))
	require.Equal(t, base64.StdEncoding.EncodeToString(signer.PublicKey()), published)

	code, out, errOut := run(t, config.Source{}, "deletions", "verify", file)
	require.Zero(t, code, errOut)
	require.Contains(t, out, "signed with "+published+"\n")
	require.Contains(t, string(document), published)
}

// A container sees no file of the machine's.
func TestACertificateAndALedgerAreReadFromStandardInput(t *testing.T) {
	t.Parallel()
	signer, err := erasure.NewSigner("0123456789012345678901234567890123456789")
	require.NoError(t, err)
	document, err := signer.Sign(erasure.Certificate{ID: "c1", CompletedAt: now})
	require.NoError(t, err)
	for command, want := range map[string]struct {
		code int
		text string
	}{
		"verify": {0, "certificate c1"},
		"replay": {2, "SPECTER_SECRET_KEY"}, // it was read, and there is no key to compare its signatures with
	} {
		var out bytes.Buffer
		code := cli.Main(t.Context(), cli.Env{
			Args: []string{"deletions", command, "-"}, In: bytes.NewReader(document), Out: &out, Err: &out,
			Settings: func() (config.Source, error) {
				return config.Source{"SPECTER_DATA_DIR": filepath.Join(t.TempDir(), "none")}, nil
			},
			Now: func() time.Time { return now },
		})
		require.Equal(t, want.code, code, out.String())
		require.Contains(t, out.String(), want.text)
	}
}

// Who writes to the operator waits as long as who asks in Settings.
func TestAnAccountIsDeletedAfterTheGraceInForce(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]string{"": "all of it 696h0m0s later", "48h": "all of it 48h0m0s later", "0s": "all of it at once"} {
		code, _, errOut := run(t, config.Source{"SPECTER_ACCOUNT_DELETION_GRACE": set}, "account", "delete", "ann@example.test")
		require.Equal(t, 2, code, errOut)
		require.Contains(t, errOut, want)
		require.Contains(t, errOut, "--yes")
	}
	code, _, errOut := run(t, config.Source{"SPECTER_ACCOUNT_DELETION_GRACE": "48h"}, "account", "delete", "ann@example.test", "--grace", "72h")
	require.Equal(t, 2, code, errOut)
	require.Contains(t, errOut, "72h0m0s later")
	for _, set := range []string{"697h", "soon"} {
		code, _, errOut := run(t, config.Source{"SPECTER_ACCOUNT_DELETION_GRACE": set}, "account", "delete", "ann@example.test", "--yes")
		require.Equal(t, 2, code, errOut)
		require.Contains(t, errOut, "SPECTER_ACCOUNT_DELETION_GRACE")
	}
}
