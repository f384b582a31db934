package entitlement

import "github.com/draftlabs/specter/pkg/fault"

// Thing is what an account may have so many of.
type Thing struct {
	one, many string
	spare     string // how to have one less
}

// The things that plans limit, beside signals and analyses.
var (
	Products         = Thing{"product", "products", ""}
	Contexts         = Thing{"context", "contexts", ""}
	WebhookEndpoints = Thing{"webhook endpoint", "webhook endpoints", "Delete one that is not needed. "}
)

// Room refuses one more of a thing than the account's plan allows; a limit of 0 is none. What there
// is beyond a limit, as after a change to a smaller plan, stays and can be used.
func Room(plan string, t Thing, have, limit int) error {
	if limit == 0 || have < limit {
		return nil
	}
	name := t.many
	if limit == 1 {
		name = t.one
	}
	return fault.Newf(fault.Conflict, "plan_limit", "The plan %q allows %d %s, and the account has %d. %sA larger plan allows more; what there is can go on being used.",
		plan, limit, name, have, t.spare)
}
