// Command retention runs retention as a process of its own.
package main

import (
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/services/retention"
)

func main() { svcmain.Main(retention.Module()) }
