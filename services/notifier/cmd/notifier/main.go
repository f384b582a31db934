// Command notifier runs the notifier as a process of its own.
package main

import (
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/services/notifier"
)

func main() { svcmain.Main(notifier.Module()) }
