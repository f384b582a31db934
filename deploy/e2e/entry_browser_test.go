package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/testkit/program"
)

// postbox is the mail that `specter up` keeps for its operator.
type postbox struct {
	dir  string
	read []string
}

// link is one that does something; notices lead to the site itself.
var link = regexp.MustCompile(`https?://\S+/auth/confirm\?\S+`)

// next waits for a mail to the address that was not read yet, and returns the link in it.
func (p *postbox) next(t *testing.T, to string) string {
	t.Helper()
	var found string
	program.Await(t, patience, "a mail to "+to, func() bool {
		files, err := filepath.Glob(filepath.Join(p.dir, "*.eml"))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			if head, _, _ := strings.Cut(string(text), "\n\n"); slices.Contains(p.read, file) || !strings.Contains(head, "To: "+to) {
				continue
			}
			p.read = append(p.read, file)
			if found = link.FindString(string(text)); found != "" {
				return true
			}
		}
		return false
	})
	return found
}

// TestTheWaysInInTheBrowser goes through everything that happens before and around signing in, with real mails.
func TestTheWaysInInTheBrowser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := startUp(t, upOptions{dataDir: dir, addr: program.FreeAddr(t), env: []string{"SPECTER_AUTH_AUTOCONFIRM=false"}})
	mails := &postbox{dir: filepath.Join(dir, "specter", "mail")}
	v := &screen{tab: chromiumFor(t, 3*time.Minute), base: s.URL}
	v.bringAxe(t)

	const email, first, second, third = "ann@example.test", "correct horse battery", "another long password", "a third long password"
	goTo := func(address, heading string) {
		t.Helper()
		require.NoError(t, chromedp.Do(v.tab, chromedp.Navigate(address)))
		v.shows(t, "main h1", heading)
	}
	looks := func(name string) {
		t.Helper()
		for width, height := range map[int64]int64{1280: 900, 360: 780} {
			require.NoError(t, chromedp.Do(v.tab, chromedp.EmulateViewport(width, height)))
			v.await(t, name+" to fit", `document.documentElement.scrollWidth <= innerWidth`)
			v.requireAccessible(t, "main", name)
			if width == 360 {
				keepScreenshot(t, v.tab, "entry-"+name+".png")
			}
		}
		require.NoError(t, chromedp.Do(v.tab, chromedp.EmulateViewport(1280, 900)))
	}
	fill := func(field, text string) {
		t.Helper()
		selector := `main input[name="` + field + `"]:not([hidden])`
		require.NoError(t, chromedp.Do(v.tab, chromedp.WaitVisible(selector), chromedp.Focus(selector)))
		v.await(t, "the field's text to be chosen", `(document.querySelector('`+selector+`').select(), true)`) // what is typed replaces it
		require.NoError(t, chromedp.Do(v.tab, chromedp.KeyEvent(text)))
	}
	signOut := func() {
		t.Helper()
		v.click(t, "button", "Sign out")
		v.shows(t, "main h1", "Sign in")
	}

	// An account, whose address has to be confirmed.
	goTo(v.base, "Sign in")
	v.await(t, "the page to have a name", `document.title === "Sign in · Specter"`)
	require.Equal(t, "BODY", look[string](t, v, `document.activeElement.tagName`), "a page that opens does not move the keyboard")
	looks("sign-in")
	v.click(t, "main a", "Create an account")
	v.shows(t, "main h1", "Create an account")
	v.await(t, "no password to be asked for before the address is confirmed", `document.querySelector('main input[name="password"]') === null`)
	v.await(t, "the other form to have the keyboard", `document.activeElement === document.querySelector("main h1") && document.title === "Create an account · Specter"`)
	looks("create")
	fill("email", email)
	v.click(t, "main button", "Create account")
	v.shows(t, "main h1", "Ask for your link")
	looks("ask-for-link")
	confirmation := mails.next(t, email)
	goTo(v.base, "Sign in")
	fill("email", email)
	fill("password", first)
	v.click(t, "main button", "Sign in")
	v.shows(t, "main", "Send the link again")

	goTo(confirmation, "You followed a link")
	looks("confirm")
	v.await(t, "the secret to be out of the address", `location.search === "" && location.hash === ""`)
	v.click(t, "main button", "Confirm my e-mail address")
	v.shows(t, "main h1", "Choose a password")
	fill("new-password", first)
	v.click(t, "main button", "Set the password")
	v.await(t, "the person to be signed in", `[...document.querySelectorAll("button")].some((b) => b.textContent === "Sign out")`)
	signOut()

	// Used up.
	goTo(confirmation, "You followed a link")
	v.click(t, "main button", "Confirm my e-mail address")
	v.shows(t, "main h1", "does not work any more")
	looks("broken-link")

	// A forgotten password.
	v.click(t, "main a", "Set a new password")
	v.shows(t, "main h1", "Set a new password")
	looks("forgot")
	fill("email", email)
	v.click(t, "main button", "Send the link")
	v.shows(t, "main h1", "Ask for your link")
	goTo(mails.next(t, email), "You followed a link")
	v.click(t, "main button", "Choose a password")
	v.shows(t, "main h1", "Choose a password")
	looks("new-password")
	fill("new-password", second)
	v.click(t, "main button", "Set the password")
	v.await(t, "the person to be signed in", `[...document.querySelectorAll("button")].some((b) => b.textContent === "Sign out")`)
	signOut()
	fill("email", email)
	fill("password", first)
	v.click(t, "main button", "Sign in")
	v.shows(t, "main", "The e-mail address or the password is wrong")

	// A link instead of a password.
	v.click(t, "main a", "Sign in with a link instead")
	v.shows(t, "main h1", "Sign in with a link")
	looks("link")
	fill("email", email)
	v.click(t, "main button", "Send the link")
	v.shows(t, "main h1", "Ask for your link")
	goTo(mails.next(t, email), "You followed a link")
	v.click(t, "main button", "Sign in")
	v.await(t, "the person to be signed in", `[...document.querySelectorAll("button")].some((b) => b.textContent === "Sign out")`)

	// The settings need a product to be in.
	require.NoError(t, chromedp.Do(v.tab, chromedp.WaitVisible(`main form input`), chromedp.SendKeys(`main form input`, "Shop")))
	v.click(t, "main button", "Create product")
	v.await(t, "the product to open", `location.pathname.startsWith("/p/")`)
	settings := v.base + strings.Join(strings.SplitAfterN(look[string](t, v, `location.pathname`), "/", 4)[:3], "") + "settings?view="
	goTo(settings+"profile", "Settings")
	v.shows(t, "main h2", "Password")
	looks("profile")
	fill("current-password", second)
	fill("new-password", third)
	v.click(t, "main button", "Change the password")
	v.shows(t, "main", "The password is changed.")

	other := parts.NewPerson(t, s.URL)
	status, answer := other.Try(t, "/api/v1/auth/login", email, third)
	require.Equal(t, 200, status, answer)
	goTo(settings+"security", "Settings")
	v.shows(t, "main li", "this browser")
	v.await(t, "both browsers", `document.querySelectorAll("main li").length === 2`)
	looks("security")
	v.click(t, "main li button", "Sign out")
	v.await(t, "the other one to be gone", `document.querySelectorAll("main li").length === 1`)

	// Another address: both have to say so.
	goTo(settings+"profile", "Settings")
	fill("email", "ann@new.example")
	fill("password", third)
	v.click(t, "main button", "Change the address")
	v.shows(t, "main", "Check your mail, at both addresses")
	goTo(mails.next(t, email), "You followed a link")
	v.click(t, "main button", "Confirm the new address")
	v.shows(t, "main h1", "One more link")
	goTo(mails.next(t, "ann@new.example"), "You followed a link")
	v.click(t, "main button", "Confirm the new address")
	v.shows(t, "main h1", "Your address is changed")
	v.shows(t, "main", "ann@new.example")
	looks("address-changed")

	goTo(settings+"security", "Settings")
	v.click(t, "main button", "Sign out everywhere")
	v.click(t, "dialog[open] button", "Sign out everywhere")
	v.shows(t, "main h1", "Sign in")
}
