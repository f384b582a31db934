package hook

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
)

// MaxReport is the largest report of a pipeline, in bytes: room for the log of a large release.
const MaxReport = 64 << 10

// fields are what a report can say; anything else in it is not read.
func fields() []string {
	return []string{
		"status", "proposal", "deployment", "commit", "message", "all", "version", "environment", "url", "deployed_at", "rolled_back_at", "canary_share",
	}
}

// ReadReport reads what a pipeline sent, in whichever of the usual forms: the query, and a body that is JSON, a form or
// plain text. What the body says counts before the query.
func ReadReport(s Settings, query url.Values, contentType string, body []byte, now time.Time) (Notice, error) {
	said, err := bodyFields(contentType, body)
	if err != nil {
		return Notice{}, err
	}
	for name, values := range query {
		if _, twice := said[name]; !twice {
			said[name] = values
		}
	}
	r := reader{said: said}
	n := Notice{
		Source: Pipeline, Event: "report", Act: Ship, Via: deployment.ViaHook,
		Version: r.text("version"), Commit: r.text("commit"), URL: r.text("url"), Environment: r.text("environment"), CanaryShare: r.percent("canary_share"),
		Names: Names{Deployments: r.ids("deployment"), Proposals: r.ids("proposal"), All: r.flag("all")},
	}
	message := r.text("message")
	for _, id := range Trailers(message) {
		if !slices.Contains(n.Names.Proposals, id) {
			n.Names.Proposals = append(n.Names.Proposals, id)
		}
	}
	timeField := "deployed_at"
	switch status := r.text("status"); status {
	case "", "deployed":
	case "rolled_back":
		n.Event, n.Act, timeField = "rollback", RollBack, "rolled_back_at"
	default:
		r.refuse("status", "unknown_status", "A status is deployed or rolled_back.")
	}
	n.At = r.time(timeField)
	if r.err != nil {
		return Notice{}, r.err
	}
	return n.checked(s, message != "", now)
}

func (n Notice) checked(s Settings, message bool, now time.Time) (Notice, error) {
	if c := strings.ToLower(n.Commit); len(c) >= 7 && isHex(c) {
		n.Commit = c
		n.Names.Commits = []string{c}
	}
	names := n.Names
	if !message && !names.All && len(names.Deployments)+len(names.Proposals) == 0 && n.Commit == "" && n.Version == "" {
		return Notice{}, fault.New(fault.Invalid, "nothing_named", "Say what shipped: send commit, proposal, deployment, version or message.")
	}
	if names.All && n.Commit == "" && n.Version == "" {
		return Notice{}, invalid("/all", "missing", "all needs a commit or a version with it: the same one again ships nothing that was planned since.")
	}
	trial := deployment.Report{Status: deployment.Planned}
	shipped := n.Shipped()
	if n.Act == RollBack {
		shipped.At = nil
	}
	if _, err := trial.Ship("", shipped, now); err != nil {
		return Notice{}, err
	}
	if n.Environment == "" {
		n.Environment = defaultEnvironment
	}
	if !s.counts(n.Environment) {
		n.Act, n.Why = Nothing, "Environment “"+n.Environment+"” is not one of those that count for this product."
	}
	if n.Names.All {
		n.Digest = digest("all", string(n.Act), n.Commit, n.Version, strings.ToLower(n.Environment))
	}
	return n, nil
}

// bodyFields reads a body by what it is; what it is called comes second, since `curl -d '{…}'` calls it a form.
func bodyFields(contentType string, body []byte) (map[string][]string, error) {
	if len(body) > MaxReport {
		return nil, fault.Newf(fault.TooLarge, "payload_too_large", "The body is larger than %d bytes.", MaxReport)
	}
	text := bytes.TrimSpace(body)
	if len(text) == 0 {
		return map[string][]string{}, nil
	}
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = ""
	}
	switch {
	case kind == "multipart/form-data":
		return multipartFields(body, parameters["boundary"])
	case kind == "text/plain":
		return map[string][]string{"message": {string(text)}}, nil
	case kind == "application/json", strings.HasSuffix(kind, "+json"), text[0] == '{':
		return jsonFields(text)
	case kind == "application/x-www-form-urlencoded", kind == "":
		form, err := url.ParseQuery(string(text))
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "invalid_form", "The body is not a well-formed form.")
		}
		return form, nil
	default:
		return nil, fault.New(fault.Invalid, "unsupported_media_type", "Send the report as JSON, as a form, as text/plain or in the query.")
	}
}

func multipartFields(body []byte, boundary string) (map[string][]string, error) {
	out := map[string][]string{}
	malformed := fault.New(fault.Invalid, "invalid_form", "The body is not a well-formed form.")
	if boundary == "" {
		return nil, malformed
	}
	for parts := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, malformed
		}
		text, err := io.ReadAll(part) // bounded by the body
		if err != nil {
			return nil, malformed
		}
		out[part.FormName()] = append(out[part.FormName()], string(text))
	}
}

// jsonFields reads one object: texts, numbers as they are written, true and false, and lists of those.
func jsonFields(text []byte) (map[string][]string, error) {
	malformed := func(err error) error {
		return fault.Wrap(err, fault.Invalid, "invalid_json", "The body is not one JSON object.")
	}
	if !utf8.Valid(text) {
		return nil, malformed(errors.New("invalid UTF-8"))
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, malformed(err)
	}
	out := map[string][]string{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, malformed(err)
		}
		name, _ := token.(string) // a name is a text
		if _, twice := out[name]; twice {
			return nil, invalid("/"+name, "duplicate_name", "The name appears twice.")
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, malformed(err)
		}
		texts, ok := plainTexts(value)
		if !ok {
			if !slices.Contains(fields(), name) {
				continue // somebody else's
			}
			return nil, invalid("/"+name, "wrong_type", "A text, a number, true, false or a list of them is needed here.")
		}
		out[name] = texts
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, malformed(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed(errors.New("something follows the object"))
	}
	return out, nil
}

func plainTexts(value any) ([]string, bool) {
	switch v := value.(type) {
	case nil:
		return []string{}, true
	case string:
		return []string{v}, true
	case json.Number:
		return []string{v.String()}, true
	case bool:
		return []string{strconv.FormatBool(v)}, true
	case []any:
		var all []string
		for _, item := range v {
			if _, nested := item.([]any); nested {
				return nil, false
			}
			texts, ok := plainTexts(item)
			if !ok {
				return nil, false
			}
			all = append(all, texts...)
		}
		return all, true
	default:
		return nil, false
	}
}

// reader takes fields out of what was said and keeps the first thing that is wrong.
type reader struct {
	said map[string][]string
	err  error
}

func (r *reader) refuse(field, code, detail string) {
	if r.err == nil {
		r.err = invalid("/"+field, code, detail)
	}
}

// text is the last value of a field, without spaces around it.
func (r *reader) text(field string) string {
	values := r.said[field]
	if len(values) == 0 {
		return ""
	}
	text := strings.TrimSpace(values[len(values)-1])
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		r.refuse(field, "invalid_text", "The text has characters that cannot be used.")
	}
	return text
}

// ids are all values of a field, each of which may list several.
func (r *reader) ids(field string) []uuid.UUID {
	var out []uuid.UUID
	for _, value := range r.said[field] {
		for _, text := range strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == ' ' || c == '\n' || c == '\t' }) {
			id, err := uuid.Parse(text)
			if err != nil || len(text) != len(uuid.Nil.String()) || len(out) == maxNamed {
				r.refuse(field, "invalid_id", "At most 100 ids are needed here, such as 0197a0b4-0000-7000-8000-000000000000.")
				return nil
			}
			if !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out
}

func (r *reader) flag(field string) bool {
	switch strings.ToLower(r.text(field)) {
	case "", "false", "0", "no":
		return false
	case "true", "1", "yes":
		return true
	default:
		r.refuse(field, "wrong_type", "true or false is needed here.")
		return false
	}
}

func (r *reader) percent(field string) *float64 {
	text := r.text(field)
	if text == "" {
		return nil
	}
	share, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || math.IsNaN(share) {
		r.refuse(field, "out_of_range", "A percentage from 0 to 100 is needed here.")
		return nil
	}
	return &share
}

func (r *reader) time(field string) *time.Time {
	text := r.text(field)
	if text == "" {
		return nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		at = at.UTC().Truncate(time.Microsecond)
		return &at
	}
	const lastSecond = 253402300799 // of the year 9999
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 || seconds > lastSecond {
		r.refuse(field, "invalid_time", "A time such as 2026-01-31T12:00:00Z, or seconds since 1970, is needed here.")
		return nil
	}
	at := time.Unix(seconds, 0).UTC()
	return &at
}

func invalid(pointer, code, detail string) error {
	return fault.New(fault.Invalid, "invalid_request", detail).With(pointer, code, detail)
}
