// Command analyzer runs the analyzer as a process of its own.
package main

import (
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/services/analyzer"
)

func main() { svcmain.Main(analyzer.Module()) }
