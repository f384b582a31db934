package llm

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"
)

// Config is what an operator may set. Without a base URL no model is asked and nothing leaves.
type Config struct {
	BaseURL     string        `env:"SPECTER_LLM_BASE_URL" doc:"URL of an OpenAI-compatible API whose model writes the proposals' texts, with or without /v1, such as https://api.minimax.io/v1 or http://127.0.0.1:11434. Redacted aggregates of findings are sent there. Absent: the built-in engine writes and nothing leaves."`
	APIKey      string        `env:"SPECTER_LLM_API_KEY" secret:"true" doc:"Bearer key of that API. Absent: none is sent, as local servers like it."`
	Model       string        `env:"SPECTER_LLM_MODEL" doc:"Name of the model at that API, such as MiniMax-M2.7. Required with SPECTER_LLM_BASE_URL."`
	AllowHTTP   bool          `env:"SPECTER_LLM_ALLOW_HTTP" envDefault:"false" doc:"Whether the API may be reached by http:// under a name or a public address. Loopback and private addresses always may."`
	Timeout     time.Duration `env:"SPECTER_LLM_TIMEOUT" envDefault:"90s" doc:"How long a proposal's text may take, retries and the one repair included, at most 4m; then the built-in engine writes it."`
	MaxTokens   int           `env:"SPECTER_LLM_MAX_TOKENS" envDefault:"4096" doc:"Most tokens of one answer, a model's thinking included."`
	DailyTokens int64         `env:"SPECTER_LLM_DAILY_TOKENS" envDefault:"1000000" doc:"Tokens an account may use in a day (UTC), in and out; beyond it the built-in engine writes. 0 is unlimited."`
	DailyCost   float64       `env:"SPECTER_LLM_DAILY_COST" envDefault:"0" doc:"US dollars an account may spend in a day (UTC), by the two prices; beyond it the built-in engine writes. 0 is unlimited."`
	PriceIn     float64       `env:"SPECTER_LLM_PRICE_IN" envDefault:"0" doc:"US dollars for a million tokens sent. 0: the cost is not known and shown as 0."`
	PriceOut    float64       `env:"SPECTER_LLM_PRICE_OUT" envDefault:"0" doc:"US dollars for a million tokens answered."`
}

const (
	// maxTimeout leaves the built-in engine and the database their part of a handler's five minutes.
	maxTimeout = 4 * time.Minute
	// leastAnswer is what a proposal's texts need, in tokens; mostAnswer is beyond what any model writes.
	leastAnswer, mostAnswer = 512, 100_000
	mostPrice               = 10_000 // US dollars for a million tokens
)

// Enabled reports whether a model is to be asked.
func (c Config) Enabled() bool { return c.BaseURL != "" }

// Host is where the model is asked; "" without one.
func (c Config) Host() string {
	u, err := url.Parse(c.BaseURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// Validate checks the settings without asking anybody.
func (c Config) Validate() error {
	if !c.Enabled() {
		for name, given := range map[string]bool{"SPECTER_LLM_API_KEY": c.APIKey != "", "SPECTER_LLM_MODEL": c.Model != ""} {
			if given {
				return fmt.Errorf("%s is set but SPECTER_LLM_BASE_URL is not", name)
			}
		}
		return nil
	}
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	_, err := c.endpoint()
	check(err == nil, "SPECTER_LLM_BASE_URL: %w", err)
	check(c.Model != "", "SPECTER_LLM_MODEL is not set: which model of SPECTER_LLM_BASE_URL is to write?")
	check(!strings.ContainsFunc(c.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }), "SPECTER_LLM_API_KEY holds a space or a character that no header can carry")
	check(c.Timeout >= time.Second && c.Timeout <= maxTimeout, "SPECTER_LLM_TIMEOUT: %s is not between 1s and %s", c.Timeout, maxTimeout)
	check(c.MaxTokens >= leastAnswer && c.MaxTokens <= mostAnswer, "SPECTER_LLM_MAX_TOKENS: %d is not between %d and %d", c.MaxTokens, leastAnswer, mostAnswer)
	check(c.DailyTokens >= 0 && c.DailyCost >= 0, "SPECTER_LLM_DAILY_TOKENS and SPECTER_LLM_DAILY_COST may not be negative")
	check(c.PriceIn >= 0 && c.PriceOut >= 0 && c.PriceIn <= mostPrice && c.PriceOut <= mostPrice, "SPECTER_LLM_PRICE_IN and SPECTER_LLM_PRICE_OUT must be between 0 and %d", mostPrice)
	check(c.DailyCost == 0 || c.PriceIn+c.PriceOut > 0, "SPECTER_LLM_DAILY_COST needs SPECTER_LLM_PRICE_IN and SPECTER_LLM_PRICE_OUT")
	return errors.Join(errs...)
}

var versionPart = regexp.MustCompile(`^v\d+[a-z0-9]*$`)

// endpoint is the API's root, to which /chat/completions and /models are added.
func (c Config) endpoint() (*url.URL, error) {
	u, err := url.Parse(c.BaseURL)
	if err != nil {
		return nil, errors.New("it is no URL") // the parser's error repeats what may hold a secret
	}
	switch {
	case u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("it must begin with https:// (or http:// on a private network)")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("user, password, query and fragment are not used; give the key in SPECTER_LLM_API_KEY")
	case u.Scheme == "http" && !c.AllowHTTP && !isPrivate(u.Hostname()):
		return nil, errors.New("evidence and key would travel in the open: use https://, or SPECTER_LLM_ALLOW_HTTP=true where the network is yours")
	}
	root := strings.TrimSuffix(path.Clean("/"+u.Path), "/chat/completions")
	if !versionPart.MatchString(path.Base(root)) {
		root = path.Join("/", root, "v1")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: root}, nil
}

func isPrivate(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && (addr.IsLoopback() || addr.IsPrivate())
}
