package cli

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/pkg/apikey"
)

// scanned is how much of a text is looked at in one go.
const scanned = 1 << 20

// sighting is a place in a text that looks like a key. Of the key only its beginning is ever shown.
type sighting struct {
	Line    int    `json:"line"`
	Kind    string `json:"kind"`
	Begins  string `json:"begins"`
	Genuine bool   `json:"genuine"` // the checksum is right
}

func (a *app) checkKeys() *cobra.Command {
	return &cobra.Command{
		Use:   "check [TEXT …]",
		Short: "Look for Specter's keys and tokens in a text, without a server",
		Long: "Looks for keys and tokens in its arguments or, without any, in the standard input, and checks their checksums.\n" +
			"It shows where they are and how they begin, never the whole of one. Exit code 5: there is a genuine one.\n" +
			"Whether that still works only the server knows: `specter keys list`, `specter tokens list`.\n\n" + exitCodes,
		Example: "  git log -p | specter keys check",
		RunE: func(_ *cobra.Command, args []string) error {
			in := a.In
			if len(args) > 0 {
				in = strings.NewReader(strings.Join(args, "\n"))
			}
			found, err := scan(in)
			if err != nil {
				return failed(err, "the text could not be read to its end")
			}
			return a.tellSightings(found)
		},
	}
}

// scan reads a text of any length, and keeps no more of it than it looks at.
func scan(r io.Reader) ([]sighting, error) {
	found, line, held := []sighting{}, 1, 0
	buf := make([]byte, scanned)
	for {
		n, err := io.ReadFull(r, buf[held:])
		text := buf[:held+n]
		last := err != nil
		next := len(text)
		if !last {
			next -= apikey.Length - 1 // a key may go on in the next piece
		}
		counted := 0
		for _, f := range apikey.Find(text) {
			if f.Start >= next {
				break
			}
			line += bytes.Count(text[counted:f.Start], []byte("\n"))
			counted = f.Start
			key := string(text[f.Start : f.Start+apikey.Length])
			found = append(found, sighting{line, kindOf(f.Prefix), apikey.Display(key), f.Genuine})
		}
		if last {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = nil
			}
			return found, err
		}
		line += bytes.Count(text[counted:next], []byte("\n"))
		held = copy(buf, text[next:])
	}
}

func kindOf(prefix string) string {
	switch prefix {
	case apikey.Ingest:
		return "ingest key"
	case apikey.Access:
		return "access token"
	case apikey.Hook:
		return "deploy hook"
	default:
		return "proof link"
	}
}

func (a *app) tellSightings(found []sighting) error {
	genuine := slices.ContainsFunc(found, func(s sighting) bool { return s.Genuine })
	switch {
	case a.format == "json":
		if err := a.out.json(found); err != nil {
			return err
		}
	case len(found) == 0:
		a.out.linef("%s no keys or tokens", a.out.green("✓"))
	default:
		rows := [][]string{{"LINE", "KIND", "BEGINS", "CHECKSUM"}}
		for _, s := range found {
			word := "wrong: cut, mistyped or not Specter's"
			if s.Genuine {
				word = "right"
			}
			rows = append(rows, []string{strconv.Itoa(s.Line), s.Kind, s.Begins, word})
		}
		a.out.table(rows)
	}
	if genuine {
		return notAsked(errors.New("there is a key in this text"), "if it is still good: roll it, then see docs/KEYS.md")
	}
	return nil
}
