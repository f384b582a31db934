package rig

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/faults/load"
	"github.com/draftlabs/specter/deploy/e2e/faults/oracle"
	"github.com/draftlabs/specter/deploy/e2e/ledger"
	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/testkit/program"
)

// Up is everything in one process, as `specter up` runs it.
type Up struct {
	Program *program.Program
	Book    *ledger.Ledger

	url      string
	target   load.Target
	data     string // directory
	database string
}

// StartUp runs `specter up` with its broker's store in storeDir.
func StartUp(t testing.TB, storeDir string) *Up {
	t.Helper()
	// Short, for the database's socket.
	dir, err := os.MkdirTemp("", "sp-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	program.OpenPath(t, dir)
	data := filepath.Join(dir, "data")
	require.NoError(t, os.Mkdir(data, 0o755))
	require.NoError(t, os.Mkdir(storeDir, 0o700))
	require.NoError(t, os.Symlink(storeDir, filepath.Join(data, "nats")))

	addr, facts := program.FreeAddr(t), filepath.Join(dir, "facts.json")
	u := &Up{url: "http://" + addr, data: data}
	u.Program = program.Start(t, "specter up", []string{
		"SPECTER_LOG_LEVEL=warn", "SPECTER_HTTP_ADDR=" + addr, "SPECTER_DATA_DIR=" + data, "SPECTER_BOOTSTRAP_FILE=" + facts,
	}, parts.Binary(t, "specter"), "up")
	u.Program.AwaitReady(t, u.url+"/healthz/ready")
	raw, err := os.ReadFile(facts)
	require.NoError(t, err)
	var boot struct {
		AccountID uuid.UUID `json:"account_id"`
		IngestKey string    `json:"ingest_key"`
	}
	require.NoError(t, json.Unmarshal(raw, &boot))
	u.target = load.Target{Account: boot.AccountID, Key: boot.IngestKey}
	u.database = "postgres://specter@/specter?port=5432&host=" + filepath.Join(data, "postgres", "run")
	u.Book, err = ledger.Open(t.TempDir(), ledgerFiles)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, u.Book.Close()) })
	return u
}

// Send starts a load, see Rig.Send.
func (u *Up) Send(t testing.TB, p load.Plan) *load.Run {
	t.Helper()
	p.URLs, p.Targets = []string{u.url}, []load.Target{u.target}
	return start(t, p, u.Book)
}

// Judge waits until the analyzer has nothing left to do, see Rig.Judge.
func (u *Up) Judge(t testing.TB, quick bool) oracle.Verdict {
	t.Helper()
	// Where the operator's commands find it; it is another one each time the broker was started.
	broker, err := os.ReadFile(filepath.Join(u.data, "broker.url"))
	require.NoError(t, err)
	settle(t, connect(t, strings.TrimSpace(string(broker))), quick)
	stored, err := oracle.Read(t.Context(), u.database)
	require.NoError(t, err)
	verdict, err := oracle.Judge(u.Book, stored)
	require.NoError(t, err)
	return verdict
}
