package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"pipe/registry"
)

// because is byHand with a reason.
func because(why string) registry.Audit {
	a := byHand()
	a.Why = why
	return a
}

func (a *app) modelsPromoteCommand() *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   "promote MODEL ALIAS",
		Short: "Let an alias, such as champion, point to a version",
		Long: `Promote moves an alias to a version, named as NAME/VERSION, NAME@ALIAS or NAME (the
newest version). Deployments that follow the alias swap to it without a failed request.`,
		Example: `  pipe models promote textclass/4 champion --why "better on short texts"`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			v, err := w.Version(ctx, args[0])
			if err != nil {
				return err
			}
			if err := w.Registry.SetAlias(ctx, v.Model, args[1], v.Version, because(why)); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s@%s → version %d\n", v.Model, args[1], v.Version)
			return err
		},
	}
	c.Flags().StringVar(&why, "why", "by hand", "the reason, for the audit log")
	return c
}

func (a *app) modelsRollbackCommand() *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   "rollback MODEL[@ALIAS]",
		Short: "Let an alias point to the version before",
		Long: `Rollback moves an alias (champion, if none is named) to the version that it pointed to
before, as the audit log tells. Again it goes back further.`,
		Example: `  pipe models rollback textclass --why "too many complaints"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			model, target, err := registry.SplitModelName(args[0])
			if err != nil || !strings.HasPrefix(target, "@") {
				return usageError{errors.Join(err, fmt.Errorf("what is rolled back is an alias, as in %s@champion", model))}
			}
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			from, to, err := w.Registry.Rollback(cmd.Context(), model, target[1:], because(why))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s%s → version %d (was %d)\n", model, target, to, from)
			return err
		},
	}
	c.Flags().StringVar(&why, "why", "by hand", "the reason, for the audit log")
	return c
}

func (a *app) modelsDeployCommand() *cobra.Command {
	var name, why string
	var f policyFlags
	c := &cobra.Command{
		Use:   "deploy MODEL",
		Short: "Let `pipe up` answer with a model",
		Long: `Deploy makes a model, named as NAME@ALIAS, NAME/VERSION or NAME (its champion), answer
in ` + "`pipe up`" + ` at /predict/NAME. A deployment of the same name is replaced. A running
server follows at once.`,
		Example: `  pipe models deploy textclass@champion
  pipe models deploy textclass@champion --canary @challenger --percent 10 --sticky X-User`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			d, err := deploymentOf(ctx, w, args[0], name, &f)
			if err != nil {
				return err
			}
			changed, err := w.Registry.SetDeployment(ctx, *d, because(why))
			if err != nil {
				return err
			}
			what := "answers"
			if !changed {
				what = "answers already"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s%s %s at /predict/%s\n", d.Model, d.Target, what, d.Name)
			return err
		},
	}
	c.Flags().StringVar(&name, "name", "", "the name in the path; by default the model's")
	c.Flags().StringVar(&why, "why", "by hand", "the reason, for the audit log")
	f.add(c)
	return c
}

func (a *app) modelsUndeployCommand() *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   "undeploy NAME",
		Short: "End a deployment; the model stays registered",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			return w.Registry.DeleteDeployment(cmd.Context(), args[0], because(why))
		},
	}
	c.Flags().StringVar(&why, "why", "by hand", "the reason, for the audit log")
	return c
}

func (a *app) modelsDeploymentsCommand(asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "deployments",
		Short: "List what is deployed",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			list, err := w.Registry.Deployments(ctx)
			if err != nil {
				return err
			}
			if *asJSON {
				return writeJSON(cmd.OutOrStdout(), notNil(list))
			}
			if len(list) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "nothing is deployed; `pipe models deploy MODEL` or a stage of kind `deploy` does it")
				return err
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "NAME\tMODEL\tVERSION\tSINCE\tPOLICY")
			for _, d := range list {
				version := "none"
				if v, err := w.Registry.ResolveModel(ctx, d.Model+d.Target); err == nil {
					version = strconv.Itoa(v.Version)
				}
				fmt.Fprintf(t, "%s\t%s%s\t%s\t%s\t%s\n", d.Name, d.Model, d.Target, version, when(d.Updated), strings.TrimSpace(string(d.Policy)))
			}
			return t.Flush()
		},
	}
}

func (a *app) modelsAuditCommand(asJSON *bool) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:     "audit [MODEL@ALIAS]",
		Short:   "Show who changed what, when, why and in which run",
		Long:    "Audit shows the newest changes of aliases, versions and deployments, of all or of one subject:\nMODEL@ALIAS, MODEL/VERSION or \"deployment NAME\".",
		Example: `  pipe models audit textclass@champion`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			subject := strings.Join(args, "")
			list, err := w.Registry.AuditLog(cmd.Context(), subject, limit)
			if err != nil {
				return err
			}
			if *asJSON {
				return writeJSON(cmd.OutOrStdout(), notNil(list))
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "WHEN\tWHO\tWHAT\tSUBJECT\tCHANGE\tRUN\tWHY")
			for _, e := range list {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s → %s\t%s\t%s\n", when(e.Time), e.Who, e.Action, e.Subject, none(e.Before), none(e.After), short(e.RunID), e.Why)
			}
			return t.Flush()
		},
	}
	c.Flags().IntVar(&limit, "limit", 20, "how many lines")
	return c
}

func none(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
