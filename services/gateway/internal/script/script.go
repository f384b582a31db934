package script

import (
	"bytes"
	"cmp"
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// DefaultIngestPath is where the scripts post to as they are built.
const DefaultIngestPath = "/api/signals"

var (
	//go:embed dist/s.js
	latest []byte
	//go:embed dist/s.json
	manifest []byte
	//go:embed released/*.js
	released embed.FS
)

// Script is one version of the tag, ready to be served.
type Script struct {
	Version   string // semantic version, as in pkg/sdk/js/package.json
	Integrity string // "sha384-…" of Body, for the integrity attribute
	Body      []byte // the JavaScript; not to be changed
	Released  bool   // frozen: this version will always be these bytes, and a page may pin it
}

// Load returns the tag that this binary was built with, for pages that pin nothing, and then, the
// newest first, all others that were ever released, so that a page that pins one outlives the
// upgrade. Their signals go to ingestPath, so their bytes and hashes depend on it.
func Load(ingestPath string) ([]Script, error) { return load(manifest, latest, released, ingestPath) }

func load(manifest, latest []byte, released fs.FS, ingestPath string) ([]Script, error) {
	var m struct{ Version string }
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, fmt.Errorf("reading the script's manifest: %w", err)
	}
	build, err := prepare(m.Version, latest, ingestPath)
	if err != nil {
		return nil, err
	}
	var others []Script
	files, err := fs.ReadDir(released, "released")
	if err != nil {
		return nil, fmt.Errorf("listing the released scripts: %w", err)
	}
	for _, file := range files {
		version := strings.TrimSuffix(strings.TrimPrefix(file.Name(), "v"), ".js")
		body, err := fs.ReadFile(released, path.Join("released", file.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading the released script %s: %w", version, err)
		}
		if version == m.Version && bytes.Equal(body, latest) {
			build.Released = true
			continue
		}
		s, err := prepare(version, body, ingestPath)
		if err != nil {
			return nil, err
		}
		s.Released = true
		others = append(others, s)
	}
	slices.SortStableFunc(others, func(a, b Script) int { return compare(b.Version, a.Version) })
	return append([]Script{build}, others...), nil
}

// prepare writes the path into a script.
func prepare(version string, body []byte, ingestPath string) (Script, error) {
	if n := bytes.Count(body, []byte(DefaultIngestPath)); n != 1 {
		return Script{}, fmt.Errorf("preparing script %s: it names %s %d times, not once", version, DefaultIngestPath, n)
	}
	body = bytes.Replace(body, []byte(DefaultIngestPath), []byte(ingestPath), 1)
	sum := sha512.Sum384(body)
	return Script{Version: version, Integrity: "sha384-" + base64.StdEncoding.EncodeToString(sum[:]), Body: body}, nil
}

// compare orders versions of three numbers.
func compare(a, b string) int {
	numbers := func(version string) []int {
		var n []int
		for part := range strings.SplitSeq(version, ".") {
			i, _ := strconv.Atoi(part)
			n = append(n, i)
		}
		return n
	}
	return cmp.Or(slices.Compare(numbers(a), numbers(b)), strings.Compare(a, b))
}
