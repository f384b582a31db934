package httpapi

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/draftlabs/specter/proto/openapi"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
)

// operation is what the contract says about who may call.
type operation struct {
	id     string
	public bool          // no credentials needed
	scope  account.Scope // of a token; "" = signed-in people only
	closed bool          // also while the account's deletion is scheduled
}

// whileClosed are the operations that a closed account keeps: what it takes to come back, or to leave with everything.
func whileClosed(id string) bool {
	switch id {
	case "getSession", "getAccount", "logout", "cancelAccountDeletion",
		"listExports", "createExport", "getExport", "downloadExport", "deleteExport":
		return true
	default:
		return false
	}
}

// readOperations reads the contract itself, so that no route can be served with another rule than
// the one that is published.
func readOperations() (map[string]operation, error) {
	var contract struct {
		Paths map[string]map[string]struct {
			ID       string                 `yaml:"operationId"`
			Scope    account.Scope          `yaml:"x-scope"`
			Security *[]map[string][]string `yaml:"security"`
		} `yaml:"paths"`
	}
	if err := yaml.Unmarshal(openapi.Dashboard, &contract); err != nil {
		return nil, fmt.Errorf("reading the contract: %w", err)
	}
	out := map[string]operation{}
	for path, methods := range contract.Paths {
		for method, o := range methods {
			if o.ID == "" {
				return nil, fmt.Errorf("reading the contract: %s %s has no operationId", method, path)
			}
			out[o.ID] = operation{id: o.ID, public: o.Security != nil && len(*o.Security) == 0, scope: o.Scope, closed: whileClosed(o.ID)}
		}
	}
	return out, nil
}
