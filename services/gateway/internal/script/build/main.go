// Command build bundles pkg/sdk/js into the script tag that the gateway serves. It is run by
// `go generate` in the script package and needs no Node: esbuild is a Go library.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// Relative to the script package, where go generate runs.
const (
	sdkDir  = "../../../../pkg/sdk/js"
	distDir = "dist"
)

// maxGzipBytes is the budget of 4-experience for /s.js.
const maxGzipBytes = 4096

func main() {
	out, err := bundle(sdkDir)
	if err == nil {
		err = out.write(distDir)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// artifact is everything dist holds.
type artifact struct {
	script   []byte
	manifest []byte
}

// bundle builds the script from the SDK's source. Equal sources give equal bytes.
func bundle(sdk string) (artifact, error) {
	version, err := packageVersion(filepath.Join(sdk, "package.json"))
	if err != nil {
		return artifact{}, err
	}
	res := api.Build(api.BuildOptions{
		EntryPoints:       []string{filepath.Join(sdk, "src", "tag.ts")},
		Bundle:            true,
		Format:            api.FormatIIFE,
		Platform:          api.PlatformBrowser,
		Target:            api.ES2018,
		Charset:           api.CharsetASCII, // a page may declare any charset
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		Banner:            map[string]string{"js": "/*! Specter " + version + " | Apache-2.0 */"},
		LogLevel:          api.LogLevelSilent,
	})
	if len(res.Errors) > 0 {
		return artifact{}, errors.New(api.FormatMessages(res.Errors, api.FormatMessagesOptions{})[0])
	}
	script := res.OutputFiles[0].Contents
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
