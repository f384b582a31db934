package infra_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"github.com/supabase-community/gotrue-go"
	"github.com/supabase-community/gotrue-go/types"
	"go.uber.org/zap"

	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/specter/infra"
)

// publisherEnv makes the test binary run a broker on the named directory and
// publish for ever, printing the number of acknowledged messages.
const publisherEnv = "INFRA_TEST_PUBLISHER_DIR"

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(publisherEnv); ok {
		os.Exit(publishForEver(dir))
	}
	testkit.NoLeaks(m)
}

func TestBrokerInThisProcessOnly(t *testing.T) {
	t.Parallel()
	broker, err := infra.NewNATS(infra.NATSOptions{StoreDir: filepath.Join(t.TempDir(), "nats"), Log: zap.NewNop()})
	require.NoError(t, err)
	_, err = broker.InProcessConn()
	require.Error(t, err, "not before it runs")
	start(t, broker)
	require.Empty(t, broker.URL())
	b := connect(t, broker)

	ack, err := publish(t.Context(), b)
	require.NoError(t, err)
	require.EqualValues(t, 1, ack.Sequence)
}

func TestNothingAcknowledgedIsLostWhenTheProcessIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.Command(self)
	child.Env = append(os.Environ(), publisherEnv+"="+dir)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(out)
	acknowledged := 0
	for lines.Scan() {
		acknowledged, err = strconv.Atoi(lines.Text())
		require.NoError(t, err, lines.Text())
		if acknowledged == 200 {
			require.NoError(t, child.Process.Kill()) // the lines in the pipe still count
		}
	}
	_ = child.Wait() // "signal: killed" is the point
	require.GreaterOrEqual(t, acknowledged, 200)

	broker, err := infra.NewNATS(infra.NATSOptions{StoreDir: dir, Log: zap.NewNop()})
	require.NoError(t, err)
	start(t, broker)
	stream, err := connect(t, broker).JetStream().Stream(t.Context(), event.Facts().Name)
	require.NoError(t, err)
	kept := stream.CachedInfo().State.Msgs
	require.GreaterOrEqual(t, kept, uint64(acknowledged))
	require.LessOrEqual(t, kept, uint64(acknowledged)+1, "at most the one whose acknowledgement was cut off")
}

func TestBrokerListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:4222", "192.0.2.1:4222", ":4222", "example.test:4222", "127.0.0.1", "127.0.0.1:x"} {
		_, err := infra.NewNATS(infra.NATSOptions{StoreDir: t.TempDir(), Listen: address, Log: zap.NewNop()})
		require.Error(t, err, address)
	}
	broker, err := infra.NewNATS(infra.NATSOptions{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", Log: zap.NewNop()})
	require.NoError(t, err)
	start(t, broker)
	b, err := bus.Connect(t.Context(), bus.Options{URL: broker.URL()})
	require.NoError(t, err)
	require.NoError(t, b.Close(t.Context()))
}

func TestBrokerAsksForItsToken(t *testing.T) {
	t.Parallel()
	broker, err := infra.NewNATS(infra.NATSOptions{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", Token: "s3cret", Log: zap.NewNop()})
	require.NoError(t, err)
	start(t, broker)
	for _, address := range []string{strings.Replace(broker.URL(), "s3cret@", "", 1), strings.Replace(broker.URL(), "s3cret", "guess", 1)} {
		_, err := nats.Connect(address)
		require.ErrorIs(t, err, nats.ErrAuthorization)
	}
	b, err := bus.Connect(t.Context(), bus.Options{URL: broker.URL()})
	require.NoError(t, err)
	require.NoError(t, b.Close(t.Context()))
	inProcess, err := bus.Connect(t.Context(), bus.Options{URL: "nats://s3cret@127.0.0.1", InProcess: broker})
	require.NoError(t, err)
	require.NoError(t, inProcess.Close(t.Context()))
}

func TestBrokerSaysThatItsPortIsTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	broker, err := infra.NewNATS(infra.NATSOptions{StoreDir: t.TempDir(), Listen: taken.Addr().String(), Log: zap.NewNop()})
	require.NoError(t, err)
	began := time.Now()
	err = broker.Run(t.Context(), func() { t.Error("must not get ready") })
	require.ErrorContains(t, err, "address already in use")
	require.NotContains(t, err.Error(), "\n")
	require.Less(t, time.Since(began), 10*time.Second)
}

func TestDatabaseKeepsItsDataAndStopsQuickly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(testkit.ShortDir(t), "postgres")
	run := func(sql string) (answer string, stopping time.Duration) {
		database, err := infra.NewPostgres(infra.PostgresOptions{Dir: dir, Log: zap.NewNop()})
		require.NoError(t, err)
		require.Empty(t, database.URL())
		stop := start(t, database)
		conn, err := pgx.Connect(t.Context(), database.URL())
		require.NoError(t, err)
		require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&answer))
		// The session stays open: a fast shutdown does not wait for it.
		began := time.Now()
		stop()
		stopping = time.Since(began)
		_ = conn.Close(context.Background()) // the server is gone
		require.Empty(t, database.URL())
		return answer, stopping
	}
	_, took := run(`WITH made AS (SELECT set_config('x.y', 'z', false)) SELECT 'first' FROM made`)
	require.Less(t, took, 5*time.Second)
	answer, _ := run(`SELECT datname::text FROM pg_database WHERE datname = current_database()`)
	require.Equal(t, "specter", answer)
}

func TestDatabaseThatDiesFailsTheServiceAndTheNextOneRecovers(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(testkit.ShortDir(t), "postgres")
	database, err := infra.NewPostgres(infra.PostgresOptions{Dir: dir, Log: zap.NewNop()})
	require.NoError(t, err)
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- database.Run(t.Context(), func() { close(ready) }) }()
	<-ready
	conn, err := pgx.Connect(t.Context(), database.URL())
	require.NoError(t, err)
	defer conn.Close(context.Background())
	// pg_terminate_backend reaches backends only; the postmaster is their parent.
	var backend int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT pg_backend_pid()`).Scan(&backend))
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", backend))
	require.NoError(t, err)
	_, parent, found := strings.Cut(string(status), "PPid:\t")
	require.True(t, found)
	parent, _, _ = strings.Cut(parent, "\n")
	pid, err := strconv.Atoi(parent)
	require.NoError(t, err)
	postmaster, err := os.FindProcess(pid)
	require.NoError(t, err)
	require.NoError(t, postmaster.Kill())
	require.ErrorContains(t, <-done, "ended by itself")

	again, err := infra.NewPostgres(infra.PostgresOptions{Dir: dir, Log: zap.NewNop()})
	require.NoError(t, err)
	start(t, again)
}

func TestAuthServesOnceTheDatabaseIsThere(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	mails := mail.NewSpool(filepath.Join(t.TempDir(), "mail"), zap.NewNop())
	httpServer := httptest.NewUnstartedServer(nil)
	a, err := infra.NewAuth(infra.AuthOptions{
		DatabaseURL: func() string { return db.OwnerURL }, Secret: []byte(strings.Repeat("s", 32)), Mail: mails, Autoconfirm: true,
		URL: "http://" + httpServer.Listener.Addr().String() + "/auth/v1", SiteURL: "http://127.0.0.1/", Log: zap.NewNop(),
	})
	require.NoError(t, err)
	httpServer.Config.Handler = http.StripPrefix("/auth/v1", a)
	httpServer.Start()
	t.Cleanup(httpServer.Close)

	response, err := httpServer.Client().Get(httpServer.URL + "/auth/v1/health")
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.True(t, json.Valid(body))

	start(t, a)
	client := gotrue.New("local", "anon").WithCustomGoTrueURL(httpServer.URL + "/auth/v1").WithClient(*httpServer.Client())
	session, err := client.Signup(types.SignupRequest{Email: "ada@example.test", Password: "correct horse battery"})
	require.NoError(t, err)
	require.NoError(t, client.Recover(types.RecoverRequest{Email: "ada@example.test"}))
	kept := func() []mail.Spooled {
		list, err := mails.List()
		require.NoError(t, err)
		return list
	}
	testkit.Eventually(t, func() bool { return len(kept()) == 1 }, "the mail")
	require.Equal(t, "ada@example.test", kept()[0].To)

	require.NoError(t, a.AddUser(t.Context(), "operator@example.test", "correct horse battery"))
	require.NoError(t, a.AddUser(t.Context(), "operator@example.test", "another password"), "there already")
	_, err = client.SignInWithEmailPassword("operator@example.test", "correct horse battery")
	require.NoError(t, err)

	key, err := a.ServiceKey()
	require.NoError(t, err)
	require.NoError(t, client.WithToken(key).AdminDeleteUser(types.AdminDeleteUserRequest{UserID: session.ID}))
	require.Empty(t, kept(), "mail to somebody deleted is gone")
}

// start runs a service until the returned function or the test's end stops it.
func start(t *testing.T, s lifecycle.Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.Run(ctx, func() { close(ready) })
		close(done)
	}()
	select {
	case <-ready:
	case err := <-done:
		cancel()
		t.Fatalf("did not start: %v", err)
	}
	stop = func() {
		cancel()
		require.NoError(t, <-done) // nil once closed
	}
	t.Cleanup(stop)
	return stop
}

func connect(t *testing.T, broker *infra.NATS) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(t.Context(), bus.Options{Name: t.Name(), InProcess: broker})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close(context.Background())) })
	require.NoError(t, b.EnsureStreams(t.Context()), "the store has room for every stream")
	return b
}

func publish(ctx context.Context, b *bus.Bus) (bus.Ack, error) {
	return bus.Publish(ctx, b, event.ProposalCreated, bus.Message[*eventv1.ProposalCreated]{
		ID: uuid.New(), AccountID: uuid.New(), Time: time.Now(), Body: &eventv1.ProposalCreated{},
	})
}

func publishForEver(dir string) int {
	ctx := context.Background()
	broker, err := infra.NewNATS(infra.NATSOptions{StoreDir: dir, Log: zap.NewNop()})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ready, failed := make(chan struct{}), make(chan error, 1)
	go func() { failed <- broker.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-failed:
		fmt.Println(err)
		return 1
	}
	b, err := bus.Connect(ctx, bus.Options{InProcess: broker})
	if err == nil {
		err = b.EnsureStreams(ctx)
	}
	for n := 1; err == nil; n++ {
		if _, err = publish(ctx, b); err == nil {
			_, err = fmt.Println(n)
		}
	}
	fmt.Println(errors.Join(err))
	return 1
}
