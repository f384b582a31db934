package specter_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/specter/internal/client"
)

// Without these files the operator's commands cannot find what runs.
func TestUpDoesNotStartWhenItsAddressesCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"database.url", "broker.url"} {
		p := newPlace(t)
		require.NoError(t, os.Mkdir(p.dir, 0o711))
		require.NoError(t, os.MkdirAll(filepath.Join(p.dir, file, "in the way"), 0o711))
		code, out, errOut := p.specter(t, "up")
		require.Equal(t, 1, code, out+errOut)
		require.Contains(t, errOut, file)
		require.NotContains(t, out, "Specter is ready")
	}
}

func TestAnOperatorLimitsAccountsAndRebuildsTheCatalogue(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	code, _, errOut := p.specter(t, "account", "limit", "ann@example.test", "5")
	require.Equal(t, 2, code, errOut)
	require.Contains(t, errOut, "specter up")

	s := p.up(t)
	facts := p.facts(t)
	code, out, errOut := p.specter(t, "account", "limit", facts.Email, "100000")
	require.Zero(t, code, errOut)
	require.Regexp(t, `signals a month +100000 +set by the operator`, out)
	code, _, errOut = p.specter(t, "account", "limit", "nobody@example.test", "5")
	require.Equal(t, 4, code, errOut)
	code, _, errOut = p.specter(t, "account", "limit", facts.Email, "many")
	require.Equal(t, 2, code, errOut)
	code, out, errOut = p.specter(t, "account", "limit", facts.Email, "--remove")
	require.Zero(t, code, errOut)
	require.Regexp(t, `signals a month +any number +by its plan`, out)
	code, out, errOut = p.specter(t, "account", "plan", facts.Email, "free")
	require.Zero(t, code, errOut)
	require.Regexp(t, `plan +free +given by the operator, else self-hosted`, out)
	code, _, errOut = p.specter(t, "account", "plan", facts.Email, "golden")
	require.Equal(t, 4, code, errOut)
	require.Contains(t, errOut, "specter account plans")
	code, out, errOut = p.specter(t, "account", "plans")
	require.Zero(t, code, errOut)
	require.Regexp(t, `self-hosted +any number`, out)
	code, _, errOut = p.specter(t, "account", "plan", facts.Email, "--remove")
	require.Zero(t, code, errOut)
	code, out, errOut = p.specter(t, "account", "show", facts.Email, "-o", "json")
	require.Zero(t, code, errOut)
	require.Contains(t, out, `"plan": "self-hosted"`)

	code, _, errOut = p.specter(t, "catalog", "rebuild")
	require.Equal(t, 1, code, errOut)
	require.Contains(t, errOut, "stop it", "its broker lives in the running process")
	s.stop(syscall.SIGTERM)

	// The broker's disk is lost, and with it the catalogue.
	require.NoError(t, os.RemoveAll(filepath.Join(p.dir, "nats")))
	code, out, errOut = p.specter(t, "catalog", "rebuild", "-o", "json")
	require.Zero(t, code, errOut)
	require.JSONEq(t, `{"accounts":1,"written":3,"removed":0}`, out)

	s = p.up(t)
	require.NoError(t, connect(t, facts).Send(t.Context(), facts.IngestKey, client.LiveSignal{ID: uuid.New(), Type: "cta_click"}))
	s.stop(syscall.SIGTERM)
}
