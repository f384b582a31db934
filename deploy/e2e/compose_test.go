package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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

// compose reads the file with the secrets set, and what else is set in .env.
func compose(t *testing.T, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root(t), "docker-compose.yml")}, cli.WithEnv(append(slices.Clone(composeSecrets), env...)), cli.WithName("specter"))
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

// composeReaders are the services that read a setting which docs/CONFIG.md lists with another part, by how its name begins.
var composeReaders = map[string][]string{
	"SPECTER_WEBHOOK_":            {"notifier", "dashboard"},
	"SPECTER_PUBLIC_URL":          {"gateway", "notifier", "retention", "dashboard"},
	"SPECTER_SECRET_KEY":          {"notifier", "retention", "dashboard"},
	"SPECTER_SMTP_URL":            {"retention", "dashboard"},
	"SPECTER_MAIL_":               {"retention", "dashboard"},
	"SPECTER_SUPABASE_JWT_SECRET": {"dashboard"},
}

// notPassedOn are the settings that .env does not reach, and why.
var notPassedOn = map[string]string{
	"SPECTER_HTTP_ADDR":           "Caddy and the health checks expect the services there",
	"SPECTER_METRICS_ADDR":        "a port inside, the same for all",
	"SPECTER_DATABASE_URL":        "the stack's own Postgres",
	"SPECTER_NATS_URL":            "the stack's own broker",
	"SPECTER_NATS_REPLICAS":       "it is one broker",
	"SPECTER_NATS_SYNC_ALWAYS":    "true of its configuration, deploy/docker/nats.conf",
	"SPECTER_SUPABASE_AUTH_URL":   "the stack's own; for another see OPERATING.md, Signing in",
	"SPECTER_SUPABASE_JWT_ISSUER": "follows from SPECTER_PUBLIC_URL; for another see there",
	"SPECTER_AUTH_DISABLE_SIGNUP": "of the auth server of specter up; GOTRUE_DISABLE_SIGNUP here",
	"SPECTER_AUTH_AUTOCONFIRM":    "of the auth server of specter up; GOTRUE_MAILER_AUTOCONFIRM here",
	"SPECTER_DATA_DIR":            "of specter up",
	"SPECTER_POSTGRES_BIN":        "of specter up",
	"SPECTER_BOOTSTRAP_FILE":      "of specter up",
	"SPECTER_URL":                 "of the command line",
	"SPECTER_TOKEN":               "of the command line",
}

var configRow = regexp.MustCompile("(?m)^(?:## (.+)|\\| `(SPECTER_[A-Z_]+)` \\|.*)$")

// settingReaders are the settings of docs/CONFIG.md, each with the services of the stack that read it.
func settingReaders(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "CONFIG.md"))
	require.NoError(t, err)
	readers := map[string][]string{}
	var part string
	for _, row := range configRow.FindAllStringSubmatch(string(text), -1) {
		name := row[2]
		if name == "" {
			part = strings.ToLower(row[1])
			continue
		}
		switch part {
		case "every process":
			readers[name] = []string{"gateway", "analyzer", "proposal", "verifier", "notifier", "retention", "dashboard"}
			if strings.HasPrefix(name, "SPECTER_DATABASE_") {
				readers[name] = readers[name][1:] // the gateway has none
			}
		case "the all-in-one and the command line":
			readers[name] = nil
		default:
			readers[name] = []string{part}
		}
		for prefix, also := range composeReaders {
			if strings.HasPrefix(name, prefix) {
				readers[name] = also
			}
		}
	}
	require.Greater(t, len(readers), 60)
	return readers
}

// TestComposeFilePassesSettingsOn: what is set in .env arrives at every service that reads it. Elsewise it is ignored in silence.
func TestComposeFilePassesSettingsOn(t *testing.T) {
	t.Parallel()
	readers := settingReaders(t)
	var env []string
	for name := range readers {
		env = append(env, name+"=set for "+name)
	}
	project := compose(t, env...)
	for name, services := range readers {
		if notPassedOn[name] != "" {
			continue
		}
		require.NotEmpty(t, services, "%s is read by no service, or it is not known by which", name)
		for _, service := range services {
			value := project.Services[service].Environment[name]
			require.NotNil(t, value, "%s does not get %s", service, name)
			require.Equal(t, "set for "+name, *value, service)
		}
	}
	for name := range notPassedOn {
		require.Contains(t, readers, name, "there is no such setting")
		for service := range project.Services {
			if value := project.Services[service].Environment[name]; value != nil {
				require.NotContains(t, *value, "set for "+name, "%s: it is passed on", service)
			}
		}
	}
}

// TestComposeFileHasRoomForWhatIsWritten: the containers' own file systems cannot be written to.
func TestComposeFileHasRoomForWhatIsWritten(t *testing.T) {
	t.Parallel()
	const kept = "/var/lib/specter"
	for _, name := range []string{"retention", "dashboard"} {
		require.True(t, slices.ContainsFunc(compose(t).Services[name].Volumes, func(v types.ServiceVolumeConfig) bool {
			return v.Type == types.VolumeTypeVolume && v.Target == kept && !v.ReadOnly
		}), name)
	}
	dockerfile, err := os.ReadFile(filepath.Join(root(t), "deploy", "docker", "Dockerfile"))
	require.NoError(t, err)
	require.Contains(t, string(dockerfile), "--chown=65534:65534 /out/kept "+kept+"\n", "a new volume belongs to whom the image's directory does")
	example, err := os.ReadFile(filepath.Join(root(t), ".env.example"))
	require.NoError(t, err)
	for _, name := range []string{"SPECTER_DELETIONS_FILE", "SPECTER_MAIL_DIR"} {
		require.Contains(t, string(example), name+"="+kept+"/")
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
