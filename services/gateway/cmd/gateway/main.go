// Command gateway runs the gateway as a process of its own.
package main

import (
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/services/gateway"
)

func main() { svcmain.Main(gateway.Module()) }
