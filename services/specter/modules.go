package specter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/services/analyzer"
	"github.com/draftlabs/specter/services/dashboard"
	"github.com/draftlabs/specter/services/gateway"
	"github.com/draftlabs/specter/services/notifier"
	"github.com/draftlabs/specter/services/proposal"
	"github.com/draftlabs/specter/services/retention"
	"github.com/draftlabs/specter/services/verifier"
)

// module is one row of the table: what it is called, what must be ready before it, and how
// it is made (svcmain.Module.New).
type module struct {
	svcmain.Module
	needs []string
}

// Names of the units around the services.
const (
	unitPostgres  = "postgres"
	unitNATS      = "nats"
	unitSchema    = "schema"
	unitBus       = "bus"
	unitMail      = "mail"
	unitAuth      = "auth"
	unitMetrics   = "metrics"
	unitHeap      = "heap"
	unitHTTP      = "http"
	unitFirstRun  = "first-run"
	gatewayName   = "gateway"
	dashboardName = "dashboard"
	retentionName = "retention"
)

// modules is the one table of the seven services.
func modules() []module {
	data := []string{unitSchema, unitBus}
	return []module{
		{gateway.Module(), []string{unitBus}},
		{analyzer.Module(), data},
		{proposal.Module(), data},
		{verifier.Module(), data},
		{notifier.Module(), data},
		{retention.Module(), data},
		{dashboard.Module(), append([]string{unitAuth}, data...)},
	}
}

// Targets lists what Serve accepts.
func Targets() []string {
	var names []string
	for _, m := range modules() {
		names = append(names, m.Name)
	}
	return append(names, unitAuth)
}

// pick selects modules by name; the local auth server is a target of its own.
func pick(targets []string) (picked []module, auth bool, err error) {
	for _, target := range targets {
		if !slices.Contains(Targets(), target) {
			return nil, false, fmt.Errorf("unknown target %q (known: %s)", target, strings.Join(Targets(), ", "))
		}
	}
	for _, m := range modules() {
		if slices.Contains(targets, m.Name) {
			picked = append(picked, m)
		}
	}
	return picked, slices.Contains(targets, unitAuth), nil
}
