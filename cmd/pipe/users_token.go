package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"pipe/registry"
	"pipe/server/auth"
	"pipe/workspace"
)

func (a *app) userTokenCommand() *cobra.Command {
	n := registry.Token{}
	var only []string
	var days int
	c := &cobra.Command{
		Use:   "token NAME",
		Short: "Make a token, with which a program acts for a user",
		Long: `Token prints a secret once; the registry keeps only its hash. A program sends it
as "Authorization: Bearer …"; MLflow's client does so when MLFLOW_TRACKING_TOKEN
holds it. The token may do at most what its user may.`,
		Example: `  export MLFLOW_TRACKING_TOKEN=$(pipe users token ada --level write --only experiment:textclass)`,
		Args:    cobra.ExactArgs(1),
		RunE: a.onUsers(func(cmd *cobra.Command, args []string, w *workspace.Workspace) error {
			if _, err := auth.ParseLevel(n.Level); err != nil {
				return usageError{err}
			}
			n.User = args[0]
			for _, on := range only {
				g, err := readGrant(cmd, w, on, n.Level)
				if err != nil {
					return err
				}
				n.Grants = append(n.Grants, g)
			}
			if days > 0 {
				n.Expires = time.Now().AddDate(0, 0, days)
			}
			made, secret, err := w.Registry.AddToken(cmd.Context(), n, byHand())
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "token %s of %s; it is not shown again:\n", made.ID, made.User)
			_, err = fmt.Fprintln(cmd.OutOrStdout(), secret)
			return err
		}),
	}
	c.Flags().StringVar(&n.Level, "level", "write", "at most this: read, write or admin")
	c.Flags().StringSliceVar(&only, "only", nil, "for nothing but these: experiment:NAME, model:NAME")
	c.Flags().IntVar(&days, "days", 0, "how long it holds; 0: until it is revoked")
	c.Flags().StringVar(&n.Note, "note", "", "what it is for")
	return c
}

func (a *app) userTokensCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "tokens",
		Short: "List the tokens",
		Args:  cobra.NoArgs,
		RunE: a.onUsers(func(cmd *cobra.Command, _ []string, w *workspace.Workspace) error {
			list, err := w.Registry.Tokens(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), notNil(list))
			}
			t := newAligned(cmd.OutOrStdout())
			fmt.Fprintln(t, "TOKEN\tUSER\tLEVEL\tONLY\tEXPIRES\tNOTE")
			for _, k := range list {
				expires := "never"
				if !k.Expires.IsZero() {
					expires = when(k.Expires)
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.User, k.Level, grantText(k.Grants), expires, k.Note)
			}
			return t.Flush()
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) userRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke TOKEN",
		Short: "Revoke a token, by the name that `pipe users tokens` shows",
		Args:  cobra.ExactArgs(1),
		RunE: a.onUsers(func(cmd *cobra.Command, args []string, w *workspace.Workspace) error {
			return w.Registry.RevokeToken(cmd.Context(), args[0], byHand())
		}),
	}
}
