package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	return writeGlobal(sdk, out)
}

func writeGlobal(sdk, out string) error {
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

// typed are the declarations that belong to the package: of the entry points, and what these import.
var typed = []string{"index", "react", "vue", "node", "deployments", "types", "webhook"}

// writeTypes keeps, of what TypeScript has declared, the part that is public, once for ESM (.d.ts)
// and once for CommonJS (.d.cts).
func writeTypes(out string) error {
	declared, err := filepath.Glob(filepath.Join(out, "*.d.ts"))
	if err != nil {
		return fmt.Errorf("listing the declarations: %w", err)
	}
	for _, file := range declared {
		name := strings.TrimSuffix(filepath.Base(file), ".d.ts")
		if !slices.Contains(typed, name) {
			if err := os.Remove(file); err != nil {
				return fmt.Errorf("removing a declaration of our own: %w", err)
			}
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading a declaration: %w", err)
		}
		text = ownImport.ReplaceAll(text, []byte(`"./$1.cjs"`))
		if err := os.WriteFile(strings.TrimSuffix(file, ".ts")+".cts", text, 0o644); err != nil {
			return fmt.Errorf("writing a declaration: %w", err)
		}
	}
	return nil
}

var ownImport = regexp.MustCompile(`"\./([a-z]+)\.js"`)

// examples bundles the programs of examples/ as their readers' tools would, into out, with the plain
// script beside them.
func examples(sdk, out string) error {
	modules, err := filepath.Abs(filepath.Join(sdk, "node_modules"))
	if err != nil {
		return fmt.Errorf("building the examples: %w", err)
	}
	alias := map[string]string{}
	for _, name := range entries {
		source, err := filepath.Abs(filepath.Join(sdk, "src", name+".ts"))
		if err != nil {
			return fmt.Errorf("building the examples: %w", err)
		}
		alias[strings.TrimSuffix("@draftlabs/specter/"+name, "/index")] = source
	}
	for _, program := range []string{"npm/main.js", "react/main.jsx", "vue/main.js", "node/server.mjs", "node/deploy.mjs"} {
		options := common(false)
		options.EntryPoints = []string{filepath.Join(sdk, "examples", program)}
		options.Outfile = filepath.Join(out, program)
		options.Format = api.FormatESModule
		options.JSX = api.JSXAutomatic
		options.Alias = alias
		options.NodePaths = []string{modules}
		options.Write = true
		if strings.HasPrefix(program, "node/") {
			options.Platform = api.PlatformNode
			options.Target = api.ES2022 // Node's own programs may await at the top
		}
		for name, value := range map[string]string{
			"process.env.NODE_ENV": `"production"`,
			"__VUE_OPTIONS_API__":  "true", "__VUE_PROD_DEVTOOLS__": "false", "__VUE_PROD_HYDRATION_MISMATCH_DETAILS__": "false",
		} {
			options.Define[name] = value
		}
		if _, err := build(options); err != nil {
			return fmt.Errorf("building the example %s: %w", program, err)
		}
	}
	return writeGlobal(sdk, out)
}
