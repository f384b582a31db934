// Command doc writes docs/EVENTS.md from the event catalogue and the comments of its protobuf
// messages.
//
//	cd pkg && go run ./event/doc -proto ../proto/specter/event/v1 -o ../docs/EVENTS.md
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"regexp"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/draftlabs/specter/pkg/event"
)

func main() {
	protos := flag.String("proto", "../proto/specter/event/v1", "folder of the .proto files")
	out := flag.String("o", "../docs/EVENTS.md", "file to write")
	flag.Parse()
	page, err := render(os.DirFS(*protos))
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(*out, page, 0o644); err != nil {
		log.Fatal(err)
	}
}

func render(protos fs.FS) ([]byte, error) {
	docs, err := comments(protos)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("<!-- Written by `go run ./event/doc` in pkg from the catalogue and the .proto comments; do not edit. -->\n\n")
	b.WriteString("# Events\n\nEverything that travels on the bus. A message's subject is its stream's prefix, its name, its version and the account:\n`events.proposal.created.v1.<account>`; `_` stands for messages that carry many accounts.\n")
	b.WriteString("Headers: `Nats-Msg-Id` (the event's id, a UUID), `Specter-Event` (`<name>.v<version>`), `Specter-Account`, `Specter-Time`, `traceparent`.\n")

	b.WriteString("\n## Streams\n\nAll are file streams with limits retention; an acknowledged message is on disk. SIGNALS, EVENTS and the dead letters refuse new messages when full, so nothing unread is dropped to make room.\n\n")
	b.WriteString("| stream | subjects | kept | default size | holds |\n|---|---|---|---|---|\n")
	for _, s := range append(event.Streams(), event.DeadLetters(), event.Advisories()) {
		fmt.Fprintf(&b, "| %s | `%s` | %d days | %d MiB | %s |\n", s.Name, strings.Join(s.Subjects(), "` `"), int(s.MaxAge.Hours()/24), s.MaxBytes>>20, s.Doc)
	}
	fmt.Fprintf(&b, "\nThe key-value bucket `%s` holds what the gateway knows: keys, products and accounts; `%s` what accounts have used of their monthly limits and what gateways hold of the rest, kept for %d days (both `proto/specter/catalog/v1`); `%s` which messages are being handled for the fourth time or more, so that one which crashes its consumer can be told from one that waits for an outage to end; `%s` what running services say of the data they hand on and keep, for an hour.\n", event.CatalogBucket, event.QuotaBucket, int(event.QuotaKeep.Hours()/24), event.AttemptsBucket, event.InstanceBucket)

	b.WriteString("\n## Messages\n\n| event | means | body |\n|---|---|---|\n")
	for _, i := range event.All() {
		name := string(i.Body().Name())
		doc := docs[name]
		if doc == "" {
			return nil, fmt.Errorf("message %s has no comment in the .proto files", name)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", i.Tag(), doc, fields(i.Body()))
	}
	return b.Bytes(), nil
}

func fields(m protoreflect.MessageDescriptor) string {
	names := make([]string, m.Fields().Len())
	for i := range names {
		names[i] = "`" + string(m.Fields().Get(i).Name()) + "`"
	}
	return strings.Join(names, " ")
}

var message = regexp.MustCompile(`(?m)((?:^//[^\n]*\n)+)message (\w+) \{`)

// comments returns each message's leading comment on one line.
func comments(protos fs.FS) (map[string]string, error) {
	files, err := fs.Glob(protos, "*.proto")
	if err != nil {
		return nil, err
	}
	docs := map[string]string{}
	for _, name := range files {
		text, err := fs.ReadFile(protos, name)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		for _, match := range message.FindAllStringSubmatch(string(text), -1) {
			var words []string
			for line := range strings.Lines(match[1]) {
				words = append(words, strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "//"))...)
			}
			// "ProposalCreated: a proposal waits." reads without its own name in the table.
			docs[match[2]] = strings.TrimPrefix(strings.Join(words, " "), match[2]+": ")
		}
	}
	return docs, nil
}
