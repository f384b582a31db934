package specter_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/specter/internal/bootstrap"
	"github.com/draftlabs/specter/services/specter/internal/client"
)

func connect(t *testing.T, facts bootstrap.Facts) *client.Client {
	t.Helper()
	c, err := client.New(facts.URL, facts.Token)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// total waits until a product has stored at least this many signals and returns how many.
func total(t *testing.T, c *client.Client, product uuid.UUID, atLeast int64) int64 {
	t.Helper()
	var stored int64
	require.Eventually(t, func() bool {
		p, err := c.Product(t.Context(), product)
		stored = p.SignalsTotal
		return err == nil && stored >= atLeast
	}, 60*time.Second, 100*time.Millisecond, "waiting for %d signals, %d stored", atLeast, stored)
	return stored
}

func TestUpIsReadyWorksStopsAndComesBackAsItWas(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.up(t)
	facts := p.facts(t)
	for name, value := range map[string]string{
		"url": facts.URL, "email": facts.Email, "password": facts.Password, "account": facts.AccountID.String(),
		"key": facts.IngestKey, "token": facts.Token,
	} {
		require.NotEmpty(t, value, name)
	}
	require.Contains(t, s.out.String(), facts.URL)
	require.Contains(t, s.out.String(), facts.IngestKey)
	require.Contains(t, s.out.String(), facts.Password)
	require.Contains(t, s.out.String(), "<script src=")
	require.Regexp(t, `/s/v[0-9.]+\.js" integrity="sha384-[A-Za-z0-9+/]{64}" crossorigin=`, s.out.String())
	for _, private := range []string{p.file, filepath.Join(p.dir, "facts.json"), filepath.Join(p.dir, "secrets.json"), filepath.Join(p.dir, "bootstrap.json")} {
		info, err := os.Stat(private)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), private)
	}

	c := connect(t, facts)
	account, err := c.Account(t.Context())
	require.NoError(t, err)
	require.Equal(t, facts.AccountID, account.Id)
	require.NoError(t, c.Send(t.Context(), facts.IngestKey, client.LiveSignal{ID: uuid.New(), Type: "cta_click"}))
	require.EqualValues(t, 1, total(t, c, facts.ProductID, 1))
	for path, status := range map[string]int{"/": 200, "/s.js": 200, "/healthz/ready": 200, "/healthz/live": 200, "/version": 200, "/auth/v1/health": 200, "/api/v1/account": 401} {
		response, err := http.Get(facts.URL + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode, path)
	}
	require.Less(t, s.stop(syscall.SIGTERM), stopTime)

	require.NoError(t, os.Remove(p.file))
	s = p.up(t)
	require.Equal(t, facts, p.facts(t), "the file is written again from what was kept")
	require.NotContains(t, s.out.String(), facts.Password, "the password is printed once")
	require.EqualValues(t, 1, total(t, c, facts.ProductID, 1))
	products, err := c.Products(t.Context())
	require.NoError(t, err)
	require.Len(t, products, 1)
	s.stop(os.Interrupt)
}

// The accounting oracle: what was acknowledged before a kill -9 is stored after it, and
// nothing is stored twice, whatever was sent again.
func TestKillLosesNothingAcknowledgedAndDoublesNothing(t *testing.T) {
	t.Parallel()
	const workers, perWorker, perRequest = 8, 30, 100
	p := newPlace(t)
	s := p.up(t)
	facts := p.facts(t)

	type request struct {
		body  []byte
		acked bool
	}
	requests := make([]*request, workers*perWorker)
	for i := range requests {
		var signals []client.LiveSignal
		for range perRequest {
			signals = append(signals, client.LiveSignal{ID: uuid.New(), Type: "page_view"})
		}
		body, err := json.Marshal(signals)
		require.NoError(t, err)
		requests[i] = &request{body: body}
	}
	send := func(r *request) bool {
		post, err := http.NewRequest(http.MethodPost, facts.URL+"/api/signals", strings.NewReader(string(r.body)))
		require.NoError(t, err)
		post.Header.Set("X-Api-Key", facts.IngestKey)
		post.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(post)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	}
	var acked atomic.Int32
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for i := worker; i < len(requests); i += workers {
				if requests[i].acked = send(requests[i]); requests[i].acked && acked.Add(1) == int32(len(requests)/2) {
					require.NoError(t, s.cmd.Process.Signal(syscall.SIGKILL)) // in the middle of the load
				}
			}
		})
	}
	all.Wait()
	<-s.done
	require.Less(t, int(acked.Load()), len(requests), "the kill came in the middle")

	s = p.up(t)
	for _, r := range requests {
		if !r.acked { // the client never heard: it sends the same ids again
			require.Eventually(t, func() bool { return send(r) }, 30*time.Second, 50*time.Millisecond)
		}
	}
	sent := int64(len(requests) * perRequest)
	c := connect(t, facts)
	require.Equal(t, sent, total(t, c, facts.ProductID, sent))
	for _, r := range requests[:10] { // even what was acknowledged may be sent again
		require.True(t, send(r))
	}
	marker := client.LiveSignal{ID: uuid.New(), Type: "marker"}
	require.NoError(t, c.Send(t.Context(), facts.IngestKey, marker))
	require.Equal(t, sent+1, total(t, c, facts.ProductID, sent+1), "nothing is doubled")
	s.stop(syscall.SIGTERM)
}

func TestAFirstStartThatWasKilledIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.up(t)
	facts := p.facts(t)
	s.kill()
	// As if killed after the product and before the token.
	state := filepath.Join(p.dir, "bootstrap.json")
	text, err := os.ReadFile(state)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(state, []byte(strings.Replace(string(text), facts.Token, "", 1)), 0o600))
	require.NoError(t, os.Remove(p.file))

	s = p.up(t)
	again := p.facts(t)
	require.NotEqual(t, facts.Token, again.Token)
	_, err = connect(t, facts).Account(t.Context())
	require.ErrorContains(t, err, "401", "the token whose value was lost is revoked")
	again.Token = facts.Token
	require.Equal(t, facts, again, "the same account, product and key")
	s.stop(syscall.SIGTERM)
}

func TestASecondUpOnTheSameDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.up(t)
	second := p
	second.env = append(append([]string{}, p.env...), "SPECTER_HTTP_ADDR="+freeAddr(t))
	code, _, errOut := second.specter(t, "up")
	require.Equal(t, 1, code)
	require.Contains(t, errOut, fmt.Sprintf("process %d is running on the data directory %s", s.cmd.Process.Pid, p.dir))
	require.Contains(t, errOut, "SPECTER_DATA_DIR")
	oneLine(t, errOut)
	_, err := connect(t, p.facts(t)).Account(t.Context())
	require.NoError(t, err, "the first one does not mind")
	s.stop(syscall.SIGTERM)
}

func TestWhatIsMissingIsOneLineWithTheFix(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = busy.Close() })
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, c := range map[string]struct{ env, says, fix string }{
		"used port":            {"SPECTER_HTTP_ADDR=" + busy.Addr().String(), "already in use", "SPECTER_HTTP_ADDR"},
		"missing Postgres":     {"SPECTER_POSTGRES_BIN=" + t.TempDir(), "ostgres", "SPECTER_POSTGRES_BIN"},
		"unwritable directory": {"SPECTER_DATA_DIR=" + filepath.Join(file, "data"), "cannot write to the data directory", "SPECTER_DATA_DIR"},
		"unknown setting":      {"SPECTER_DATADIR=x", "unknown setting SPECTER_DATADIR", "SPECTER_DATA_DIR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.env = append(p.env, c.env)
			code, _, errOut := p.specter(t, "up")
			require.NotZero(t, code)
			require.Contains(t, errOut, c.says)
			require.Contains(t, errOut, c.fix)
			oneLine(t, errOut)
		})
	}
}

// oneLine requires that a person reads one line of error, beside the hint and the log.
func oneLine(t *testing.T, errOut string) {
	t.Helper()
	lines := 0
	for line := range strings.Lines(errOut) {
		if !strings.HasPrefix(line, "{") && !strings.HasPrefix(line, "hint:") {
			lines++
		}
	}
	require.Equal(t, 1, lines, errOut)
}

func TestServeRunsSomeServicesAgainstOthersDatabaseAndBroker(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	authAddr := freeAddr(t)
	secret := "0123456789abcdef0123456789abcdef"
	p.env = append(p.env,
		"SPECTER_DATABASE_URL="+testkit.EmptyPostgres(t).OwnerURL, "SPECTER_NATS_URL="+testkit.NATS(t).URL, "SPECTER_SECRET_KEY="+secret,
		"SPECTER_SUPABASE_AUTH_URL=http://"+authAddr+"/auth/v1", "SPECTER_SUPABASE_JWT_SECRET="+secret,
		"SPECTER_PUBLIC_URL=http://127.0.0.1", "SPECTER_BOOTSTRAP_FILE=",
	)
	code, out, errOut := p.specter(t, "migrate")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "this version's schema")
	at := func(addr string) place {
		elsewhere := p
		elsewhere.env = append(append([]string{}, p.env...), "SPECTER_HTTP_ADDR="+addr)
		return elsewhere
	}
	gatewayAddr, dashboardAddr := freeAddr(t), freeAddr(t)
	servers := []*process{
		at(authAddr).start(t, "auth ready", "serve", "--target=auth"),
		at(gatewayAddr).start(t, "gateway ready", "serve", "--target=gateway"),
		at(freeAddr(t)).start(t, "retention ready", "serve", "--target=analyzer,proposal,verifier,notifier,retention"),
		at(dashboardAddr).start(t, "dashboard ready", "serve", "--target=dashboard"),
	}
	people, err := client.New("http://"+dashboardAddr, "")
	require.NoError(t, err)
	t.Cleanup(people.Close)
	_, err = people.SignUp(t.Context(), "someone@example.com", "a long enough password")
	require.NoError(t, err)
	created, err := people.CreateProduct(t.Context(), "Served", uuid.NewString())
	require.NoError(t, err)
	door, err := client.New("http://"+gatewayAddr, "")
	require.NoError(t, err)
	t.Cleanup(door.Close)
	require.Eventually(t, func() bool { // the key travels through the catalogue
		return door.Send(t.Context(), created.Key.Key, client.LiveSignal{ID: uuid.New(), Type: "cta_click"}) == nil
	}, 30*time.Second, 100*time.Millisecond)
	require.EqualValues(t, 1, total(t, people, created.Product.Id, 1))
	for i := len(servers) - 1; i >= 0; i-- {
		servers[i].stop(syscall.SIGTERM)
	}
}

func TestTheCommandsTalkToARunningSpecter(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.up(t)

	code, out, errOut := p.specter(t, "doctor")
	require.Zero(t, code, out+errOut)
	require.NotContains(t, out, "✗")
	require.Contains(t, out, "✓ access token")

	code, _, errOut = p.specter(t, "send", "cta_click", "path=/pricing", "position=2")
	require.Zero(t, code, errOut)
	facts := p.facts(t)
	total(t, connect(t, facts), facts.ProductID, 1)
	tail := p.start(t, `"type":"cta_click"`, "tail", "-o", "json")
	code, _, errOut = p.specter(t, "send", "form_submit")
	require.Zero(t, code, errOut)
	require.Eventually(t, func() bool { return strings.Contains(tail.out.String(), `"type":"form_submit"`) }, 20*time.Second, 20*time.Millisecond)
	tail.stop(os.Interrupt)

	code, out, errOut = p.specter(t, "dlq", "list")
	require.Zero(t, code, errOut)
	require.Equal(t, "no dead letters\n", out, "the embedded broker is found through the data directory")

	log, err := filepath.Abs("internal/logimport/testdata/access.log")
	require.NoError(t, err)
	for _, want := range []string{`"imported": 7`, `"imported": 0`} {
		code, out, errOut = p.specter(t, "import", "--format", "combined", "-o", "json", log)
		require.Zero(t, code, errOut)
		require.Contains(t, out, want)
		require.Contains(t, out, `"judged": true`)
	}
	s.stop(syscall.SIGTERM)
	code, _, errOut = p.specter(t, "dlq", "list")
	require.Equal(t, 2, code, "a stopped broker leaves no address behind")
	require.Contains(t, errOut, "specter up")
}

func TestTheDemoTellsItsWholeStory(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.up(t)
	code, out, errOut := p.specter(t, "demo", "-o", "json")
	require.Zero(t, code, errOut)
	var told struct {
		Signals    int
		Proposal   string
		Verdict    string
		BadAt      time.Time `json:"bad_at"`
		FixAt      time.Time `json:"fix_at"`
		DetectedAt time.Time `json:"detected_at"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &told))
	require.Greater(t, told.Signals, 100_000)
	require.Contains(t, told.Proposal, "Checkout")
	require.Equal(t, "improved", told.Verdict)
	require.True(t, told.DetectedAt.After(told.BadAt) && told.DetectedAt.Before(told.FixAt), "found while it was live")
	s.stop(syscall.SIGTERM)
}
