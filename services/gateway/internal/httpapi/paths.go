package httpapi

import (
	"slices"
	"strings"
)

// Paths are the names under which pages know the gateway. An operator may choose others than the
// well-known ones, which ad blockers match; the well-known ones answer too.
type Paths struct {
	Script string // of the newest script; ends in .js
	Ingest string // where that script sends signals
}

// DefaultPaths are the names of the documentation.
var DefaultPaths = Paths{Script: "/s.js", Ingest: "/api/signals"}

// Serves tells whether the gateway answers a path.
func (p Paths) Serves(path string) bool {
	return path == "/api/ingest" || slices.Contains(p.ingest(), path) ||
		slices.ContainsFunc(p.scripts(), func(script string) bool { return IsScript(script, path) })
}

// IsScript tells whether a path is that of script or of one of its versions.
func IsScript(script, path string) bool {
	return path == script || strings.HasPrefix(path, versionsOf(script))
}

func (p Paths) ingest() []string  { return both(DefaultPaths.Ingest, p.Ingest) }
func (p Paths) scripts() []string { return both(DefaultPaths.Script, p.Script) }

func both(known, chosen string) []string {
	if chosen == known || chosen == "" {
		return []string{known}
	}
	return []string{known, chosen}
}

// Pinned is the path of one version of a script.
func Pinned(script, version string) string { return versionsOf(script) + "v" + version + ".js" }

// versionsOf is where the versions of a script are: /s/ for /s.js, and /lib/site.js/ for
// /lib/site.js, which a proxy can match as a prefix.
func versionsOf(script string) string {
	if script == DefaultPaths.Script {
		return "/s/"
	}
	return script + "/"
}
