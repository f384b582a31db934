package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// entries are the npm package's entry points: the SDK itself, and what adapts it to a framework or
// a server.
var entries = []string{"index", "react", "vue", "node"}

// writeSDK builds each entry point as ESM (.js) and CommonJS (.cjs), and the SDK once more as a
// plain script (specter.iife.js), whose global is Specter. The types are TypeScript's own work.
func writeSDK(sdk, out string) error {
	if err := os.RemoveAll(out); err != nil {
		return fmt.Errorf("removing the last build: %w", err)
	}
	for _, kind := range []struct {
		format    api.Format
		extension string
	}{{api.FormatESModule, ".js"}, {api.FormatCommonJS, ".cjs"}} {
		for _, entry := range entries {
			options := common(false)
			options.EntryPoints = []string{filepath.Join(sdk, "src", entry+".ts")}
			options.Format = kind.format
			options.Outfile = filepath.Join(out, entry+kind.extension)
			options.Write = true
			if entry == "node" {
				options.Platform = api.PlatformNode
			}
			if entry != "index" {
				options.Plugins = []api.Plugin{shared("./index"+kind.extension, "react", "vue")}
			}
			if _, err := build(options); err != nil {
				return fmt.Errorf("building %s%s: %w", entry, kind.extension, err)
			}
		}
	}
	options := common(false)
	options.EntryPoints = []string{filepath.Join(sdk, "src", "index.ts")}
	options.Format = api.FormatIIFE
	options.GlobalName = "Specter"
	options.Outfile = filepath.Join(out, "specter.iife.js")
	options.Write = true
	if _, err := build(options); err != nil {
		return fmt.Errorf("building specter.iife.js: %w", err)
	}
	return nil
}

// shared leaves out of a bundle what its page loads once for all: the SDK, under the name it has in
// this format, and the frameworks.
func shared(index string, frameworks ...string) api.Plugin {
	return api.Plugin{Name: "shared", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `^\./index\.js$`}, func(api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Path: index, External: true}, nil
		})
		b.OnResolve(api.OnResolveOptions{Filter: "^(" + strings.Join(frameworks, "|") + ")$"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Path: a.Path, External: true}, nil
		})
	}}
}
