package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recorded is a verification as the verifier stored it, with its documents.
type recorded struct {
	Status string          `json:"status"`
	Plan   json.RawMessage `json:"plan"`
	Result json.RawMessage `json:"result"`
	Inputs json.RawMessage `json:"inputs"`
	Looks  []struct {
		Day    int             `json:"day"`
		AsOf   time.Time       `json:"as_of"`
		Result json.RawMessage `json:"result"`
	} `json:"looks"`
}

func same(text string) string { return text }

func moment(t testing.TB, text string) *time.Time {
	t.Helper()
	m, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return &m
}

// source is a recorded verification in a deployment of its own.
func source(t testing.TB, name string) Source {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	require.NoError(t, err)
	var r recorded
	require.NoError(t, json.Unmarshal(text, &r))
	v := &deployment.Verification{
		ID: uuid.New(), Status: r.Status, Method: "pcf/1", Result: r.Result,
		Plan: deployment.Plan{Revision: 1, Document: r.Plan, RegisteredAt: *moment(t, "2026-06-10T10:00:12Z")},
	}
	for _, l := range r.Looks {
		v.Looks = append(v.Looks, deployment.Look{Day: l.Day, AsOf: l.AsOf, Result: l.Result})
	}
	if r.Status != "collecting" {
		decided := r.Looks[len(r.Looks)-1].AsOf.Add(15 * time.Minute)
		v.DecidedAt = &decided
	}
	fingerprint := sha256.Sum256(r.Result)
	return Source{
		Deployment: deployment.Deployment{
			ID: uuid.New(), ProductID: uuid.New(), ContextID: uuid.New(), ProposalID: uuid.New(), Title: "Make “#pay” respond at once", ContextName: "Checkout", State: "verified",
			Report: deployment.Report{
				Status: deployment.Deployed, Version: "2.14.0", Commit: "0123456789abcdef", URL: "https://git.example.test/commit/1",
				DeployedAt: moment(t, "2026-06-10T09:30:00Z"), ReportedBy: "user:" + uuid.NewString(),
			},
			Verification: v,
		},
		Inputs: r.Inputs, ResultSHA256: fingerprint[:],
	}
}

func made(t *testing.T, src Source) Proof {
	t.Helper()
	p, err := New(src, same)
	require.NoError(t, err)
	return p
}

func recordings() []string { return []string{"improved", "regressed", "collecting"} }

func TestTheDocumentsAreTheGoldenOnes(t *testing.T) {
	t.Parallel()
	for _, name := range recordings() {
		p := made(t, source(t, name))
		text, err := json.MarshalIndent(p, "", "  ")
		require.NoError(t, err)
		for ending, got := range map[string][]byte{"md": p.Markdown(), "svg": p.SVG(), "csv": p.CSV(), "proof.json": append(text, '\n')} {
			golden(t, name+"."+ending, got)
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "%s; if this is meant, run the test with -update", name)
}

func TestTheSameDeploymentGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	r, err := NewRenderer()
	require.NoError(t, err)
	for _, name := range recordings() {
		src := source(t, name)
		one, two := made(t, src), made(t, src)
		for range 3 {
			require.Equal(t, one.SVG(), two.SVG())
			require.Equal(t, one.Markdown(), two.Markdown())
			first, err := r.Page(one, "/proof/x")
			require.NoError(t, err)
			second, err := r.Page(two, "/proof/x")
			require.NoError(t, err)
			require.Equal(t, string(first), string(second))
		}
	}
}

func TestAPageShowsNoAccountInternals(t *testing.T) {
	t.Parallel()
	r, err := NewRenderer()
	require.NoError(t, err)
	for _, name := range recordings() {
		src := source(t, name)
		p := made(t, src)
		page, err := r.Page(p, "/proof/x")
		require.NoError(t, err)
		text, err := json.Marshal(p)
		require.NoError(t, err)
		for form, shown := range map[string]string{"page": string(page), "md": string(p.Markdown()), "json": string(text), "svg": string(p.SVG()), "csv": string(p.CSV())} {
			d := src.Deployment
			for what, secret := range map[string]string{
				"deployment": d.ID.String(), "product": d.ProductID.String(), "context": d.ContextID.String(), "proposal": d.ProposalID.String(),
				"verification": d.Verification.ID.String(), "person": d.ReportedBy, "commit": d.Commit, "address": d.URL,
			} {
				require.NotContains(t, shown, secret, "%s shows the %s", form, what)
			}
			require.NotRegexp(t, `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, shown, form)
		}
	}
}

// TestHostileTextsStayTexts puts markup of every form into every text that people or signals can choose.
func TestHostileTextsStayTexts(t *testing.T) {
	t.Parallel()
	const hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> ]]> &lt; [x](javascript:alert(1)) ![p](https://evil.test/p.png)\n# h |a| `c` \u202egnp.exe \u0000\u001b[31m {{.}} </style></title></svg>"
	src := source(t, "improved")
	src.Deployment.Title, src.Deployment.ContextName, src.Deployment.Version = hostile, hostile, hostile
	quoted, err := json.Marshal(hostile)
	require.NoError(t, err)
	replace := func(document []byte, keys ...string) []byte {
		var m map[string]any
		require.NoError(t, json.Unmarshal(document, &m))
		for _, key := range keys {
			if _, list := m[key].([]any); list {
				m[key] = []any{json.RawMessage(quoted)}
			} else {
				m[key] = json.RawMessage(quoted)
			}
		}
		out, err := json.Marshal(m)
		require.NoError(t, err)
		return out
	}
	v := src.Deployment.Verification
	v.Document = replace(v.Document, "described", "because", "positive_types", "negative_types", "control_rule", "revised_because")
	v.Result = replace(v.Result, "described", "reason", "method")
	v.Result = bytes.Replace(v.Result, []byte(`"warnings":[]`), append(append([]byte(`"warnings":[`), quoted...), ']'), 1)
	p := made(t, src)
	require.Contains(t, p.Title, "<script>")
	require.NotContains(t, p.Title, "\u202e")

	r, err := NewRenderer()
	require.NoError(t, err)
	page, err := r.Page(p, "/proof/x")
	require.NoError(t, err)
	requireOnlyOurMarkup(t, page)
	requireXML(t, p.SVG())
	require.NotRegexp(t, `(?i)<script|<img`, string(p.SVG()))

	md := string(p.Markdown())
	require.NotRegexp(t, `(?i)<[a-z/]`, md)
	require.NotRegexp(t, `[^\\]\]\(`, md)
	require.NotContains(t, md, "https://evil")
	require.NotContains(t, md, "\n# h")
	for _, line := range strings.Split(md, "\n") {
		require.NotContains(t, line, "\u001b")
	}
}

// requireOnlyOurMarkup parses a page as a browser does and finds nothing that the template did not write.
func requireOnlyOurMarkup(t *testing.T, page []byte) {
	t.Helper()
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			require.ErrorIs(t, z.Err(), io.EOF)
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			tag := z.Token()
			require.NotContains(t, []string{"script", "img", "iframe", "object", "form", "base", "video"}, tag.Data)
			for _, a := range tag.Attr {
				require.False(t, strings.HasPrefix(a.Key, "on"), "%s %s", tag.Data, a.Key)
				require.NotEqual(t, "style", a.Key, "a style attribute would need another policy")
				if a.Key == "href" || a.Key == "src" {
					require.True(t, strings.HasPrefix(a.Val, "/"), "%s=%s leaves this origin", a.Key, a.Val)
				}
			}
		}
	}
}

func requireXML(t *testing.T, text []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(text))
	d.Strict = true
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

func TestThePolicyAllowsExactlyOurStyles(t *testing.T) {
	t.Parallel()
	r, err := NewRenderer()
	require.NoError(t, err)
	p := made(t, source(t, "improved"))
	page, err := r.Page(p, "/proof/x")
	require.NoError(t, err)
	styles := regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	for policy, text := range map[string][]byte{r.PagePolicy: page, r.PicturePolicy: p.SVG()} {
		require.Contains(t, policy, "default-src 'none'")
		found := styles.FindAllSubmatch(text, -1)
		require.Len(t, found, 1)
		sum := sha256.Sum256(found[0][1])
		require.Contains(t, policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	gone := styles.FindSubmatch(r.Gone())
	sum := sha256.Sum256(gone[1])
	require.Contains(t, r.PagePolicy, base64.StdEncoding.EncodeToString(sum[:]))
}

func TestBeforeAVerdictThePageSaysWhichLookIsNext(t *testing.T) {
	t.Parallel()
	p := made(t, source(t, "collecting"))
	require.Equal(t, Collecting, p.Status)
	require.Equal(t, &NextLook{Number: 4, Of: 7, Day: 5, At: p.Looks[3].At}, p.NextLook)
	require.Contains(t, p.Sentence, "The next look is number 4 of 7, after 5 days: when 15 June 2026 has ended and its data has settled.")
	require.True(t, p.Looks[2].Taken)
	require.False(t, p.Looks[3].Taken)

	src := source(t, "collecting")
	src.Deployment.Verification.Looks, src.Inputs, src.ResultSHA256 = nil, nil, nil
	p = made(t, src)
	require.Contains(t, p.Sentence, "nothing was looked at so far. The next look is number 1 of 7, after 1 day")
	require.Nil(t, p.Effect)
	require.Empty(t, p.Daily)
	require.Empty(t, p.Reproduce)
	requireXML(t, p.SVG())
}

func TestADeploymentWithoutATestSaysWhy(t *testing.T) {
	t.Parallel()
	r, err := NewRenderer()
	require.NoError(t, err)
	for state, sentence := range map[string]string{"planned": "not shipped yet", "cancelled": "cancelled", "deployed": "being registered", "rolled_back": "taken back"} {
		src := source(t, "improved")
		src.Deployment.Verification, src.Deployment.State = nil, state
		p := made(t, src)
		require.Equal(t, Waiting, p.Status)
		require.Contains(t, p.Sentence, sentence)
		page, err := r.Page(p, "/proof/x")
		require.NoError(t, err)
		require.Contains(t, string(page), p.Sentence)
		require.NotEmpty(t, p.Markdown())
		requireXML(t, p.SVG())
		require.Equal(t, "day,positive,total,part,trigger\n", string(p.CSV()))
	}
}

func TestATestThatWasStoppedHasNoVerdict(t *testing.T) {
	t.Parallel()
	src := source(t, "collecting")
	src.Deployment.Verification.Status = "stopped"
	src.Deployment.RolledBackAt = moment(t, "2026-06-13T10:00:00Z")
	p := made(t, src)
	require.Equal(t, "Stopped", p.Headline)
	require.Equal(t, "The change was taken back before there was a verdict, so the test was stopped.", p.Sentence)
	require.Nil(t, p.NextLook)
}

func TestARolledBackChangeKeepsItsVerdictAndSaysSo(t *testing.T) {
	t.Parallel()
	src := source(t, "improved")
	src.Deployment.RolledBackAt = moment(t, "2026-07-01T10:00:00Z")
	require.Contains(t, made(t, src).Sentence, "The change was taken back on 1 July 2026.")
}

func TestDocumentsOfOldAndOddOnesAreShownAsFarAsTheyGo(t *testing.T) {
	t.Parallel()
	r, err := NewRenderer()
	require.NoError(t, err)
	for _, c := range []struct{ plan, result, inputs string }{
		{`{}`, `{}`, ``},
		{`{"version":1}`, `{"outcome":"improved","effect":0.21,"before":{"positive":10,"negative":5,"days":3},"after":{"positive":12,"negative":2,"days":1}}`, `null`},
		{`{"time_zone":"Mars/Olympus"}`, `{"effect":-1,"effect_low":-1,"effect_high":1e308,"daily":[{"day":"x","positive":-1,"negative":1}],"placebos":[-1,-2,0,0,0,0,0,0,0,0,0,0]}`, `{"dates":["a"],"measure":[]}`},
		{`{"looks":[{}]}`, `{"daily":[{"day":"2026-06-01","positive":0,"negative":0,"post":true,"low":1e300,"high":2,"expected":0.5}]}`, `{}`},
	} {
		src := source(t, "improved")
		v := src.Deployment.Verification
		v.Document, v.Result, src.Inputs = []byte(c.plan), []byte(c.result), []byte(c.inputs)
		v.Looks = []deployment.Look{{Day: 1, Result: []byte(`{}`)}}
		p := made(t, src)
		requireXML(t, p.SVG())
		page, err := r.Page(p, "/proof/x")
		require.NoError(t, err)
		requireOnlyOurMarkup(t, page)
		require.NotEmpty(t, p.Markdown())
	}
	src := source(t, "improved")
	src.Deployment.Verification.Result = []byte(`{"effect":"much"}`)
	_, err = New(src, same)
	require.ErrorContains(t, err, "reading a stored result")
}

func TestTextsAreScrubbed(t *testing.T) {
	t.Parallel()
	src := source(t, "improved")
	src.Deployment.Title = "Ask ann@example.test"
	p, err := New(src, func(text string) string { return strings.ReplaceAll(text, "ann@example.test", "[redacted:email]") })
	require.NoError(t, err)
	require.Equal(t, "Ask [redacted:email]", p.Title)
}

func TestTheSeriesLeavesTheDayOfTheDeploymentOut(t *testing.T) {
	t.Parallel()
	p := made(t, source(t, "improved"))
	rows := strings.Split(strings.TrimSpace(string(p.CSV())), "\n")
	require.Equal(t, "day,positive,total,part,trigger", rows[0])
	require.NotContains(t, string(p.CSV()), "2026-06-10")
	require.Contains(t, string(p.CSV()), "\n2026-06-11,")
	require.Len(t, rows, 1+182+7)
	require.Contains(t, p.Reproduce, "specter verify --csv proof.csv --at 2026-06-11 --numerator positive --denominator total")

	volume := made(t, source(t, "regressed"))
	require.True(t, strings.HasPrefix(string(volume.CSV()), "day,count,part,trigger\n"))
	require.Contains(t, volume.Reproduce, "specter verify --csv proof.csv --at 2026-06-11 --value count")
}

func TestDaysThatCountForNothingAreHatched(t *testing.T) {
	t.Parallel()
	p := made(t, source(t, "improved"))
	require.NotContains(t, string(p.SVG()), "url(")
	for _, i := range []int{2, 5} {
		p.Daily[i].Refused = []Refused{{Code: "quota_exceeded", Count: 40}}
	}
	picture := string(p.SVG())
	requireXML(t, []byte(picture))
	require.Equal(t, 3, strings.Count(picture, `fill="url(#proof-refused)"`), "two days and the legend")
	require.Contains(t, picture, ">signals refused</text>")
	require.Contains(t, picture, "Signals were refused on 2 days, which count for nothing.")
}

// Whatever the days hold, the picture stays well-formed and inside its frame.
func TestThePictureHoldsAnySeries(t *testing.T) {
	t.Parallel()
	numbers := regexp.MustCompile(`(?:NaN|Inf|e[+-]\d)`)
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.Custom(func(rt *rapid.T) *float64 {
			if rapid.Bool().Draw(rt, "missing") {
				return nil
			}
			x := rapid.OneOf(rapid.Float64(), rapid.Float64Range(0, 1)).Draw(rt, "value")
			return &x
		})
		refused := rapid.SampledFrom([][]Refused{nil, nil, {{Code: "quota_exceeded", Count: 7}}})
		day := rapid.Custom(func(rt *rapid.T) Day {
			return Day{
				Refused: refused.Draw(rt, "refused"),
				Date:    rapid.String().Draw(rt, "date"), Value: value.Draw(rt, "v"), Expected: value.Draw(rt, "e"), Low: value.Draw(rt, "l"), High: value.Draw(rt, "h"),
				Post: rapid.Bool().Draw(rt, "post"), Between: rapid.Bool().Draw(rt, "between"), Trigger: rapid.Bool().Draw(rt, "trigger"),
			}
		})
		days := rapid.SliceOfN(day, 0, 60).Draw(rt, "days")
		for i := range days {
			days[i].Date = tidy(days[i].Date)
		}
		p := Proof{
			Measure: &Measure{Metric: metricRatio, Described: tidy(rapid.String().Draw(rt, "described")), Unit: rapid.SampledFrom([]Unit{Share, PerDay}).Draw(rt, "unit")},
			Daily:   days, predictionDrawn: true, Prediction: &Prediction{Low: rapid.Float64().Draw(rt, "low"), High: rapid.Float64().Draw(rt, "high")},
			Effect: &Effect{Mid: rapid.Float64().Draw(rt, "effect")}, placebos: rapid.SliceOfN(rapid.Float64(), 0, 30).Draw(rt, "placebos"), Sensitivity: &Sensitivity{},
		}
		for _, picture := range []string{p.chart("c", wide, ""), p.chart("c", narrow, ""), p.placeboChart("p", narrow)} {
			if picture == "" {
				continue
			}
			requireXML(t, []byte(picture))
			shapes := regexp.MustCompile(`<(?:path|rect|circle)[^>]*>`).FindAllString(picture, -1)
			for _, shape := range shapes {
				require.False(rt, numbers.MatchString(shape), shape)
				for _, n := range regexp.MustCompile(`-?[0-9]+(?:\.[0-9]+)?`).FindAllString(strings.NewReplacer("l-9 5", "", "sp-", "").Replace(shape), -1) {
					x, err := strconv.ParseFloat(n, 64)
					require.NoError(rt, err)
					require.True(rt, x >= 0 && x <= wide, shape)
				}
			}
		}
	})
}

func FuzzAnyStoredDocument(f *testing.F) {
	for _, name := range recordings() {
		text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		require.NoError(f, err)
		var r recorded
		require.NoError(f, json.Unmarshal(text, &r))
		f.Add([]byte(r.Plan), []byte(r.Result), []byte(r.Inputs))
	}
	r, err := NewRenderer()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, plan, result, inputs []byte) {
		src := Source{Inputs: inputs, Deployment: deployment.Deployment{Title: string(result), Verification: &deployment.Verification{
			Status: "collecting", Result: result, Plan: deployment.Plan{Document: plan, Looks: []deployment.Look{{Day: 1, Result: []byte(`{}`)}}},
		}}}
		p, err := New(src, same)
		if err != nil {
			return
		}
		requireXML(t, p.SVG())
		page, err := r.Page(p, "/proof/x")
		require.NoError(t, err)
		requireOnlyOurMarkup(t, page)
		p.Markdown()
		p.CSV()
		_, err = json.Marshal(p)
		require.NoError(t, err)
	})
}

func BenchmarkPage(b *testing.B) {
	r, err := NewRenderer()
	require.NoError(b, err)
	src := source(b, "improved")
	for b.Loop() {
		p, err := New(src, same)
		require.NoError(b, err)
		_, err = r.Page(p, "/proof/x")
		require.NoError(b, err)
	}
}
