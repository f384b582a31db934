package e2e

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
)

var composeSecrets = []string{
	"SPECTER_SECRET_KEY=0123456789012345678901234567890123456789",
	"SPECTER_SUPABASE_JWT_SECRET=0123456789012345678901234567890123456789",
	"POSTGRES_PASSWORD=p", "AUTH_DB_PASSWORD=a",
}

func compose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root(t), "docker-compose.yml")}, cli.WithEnv(composeSecrets), cli.WithName("specter"))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err, "compose v2 must accept docker-compose.yml")
	return project
}

// TestComposeFileIsValid: for compose v2 by its own loader, for 1.29 by the program itself.
func TestComposeFileIsValid(t *testing.T) {
	t.Parallel()
	project := compose(t)
	for _, name := range []string{"caddy", "gateway", "analyzer", "proposal", "verifier", "notifier", "retention", "dashboard", "nats", "postgres", "auth"} {
		service, err := project.GetService(name)
		require.NoError(t, err)
		require.NotNil(t, service.HealthCheck, "%s: `up --wait` needs a health check", name)
	}
	path, err := exec.LookPath("docker-compose")
	require.NoError(t, err, "docker-compose 1.29 is installed by scripts/bootstrap.sh test")
	cmd := exec.CommandContext(t.Context(), path, "-f", filepath.Join(root(t), "docker-compose.yml"), "config", "-q")
	cmd.Env = append(cmd.Environ(), composeSecrets...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestComposeFileKnowsTheSettings: every SPECTER_ name it sets is one the service reads.
func TestComposeFileKnowsTheSettings(t *testing.T) {
	t.Parallel()
	for name, service := range compose(t).Services {
		if !strings.HasPrefix(service.Image, "specter:") || name == "migrate" {
			continue
		}
		var env []string
		for key, value := range service.Environment {
			if strings.HasPrefix(key, "SPECTER_") && value != nil {
				env = append(env, key+"="+*value)
			}
		}
		cmd := exec.CommandContext(t.Context(), binary(t, "specter"), "config", "check")
		cmd.Env = append(program.Environ(), env...)
		cmd.Dir = t.TempDir()
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
	}
}

// TestComposeFileMakesCodesLong: the auth server's own default, six digits, can be guessed.
func TestComposeFileMakesCodesLong(t *testing.T) {
	t.Parallel()
	auth, err := compose(t).GetService("auth")
	require.NoError(t, err)
	require.NotNil(t, auth.Environment["GOTRUE_MAILER_OTP_LENGTH"])
	require.Equal(t, "10", *auth.Environment["GOTRUE_MAILER_OTP_LENGTH"])
}

// TestComposeFileRunsCommandsThatExist: what each service and its health check start is in the image's one program.
func TestComposeFileRunsCommandsThatExist(t *testing.T) {
	t.Parallel()
	for name, service := range compose(t).Services {
		if !strings.HasPrefix(service.Image, "specter:") {
			continue
		}
		require.NotEmpty(t, service.Command, name)
		requireCommand(t, service.Command)
		if check := service.HealthCheck; !check.Disable {
			require.Equal(t, []string{"CMD", "/specter"}, []string(check.Test[:2]), name)
			requireCommand(t, check.Test[2:])
		}
	}
}

// requireCommand: the program knows the subcommand and its flags.
func requireCommand(t *testing.T, args []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t, "specter"), append(append([]string{}, args...), "--help")...)
	cmd.Env = program.Environ()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v: %s", args, out)
	require.Contains(t, string(out), "specter "+args[0], "%v is not a subcommand", args)
	if help := string(out); !strings.Contains(help, " [flags]\n") { // a command of its own, whatever there is below it
		require.NotContains(t, help, "Available Commands:", "%v stops short of a command", args)
	}
}

// TestHealthAnswersForARunningProcess is what a container's health check sees.
func TestHealthAnswersForARunningProcess(t *testing.T) {
	t.Parallel()
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t)})
	health := func(addr string) error {
		cmd := exec.CommandContext(t.Context(), binary(t, "specter"), "health")
		cmd.Env = append(program.Environ(), "SPECTER_HTTP_ADDR="+addr)
		cmd.Dir = t.TempDir()
		return cmd.Run()
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	require.NoError(t, health("0.0.0.0:"+port))
	require.Error(t, health(program.FreeAddr(t)), "nobody listens there")
}
