package stripe_test

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"

	"github.com/draftlabs/specter/services/dashboard/internal/billing"
	"github.com/draftlabs/specter/services/dashboard/internal/stripe"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

var listening = regexp.MustCompile(`Listening for HTTP at address: (127\.0\.0\.1:\d+)`)

// mock builds Stripe's own stand-in, at the version that go.mod pins, and runs it on a free port.
func mock(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "stripe-mock")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/stripe/stripe-mock").CombinedOutput()
	require.NoError(t, err, string(out))
	process := exec.Command(binary, "-http-addr", "127.0.0.1:0")
	said, err := process.StdoutPipe()
	require.NoError(t, err)
	process.Stderr = process.Stdout
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait() // killed: that is its error
	})
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if at := listening.FindStringSubmatch(lines.Text()); at != nil {
			return "http://" + at[1]
		}
	}
	t.Fatal("stripe-mock did not say where it listens")
	return ""
}

// Every request is one that Stripe's published interface takes: stripe-mock refuses unknown paths, unknown parameters
// and wrong types.
func TestStripesOwnMockTakesEveryRequest(t *testing.T) {
	t.Parallel()
	c := stripe.New("sk_test_123", mock(t))
	t.Cleanup(c.Close)
	ctx := t.Context()

	customer, err := c.CreateCustomer(ctx, "key-1", uuid.New())
	require.NoError(t, err)
	require.Regexp(t, `^cus_`, customer)
	require.NoError(t, c.SetEmail(ctx, customer, "ann@example.test"))
	read, err := c.Read(ctx, customer)
	require.NoError(t, err)
	require.False(t, read.Gone)
	require.NotEmpty(t, read.Subscriptions)
	for _, s := range read.Subscriptions {
		require.Regexp(t, `^sub_`, s.ID)
		require.Regexp(t, `^price_`, s.Price)
		require.NotEmpty(t, s.Status)
		require.NotZero(t, s.StartedAt)
	}
	require.NoError(t, c.EndWithPeriod(ctx, "sub_1", uuid.New()))
	require.NoError(t, c.GoOn(ctx, "sub_1"))
	require.NoError(t, c.Cancel(ctx, "sub_1"))

	opened, err := c.OpenCheckout(ctx, "key-2", billing.NewCheckout{
		Account: uuid.New(), Customer: customer, Price: "price_1", SuccessURL: "https://specter.example.test/done", BackURL: "https://specter.example.test/left",
	})
	require.NoError(t, err)
	require.Regexp(t, `^cs_`, opened.ID)
	checkouts, err := c.Checkouts(ctx, customer)
	require.NoError(t, err)
	require.NotEmpty(t, checkouts)
	require.NoError(t, c.ExpireCheckout(ctx, opened.ID))

	portal, err := c.Portal(ctx, customer, "https://specter.example.test/")
	require.NoError(t, err)
	require.Regexp(t, `^https://`, portal)
	price, err := c.Price(ctx, "price_1")
	require.NoError(t, err)
	require.Len(t, price.Currency, 3)
	missing, err := c.Probe(ctx, []string{"price_1"})
	require.NoError(t, err)
	require.Empty(t, missing)
	require.NoError(t, c.DeleteCustomer(ctx, customer))
}

func TestWithoutAStripeItSaysUnavailable(t *testing.T) {
	t.Parallel()
	c := stripe.New("sk_test_123", "http://127.0.0.1:1")
	t.Cleanup(c.Close)
	started := time.Now()
	_, err := c.Price(t.Context(), "price_1")
	require.ErrorContains(t, err, "unavailable")
	require.Less(t, time.Since(started), 15*time.Second)
}
