package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// forEach answers all of several arguments, also where some cannot be answered: what is
// wrong with those goes to stderr or, with asJSON, into a line in their place, which has
// the argument under key. The error says then that this was shown.
func forEach(cmd *cobra.Command, args []string, key string, asJSON bool, answer func(arg string) error) error {
	if len(args) == 1 {
		return answer(args[0])
	}
	var first error
	for _, arg := range args {
		err := answer(arg)
		if err == nil {
			continue
		}
		if cmd.Context().Err() != nil {
			return err // interrupted
		}
		if first == nil {
			first = err
		}
		if !asJSON {
			fmt.Fprintln(cmd.ErrOrStderr(), "pipe:", err)
			continue
		}
		if err := json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{key: arg, "error": err.Error()}); err != nil {
			return err
		}
	}
	if first == nil {
		return nil
	}
	return errors.Join(errShown, first)
}
