package cli_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/mail"
)

func TestTheOperatorReadsKeptMail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	src := config.Source{"SPECTER_DATA_DIR": dir}
	code, out, _ := run(t, src, "mail", "list")
	require.Zero(t, code)
	require.Equal(t, "no mail\n", out)
	code, _, errOut := run(t, src, "mail", "show")
	require.Equal(t, 4, code)
	require.Contains(t, errOut, "no such mail")

	spool := mail.NewSpool(filepath.Join(dir, "mail"), zap.NewNop())
	require.NoError(t, spool.Send(t.Context(), mail.Message{To: "ann@example.com", Subject: "Confirm", Text: "https://example.com/one\n"}))
	require.NoError(t, spool.Send(t.Context(), mail.Message{To: "bob@example.com", Subject: "Recover", Text: "line\tone\nhttps://example.com/two\n"}))

	code, out, _ = run(t, src, "mail", "list")
	require.Zero(t, code)
	require.Regexp(t, `(?s)ID +AT +TO +SUBJECT\n\S+ +\S+ +ann@example.com +Confirm\n\S+ +\S+ +bob@example.com +Recover\n$`, out)
	require.NotContains(t, out, "https://")

	code, out, _ = run(t, src, "mail", "list", "-o", "json")
	require.Zero(t, code)
	var listed []struct{ ID, To, Text string }
	require.NoError(t, json.Unmarshal([]byte(out), &listed))
	require.Len(t, listed, 2)
	require.Empty(t, listed[0].Text)

	code, out, _ = run(t, src, "mail", "show")
	require.Zero(t, code)
	require.Contains(t, out, "To:      bob@example.com\nSubject: Recover\n\nline\uFFFDone\nhttps://example.com/two\n")

	code, out, _ = run(t, src, "mail", "show", listed[0].ID)
	require.Zero(t, code)
	require.Contains(t, out, "https://example.com/one\n")
	code, _, _ = run(t, src, "mail", "show", "../mail/"+listed[0].ID)
	require.Equal(t, 4, code)
}
