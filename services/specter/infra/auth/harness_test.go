package auth_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/supabase-community/gotrue-go"
	"github.com/supabase-community/gotrue-go/types"
	"go.uber.org/zap"
	"golang.org/x/crypto/argon2"

	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/mail/mailtest"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/specter/infra/auth"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

const (
	secret   = "a secret of at least thirty-two bytes"
	site     = "http://site.test/"
	email    = "ada@example.test"
	password = "correct horse battery"
)

type testServer struct {
	*httptest.Server
	server *auth.Server
	client gotrue.Client
	clock  *clock
	db     *testkit.DB
	mails  *mailtest.Server
	hashes *hashing
}

// newServer believes every address unless told otherwise.
func newServer(t *testing.T, change ...func(*auth.Options)) *testServer {
	t.Helper()
	s := &testServer{db: testkit.Postgres(t), clock: &clock{now: time.Now()}, mails: mailtest.Start(t, mailtest.Options{}), hashes: &hashing{}}
	sender, err := mail.Open(mail.Settings{SMTPURL: s.mails.URL, From: "specter@example.com"}, zap.NewNop())
	require.NoError(t, err)
	s.Server = httptest.NewUnstartedServer(nil)
	o := auth.Options{
		DB: s.db.Pool(t, "specter_auth"), Secret: []byte(secret), URL: "http://" + s.Listener.Addr().String(), SiteURL: site, Autoconfirm: true,
		Mail: sender, Log: zap.NewNop(), Now: s.clock.Now,
	}
	auth.CountHashes(&o, s.hashes.derive)
	for _, c := range change {
		c(&o)
	}
	s.server, err = auth.New(o)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		s.server.Run(ctx)
	}()
	s.Config.Handler = s.server
	s.Start()
	t.Cleanup(func() {
		s.Close()
		stop()
		<-ran
	})
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	s.client = gotrue.New("local", "anon").WithCustomGoTrueURL(s.URL).WithClient(*s.Client())
	return s
}

// confirming has people confirm their address.
func confirming(o *auth.Options) { o.Autoconfirm = false }

func (s *testServer) serviceKey(t *testing.T) string {
	t.Helper()
	key, err := auth.ServiceKey([]byte(secret), s.URL, s.clock.Now())
	require.NoError(t, err)
	return key
}

func (s *testServer) signUp(t *testing.T) types.Session {
	t.Helper()
	response, err := s.client.Signup(types.SignupRequest{Email: email, Password: password})
	require.NoError(t, err)
	return response.Session
}

func (s *testServer) post(t *testing.T, path, body string) (int, string) {
	t.Helper()
	return s.postFrom(t, "", path, body)
}

// postFrom asks as a proxy of this machine does for somebody at a place.
func (s *testServer) postFrom(t *testing.T, place, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	if place != "" {
		request.Header.Set("X-Forwarded-For", place)
	}
	response, err := s.Client().Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(got)
}

// mailed returns the token and the code of the nth mail to an address.
func (s *testServer) mailed(t *testing.T, to string, nth int) (token, code string) {
	t.Helper()
	text := s.mails.Await(t, to, nth).Text
	found := regexp.MustCompile(`(?s)[?&]token=([^&\s]+).*: (\d{8})\n`).FindStringSubmatch(text)
	require.Len(t, found, 3, text)
	return found[1], found[2]
}

// traces counts the rows of the server's tables in which a text is found.
func (s *testServer) traces(t *testing.T, text string) int {
	t.Helper()
	owner := s.db.Owner(t)
	rows, err := owner.Query(t.Context(), `SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'auth_local'`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Greater(t, len(tables), 6)
	total := 0
	for _, table := range tables {
		found := 0
		require.NoError(t, owner.QueryRow(t.Context(), `SELECT count(*) FROM auth_local.`+table+` r WHERE r::text LIKE '%' || $1 || '%'`, text).Scan(&found))
		total += found
	}
	return total
}

// hashing counts the work of argon2id.
type hashing struct{ done, running, most atomic.Int64 }

func (h *hashing) derive(password, salt []byte, passes, memory uint32, lanes uint8, size uint32) []byte {
	now := h.running.Add(1)
	defer h.running.Add(-1)
	for most := h.most.Load(); now > most && !h.most.CompareAndSwap(most, now); most = h.most.Load() {
		continue
	}
	h.done.Add(1)
	return argon2.IDKey(password, salt, passes, memory, lanes, size)
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
