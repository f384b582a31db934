// Command build bundles pkg/sdk/js. It needs no Node: esbuild is a Go library.
//
//	build            the script tag into dist, which the gateway serves; run by go generate
//	build sdk        the npm package's JavaScript into pkg/sdk/js/dist; run by npm
//	build types      TypeScript's declarations beside it, reduced to what is public
//	build examples D the programs of pkg/sdk/js/examples into the directory D; run by the browser suite
//	build release    freezes the built tag as released/v<version>.js, which is served for ever
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Relative to the script package, where go generate runs.
const (
	sdkDir      = "../../../../pkg/sdk/js"
	distDir     = "dist"
	releasedDir = "released"
)

const (
	// maxGzipBytes is the budget for /s.js.
	maxGzipBytes = 4096
	// target is what browsers since 2021 run; Node runs it too.
	target = api.ES2021
	// internals are the names of properties that only pieces of one bundle share.
	internals = "^(enqueue|resume|beacon|leave|forget|deliver|remember|allowed|report)$"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	switch strings.Join(args, " ") {
	case "":
		out, err := bundle(sdkDir)
		if err != nil {
			return err
		}
		return out.write(distDir)
	case "sdk":
		return writeSDK(sdkDir, filepath.Join(sdkDir, "dist"))
	case "types":
		return writeTypes(filepath.Join(sdkDir, "dist"))
	case "release":
		return release(distDir, releasedDir)
	}
	if len(args) == 2 && args[0] == "examples" {
		return examples(sdkDir, args[1])
	}
	return fmt.Errorf("build %s: there is no such build", strings.Join(args, " "))
}

// artifact is everything dist holds.
type artifact struct {
	script   []byte
	manifest []byte
}

// bundle builds the script tag from the SDK's source. Equal sources give equal bytes.
func bundle(sdk string) (artifact, error) {
	version, err := packageVersion(filepath.Join(sdk, "package.json"))
	if err != nil {
		return artifact{}, err
	}
	options := common(true)
	options.EntryPoints = []string{filepath.Join(sdk, "src", "tag.ts")}
	options.Format = api.FormatIIFE
	options.Banner = map[string]string{"js": "/*! Specter " + version + " Apache-2.0 */"}
	options.TsconfigRaw = `{"compilerOptions": {"alwaysStrict": false}}` // 13 bytes less
	files, err := build(options)
	if err != nil {
		return artifact{}, err
	}
	script := files[0].Contents
	size, err := gzipSize(script)
	if err != nil {
		return artifact{}, err
	}
	if size > maxGzipBytes {
		return artifact{}, fmt.Errorf("the script is %d bytes gzipped, the budget is %d", size, maxGzipBytes)
	}
	sum := sha512.Sum384(script)
	manifest, err := json.MarshalIndent(map[string]any{
		"version":   version,
		"integrity": "sha384-" + base64.StdEncoding.EncodeToString(sum[:]),
	}, "", "  ")
	if err != nil {
		return artifact{}, fmt.Errorf("writing the manifest: %w", err)
	}
	return artifact{script: script, manifest: append(manifest, '\n')}, nil
}

func (a artifact) write(dir string) error {
	for name, content := range map[string][]byte{"s.js": a.script, "s.json": a.manifest} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("writing the built script: %w", err)
		}
	}
	return nil
}

// common is what every bundle of ours is built with; tag leaves out what an attribute cannot say.
func common(tag bool) api.BuildOptions {
	return api.BuildOptions{
		Bundle:            true,
		Platform:          api.PlatformBrowser,
		Target:            target,
		Charset:           api.CharsetASCII, // a page may declare any charset
		Define:            map[string]string{"TAG": fmt.Sprint(tag)},
		MangleProps:       internals,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		LogLevel:          api.LogLevelSilent,
	}
}

func build(options api.BuildOptions) ([]api.OutputFile, error) {
	res := api.Build(options)
	if len(res.Errors) > 0 {
		return nil, errors.New(strings.Join(api.FormatMessages(res.Errors, api.FormatMessagesOptions{}), "\n"))
	}
	return res.OutputFiles, nil
}

// release freezes the built tag under its version. What was released never changes: pages pin it
// by its hash.
func release(dist, released string) error {
	var m struct{ Version string }
	raw, err := os.ReadFile(filepath.Join(dist, "s.json"))
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err != nil {
		return fmt.Errorf("reading the built version: %w", err)
	}
	script, err := os.ReadFile(filepath.Join(dist, "s.js"))
	if err != nil {
		return fmt.Errorf("reading the built script: %w", err)
	}
	name := filepath.Join(released, "v"+m.Version+".js")
	before, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.WriteFile(name, script, 0o644)
	case err != nil:
		return fmt.Errorf("reading the released script: %w", err)
	case !bytes.Equal(before, script):
		return fmt.Errorf("version %s is released with other bytes: raise the version in pkg/sdk/js/package.json and generate again", m.Version)
	}
	return nil
}

func packageVersion(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading the SDK's version: %w", err)
	}
	var pkg struct{ Version string }
	if err := json.Unmarshal(raw, &pkg); err != nil {
		return "", fmt.Errorf("reading the SDK's version: %w", err)
	}
	return pkg.Version, nil
}

func gzipSize(b []byte) (int, error) {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return 0, fmt.Errorf("measuring the script: %w", err)
	}
	if _, err := w.Write(b); err != nil {
		return 0, fmt.Errorf("measuring the script: %w", err)
	}
	if err := w.Close(); err != nil {
		return 0, fmt.Errorf("measuring the script: %w", err)
	}
	return buf.Len(), nil
}
