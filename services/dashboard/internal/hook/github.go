package hook

import (
	"encoding/json"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
)

const (
	// MaxDelivery is the largest delivery of GitHub that is read, in bytes. GitHub's own bound is 25 MB, of which only
	// pushes of thousands of commits come near.
	MaxDelivery = 4 << 20
	// Remembered is how long a delivery is known again, and its receipt shown. What happened earlier is not taken any more, so that nobody can
	// repeat it when it is forgotten.
	Remembered = 30 * 24 * time.Hour
)

// The GitHub events that are read.
const (
	EventPing             = "ping"
	EventDeploymentStatus = "deployment_status"
	EventRelease          = "release"
	EventPullRequest      = "pull_request"
	EventPush             = "push"
)

// Delivery is one of GitHub's, with a good signature.
type Delivery struct {
	Event       string
	ID          string
	ContentType string
	Body        []byte
}

// payload has of GitHub's webhook payloads what is needed (docs.github.com, "Webhook events and payloads").
type payload struct {
	Action     string `json:"action"`
	Repository struct {
		HTMLURL       string `json:"html_url"`
		DefaultBranch string `json:"default_branch"`
	} `json:"repository"`
	Deployment struct {
		SHA                   string `json:"sha"`
		Ref                   string `json:"ref"`
		Environment           string `json:"environment"`
		Description           string `json:"description"`
		ProductionEnvironment bool   `json:"production_environment"`
	} `json:"deployment"`
	DeploymentStatus struct {
		State       string     `json:"state"`
		Environment string     `json:"environment"`
		Description string     `json:"description"`
		TargetURL   string     `json:"target_url"`
		LogURL      string     `json:"log_url"`
		CreatedAt   *time.Time `json:"created_at"`
	} `json:"deployment_status"`
	Release struct {
		TagName         string     `json:"tag_name"`
		TargetCommitish string     `json:"target_commitish"`
		Body            string     `json:"body"`
		HTMLURL         string     `json:"html_url"`
		Draft           bool       `json:"draft"`
		Prerelease      bool       `json:"prerelease"`
		PublishedAt     *time.Time `json:"published_at"`
	} `json:"release"`
	PullRequest struct {
		HTMLURL        string     `json:"html_url"`
		Body           string     `json:"body"`
		Merged         bool       `json:"merged"`
		MergedAt       *time.Time `json:"merged_at"`
		MergeCommitSHA string     `json:"merge_commit_sha"`
		Head           struct {
			SHA string `json:"sha"`
		} `json:"head"`
		Base struct {
			Ref string `json:"ref"`
		} `json:"base"`
	} `json:"pull_request"`
	Ref     string `json:"ref"`
	Before  string `json:"before"`
	After   string `json:"after"`
	Deleted bool   `json:"deleted"`
	Forced  bool   `json:"forced"`
	Commits []struct {
		ID      string `json:"id"`
		Message string `json:"message"`
	} `json:"commits"`
}

// ReadGitHub reads a delivery. Only one that is no JSON at all is refused: of everything else GitHub is told that it came.
func ReadGitHub(s Settings, d Delivery, now time.Time) (Notice, error) {
	text, err := d.json()
	if err != nil {
		return Notice{}, err
	}
	var p payload
	if err := json.Unmarshal(text, &p); err != nil {
		return Notice{}, fault.Wrap(err, fault.Invalid, "invalid_json", "The body is not what GitHub sends.")
	}
	// Neither the id nor the event is signed: whoever has caught a delivery could send it again under others.
	n := Notice{Source: GitHub, Event: cut(d.Event, 50), DeliveryID: d.ID, Digest: digest(string(d.Body)), Repository: link(p.Repository.HTMLURL)}
	if p.Action != "" {
		n.Event += "." + cut(p.Action, 50)
	}
	switch d.Event {
	case EventPing:
		n.Act, n.Digest = Ping, nil // two hooks of one repository may say the same
	case EventDeploymentStatus:
		n = n.deployed(s, p)
	case EventRelease:
		n = n.released(s, p)
	case EventPullRequest:
		n = n.merged(s, p)
	case EventPush:
		n = n.pushed(s, p)
	default:
		n = n.nothing("Specter does not use this event: choose deployment statuses, releases, pull requests and, if wanted, pushes.")
	}
	if n.Act != Nothing && n.At != nil && n.At.Before(now.Add(-Remembered)) {
		n = n.nothing("It happened more than 30 days ago: report it by hand.")
	}
	if n.Act != Nothing && n.At != nil && n.At.After(now) {
		n.At = &now // their clock is ahead
	}
	return n, nil
}

// json is the payload; GitHub can send it as a form.
func (d Delivery) json() ([]byte, error) {
	kind, _, err := mime.ParseMediaType(d.ContentType)
	switch {
	case err == nil && kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(d.Body))
		if err != nil || !form.Has("payload") {
			return nil, fault.New(fault.Invalid, "invalid_form", "The form has no payload.")
		}
		return []byte(form.Get("payload")), nil
	case err == nil && kind == "application/json":
		return d.Body, nil
	default:
		return nil, fault.New(fault.Invalid, "unsupported_media_type", "Set the webhook's content type to application/json.")
	}
}

func (n Notice) nothing(why string) Notice {
	n.Act, n.Why = Nothing, why
	return n
}

var tag = regexp.MustCompile(`^(?:refs/tags/)?(v?[0-9]+(?:\.[0-9]+)+[0-9A-Za-z.+-]*)$`)

func (n Notice) deployed(s Settings, p payload) Notice {
	status, d := p.DeploymentStatus, p.Deployment
	n.Act, n.Via, n.At = Ship, deployment.ViaGitHubDeployment, status.CreatedAt
	n.Commit = sha(d.SHA)
	if named := tag.FindStringSubmatch(d.Ref); named != nil {
		n.Version = cut(named[1], 200)
	}
	n.Environment = cut(status.Environment, 100)
	if n.Environment == "" {
		n.Environment = cut(d.Environment, 100)
	}
	if n.URL = link(status.TargetURL); n.URL == "" {
		n.URL = link(status.LogURL)
	}
	n = n.at(n.Commit)
	n.Names.Proposals = Trailers(d.Description + "\n" + status.Description)
	switch {
	case !slices.Contains(s.DeployedBy, EventDeploymentStatus):
		return n.nothing("Deployment statuses do not count as deployed for this product.")
	case status.State != "success":
		return n.nothing("Its state is “" + cut(status.State, 30) + "”, not success.")
	case !s.counts(n.Environment) && (!d.ProductionEnvironment || !s.counts(defaultEnvironment)):
		return n.nothing("Environment “" + n.Environment + "” is not one of those that count for this product.")
	}
	return n
}

func (n Notice) released(s Settings, p payload) Notice {
	r := p.Release
	n.Act, n.Via, n.At = Ship, deployment.ViaGitHubRelease, r.PublishedAt
	n.Version, n.URL = cut(r.TagName, 200), link(r.HTMLURL)
	n = n.at(sha(r.TargetCommitish))
	n.Names.Proposals, n.Names.PullRequests = Trailers(r.Body), pullRequests(r.Body)
	switch {
	case !slices.Contains(s.DeployedBy, EventRelease):
		return n.nothing("Releases do not count as deployed for this product.")
	case p.Action != "published" || r.Draft:
		return n.nothing("Only a release that is published counts.")
	case r.Prerelease:
		return n.nothing("It is a pre-release.")
	}
	return n
}

func (n Notice) merged(s Settings, p payload) Notice {
	r := p.PullRequest
	n.Act, n.Via, n.At = Link, deployment.ViaGitHubPullRequest, r.MergedAt
	n.PullRequest = link(r.HTMLURL)
	n.URL = n.PullRequest
	n.Commit = sha(r.MergeCommitSHA)
	n.Names.Proposals = Trailers(r.Body)
	n.Held = []Held{{Commit: n.Commit, Proposals: n.Names.Proposals}, {Commit: sha(r.Head.SHA), Proposals: n.Names.Proposals, Derived: true}}
	deploys := slices.Contains(s.DeployedBy, EventPullRequest)
	switch {
	case p.Action != "closed" || !r.Merged:
		return n.nothing("Only a pull request that was merged counts.")
	case deploys && r.Base.Ref == p.Repository.DefaultBranch && len(n.Names.Proposals) > 0:
		n.Act = Ship
	case !deploys && !slices.Contains(s.LinkedBy, EventPullRequest):
		return n.nothing("Pull requests do not count for this product.")
	}
	return n
}

func (n Notice) pushed(s Settings, p payload) Notice {
	n.Act, n.Via = Link, deployment.ViaGitHubPush
	n.Commit = sha(p.After)
	n.URL = commitPage(n.Repository, n.Commit)
	for _, c := range p.Commits {
		if ids := Trailers(c.Message); len(ids) > 0 {
			n.Held = append(n.Held, Held{Commit: sha(c.ID), Proposals: ids})
			n.Names.Proposals = append(n.Names.Proposals, ids...)
		}
	}
	slices.SortFunc(n.Names.Proposals, compareIDs)
	n.Names.Proposals = slices.Compact(n.Names.Proposals)
	n.Names.Proposals = n.Names.Proposals[:min(len(n.Names.Proposals), maxNamed)]
	n.Held = append(n.Held, Held{Commit: n.Commit, Proposals: n.Names.Proposals, Derived: true})
	if !p.Forced {
		n.Before, n.After = sha(p.Before), n.Commit
	}
	deploys := slices.Contains(s.DeployedBy, EventPush)
	switch {
	case !deploys && !slices.Contains(s.LinkedBy, EventPush):
		return n.nothing("Pushes do not count for this product.")
	case p.Deleted || p.Ref != "refs/heads/"+p.Repository.DefaultBranch:
		return n.nothing("Only pushes to the default branch count.")
	case deploys:
		// What was merged before ships with it.
		n.Act, n.Names.Commits = Ship, nonEmpty(n.Commit, n.Before)
	}
	return n
}

// at says which commit it is about.
func (n Notice) at(commit string) Notice {
	n.Commit, n.Names.Commits = commit, nonEmpty(commit)
	if n.URL == "" {
		n.URL = commitPage(n.Repository, commit)
	}
	return n
}

func commitPage(repository, commit string) string {
	if repository == "" || commit == "" {
		return ""
	}
	return repository + "/commit/" + commit
}

func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}

// link is a text that can be shown as a link, "" for anything else.
func link(text string) string {
	const longest = 1500 // leaves room for /commit/<id>
	if len(text) > longest || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' }) || !deployment.IsLink(text) {
		return ""
	}
	return strings.TrimSuffix(text, "/")
}

// cut is a text that a database takes and a person can read, of at most n characters.
func cut(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n])
}
