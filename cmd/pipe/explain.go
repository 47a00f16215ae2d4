package main

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"pipe/dag/text"
)

// errorsPage is docs/errors.md: a section for each code of a problem. Its
// examples are checked by a test to have the mistake that they show.
//
//go:embed explain.md
var errorsPage string

func explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "explain [CODE]",
		Short:   "Tell what a code in the checker's messages means, and how to mend it",
		Example: "  pipe explain missing-column",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			sections, codes := explanations()
			if len(args) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(codes, "\n"))
				return err
			}
			code := strings.Trim(args[0], "[]")
			section, ok := sections[code]
			if !ok {
				hint := text.DidYouMean(code, codes)
				if hint == "" {
					hint = "`pipe explain` lists them"
				}
				return usageError{fmt.Errorf("there is no code %q: %s", code, hint)}
			}
			_, err := fmt.Fprint(cmd.OutOrStdout(), section)
			return err
		},
	}
}

// explanations cuts the page into its sections by code; the codes are in the
// order of the page.
func explanations() (sections map[string]string, codes []string) {
	sections = map[string]string{}
	for _, part := range strings.Split(errorsPage, "\n## ")[1:] {
		code, body, _ := strings.Cut(part, "\n")
		body, _, _ = strings.Cut(body, "\n# What the checker") // what comes after the codes
		codes = append(codes, code)
		sections[code] = code + "\n" + strings.TrimRight(body, "\n") + "\n"
	}
	return sections, codes
}
