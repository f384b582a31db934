package e2e

import (
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
