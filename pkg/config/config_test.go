package config

import (
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type sample struct {
	Addr  string        `env:"SPECTER_HTTP_ADDR" envDefault:"127.0.0.1:8080" doc:"Where it listens."`
	Wait  time.Duration `env:"SPECTER_WAIT" envDefault:"2s" doc:"How long it waits."`
	Inner struct {
		Key string `env:"SPECTER_SECRET_KEY,required" secret:"true" doc:"32 bytes."`
	}
}

func noFile(string) ([]byte, error) { return nil, fs.ErrNotExist }

func TestTheEnvironmentWinsOverTheFile(t *testing.T) {
	t.Parallel()
	file := func(path string) ([]byte, error) {
		require.Equal(t, "/etc/s.yaml", path)
		return []byte("SPECTER_HTTP_ADDR: 0.0.0.0:80\nSPECTER_WAIT: 5s\nSPECTER_MAX: 12\n"), nil
	}
	src, err := read([]string{"SPECTER_CONFIG_FILE=/etc/s.yaml", "SPECTER_WAIT=9s", "SPECTER_EMPTY=", "HOME=/root", "SPECTER_CORPORA=/x"}, file)
	require.NoError(t, err)
	require.Equal(t, Source{"SPECTER_HTTP_ADDR": "0.0.0.0:80", "SPECTER_WAIT": "9s", "SPECTER_MAX": "12"}, src)
}

func TestAMissingFileMattersOnlyWhenNamed(t *testing.T) {
	t.Parallel()
	src, err := read(nil, noFile)
	require.NoError(t, err)
	require.Empty(t, src)

	_, err = read([]string{"SPECTER_CONFIG_FILE=/nowhere.yaml"}, noFile)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestABadFileIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"[", "a: {b: 1}", "HOME: /root", "SPECTER_A: 1\nSPECTER_A: 2"} {
		_, err := read(nil, func(string) ([]byte, error) { return []byte(text), nil })
		require.Error(t, err, text)
	}
}

func TestLoadAppliesDefaultsAndReportsAllProblems(t *testing.T) {
	t.Parallel()
	got, err := Load[sample](Source{"SPECTER_SECRET_KEY": "k"})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", got.Addr)
	require.Equal(t, 2*time.Second, got.Wait)
	require.Equal(t, "k", got.Inner.Key)

	_, err = Load[sample](Source{"SPECTER_WAIT": "soon"})
	require.ErrorContains(t, err, "SPECTER_SECRET_KEY")
	require.ErrorContains(t, err, `SPECTER_WAIT: unable to parse duration: time: invalid duration "soon"`)
	require.NotContains(t, err.Error(), `"Wait"`, "people know the setting, not the field")
}

func TestANilSourceIsEmptyAndNotTheProcessEnvironment(t *testing.T) {
	t.Setenv("SPECTER_SECRET_KEY", "from the process")
	_, err := Load[sample](nil)
	require.ErrorContains(t, err, "SPECTER_SECRET_KEY")
}

func TestDescribeListsEverySetting(t *testing.T) {
	t.Parallel()
	all := Describe[sample]("x")
	require.Equal(t, []Setting{
		{Name: "SPECTER_HTTP_ADDR", Default: "127.0.0.1:8080", Doc: "Where it listens.", Type: "string", Owner: "x"},
		{Name: "SPECTER_WAIT", Default: "2s", Doc: "How long it waits.", Type: "time.Duration", Owner: "x"},
		{Name: "SPECTER_SECRET_KEY", Doc: "32 bytes.", Type: "string", Owner: "x", Secret: true},
	}, all)

	src := Source{"SPECTER_SECRET_KEY": "hush", "SPECTER_WAIT": "1s"}
	require.Equal(t, "127.0.0.1:8080", all[0].Shown(src))
	require.Equal(t, "1s", all[1].Shown(src))
	require.Equal(t, "(set)", all[2].Shown(src))
}

func TestUnknownNamesAreErrorsWithAHint(t *testing.T) {
	t.Parallel()
	known := Describe[sample]("x")
	require.NoError(t, CheckUnknown(Source{"SPECTER_WAIT": "1s"}, known))

	err := CheckUnknown(Source{"SPECTER_HTP_ADDR": "x", "SPECTER_SOMETHING_ELSE": "y"}, known)
	require.EqualError(t, err, "unknown setting SPECTER_HTP_ADDR (did you mean SPECTER_HTTP_ADDR?)\nunknown setting SPECTER_SOMETHING_ELSE")
}
