// Command dashboard is the dashboard service as a program of its own.
package main

import (
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/services/dashboard"
)

func main() { svcmain.Main(dashboard.Module()) }
