package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"pipe/dag"
	"pipe/stages/all"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Write the JSON Schema of pipeline files, for editors",
		Long: `Schema writes the JSON Schema (draft 2020-12) of pipeline files. An editor with a
YAML language server completes and checks a file that begins with the line

  # yaml-language-server: $schema=schema.json`,
		Example: "  pipe schema > schema.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := languageSchema()
			if err == nil {
				_, err = fmt.Fprint(cmd.OutOrStdout(), s)
			}
			return err
		},
	}
}

// languageSchema is docs/schema.json; encoding/json sorts the keys.
func languageSchema() (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(dag.LanguageSchema(all.Kinds()))
	return b.String(), err
}
