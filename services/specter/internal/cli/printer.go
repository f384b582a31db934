package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
	"github.com/muesli/termenv"
)

// printer writes text, with colour when its writer is a terminal that wants it.
type printer struct {
	w      io.Writer
	tty    bool
	colour bool
}

func newPrinter(w io.Writer) *printer {
	p := &printer{w: w}
	if file, ok := w.(*os.File); ok {
		p.tty = isatty.IsTerminal(file.Fd())
		p.colour = p.tty && termenv.NewOutput(file).EnvColorProfile() != termenv.Ascii
	}
	return p
}

// line writes one line. A terminal that went away is no reason to stop.
func (p *printer) line(text string) { _, _ = fmt.Fprintln(p.w, text) }

func (p *printer) linef(format string, args ...any) { p.line(fmt.Sprintf(format, args...)) }

// atOnce writes what is printed with one call, so that nobody reads half of it.
func (p *printer) atOnce(printed func(*printer)) {
	var whole bytes.Buffer
	printed(&printer{w: &whole, tty: p.tty, colour: p.colour})
	_, _ = p.w.Write(whole.Bytes())
}

// status overwrites the current line of a terminal, and does nothing elsewhere.
func (p *printer) status(text string) {
	if p.tty {
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K%s", text)
	}
}

func (p *printer) paint(code, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p *printer) bold(text string) string  { return p.paint("1", text) }
func (p *printer) red(text string) string   { return p.paint("31", text) }
func (p *printer) green(text string) string { return p.paint("32", text) }
func (p *printer) dim(text string) string   { return p.paint("2", text) }

// json writes a value as indented JSON.
func (p *printer) json(value any) error {
	encoder := json.NewEncoder(p.w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// table writes rows with aligned columns.
func (p *printer) table(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		p.line(strings.TrimRight(b.String(), " "))
	}
}

// printable keeps a signal's text from steering the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '\uFFFD'
		}
		return r
	}, text)
}
