package e2e

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// deserter is an account that is going to be deleted, and all that must not be found of it.
type deserter struct {
	*system
	account uuid.UUID
	traces  map[string]string // by what they are
}

// TestADeletedAccountIsNowhere deletes an account that has left something in every store, while eight clients go
// on sending with its key, and then looks at every row, every message and every byte there is.
func TestADeletedAccountIsNowhere(t *testing.T) {
	t.Parallel()
	customer := newReceiver(t)
	dir := t.TempDir()
	stays, up := startUp(t, upOptions{dataDir: dir, addr: program.FreeAddr(t), receiver: customer, env: []string{"SPECTER_LOG_LEVEL=info"}})
	data := filepath.Join(dir, "specter")
	gone := desert(t, stays, customer, data)

	person := parts.NewPerson(t, gone.URL)
	person.SignIn(t, gone.Email, gone.Password)
	stop := keepSending(gone.system)
	call[api.Account](t, person, http.MethodPost, "/api/v1/account/deletion", api.DeletionRequest{ConfirmEmail: gone.Email})
	db := owner(t, data)
	var certificate string
	program.Await(t, patience, "the deletion to be noted", func() bool {
		return db.QueryRow(t.Context(), `SELECT certificate_id FROM deletions WHERE account_id = $1`, gone.account).Scan(&certificate) == nil
	})
	program.Await(t, 2*time.Minute, "the certificate", func() bool {
		var there bool
		err := db.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM deletion_certificates WHERE id = $1)`, certificate).Scan(&there)
		return err == nil && there
	})
	res, document := send(t, http.DefaultClient, http.MethodGet, gone.URL+"/deletions/"+certificate, nil, nil)
	require.Equal(t, http.StatusOK, res.StatusCode)
	program.Await(t, time.Minute, "the deletion itself to be forgotten", func() bool {
		var there bool
		err := db.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM deletions)`).Scan(&there)
		return err == nil && !there
	})
	sent, accepted := stop()
	require.Positive(t, sent)
	t.Logf("eight clients sent %d requests, %d were taken", sent, accepted)

	c, key, err := erasure.Verify(document)
	require.NoError(t, err)
	require.True(t, c.Subject.Is(gone.account))
	require.Equal(t, map[string]string{"auth": "deleted", "billing": "none"}, c.Parties)
	require.Equal(t, int64(1), c.Tables["accounts"])
	require.Positive(t, c.Tables["signal_blocks"])
	require.Positive(t, c.Queues["SIGNALS"])
	require.Positive(t, c.Queues["DEADLETTER"])
	t.Logf("%s", document)
	_, text := send(t, http.DefaultClient, http.MethodGet, gone.URL+erasure.KeysPath, nil, nil)
	var published struct {
		Keys []struct {
			PublicKey []byte `json:"public_key"`
		} `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(text, &published))
	require.Equal(t, []byte(key), published.Keys[0].PublicKey)
	res, _ = send(t, http.DefaultClient, http.MethodGet, gone.URL+"/deletions/"+erasure.NewID(), nil, nil)
	require.Equal(t, http.StatusNotFound, res.StatusCode)

	inPostgres(t, db, gone.traces)
	inTheBroker(t, data, gone.traces)
	require.Equal(t, 1, countSignals(t, stays, stays.ProductID), "the neighbour lost nothing")
	inTheLog(t, up, gone.traces)
	names := fileNames(t, db)
	up.Stop(t)
	onTheDisk(t, dir, gone, names)
}

// desert makes an account that has left something wherever something can be left.
func desert(t *testing.T, stays *system, customer *receiver, data string) deserter {
	t.Helper()
	gone := deserter{system: signUp(t, stays.URL)}
	runSpecter(t, gone.system, "demo")
	person := parts.NewPerson(t, gone.URL)
	person.SignIn(t, gone.Email, gone.Password)
	gone.account = call[api.Account](t, person, http.MethodGet, "/api/v1/account", nil).Id
	canary := "canary-" + strings.ReplaceAll(uuid.NewString(), "-", "")[:20]
	endpoint := call[api.CreatedEndpoint](t, person, http.MethodPost, "/api/v1/webhook-endpoints", map[string]string{"url": customer.server.URL + "/" + canary})

	left := leaveEverything(t, gone.system, person, canary)

	status, answer := gone.post(t, "/api/signals", gone.IngestKey, fmt.Sprintf(`[{"id":%q,"context_id":%q,"type":"page_view","payload":{"note":%q}}]`, uuid.NewString(), gone.ContextID, canary))
	require.Equal(t, http.StatusOK, status, answer)
	status, _ = gone.post(t, "/api/signals", gone.IngestKey, fmt.Sprintf(`[{"type":"","payload":{"note":%q}}]`, canary))
	require.Equal(t, http.StatusBadRequest, status)
	status, answer = stays.post(t, "/api/signals", stays.IngestKey, fmt.Sprintf(`[{"id":%q,"context_id":%q,"type":"page_view"}]`, uuid.NewString(), stays.ContextID))
	require.Equal(t, http.StatusOK, status, answer)
	// A batch of both that cannot be processed: its ids are none.
	b, db := brokerOf(t, data), owner(t, data)
	letter := &eventv1.SignalBatch{}
	for _, product := range []uuid.UUID{gone.ProductID, stays.ProductID} {
		var account uuid.UUID
		require.NoError(t, db.QueryRow(t.Context(), `SELECT account_id FROM products WHERE id = $1`, product).Scan(&account))
		note := `{"note":"the neighbour's"}`
		if account == gone.account {
			note = `{"note":"` + canary + `"}`
		}
		letter.Signals = append(letter.Signals, &eventv1.Signal{Id: []byte("no id"), AccountId: account[:], ProductId: product[:], Type: "x", Payload: []byte(note)})
	}
	_, err := bus.Publish(t.Context(), b, event.SignalBatch, bus.Message[*eventv1.SignalBatch]{ID: uuid.New(), Time: time.Now(), Body: letter})
	require.NoError(t, err)
	program.Await(t, time.Minute, "a dead letter, and the signals", func() bool {
		letters, err := b.DeadLetters(t.Context(), 0, 10)
		return err == nil && len(letters) > 0 && countSignals(t, gone.system, gone.ProductID) > 0 && countSignals(t, stays, stays.ProductID) > 0
	})
	var user uuid.UUID
	require.NoError(t, db.QueryRow(t.Context(), `SELECT owner_user_id FROM accounts WHERE id = $1`, gone.account).Scan(&user))
	// What Postgres itself has learned of the rows.
	_, err = db.Exec(t.Context(), `ANALYZE`)
	require.NoError(t, err)
	gone.traces = map[string]string{
		"the account": gone.account.String(), "its owner": user.String(), "its product": gone.ProductID.String(), "its context": gone.ContextID.String(),
		"its endpoint": endpoint.Endpoint.Id.String(), "its address": gone.Email, "what it sent": canary, "its key": gone.IngestKey,
		"its key's hash": hex.EncodeToString(apikey.Hash(gone.IngestKey)), "its token": gone.Token,
	}
	maps.Copy(gone.traces, left)
	return gone
}

// leaveEverything goes the whole way with the demo's shop: a change is decided, shipped and proven, the proof is shared,
// keys are rolled, a deploy hook is called, and all of it is exported. It returns what must not be found of that.
func leaveEverything(t *testing.T, s *system, person *parts.Person, canary string) map[string]string {
	t.Helper()
	shop := productNamed(t, s, "Demo shop")
	deployments := call[api.DeploymentPage](t, s, http.MethodGet, "/api/v1/products/"+shop.String()+"/deployments", nil).Items
	require.NotEmpty(t, deployments, "the demo has shipped something")
	proposalsOf(t, s, shop, 2)
	proposal := waiting(t, s, shop)[0].Id
	title := "Say " + canary
	call[api.Proposal](t, s, http.MethodPatch, "/api/v1/proposals/"+proposal.String(), api.ProposalPatch{Title: &title, SuggestedChange: &title})
	decided := call[api.Proposal](t, s, http.MethodPost, "/api/v1/proposals/"+proposal.String()+"/decision", map[string]string{"decision": "approved"})
	deployment := "/api/v1/deployments/" + decided.DeploymentId.String()
	hook := call[api.DeployHookToken](t, s, http.MethodPost, "/api/v1/products/"+shop.String()+"/deploy-hook/token", map[string]any{})
	status, answer := s.post(t, hookPath(t, hook.Url), "", fmt.Sprintf(`{"commit":"abc1234","environment":%q}`, canary))
	require.Equal(t, http.StatusOK, status, answer)
	require.NotEmpty(t, call[api.DeployReceiptPage](t, s, http.MethodGet, "/api/v1/products/"+shop.String()+"/deploy-receipts", nil).Items)
	call[api.Deployment](t, s, http.MethodPost, deployment+"/report", map[string]string{"version": canary, "environment": "production", "commit": "abc1234"})
	share := call[api.CreatedShare](t, s, http.MethodPost, "/api/v1/deployments/"+deployments[0].Id.String()+"/shares", api.NewShare{}).Path
	res, page := send(t, http.DefaultClient, http.MethodGet, s.URL+share, nil, nil)
	require.Equal(t, http.StatusOK, res.StatusCode, "%s", page)

	importAll(t, s, shop, []api.HistoricSignal{{Id: uuid.New(), Type: "page_view", Timestamp: time.Now().Add(-48 * time.Hour), Payload: &map[string]any{"note": canary}}})
	named := call[api.CreatedProduct](t, person, http.MethodPost, "/api/v1/products", api.NewProduct{Name: canary})
	rolled := call[api.RolledApiKey](t, person, http.MethodPost, "/api/v1/products/"+named.Product.Id.String()+"/keys/"+named.Key.Id.String()+"/roll", api.Roll{Grace: api.GraceHour})

	export := call[api.Export](t, person, http.MethodPost, "/api/v1/account/exports", nil)
	program.Await(t, 2*time.Minute, "the archive", func() bool {
		return call[api.Export](t, person, http.MethodGet, "/api/v1/account/exports/"+export.Id.String(), nil).Status == api.ExportReady
	})
	res, archive := person.Do(t, http.MethodGet, "/api/v1/account/exports/"+export.Id.String()+"/archive", nil)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.NotEmpty(t, archive)
	return map[string]string{
		"the shop": shop.String(), "its proposal": proposal.String(), "its deployment": decided.DeploymentId.String(), "its proven deployment": deployments[0].Id.String(),
		"the link to its proof": path.Base(share), "its export": export.Id.String(), "its hook": path.Base(hook.Url), "its rolled key": named.Key.Key, "the key after it": rolled.Key.Key,
	}
}

// keepSending has eight clients send with the account's key until they are stopped.
func keepSending(s *system) (stop func() (sent, accepted int)) {
	ctx, cancel := context.WithCancel(context.Background())
	var mu sync.Mutex
	var clients sync.WaitGroup
	sent, accepted := 0, 0
	pace := time.NewTicker(5 * time.Millisecond)
	for range 8 {
		clients.Go(func() {
			for ctx.Err() == nil {
				body := fmt.Sprintf(`[{"id":%q,"context_id":%q,"type":"late"}]`, uuid.NewString(), s.ContextID)
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/signals", strings.NewReader(body))
				if err != nil {
					return
				}
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("x-api-key", s.IngestKey)
				if res, err := http.DefaultClient.Do(req); err == nil {
					_ = res.Body.Close()
					mu.Lock()
					sent++
					if res.StatusCode == http.StatusOK {
						accepted++
					}
					mu.Unlock()
				}
				select {
				case <-ctx.Done():
				case <-pace.C:
				}
			}
		})
	}
	return func() (int, int) {
		cancel()
		clients.Wait()
		pace.Stop()
		return sent, accepted
	}
}

// owner connects to the private database as its operator.
func owner(t *testing.T, data string) *pgx.Conn {
	t.Helper()
	url, err := os.ReadFile(filepath.Join(data, "database.url"))
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), strings.TrimSpace(string(url)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func brokerOf(t *testing.T, data string) *bus.Bus {
	t.Helper()
	url, err := os.ReadFile(filepath.Join(data, "broker.url"))
	require.NoError(t, err)
	b, err := bus.Connect(t.Context(), bus.Options{URL: strings.TrimSpace(string(url))})
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close(context.Background()) })
	return b
}

// inPostgres looks at every row of every table of every schema, and at the server's own statistics.
func inPostgres(t *testing.T, db *pgx.Conn, traces map[string]string) {
	t.Helper()
	rows, err := db.Query(t.Context(), `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'm') AND n.nspname <> 'information_schema' AND (n.nspname <> 'pg_catalog' OR c.relname IN ('pg_statistic', 'pg_largeobject', 'pg_description'))`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Greater(t, len(tables), 60)
	for what, trace := range traces {
		forms := []string{trace, strings.ReplaceAll(trace, "-", ""), hex.EncodeToString([]byte(trace))}
		for _, table := range tables {
			var n int
			require.NoError(t, db.QueryRow(t.Context(), `SELECT count(*) FROM `+table+` r WHERE EXISTS (SELECT FROM unnest($1::text[]) f WHERE strpos(r::text, f) > 0)`, forms).Scan(&n))
			require.Zero(t, n, "%s is found in %s", what, table)
		}
	}
}

// inTheBroker looks at every message of every stream and bucket.
func inTheBroker(t *testing.T, data string, traces map[string]string) {
	t.Helper()
	b := brokerOf(t, data)
	names := b.JetStream().StreamNames(t.Context())
	for name := range names.Name() {
		stream, err := b.JetStream().Stream(t.Context(), name)
		require.NoError(t, err)
		state := stream.CachedInfo().State
		for seq := max(1, state.FirstSeq); seq <= state.LastSeq; seq++ {
			msg, err := stream.GetMsg(t.Context(), seq)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				continue
			}
			require.NoError(t, err)
			all := msg.Subject + string(msg.Data)
			for _, values := range msg.Header {
				all += strings.Join(values, " ")
			}
			requireNone(t, name+" "+msg.Subject, all, traces)
		}
	}
	require.NoError(t, names.Err())
}

func requireNone(t *testing.T, where, text string, traces map[string]string) {
	t.Helper()
	for what, trace := range traces {
		require.False(t, strings.Contains(text, trace), "%s is found in %s", what, where)
		if id, err := uuid.Parse(trace); err == nil {
			require.False(t, strings.Contains(text, string(id[:])), "%s is found in %s", what, where)
		}
	}
}

func inTheLog(t *testing.T, up *program.Program, traces map[string]string) {
	t.Helper()
	log := up.WholeOutput()
	require.Contains(t, log, `"level":"info"`)
	requireNone(t, "the log", log, traces)
}

// fileNames says which table is in which of the database's files.
func fileNames(t *testing.T, db *pgx.Conn) map[string]string {
	t.Helper()
	rows, err := db.Query(t.Context(), `SELECT pg_relation_filenode(oid)::text, oid::regclass::text FROM pg_class WHERE pg_relation_filenode(oid) IS NOT NULL`)
	require.NoError(t, err)
	names := map[string]string{}
	var file, name string
	_, err = pgx.ForEachRow(rows, []any{&file, &name}, func() error {
		names[file] = name
		return nil
	})
	require.NoError(t, err)
	return names
}

// onTheDisk reads every byte of the data directory after the end.
func onTheDisk(t *testing.T, dir string, gone deserter, names map[string]string) {
	t.Helper()
	files, found := 0, map[string][]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for what, trace := range gone.traces {
			forms := []string{trace}
			if id, err := uuid.Parse(trace); err == nil {
				forms = append(forms, string(id[:]))
			}
			if what == "its key's hash" {
				forms = append(forms, string(apikey.Hash(gone.IngestKey)))
			}
			for _, form := range forms {
				if strings.Contains(string(text), form) {
					where, _ := filepath.Rel(dir, path)
					found[what] = append(found[what], where+" "+names[filepath.Base(where)])
				}
			}
		}
		return nil
	}))
	require.Greater(t, files, 100)
	require.Empty(t, found)
}
