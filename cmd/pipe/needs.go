package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// needs refuses flags, named with blanks between them, that do nothing where
// another one is not given: left alone, they would look as if they did.
func needs(c *cobra.Command, flags, other string) { pair(c, flags, other, false, "without") }

// excludes is needs for flags that do nothing where the other one is given.
func excludes(c *cobra.Command, flags, other string) { pair(c, flags, other, true, "with") }

func pair(c *cobra.Command, flags, other string, wrong bool, word string) {
	before := c.PreRunE
	c.PreRunE = func(cmd *cobra.Command, args []string) error {
		for _, name := range strings.Fields(flags) {
			if cmd.Flags().Changed(name) && cmd.Flags().Changed(other) == wrong {
				return usageError{fmt.Errorf("--%s does nothing %s --%s", name, word, other)}
			}
		}
		if before == nil {
			return nil
		}
		return before(cmd, args)
	}
}
