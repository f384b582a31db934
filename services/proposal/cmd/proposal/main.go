// Command proposal runs the proposal service by itself.
package main

import (
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/services/proposal"
)

func main() { svcmain.Main(proposal.Module()) }
