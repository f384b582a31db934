package svcmain

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/telemetry"
	"github.com/draftlabs/specter/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

type testConfig struct {
	Size int `env:"SPECTER_TEST_SIZE" envDefault:"3" doc:"A size."`
}

type testService struct{ lifecycle.Service }

func (testService) Handler() http.Handler { return nil }

func testModule() Module {
	return Module{
		Name:     "example",
		Settings: config.Describe[testConfig]("example"),
		Validate: func(src config.Source) error { _, err := config.Load[testConfig](src); return err },
		New: func(config.Source, Platform) (Service, error) {
			return testService{lifecycle.Group()}, nil
		},
	}
}

func settings(src config.Source) func() (config.Source, error) {
	return func() (config.Source, error) { return src, nil }
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		code int
		out  string
		err  string
	}{
		{[]string{"-version"}, ExitOK, "specter-example ", ""},
		{[]string{"-h"}, ExitOK, "SPECTER_TEST_SIZE (default 3)", ""},
		{[]string{"-loud"}, ExitUsage, "", "not defined"},
		{[]string{"up"}, ExitUsage, "", "takes no arguments"},
	} {
		var out, errOut bytes.Buffer
		require.Equal(t, c.code, program(t.Context(), testModule(), c.args, settings(nil), &out, &errOut), c.args)
		require.Contains(t, out.String(), c.out)
		require.Contains(t, errOut.String(), c.err)
	}
}

func TestBadSettingsEndItBeforeAnythingIsOpened(t *testing.T) {
	t.Parallel()
	m := testModule()
	m.NeedsDB = true
	m.New = func(config.Source, Platform) (Service, error) {
		t.Error("nothing may be made with bad settings")
		return nil, errors.New("unreachable")
	}
	var out, errOut bytes.Buffer
	code := program(t.Context(), m, nil, settings(config.Source{"SPECTER_TEST_SIZE": "big", "SPECTER_TYPO": "x", "SPECTER_DRAIN_DELAY": "now"}), &out, &errOut)
	require.Equal(t, ExitUsage, code)
	for _, want := range []string{"unknown setting SPECTER_TYPO", "SPECTER_DRAIN_DELAY", "SPECTER_TEST_SIZE"} {
		require.Contains(t, errOut.String(), want)
	}

	errOut.Reset()
	require.Equal(t, ExitUsage, program(t.Context(), m, nil, settings(nil), &out, &errOut))
	require.Contains(t, errOut.String(), "SPECTER_DATABASE_URL is not set")
}

func TestAStopWhileWaitingForTheBrokerIsClean(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	cancelled, cancel := context.WithCancel(t.Context())
	context.AfterFunc(ctx, cancel)
	// Port 9 (discard) has no broker.
	var out, errOut bytes.Buffer
	require.Equal(t, ExitOK, program(cancelled, testModule(), nil, settings(config.Source{"SPECTER_NATS_URL": "nats://127.0.0.1:9", "SPECTER_LOG_LEVEL": "error"}), &out, &errOut), errOut.String())
}

func TestBuildReportsWhatTheModuleSays(t *testing.T) {
	t.Parallel()
	shared := Shared{Log: zap.NewNop(), Metrics: telemetry.NewRegistry()}
	built, err := Build(t.Context(), testModule(), nil, shared)
	require.NoError(t, err)
	built.Close()
	built.Close()

	broken := testModule()
	broken.New = func(_ config.Source, p Platform) (Service, error) {
		require.False(t, p.Now().IsZero())
		return nil, errors.New("no key")
	}
	_, err = Build(t.Context(), broken, nil, shared)
	require.EqualError(t, err, "making example: no key")
}
