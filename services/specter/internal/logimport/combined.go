package logimport

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// combinedParser reads the access log of Apache and nginx:
//
//	host ident user [17/May/2015:10:05:00 +0000] "GET /path HTTP/1.1" 200 512 "referrer" "agent"
//
// The last two fields may be missing (the "common" format); more may follow and are ignored.
type combinedParser struct{}

const combinedTime = "02/Jan/2006:15:04:05 -0700"

func (combinedParser) next(lines *lineReader) (int, []byte, error) {
	l, err := lines.next()
	return l.number, l.text, err
}

func (combinedParser) parse(content []byte) (event, error) {
	before, rest, ok := bytes.Cut(content, []byte("["))
	head := strings.Fields(string(before))
	if !ok || len(head) < 3 {
		return event{}, errors.New("not an access log line: no host, identity and user before [time]")
	}
	stamp, rest, ok := bytes.Cut(rest, []byte("]"))
	if !ok {
		return event{}, errors.New("not an access log line: the time is not closed by ]")
	}
	at, err := time.Parse(combinedTime, string(stamp))
	if err != nil {
		return event{}, errors.New("the time is not of the form 17/May/2015:10:05:00 +0000")
	}
	request, rest, err := quoted(rest)
	if err != nil {
		return event{}, fmt.Errorf("the request: %w", err)
	}
	numbers, _, _ := bytes.Cut(rest, []byte(`"`))
	rest = rest[len(numbers):]
	fields := strings.Fields(string(numbers))
	if len(fields) < 2 {
		return event{}, errors.New("no status and size after the request")
	}
	status, err := strconv.Atoi(fields[0])
	if err != nil || status < 100 || status > 999 {
		return event{}, errors.New("the status is not a number from 100 to 999")
	}
	var referrer, agent string
	if len(rest) > 0 {
		if referrer, rest, err = quoted(rest); err != nil {
			return event{}, fmt.Errorf("the referrer: %w", err)
		}
		if agent, _, err = quoted(rest); err != nil {
			return event{}, fmt.Errorf("the user agent: %w", err)
		}
	}
	payload := map[string]any{"status": status}
	method, path := splitRequest(request)
	putText(payload, "method", method)
	putText(payload, "path", path)
	putText(payload, "referrer", referrerHost(referrer))
	putText(payload, "browser", browserOf(agent))
	if isBot(agent) {
		payload["bot"] = true
	}
	return event{
		kind: kindOf(status), at: at, payload: payload,
		visitor: head[0] + "\x00" + agent,
	}, nil
}

// kindOf maps an HTTP status to a signal type.
func kindOf(status int) string {
	switch {
	case status >= 500:
		return "http_error"
	case status == 404:
		return "not_found"
	default:
		return "page_view"
	}
}

// quoted reads one "…" field with \" and \\ escapes, as both servers write them.
func quoted(in []byte) (text string, rest []byte, err error) {
	in = bytes.TrimLeft(in, " \t")
	if len(in) == 0 || in[0] != '"' {
		return "", nil, errors.New("does not start with a quote")
	}
	var out strings.Builder
	for i := 1; i < len(in); i++ {
		switch {
		case in[i] == '"':
			return out.String(), in[i+1:], nil
		case in[i] == '\\' && i+1 < len(in) && (in[i+1] == '"' || in[i+1] == '\\'):
			i++
			out.WriteByte(in[i])
		default:
			out.WriteByte(in[i])
		}
	}
	return "", nil, errors.New("is not closed by a quote")
}

// splitRequest returns the method and the path without query and fragment: a query may
// hold tokens and names. A request line that is no HTTP (scanners send such) has neither.
func splitRequest(request string) (method, path string) {
	fields := strings.Fields(request)
	if len(fields) < 2 || len(fields) > 3 {
		return "", ""
	}
	method, target := fields[0], fields[1]
	for _, letter := range method {
		if letter < 'A' || letter > 'Z' {
			return "", ""
		}
	}
	if len(method) > 16 {
		return "", ""
	}
	if strings.Contains(target, "://") { // absolute form, as proxies log it
		parsed, err := url.Parse(target)
		if err != nil {
			return method, ""
		}
		target = parsed.EscapedPath()
	}
	if cut := strings.IndexAny(target, "?#;"); cut >= 0 {
		target = target[:cut]
	}
	return method, target
}

// referrerHost keeps where a visitor came from, without what they searched for there.
func referrerHost(referrer string) string {
	parsed, err := url.Parse(referrer)
	if err != nil {
		return ""
	}
	return parsed.Hostname()
}

// browserOf names the browser family. The order matters: Edge and Opera also say Chrome,
// Chrome also says Safari.
func browserOf(agent string) string {
	for _, family := range [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Opera", "Opera"}, {"Firefox/", "Firefox"},
		{"Chrome/", "Chrome"}, {"CriOS/", "Chrome"}, {"Safari/", "Safari"}, {"MSIE ", "Internet Explorer"}, {"Trident/", "Internet Explorer"},
	} {
		if strings.Contains(agent, family[0]) {
			return family[1]
		}
	}
	return ""
}

// isBot recognises programs by what they say of themselves. An empty agent is a program:
// every browser sends one.
func isBot(agent string) bool {
	if agent == "" || agent == "-" {
		return true
	}
	agent = strings.ToLower(agent)
	for _, mark := range []string{
		"bot", "crawl", "spider", "slurp", "archiver", "curl/", "wget/", "python", "java/", "perl", "ruby", "go-http-client",
		"okhttp", "libwww", "httpclient", "headless", "phantomjs", "monitor", "uptime", "pingdom", "scan", "feed", "rss", "facebookexternalhit", "preview", "validator",
	} {
		if strings.Contains(agent, mark) {
			return true
		}
	}
	return false
}

func putText(payload map[string]any, key, value string) {
	if value != "" && value != "-" {
		payload[key] = value
	}
}
