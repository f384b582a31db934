package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
)

var (
	shellFence = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	inlineCode = regexp.MustCompile("`((?:make|bin/specter|specter) [^`]+)`")
	composed   = regexp.MustCompile("`docker compose (run|exec) ([^`]+)`")
	makeTarget = regexp.MustCompile(`(?m)^([a-z0-9-]+):`)
)

// documents are the texts people copy commands from, by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	paths := []string{filepath.Join(root(t), "README.md")}
	for _, pattern := range []string{"*.md", "adr/*.md"} {
		found, err := filepath.Glob(filepath.Join(root(t), "docs", pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found)
		paths = append(paths, found...)
	}
	texts := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		texts[path] = string(text)
	}
	return texts
}

// shellCommands are the commands of the text's sh fences: comments dropped, continued lines joined.
func shellCommands(text string) []string {
	var commands []string
	for _, fence := range shellFence.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(strings.ReplaceAll(fence[1], "\\\n", " ")) {
			command, _, _ := strings.Cut(" "+line, " #")
			if command = strings.TrimSpace(command); command != "" {
				commands = append(commands, command)
			}
		}
	}
	return commands
}

// TestDocumentedCommandsExist: every target, subcommand and flag that the documents name. What
// `curl` is documented to do, testDocumentedCurl tries; TestTheRunbookRuns runs all of OPERATING.md.
func TestDocumentedCommandsExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
	require.NoError(t, err)
	var targets []string
	for _, match := range makeTarget.FindAllStringSubmatch(string(makefile), -1) {
		targets = append(targets, match[1])
	}
	checked := 0
	for path, text := range documents(t) {
		commands := shellCommands(text)
		for _, code := range inlineCode.FindAllStringSubmatch(text, -1) {
			commands = append(commands, code[1])
		}
		for _, command := range commands {
			checked++
			words := strings.Fields(command)
			switch filepath.Base(words[0]) {
			case "make":
				for _, word := range words[1:] {
					if !strings.Contains(word, "=") {
						require.Contains(t, targets, word, "%s: %s", path, command)
					}
				}
			case "specter":
				t.Run(filepath.Base(path)+" "+command, func(t *testing.T) { requireCommand(t, words[1:]) })
			case "curl":
			default:
				require.Equal(t, "OPERATING.md", filepath.Base(path), "a command that no test runs: %s", command)
			}
		}
	}
	require.GreaterOrEqual(t, checked, 5, "the commands of README.md at least")
}

// TestDocumentedComposeCommandsExist: the service, the subcommand and its flags. A container of its own has the image's
// entrypoint, sees no file of the machine's, and nothing listens in it; in a running one the program is named by its path.
func TestDocumentedComposeCommandsExist(t *testing.T) {
	t.Parallel()
	project := compose(t)
	checked := 0
	for path, text := range documents(t) {
		for _, code := range composed.FindAllStringSubmatch(text, -1) {
			command, redirection, _ := strings.Cut(code[2], " <")
			command, _, output := strings.Cut(command, " >")
			words := strings.Fields(command)
			flags := 0
			for flags < len(words) && strings.HasPrefix(words[flags], "-") {
				flags++
			}
			service, args := words[flags], words[flags+1:]
			require.Contains(t, project.Services, service, "%s: %s", path, code[0])
			if redirection != "" || output {
				require.Contains(t, words[:flags], "-T", "%s: a terminal would change what goes through", code[0])
			}
			if redirection != "" {
				require.Contains(t, args, "-", "%s: what is read is standard input", code[0])
			}
			if code[1] == "exec" {
				require.Equal(t, "/specter", args[0], "the image has no shell: %s", code[0])
				args = args[1:]
			} else {
				require.NotContains(t, args, "health", "%s: nothing listens there", code[0])
			}
			if len(args) > 0 {
				checked++
				requireCommand(t, args)
			}
		}
	}
	require.GreaterOrEqual(t, checked, 5)
}

// testDocumentedCurl does what README.md tells people to try first.
func testDocumentedCurl(t *testing.T, s *system) {
	text, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	require.NoError(t, err)
	tried := 0
	for _, command := range shellCommands(string(text)) {
		if !strings.HasPrefix(command, "curl ") {
			continue
		}
		tried++
		require.Contains(t, command, "http://127.0.0.1:8080", "the address that `make up` prints")
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(command, "http://127.0.0.1:8080", s.URL)+" --silent --show-error --max-time 20")
		cmd.Env = append(program.Environ(), "SPECTER_INGEST_KEY="+s.IngestKey)
		out, err := cmd.Output()
		require.NoError(t, err)
		require.JSONEq(t, `{"received":1}`, string(out))
	}
	require.Positive(t, tried)
}
