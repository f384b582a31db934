// Command doc writes docs/CONFIG.md from the settings that every part of the binary
// declares.
//
//	cd services/specter && go run ./doc -o ../../docs/CONFIG.md
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/services/specter"
)

func main() {
	out := flag.String("o", "../../docs/CONFIG.md", "file to write")
	flag.Parse()
	if err := os.WriteFile(*out, render(specter.Settings()), 0o644); err != nil {
		log.Fatal(err)
	}
}

// titles say whose settings they are, in the order of the page.
var titles = []struct{ owner, title string }{
	{"platform", "Every process"},
	{"specter", "The all-in-one and the command line"},
}

func render(settings []config.Setting) []byte {
	byOwner := map[string][]config.Setting{}
	var owners []string
	for _, t := range titles {
		owners = append(owners, t.owner)
	}
	for _, s := range settings {
		if byOwner[s.Owner] == nil && s.Owner != "platform" && s.Owner != "specter" {
			owners = append(owners, s.Owner)
		}
		byOwner[s.Owner] = append(byOwner[s.Owner], s)
	}
	var b bytes.Buffer
	b.WriteString("<!-- Written by `go run ./doc` in services/specter from the settings' declarations; do not edit. -->\n\n")
	b.WriteString("# Settings\n\nEvery setting is an environment variable, or the same name in `specter.yaml` (or the file that `SPECTER_CONFIG_FILE` names);\n" +
		"the environment wins, an empty value counts as absent, and an unknown name is an error. `specter config check` checks them,\n" +
		"`specter config print` shows the ones in force with secrets hidden. A setting that several parts read is listed once.\n")
	for _, owner := range owners {
		title := strings.ToUpper(owner[:1]) + owner[1:]
		for _, t := range titles {
			if t.owner == owner {
				title = t.title
			}
		}
		fmt.Fprintf(&b, "\n## %s\n\n| setting | default | what it is |\n|---|---|---|\n", title)
		for _, s := range byOwner[owner] {
			def := "–"
			if s.Default != "" {
				def = "`" + s.Default + "`"
			}
			doc := strings.ReplaceAll(s.Doc, "|", "\\|")
			if s.Secret {
				doc += " *Secret.*"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, def, doc)
		}
	}
	return b.Bytes()
}
