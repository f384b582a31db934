package logimport

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Bounds of one line, the same as the ingest API's (1-product, "POST /api/signals").
const (
	MaxLine    = 64 << 10 // bytes of one line
	MaxPayload = 32 << 10 // bytes of one payload as JSON
	MaxType    = 100      // characters of a type
	MaxSession = 64       // characters of a session id
	MaxDepth   = 32       // levels of a payload
	MaxKeys    = 256      // keys of one object
	MaxNodes   = 2000     // values of one payload
	// MaxExamples bounds how many bad lines a report describes; all are counted.
	MaxExamples = 20
	// maxRemembered bounds the memory that tells the n-th identical line from the first.
	maxRemembered = 1 << 20
	// futureTolerance is how far ahead of our clock a line may be.
	futureTolerance = 5 * time.Minute
)

// Format names a parser.
type Format string

// The formats of `specter import --format`.
const (
	Combined Format = "combined"
	CSV      Format = "csv"
	JSONL    Format = "jsonl"
)

// Formats lists the accepted names, for help texts.
func Formats() []Format { return []Format{Combined, CSV, JSONL} }

// ErrNothingUsable is returned by Next in place of io.EOF when the input had lines and
// every one of them was bad: almost always the wrong --format.
var ErrNothingUsable = errors.New("no usable line")

// Options configures a Reader.
type Options struct {
	Format  Format
	Product uuid.UUID        // part of every id
	Now     func() time.Time // lines from the future are refused
}

// Signal is one line, ready to be sent.
type Signal struct {
	ID        uuid.UUID
	Type      string
	Payload   map[string]any
	SessionID string
	ContextID uuid.UUID // uuid.Nil when the line names none
	Time      time.Time // UTC
}

// BadLine is a line that was left out.
type BadLine struct {
	Line   int    `json:"line"` // 1-based
	Reason string `json:"reason"`
}

// Report says what became of the lines read so far.
type Report struct {
	Lines   int       `json:"lines"` // not counting blank ones and the CSV header
	Signals int       `json:"signals"`
	Bad     int       `json:"bad"`
	BadList []BadLine `json:"bad_lines,omitempty"` // the first MaxExamples
}

// Reader yields the signals of one file. It is not safe for concurrent use.
type Reader struct {
	parse  parser
	lines  *lineReader
	opts   Options
	report Report
	seen   occurrences
	line   int // of the signal returned last
}

// parser turns one record into a signal. It returns errSkip for a record that is neither
// a signal nor bad (a CSV header).
type parser interface {
	// next reads one record: the number of its first line and the bytes that name it.
	next(lines *lineReader) (number int, content []byte, err error)
	parse(content []byte) (event, error)
}

// event is what a parser understood of a record, before bounds are checked.
type event struct {
	kind    string
	at      time.Time
	payload map[string]any
	session string // an id given by the source
	visitor string // what identifies a visitor for a day, hashed before it leaves
	context uuid.UUID
	id      string // an id given by the source, when it is a uuid
}

// NewReader returns a Reader over r.
func NewReader(r io.Reader, o Options) (*Reader, error) {
	reader := &Reader{lines: newLineReader(r), opts: o}
	switch o.Format {
	case Combined:
		reader.parse = combinedParser{}
	case CSV:
		reader.parse = &csvParser{}
	case JSONL:
		reader.parse = jsonlParser{}
	default:
		return nil, fmt.Errorf("unknown format %q (known: %v)", o.Format, Formats())
	}
	return reader, nil
}

// Next returns the next usable signal. It returns io.EOF at the end, ErrNothingUsable at
// the end of an input that was bad throughout, and any other error when reading failed.
func (r *Reader) Next() (Signal, error) {
	for {
		number, content, err := r.parse.next(r.lines)
		var bad *badRecord
		switch {
		case errors.As(err, &bad):
			r.bad(bad.line, bad.reason)
			continue
		case errors.Is(err, io.EOF):
			if r.report.Lines > 0 && r.report.Signals == 0 {
				return Signal{}, ErrNothingUsable
			}
			return Signal{}, io.EOF
		case err != nil:
			return Signal{}, fmt.Errorf("reading line %d: %w", number, err)
		}
		signal, err := r.signal(content)
		if err != nil {
			r.bad(number, err.Error())
			continue
		}
		r.report.Lines++
		r.report.Signals++
		r.line = number
		return signal, nil
	}
}

// Line returns the number of the line of the signal returned last.
func (r *Reader) Line() int { return r.line }

// Report returns the counts so far.
func (r *Reader) Report() Report { return r.report }

func (r *Reader) bad(line int, reason string) {
	r.report.Lines++
	r.report.Bad++
	if len(r.report.BadList) < MaxExamples {
		r.report.BadList = append(r.report.BadList, BadLine{Line: line, Reason: reason})
	}
}

func (r *Reader) signal(content []byte) (Signal, error) {
	e, err := r.parse.parse(content)
	if err != nil {
		return Signal{}, err
	}
	switch {
	case e.kind == "":
		return Signal{}, errors.New("the type is empty")
	case utf8.RuneCountInString(e.kind) > MaxType:
		return Signal{}, fmt.Errorf("the type is longer than %d characters", MaxType)
	case e.at.Year() < 1990:
		return Signal{}, errors.New("the timestamp is before 1990")
	case e.at.After(r.opts.Now().Add(futureTolerance)):
		return Signal{}, errors.New("the timestamp is in the future")
	}
	payload, err := cleanPayload(e.payload)
	if err != nil {
		return Signal{}, err
	}
	signal := Signal{
		Type: cleanText(e.kind), Payload: payload, ContextID: e.context, Time: e.at.UTC(),
		SessionID: e.session, ID: r.id(e, content),
	}
	if signal.SessionID == "" && e.visitor != "" {
		signal.SessionID = r.session(e)
	}
	if utf8.RuneCountInString(signal.SessionID) > MaxSession {
		signal.SessionID = r.hash("session", signal.SessionID)
	}
	signal.SessionID = cleanText(signal.SessionID)
	return signal, nil
}

// id names a signal: by the source's own uuid when it has one, else by the line's bytes
// and how many identical lines came before it.
func (r *Reader) id(e event, content []byte) uuid.UUID {
	if e.id != "" {
		return uuid.NewSHA1(r.opts.Product, []byte("import/id/"+e.id))
	}
	sum := sha256.Sum256(content)
	name := append([]byte("import/line/"), sum[:]...)
	name = binary.BigEndian.AppendUint32(name, r.seen.count([16]byte(sum[:16])))
	return uuid.NewSHA1(r.opts.Product, name)
}

// session groups one visitor's lines of one day without keeping who it was.
func (r *Reader) session(e event) string {
	return r.hash("visitor", e.at.UTC().Format(time.DateOnly)+"\x00"+e.visitor)
}

func (r *Reader) hash(purpose, text string) string {
	sum := sha256.Sum256([]byte(purpose + "\x00" + r.opts.Product.String() + "\x00" + text))
	return fmt.Sprintf("%x", sum[:8])
}

// occurrences counts identical lines in bounded memory. Identical lines carry the same
// timestamp, so in a log they are close together; what is more than maxRemembered distinct
// lines away is forgotten, the same way on every run.
type occurrences struct {
	recent, older map[[16]byte]uint32
}

// count returns how often the line was seen before, and remembers it.
func (o *occurrences) count(key [16]byte) uint32 {
	if o.recent == nil || len(o.recent) >= maxRemembered {
		o.older, o.recent = o.recent, make(map[[16]byte]uint32)
	}
	before, ok := o.recent[key]
	if !ok {
		before = o.older[key]
	}
	o.recent[key] = before + 1
	return before
}
