package gateway

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/services/gateway/internal/httpapi"
	"github.com/draftlabs/specter/services/gateway/internal/script"
)

// plainPath is a path that means the same in a URL, a route and a script.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$`)

// taken are the first segments of paths that belong to other parts of Specter.
var taken = []string{"auth", "healthz", "metrics", "version", "assets", "mcp", "p"}

// validatePaths: ad blockers match well-known names, so an operator may choose others, but not those
// that something else answers.
func (c Config) validatePaths() error {
	check := func(name, path string) error {
		first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		switch {
		case !plainPath.MatchString(path) || len(path) > 100:
			return fmt.Errorf("%s is %q, it must be like /collect: letters, digits, - and _, and dots inside", name, path)
		case slices.Contains(taken, first), first == "api" && path != "/api/signals" && (rest == "ingest" || rest == "proposals" || strings.HasPrefix(rest+"/", "v1/")):
			return fmt.Errorf("%s is %q, which something else answers", name, path)
		}
		return nil
	}
	errs := []error{check("SPECTER_SCRIPT_PATH", c.ScriptPath), check("SPECTER_INGEST_PATH", c.IngestPath)}
	if !strings.HasSuffix(c.ScriptPath, ".js") {
		errs = append(errs, fmt.Errorf("SPECTER_SCRIPT_PATH is %q, it must end in .js", c.ScriptPath))
	}
	if httpapi.IsScript(httpapi.DefaultPaths.Script, c.IngestPath) || httpapi.IsScript(c.ScriptPath, c.IngestPath) {
		errs = append(errs, fmt.Errorf("SPECTER_INGEST_PATH is %q, where scripts are served", c.IngestPath))
	}
	return errors.Join(errs...)
}

func (c Config) paths() httpapi.Paths {
	return httpapi.Paths{Script: c.ScriptPath, Ingest: c.IngestPath}
}

// Tag is the script tag that pages load.
type Tag struct {
	Path      string // of the newest version
	Pinned    string // of the newest released version, for ever
	Integrity string // of that version, for the integrity attribute
}

// TagOf returns the script tag under these settings.
func TagOf(src config.Source) (Tag, error) {
	c, err := loadPaths(src)
	if err != nil {
		return Tag{}, err
	}
	scripts, err := script.Load(c.IngestPath)
	if err != nil {
		return Tag{}, err
	}
	i := slices.IndexFunc(scripts, func(s script.Script) bool { return s.Released })
	if i < 0 {
		return Tag{}, errors.New("no script was ever released")
	}
	newest := scripts[i]
	return Tag{Path: c.ScriptPath, Pinned: httpapi.Pinned(c.ScriptPath, newest.Version), Integrity: newest.Integrity}, nil
}

// Serves tells, for a process that hosts the gateway beside others, which paths the gateway answers
// under these settings.
func Serves(src config.Source) (func(path string) bool, error) {
	c, err := loadPaths(src)
	if err != nil {
		return nil, err
	}
	return c.paths().Serves, nil
}

// loadPaths is for a process that need not run a gateway: the other settings may be unfit for one.
func loadPaths(src config.Source) (Config, error) {
	c, err := config.Load[Config](src)
	if err != nil {
		return Config{}, fmt.Errorf("loading the gateway's paths: %w", err)
	}
	return c, c.validatePaths()
}
