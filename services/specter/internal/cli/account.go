package cli

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/plan"
	"github.com/draftlabs/specter/services/specter"
)

// account groups what an operator does to accounts, at the database and not through the API.
func (a *app) account() *cobra.Command {
	cmd := &cobra.Command{Use: "account", Short: "Operate on accounts (for whoever runs this Specter)"}
	cmd.AddCommand(
		a.override(override{
			use: "limit EMAIL SIGNALS", short: "Set how many signals an account may send in a calendar month",
			long: "Sets how many signals an account may send in a calendar month (UTC) over all its products,\n" +
				"whatever its plan says; 0 is unlimited. Gateways follow within a second, for what comes from then\n" +
				"on; what an account without a limit has sent in the month before counts within five minutes.",
			example: "  specter account limit ann@example.com 1000000\n  specter account limit ann@example.com --remove",
			set: func(text string) (edit, error) {
				n, err := whole(text, math.MaxInt64, "number of signals")
				return func(o *specter.Operator) { o.SignalsPerMonth = &n }, err
			},
			remove: func(o *specter.Operator) { o.SignalsPerMonth = nil },
		}),
		a.override(override{
			use: "analyses EMAIL COUNT", short: "Set how many analyses an account may have in a day",
			long: "Sets how many analyses an account may have in a day (UTC) over all its contexts, dry runs\n" +
				"included, whatever its plan says; 0 is unlimited. What new signals make due is spread over the\n" +
				"day and shared by the contexts; what a person asks for beyond it is refused until the next day.",
			example: "  specter account analyses ann@example.com 500\n  specter account analyses ann@example.com --remove",
			set: func(text string) (edit, error) {
				n, err := whole(text, math.MaxInt32, "number of analyses")
				count := int(n)
				return func(o *specter.Operator) { o.AnalysesPerDay = &count }, err
			},
			remove: func(o *specter.Operator) { o.AnalysesPerDay = nil },
		}),
		a.override(override{
			use: "plan EMAIL PLAN", short: "Give an account a plan, whatever it pays for",
			long: "Gives an account a plan of `specter account plans`, with its limits. It stays in force whatever\n" +
				"the account pays for; with --remove what it pays for is in force again.",
			example: "  specter account plan ann@example.com scale\n  specter account plan ann@example.com --remove",
			set: func(text string) (edit, error) {
				return func(o *specter.Operator) { o.Plan = &text }, nil
			},
			remove: func(o *specter.Operator) { o.Plan = nil },
		}),
		a.accountShow(), a.accountPlans())
	cmd.AddCommand(a.deleteAccount(), a.cancelDeletion())
	return cmd
}

func whole(text string, most int64, what string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > most {
		return 0, usage(fmt.Errorf("%q is not a %s", text, what), "give a whole number; 0 is unlimited")
	}
	return n, nil
}

// override is a command that sets one thing which the operator says of an account.
type override struct {
	use, short, long, example string
	set                       func(text string) (edit, error)
	remove                    edit
}

// edit changes what the operator says.
type edit = func(*specter.Operator)

const operatorsDatabase = " The database is that of\nSPECTER_DATABASE_URL, else of the Specter that runs on SPECTER_DATA_DIR.\n\n" + exitCodes

func (a *app) override(o override) *cobra.Command {
	var remove bool
	cmd := &cobra.Command{
		Use: o.use, Short: o.short, Example: o.example, Long: o.long + operatorsDatabase,
		Args: func(cmd *cobra.Command, args []string) error {
			if remove {
				return cobra.ExactArgs(1)(cmd, args)
			}
			return cobra.ExactArgs(2)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			change := o.remove
			if !remove {
				var err error
				if change, err = o.set(args[1]); err != nil {
					return err
				}
			}
			src, err := a.source()
			if err != nil {
				return err
			}
			g, err := specter.Override(cmd.Context(), src, args[0], change)
			if err != nil {
				return a.operated(err)
			}
			return a.tellGrant(args[0], g)
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "take back what the operator said: the plan's limit, or the plan that is paid for, is in force again")
	return cmd
}

func (a *app) accountShow() *cobra.Command {
	return &cobra.Command{
		Use: "show EMAIL", Short: "Show what an account may use", Args: cobra.ExactArgs(1),
		Long:    "Shows an account's plan and limits, and which of them the operator has set." + operatorsDatabase,
		Example: "  specter account show ann@example.com",
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := a.source()
			if err != nil {
				return err
			}
			g, err := specter.AccountGrant(cmd.Context(), src, args[0])
			if err != nil {
				return a.operated(err)
			}
			return a.tellGrant(args[0], g)
		},
	}
}

// operated explains what went wrong at the database.
func (a *app) operated(err error) error {
	known := fault.As(err)
	switch {
	case known == nil:
		return a.started(err)
	case strings.HasPrefix(known.Detail, "There is no plan"):
		return &hinted{errors.New(known.Detail), "`specter account plans` lists them", exitRefused}
	}
	return &hinted{errors.New(known.Detail), "give the address the person signs in with", exitRefused}
}

// limitsJSON are limits for programs; 0 is unlimited.
type limitsJSON struct {
	SignalsPerMonth  int64 `json:"signals_per_month"`
	Products         int   `json:"products"`
	Contexts         int   `json:"contexts"`
	AnalysesPerDay   int   `json:"analyses_per_day"`
	RetentionMonths  int   `json:"retention_months"`
	WebhookEndpoints int   `json:"webhook_endpoints"`
}

func toLimitsJSON(l plan.Limits) limitsJSON {
	return limitsJSON{l.SignalsPerMonth, l.Products, l.Contexts, l.AnalysesPerDay, l.Retention(), l.WebhookEndpoints}
}

func (a *app) tellGrant(email string, g specter.Grant) error {
	if a.format == "json" {
		out := map[string]any{
			"email": email, "account_id": g.Account, "plan": g.Plan, "assigned_plan": g.Assigned, "limits": toLimitsJSON(g.Limits), "signal_grace": g.SignalGrace,
			"operator": map[string]any{"plan": g.Operator.Plan, "signals_per_month": g.Operator.SignalsPerMonth, "analyses_per_day": g.Operator.AnalysesPerDay},
		}
		if g.Kept.Months > 0 {
			out["kept_months"], out["kept_until"] = g.Kept.Months, g.Kept.Until.UTC()
		}
		return a.out.json(out)
	}
	by := func(operator bool) string {
		if operator {
			return a.out.bold("set by the operator")
		}
		return a.out.dim("by its plan")
	}
	named := "as signed up or paid for"
	if g.Operator.Plan != nil {
		named = a.out.bold("given by the operator") + ", else " + g.Assigned
	}
	signals := amount(g.Limits.SignalsPerMonth)
	if g.SignalGrace > 0 {
		signals += fmt.Sprintf(" and %d more before any is refused", g.SignalGrace)
	}
	months := strconv.Itoa(g.Limits.Retention())
	if g.Kept.Months > 0 {
		months = keptFor(g.Kept.Months, g.Kept.Until, months)
	}
	a.out.linef("%s %s", a.out.green("✓"), printable(email))
	a.out.table([][]string{
		{"  plan", g.Plan, named},
		{"  signals a month", signals, by(g.Operator.SignalsPerMonth != nil)},
		{"  analyses a day", amount(int64(g.Limits.AnalysesPerDay)), by(g.Operator.AnalysesPerDay != nil)},
		{"  products", amount(int64(g.Limits.Products)), by(false)},
		{"  contexts", amount(int64(g.Limits.Contexts)), by(false)},
		{"  webhook endpoints", amount(int64(g.Limits.WebhookEndpoints)), by(false)},
		{"  months kept", months, by(false)},
	})
	return nil
}

// keptFor tells that what a larger plan kept stays for a while.
func keptFor(months int, until time.Time, then string) string {
	return fmt.Sprintf("%d until %s, then %s", months, until.UTC().Format(time.DateOnly), then)
}

// amount is a limit for people.
func amount(n int64) string {
	if n == 0 {
		return "any number"
	}
	return strconv.FormatInt(n, 10)
}

func (a *app) accountPlans() *cobra.Command {
	return &cobra.Command{
		Use: "plans", Short: "List the plans in force", Args: cobra.NoArgs,
		Long: "Lists the plans in force: those in the file that SPECTER_PLANS_FILE named when the dashboard\n" +
			"started." + operatorsDatabase,
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := a.source()
			if err != nil {
				return err
			}
			all, err := specter.Plans(cmd.Context(), src)
			if err != nil {
				return a.operated(err)
			}
			if a.format == "json" {
				out := []any{}
				for _, t := range all {
					out = append(out, map[string]any{"name": t.Name, "title": t.Title, "limits": toLimitsJSON(t.Limits), "grace_percent": t.GracePercent, "keep_days": t.KeepDays})
				}
				return a.out.json(out)
			}
			rows := [][]string{{"PLAN", "SIGNALS A MONTH", "PRODUCTS", "CONTEXTS", "ANALYSES A DAY", "WEBHOOK ENDPOINTS", "MONTHS KEPT"}}
			for _, t := range all {
				l := t.Limits
				rows = append(rows, []string{
					t.Name, amount(l.SignalsPerMonth), amount(int64(l.Products)), amount(int64(l.Contexts)), amount(int64(l.AnalysesPerDay)),
					amount(int64(l.WebhookEndpoints)), strconv.Itoa(l.Retention()),
				})
			}
			a.out.table(rows)
			return nil
		},
	}
}
