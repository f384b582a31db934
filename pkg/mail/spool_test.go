package mail_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/mail"
)

func TestKeptMailIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	dir := filepath.Join(t.TempDir(), "mail")
	spool := mail.NewSpool(dir, zap.New(core))
	list, err := spool.List()
	require.NoError(t, err)
	require.Empty(t, list, "no directory yet is an empty one")

	require.NoError(t, spool.Send(t.Context(), hello()))
	list, err = spool.List()
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, hello(), list[0].Message)
	require.WithinDuration(t, time.Now(), list[0].At, time.Minute)
	one, err := spool.Read(list[0].ID)
	require.NoError(t, err)
	require.Equal(t, list[0], one)

	require.Equal(t, 1, logs.FilterField(zap.String("mail", one.ID)).Len())
	requireSilent(t, logs)
	info, err := os.Stat(filepath.Join(dir, one.ID+".eml"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	info, err = os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
}

func TestOldAndManyMailsGo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	spool := mail.NewSpool(t.TempDir(), zap.NewNop()).At(func() time.Time { return now })
	for range 205 {
		require.NoError(t, spool.Send(t.Context(), hello()))
		now = now.Add(time.Second)
	}
	list, err := spool.List()
	require.NoError(t, err)
	require.Len(t, list, 200)
	require.Equal(t, now.Add(-200*time.Second), list[0].At, "the newest stay")

	now = now.Add(7*24*time.Hour - 50*time.Second)
	require.NoError(t, spool.Prune())
	list, err = spool.List()
	require.NoError(t, err)
	require.Len(t, list, 50)
}

func TestAMailThatIsKeptIsSentWhateverBecomesOfOldOnes(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "20200101T000000.000000000Z-AAAAAAAA.eml", "in the way"), 0o700))
	require.NoError(t, mail.NewSpool(dir, zap.New(core)).Send(t.Context(), hello()), "or it is sent once more")
	require.Equal(t, 1, logs.FilterLevelExact(zapcore.ErrorLevel).Len())
}

func TestOldMailGoesByItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		spool := mail.NewSpool(dir, zap.NewNop())
		require.NoError(t, spool.Send(t.Context(), hello()))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- spool.Run(ctx, func() {}) }()
		<-time.After(7*24*time.Hour + time.Hour + time.Second)
		synctest.Wait()
		list, err := spool.List()
		require.NoError(t, err)
		require.Empty(t, list)
		stop()
		require.NoError(t, <-done)
	})
}

func TestAPersonsMailIsForgotten(t *testing.T) {
	t.Parallel()
	spool := mail.NewSpool(t.TempDir(), zap.NewNop())
	for _, to := range []string{"ann@example.com", "Ann@Example.com", "bob@example.com", "joann@example.com"} {
		require.NoError(t, spool.Send(t.Context(), mail.Message{To: to, Subject: "hello", Text: "ann@example.com"}))
	}
	require.NoError(t, spool.Forget(t.Context(), "ann@example.com"))
	list, err := spool.List()
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, "bob@example.com", list[0].To)
}

func TestIDsNameOnlyKeptMail(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(parent, "secret.eml"), []byte("To: x\n\nx"), 0o600))
	dir := filepath.Join(parent, "mail")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.eml"), []byte("To: x\n\nx"), 0o600))
	spool := mail.NewSpool(dir, zap.NewNop())
	for _, id := range []string{"", "notes", "../secret", "20260301T120000.000000000Z-../../secret", "20260301T120000.000000000Z-ABC"} {
		_, err := spool.Read(id)
		require.ErrorIs(t, err, fs.ErrNotExist, id)
	}
	require.NoError(t, spool.Send(t.Context(), hello()))
	list, err := spool.List()
	require.NoError(t, err)
	require.Len(t, list, 1, "what the spool has not written is not its own")
}

func TestManyMaySendAtOnce(t *testing.T) {
	t.Parallel()
	spool := mail.NewSpool(t.TempDir(), zap.NewNop())
	var sending sync.WaitGroup
	for i := range 20 {
		sending.Go(func() {
			if err := spool.Send(t.Context(), mail.Message{To: fmt.Sprintf("a%d@example.com", i), Subject: "hello", Text: "text"}); err != nil {
				t.Error(err)
			}
		})
	}
	sending.Wait()
	list, err := spool.List()
	require.NoError(t, err)
	require.Len(t, list, 20)
}

// What may be sent reads back from the spool as it was.
func TestEveryMessageSurvivesTheSpool(t *testing.T) {
	t.Parallel()
	spool := mail.NewSpool(t.TempDir(), zap.NewNop())
	rapid.Check(t, func(t *rapid.T) {
		m := mail.Message{
			To:      rapid.StringMatching(`[a-zü0-9.+'=-]{1,20}@[a-z]{1,10}\.example`).Draw(t, "to"),
			Subject: rapid.String().Draw(t, "subject"),
			Text:    rapid.String().Draw(t, "text"),
		}
		if m.Check() != nil {
			return
		}
		require.NoError(t, spool.Send(t.Context(), m))
		list, err := spool.List()
		require.NoError(t, err)
		last := list[len(list)-1]
		require.Equal(t, m, last.Message)
		require.NoError(t, spool.Forget(t.Context(), m.To))
	})
}
