package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// webhookSettings let webhooks reach the test's own receiver on loopback.
func webhookSettings(receiver *receiver) []string {
	env := []string{"SPECTER_WEBHOOK_ALLOW_HTTP=true", "SPECTER_WEBHOOK_ALLOW_PRIVATE=127.0.0.0/8"}
	if receiver != nil {
		env = append(env, "SPECTER_WEBHOOK_ALLOW_PORTS="+receiver.port())
	}
	return env
}

// analysisSoon has a context analysed at once, not minutes after its signals.
const analysisSoon = "SPECTER_ANALYSIS_DELAY=1s"

// deletionSoon has a deleted account purged while the test looks on, not after weeks.
const deletionSoon = "SPECTER_ACCOUNT_DELETION_GRACE=5s"

// system is a running Specter, seen from outside, with an account of its own.
type system struct {
	URL       string
	Email     string
	Password  string
	Token     string
	IngestKey string
	ProductID uuid.UUID
	ContextID uuid.UUID
}

// patience is how long a test waits for what takes a second or two on a machine that does nothing else.
const patience = 45 * time.Second

// modes are the two ways to run the same thing.
var modes = []struct {
	name  string
	start func(*testing.T, *receiver) *system
	edge  bool // reached through deploy/caddy
}{
	{"one process", startOneProcess, false},
	{"seven processes", startSevenProcesses, true},
}

func startOneProcess(t *testing.T, r *receiver) *system {
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t), receiver: r})
	return s
}

type upOptions struct {
	dataDir  string
	addr     string
	receiver *receiver
	env      []string // more settings
}

// startUp runs `specter up` and reads what it wrote for scripts.
func startUp(t *testing.T, o upOptions) (*system, *program.Program) {
	t.Helper()
	program.OpenPath(t, o.dataDir)
	facts := filepath.Join(t.TempDir(), "bootstrap.json")
	env := append(webhookSettings(o.receiver),
		analysisSoon, deletionSoon,
		"SPECTER_LOG_LEVEL=warn",
		"SPECTER_HTTP_ADDR="+o.addr,
		"SPECTER_DATA_DIR="+filepath.Join(o.dataDir, "specter"),
		"SPECTER_BOOTSTRAP_FILE="+facts,
	)
	env = append(env, o.env...)
	p := program.Start(t, "specter up", env, binary(t, "specter"), "up")
	p.AwaitReady(t, "http://"+o.addr+"/healthz/ready")
	return readFacts(t, facts, "http://"+o.addr), p
}

// readFacts reads what `specter up` wrote for scripts: ready means that they find it.
func readFacts(t *testing.T, path, url string) *system {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	var boot struct {
		URL       string    `json:"url"`
		Email     string    `json:"email"`
		Password  string    `json:"password"`
		ProductID uuid.UUID `json:"product_id"`
		ContextID uuid.UUID `json:"context_id"`
		IngestKey string    `json:"ingest_key"`
		Token     string    `json:"token"`
	}
	require.NoError(t, json.Unmarshal(raw, &boot))
	return &system{
		URL: url, Email: boot.Email, Password: boot.Password, Token: boot.Token,
		IngestKey: boot.IngestKey, ProductID: boot.ProductID, ContextID: boot.ContextID,
	}
}

// startSevenProcesses runs each service's own binary, a separate nats-server
// and a separate Postgres, behind the edge of the compose stack.
func startSevenProcesses(t *testing.T, r *receiver) *system {
	t.Helper()
	natsURL := parts.StartBroker(t, parts.BrokerOptions{}).URL()
	database := parts.StartDatabase(t).URL()
	secret := "e2e-secret-" + uuid.NewString()
	jwtSecret := "e2e-jwt-" + uuid.NewString()

	// Each process gets the settings it reads; one it does not know is an error.
	bus := []string{"SPECTER_LOG_LEVEL=warn", "SPECTER_NATS_URL=" + natsURL}
	store := with(bus, "SPECTER_DATABASE_URL="+database)
	jwt := "SPECTER_SUPABASE_JWT_SECRET=" + jwtSecret
	secretKey := "SPECTER_SECRET_KEY=" + secret

	program.Start(t, "specter migrate", store, binary(t, "specter"), "migrate").Wait(t)

	authAddr := program.FreeAddr(t)
	auth := program.Start(t, "auth", with(store, jwt, "SPECTER_HTTP_ADDR="+authAddr), binary(t, "specter"), "serve", "-target=auth")
	auth.AwaitReady(t, "http://"+authAddr+"/healthz/ready")

	environments := map[string][]string{
		"gateway":   with(bus, "SPECTER_NATS_SYNC_ALWAYS=true"),
		"analyzer":  with(store, analysisSoon),
		"proposal":  store,
		"verifier":  store,
		"notifier":  with(store, append(webhookSettings(r), secretKey)...),
		"retention": with(store, secretKey),
		"dashboard": with(store, append(webhookSettings(r), secretKey, jwt, deletionSoon, "SPECTER_SUPABASE_AUTH_URL=http://"+authAddr+"/auth/v1")...),
	}
	free := program.FreeAddrs(t, len(environments))
	addrs := map[string]string{}
	processes := map[string]*program.Program{}
	for name, env := range environments {
		addrs[name] = free[len(addrs)]
		processes[name] = program.Start(t, name, with(env, "SPECTER_HTTP_ADDR="+addrs[name]), binary(t, name))
	}
	for name, p := range processes {
		p.AwaitReady(t, "http://"+addrs[name]+"/healthz/ready")
	}
	return signUp(t, startEdge(t, addrs["gateway"], addrs["dashboard"], authAddr))
}

// with is a copy of env and more settings.
func with(env []string, more ...string) []string {
	return append(append([]string{}, env...), more...)
}

// signUp makes an account, a product and a token the way a person and a script would.
func signUp(t *testing.T, base string) *system {
	t.Helper()
	s := &system{URL: base, Email: uuid.NewString() + "@example.com", Password: "correct horse battery"}
	person := parts.NewPerson(t, base)
	person.SignUp(t, s.Email, s.Password)
	made := call[api.CreatedProduct](t, person, http.MethodPost, "/api/v1/products", api.NewProduct{Name: "Shop"})
	token := call[api.CreatedAccessToken](t, person, http.MethodPost, "/api/v1/tokens", api.NewAccessToken{Name: "e2e", Scopes: []api.Scope{
		api.AccountRead, api.ProductsRead, api.ProductsWrite, api.SignalsRead, api.SignalsImport, api.ProposalsRead,
		api.ProposalsDecide, api.DeploymentsRead, api.DeploymentsWrite, api.WebhooksRead, api.WebhooksWrite,
	}})
	s.Token = token.Token
	s.ProductID = made.Product.Id
	s.ContextID = made.Context.Id
	s.IngestKey = made.Key.Key
	s.awaitKey(t, s.IngestKey)
	return s
}

// awaitKey waits until the gateway knows a key; an empty array is a request without effect.
func (s *system) awaitKey(t *testing.T, key string) {
	t.Helper()
	program.Await(t, patience, "the gateway to know the key", func() bool {
		status, _ := s.post(t, "/api/signals", key, `[]`)
		return status != http.StatusUnauthorized
	})
}

// post sends a body with an ingest key and returns the status and the answer.
func (s *system) post(t testing.TB, path, key, body string) (int, string) {
	t.Helper()
	header := http.Header{"Content-Type": {"application/json"}}
	if key != "" {
		header.Set("x-api-key", key)
	}
	res, answer := send(t, http.DefaultClient, http.MethodPost, s.URL+path, header, strings.NewReader(body))
	return res.StatusCode, string(answer)
}
