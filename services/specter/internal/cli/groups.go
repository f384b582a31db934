package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// nearEnough is how many letters a mistyped command may differ in from the one that was meant.
const nearEnough = 2

// refuseUnknown has every command that only groups others refuse a word that is none of them: by itself it would show
// its help and report success, and a script would go on as if something had been done.
func refuseUnknown(cmd *cobra.Command) {
	for _, below := range cmd.Commands() {
		refuseUnknown(below)
	}
	if !cmd.HasSubCommands() {
		return
	}
	cmd.SuggestionsMinimumDistance = nearEnough
	cmd.Args = func(cmd *cobra.Command, words []string) error {
		if len(words) > 0 {
			return unknown(cmd, words[0])
		}
		return nil
	}
	if cmd.Runnable() {
		return // it does something by itself, too
	}
	cmd.DisableFlagsInUseLine = true // its flags are for those below it
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// unknown says what was meant, or where to look.
func unknown(cmd *cobra.Command, word string) error {
	hint := "see `" + cmd.CommandPath() + " --help`"
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		for i, name := range near {
			near[i] = "`" + cmd.CommandPath() + " " + name + "`"
		}
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage(fmt.Errorf("unknown command %q for %q", printable(word), cmd.CommandPath()), hint)
}
