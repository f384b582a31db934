package pgserver_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/pgserver"
)

// helperEnv makes the test binary start a server on the named directory, print its
// process id and URL, and wait to be killed.
const helperEnv = "PGSERVER_TEST_HELPER_DIR"

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(helperEnv); ok {
		os.Exit(holdServer(dir))
	}
	goleak.VerifyTestMain(m)
}

func holdServer(dir string) int {
	s, err := pgserver.Start(context.Background(), pgserver.Options{DataDir: dir, Log: zap.NewNop()})
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println(s.PID(), s.URL())
	<-s.Done()
	return 0
}

func TestDataSurvivesAStopAndAWarmStartIsFast(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	first := start(t, pgserver.Options{DataDir: dir})
	query(t, first.URL(), `CREATE TABLE kept (n int); INSERT INTO kept VALUES (41)`)
	require.NoError(t, first.Stop(t.Context()))
	require.NoError(t, first.Stop(t.Context()), "stopping twice is safe")
	requireGone(t, first.PID())

	began := time.Now()
	second := start(t, pgserver.Options{DataDir: dir})
	require.Less(t, time.Since(began), 2*time.Second)
	require.Equal(t, "41", query(t, second.URL(), `SELECT n::text FROM kept`))
	require.Equal(t, "on,on,on,on", query(t, second.URL(), `SELECT concat_ws(',', current_setting('fsync'),
		current_setting('synchronous_commit'), current_setting('full_page_writes'), current_setting('data_checksums'))`))
	require.Empty(t, query(t, second.URL(), `SELECT current_setting('listen_addresses')`))
}

func TestServerRunsAsAnUnprivilegedUserBehindAPrivateDirectory(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := start(t, pgserver.Options{DataDir: dir})

	var proc syscall.Stat_t
	require.NoError(t, syscall.Stat(filepath.Join("/proc", strconv.Itoa(s.PID())), &proc))
	require.NotZero(t, proc.Uid, "postgres must not run as root")
	info, err := os.Stat(filepath.Join(s.Directory(), "run"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

func TestKillingTheParentStopsTheServerCleanly(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	helper, pid, url := startHelper(t, dir)
	query(t, url, `CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)`)

	require.NoError(t, helper.Process.Kill())
	_ = helper.Wait() // "signal: killed" is the point

	// At once, while the orphan is still shutting down.
	s := start(t, pgserver.Options{DataDir: dir})
	requireGone(t, pid)
	require.Equal(t, "7", query(t, s.URL(), `SELECT n::text FROM kept`))
	require.NoError(t, s.Stop(t.Context()))
}

func TestServerStopsByItselfAfterItsParentIsKilled(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	helper, pid, _ := startHelper(t, dir)
	require.NoError(t, helper.Process.Kill())
	_ = helper.Wait()

	requireGone(t, pid)
	require.NoFileExists(t, filepath.Join(dir, "cluster", "postmaster.pid"), "a clean shutdown removes it")
}

func TestSecondServerOnTheSameDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	helper, pid, url := startHelper(t, dir)

	_, err := pgserver.Start(t.Context(), pgserver.Options{DataDir: dir, Log: zap.NewNop()})
	var inUse *pgserver.InUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, helper.Process.Pid, inUse.PID)
	require.Equal(t, "1", query(t, url, `SELECT '1'`), "the first one is untouched")
	require.NoError(t, syscall.Kill(pid, 0))

	require.NoError(t, helper.Process.Kill())
	_ = helper.Wait()
	requireGone(t, pid)
}

func TestStaleLockFilesOfARecycledProcessIDAreIgnored(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := start(t, pgserver.Options{DataDir: dir})
	pidFile := filepath.Join(s.Cluster(), "postmaster.pid")
	left, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	require.NoError(t, s.Stop(t.Context()))

	// The file a crash leaves behind, its number now another living process's.
	_, rest, _ := strings.Cut(string(left), "\n")
	require.NoError(t, os.WriteFile(pidFile, []byte(fmt.Sprintf("%d\n%s", os.Getpid(), rest)), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "run", ".s.PGSQL.5432.lock"), []byte(fmt.Sprintf("%d\n%s", os.Getpid(), rest)), 0o600))

	again := start(t, pgserver.Options{DataDir: dir})
	require.Equal(t, "1", query(t, again.URL(), `SELECT '1'`))
}

func TestDoneTellsWhenTheServerDiesAndTheNextOneRecovers(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := start(t, pgserver.Options{DataDir: dir})
	query(t, s.URL(), `CREATE TABLE kept (n int); INSERT INTO kept VALUES (5)`)
	require.NoError(t, syscall.Kill(s.PID(), syscall.SIGKILL))
	select {
	case <-s.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the end of the server was not noticed")
	}
	require.Error(t, s.Stop(t.Context()))

	again := start(t, pgserver.Options{DataDir: dir})
	require.Equal(t, "5", query(t, again.URL(), `SELECT n::text FROM kept`))
}

func TestAPathTooLongForASocketUsesAShorterPrivateDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), strings.Repeat("long/", 20), "data")
	s := start(t, pgserver.Options{DataDir: dir})
	require.Equal(t, "1", query(t, s.URL(), `SELECT '1'`))
	sockets := strings.Trim(query(t, s.URL(), `SELECT current_setting('unix_socket_directories')`), `"`)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(sockets)) })
	require.NotContains(t, sockets, "long/")

	_, err := pgserver.Start(t.Context(), pgserver.Options{DataDir: tempDir(t), SocketDir: dir})
	var long *pgserver.SocketPathError
	require.ErrorAs(t, err, &long)
}

func TestErrorsAPersonCanMend(t *testing.T) {
	t.Parallel()

	t.Run("no binaries", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(tempDir(t), "data")
		_, err := pgserver.Start(t.Context(), pgserver.Options{DataDir: dir, BinDir: t.TempDir()})
		var missing *pgserver.BinariesError
		require.ErrorAs(t, err, &missing)
		requireOneLineWith(t, err, "apt-get install postgresql")
		require.NoDirExists(t, dir, "nothing is created")
	})
	t.Run("data of another version", func(t *testing.T) {
		t.Parallel()
		dir := tempDir(t)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "cluster"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "cluster", "PG_VERSION"), []byte("9\n"), 0o644))
		_, err := pgserver.Start(t.Context(), pgserver.Options{DataDir: dir})
		var version *pgserver.VersionError
		require.ErrorAs(t, err, &version)
		require.Equal(t, 9, version.Need)
		requireOneLineWith(t, err, "postgresql-9")
	})
	t.Run("a file in the way", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(tempDir(t), "data")
		require.NoError(t, os.WriteFile(path, nil, 0o644))
		_, err := pgserver.Start(t.Context(), pgserver.Options{DataDir: path})
		var directory *pgserver.DirectoryError
		require.ErrorAs(t, err, &directory)
		requireOneLineWith(t, err, "SPECTER_DATA_DIR")
	})
	t.Run("a cluster that does not start", func(t *testing.T) {
		t.Parallel()
		_, err := pgserver.Start(t.Context(), pgserver.Options{DataDir: tempDir(t), Settings: map[string]string{"shared_buffers": "nonsense"}})
		var failed *pgserver.StartError
		require.ErrorAs(t, err, &failed)
		requireOneLineWith(t, err, "shared_buffers")
	})
}

func TestADirectoryTheDatabaseUserCannotReach(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(tempDir(t), "home")
	require.NoError(t, os.Mkdir(closed, 0o700))
	o := pgserver.Options{DataDir: filepath.Join(closed, "data")}

	if os.Geteuid() == 0 { // the unprivileged user is another one
		s := start(t, o)
		t.Cleanup(func() { require.NoError(t, os.RemoveAll(s.Directory())) })
		require.NotContains(t, s.Directory(), closed)
		require.Equal(t, "1", query(t, s.URL(), `SELECT '1'`))
		return
	}
	require.NoError(t, os.Chmod(closed, 0o500))
	_, err := pgserver.Start(t.Context(), o)
	var directory *pgserver.DirectoryError
	require.ErrorAs(t, err, &directory)
	requireOneLineWith(t, err, "SPECTER_DATA_DIR")
}

func TestACancelledStartLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := pgserver.Start(ctx, pgserver.Options{DataDir: dir})
	require.ErrorIs(t, err, context.Canceled)

	s := start(t, pgserver.Options{DataDir: dir})
	require.Equal(t, "1", query(t, s.URL(), `SELECT '1'`))
}

// tempDir is a short directory that every user can reach, which t.TempDir is not.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgserver")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func start(t *testing.T, o pgserver.Options) *pgserver.Server {
	t.Helper()
	o.Log = zap.NewNop()
	s, err := pgserver.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = s.Stop(ctx) // some tests end it themselves
	})
	return s
}

func startHelper(t *testing.T, dir string) (helper *exec.Cmd, pid int, url string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	helper = exec.Command(self)
	helper.Env = append(os.Environ(), helperEnv+"="+dir)
	out, err := helper.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, helper.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, line)
	fields := strings.Fields(line)
	require.Len(t, fields, 2, line)
	pid, err = strconv.Atoi(fields[0])
	require.NoError(t, err)
	return helper, pid, fields[1]
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	results, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	require.NoError(t, err)
	last := results[len(results)-1]
	if len(last.Rows) == 0 {
		return ""
	}
	return string(last.Rows[0][0])
}

func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	}, 15*time.Second, 20*time.Millisecond, "process %d still runs", pid)
}

func requireOneLineWith(t *testing.T, err error, fix string) {
	t.Helper()
	require.NotContains(t, err.Error(), "\n")
	require.Contains(t, err.Error(), fix)
}
