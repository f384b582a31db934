// Command verifier runs the verifier service by itself.
package main

import (
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/services/verifier"
)

func main() { svcmain.Main(verifier.Module()) }
