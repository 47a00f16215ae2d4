package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/registry"
	"pipe/stages/monitor"
)

func (a *app) modelsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "models",
		Short: "List the registered models",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			list, err := w.Registry.Models(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), notNil(list))
			}
			if len(list) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "no model is registered; a stage of kind `register` does it")
				return err
			}
			t := newAligned(cmd.OutOrStdout())
			fmt.Fprintln(t, "MODEL\tALIASES\tUPDATED\tDESCRIPTION")
			for _, m := range list {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", m.Name, aliases(m.Aliases), when(m.Updated), m.Description)
			}
			return t.Flush()
		},
	}
	c.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON")
	c.AddCommand(a.modelShowCommand(&asJSON), a.modelsExportCommand(), a.modelsPromoteCommand(), a.modelsRollbackCommand(), a.modelsDeployCommand(),
		a.modelsUndeployCommand(), a.modelsCardCommand(), a.modelsDeploymentsCommand(&asJSON), a.modelsAuditCommand(&asJSON))
	return c
}

// aliases writes "champion → 3, challenger → 4".
func aliases(m map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s → %d", name, m[name]))
	}
	return strings.Join(parts, ", ")
}

// notNil makes an empty list JSON's [], not null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (a *app) modelShowCommand(asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME[@ALIAS|/VERSION]",
		Short: "Show a model and its versions, or one version and where it came from",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, out := cmd.Context(), cmd.OutOrStdout()
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			if strings.ContainsAny(args[0], "@/") {
				v, err := w.Version(ctx, args[0])
				if err != nil {
					return err
				}
				from, err := w.Registry.VersionLineage(ctx, v.Model, v.Version)
				if err != nil {
					return err
				}
				profile, digest, err := trainingProfile(w, v)
				if err != nil {
					return err
				}
				if *asJSON {
					return writeJSON(out, struct {
						registry.ModelVersion
						Lineage       registry.Lineage `json:"lineage"`
						Profile       *monitor.Profile `json:"profile,omitempty"`
						ProfileDigest artifacts.Digest `json:"profile_digest,omitempty"`
					}{v, from.Lineage, profile, digest})
				}
				if err := showVersion(out, v, from.Lineage); err != nil || profile == nil {
					return err
				}
				section(out, profileTitle(profile), len(profile.Features), func(t io.Writer) {
					for _, r := range profileRows(profile) {
						fmt.Fprintf(t, "  %s\t%s\t%s\n", r[0], r[1], r[2])
					}
				})
				_, err = fmt.Fprintf(out, "  %s  %s\n", monitor.FileName, digest)
				return err
			}
			m, err := w.Registry.Model(ctx, args[0])
			if errors.Is(err, registry.ErrNotFound) {
				_, err = w.Version(ctx, args[0]) // says what there is
			}
			if err != nil {
				return err
			}
			versions, err := w.Registry.ModelVersions(ctx, args[0])
			if err != nil {
				return err
			}
			if *asJSON {
				return writeJSON(out, struct {
					registry.RegisteredModel
					Versions []registry.ModelVersion `json:"versions"`
				}{m, notNil(versions)})
			}
			return showModel(out, m, versions)
		},
	}
}

func showModel(out io.Writer, m registry.RegisteredModel, versions []registry.ModelVersion) error {
	fmt.Fprintf(out, "model    %s\n", m.Name)
	if m.Description != "" {
		fmt.Fprintf(out, "about    %s\n", m.Description)
	}
	if len(m.Aliases) > 0 {
		fmt.Fprintf(out, "aliases  %s\n", aliases(m.Aliases))
	}
	fmt.Fprintln(out)
	t := newAligned(out)
	fmt.Fprintln(t, "VERSION\tALIASES\tCREATED\tRUN\tMODEL\tMETRICS")
	for _, v := range versions {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\n", v.Version, strings.Join(v.Aliases, ", "), when(v.Created), short(v.RunID), short(string(v.Ref.Digest)), headline(v.Metrics))
	}
	return t.Flush()
}

// headline shows the few metrics that people ask for first.
func headline(ms []registry.Metric) string {
	first := []string{"accuracy", "f1_macro", "log_loss", "roc_auc", "rmse", "r2", "wer"}
	rank := func(key string) int {
		base := key[strings.LastIndexByte(key, '.')+1:]
		if i := slices.Index(first, base); i >= 0 {
			return i
		}
		return len(first)
	}
	ms = slices.Clone(ms)
	sort.SliceStable(ms, func(i, j int) bool { return rank(ms[i].Key) < rank(ms[j].Key) })
	var parts []string
	for _, m := range ms[:min(len(ms), 3)] {
		parts = append(parts, fmt.Sprintf("%s %.4g", m.Key, m.Value))
	}
	return strings.Join(parts, "  ")
}

func showVersion(out io.Writer, v registry.ModelVersion, line registry.Lineage) error {
	fmt.Fprintf(out, "model     %s version %d\n", v.Model, v.Version)
	if len(v.Aliases) > 0 {
		fmt.Fprintf(out, "aliases   %s\n", strings.Join(v.Aliases, ", "))
	}
	fmt.Fprintf(out, "created   %s", when(v.Created))
	if v.User != "" {
		fmt.Fprintf(out, " by %s", v.User)
	}
	fmt.Fprintf(out, "\nrun       %s\ndigest    %s\n", v.RunID, v.Ref.Digest)
	if v.Description != "" {
		fmt.Fprintf(out, "about     %s\n", v.Description)
	}
	var sig dag.Signature
	if json.Unmarshal(v.Signature, &sig) == nil && len(sig.Inputs) > 0 {
		fmt.Fprintf(out, "takes     %s\ngives     %s\n", columns(sig.Inputs), columns(sig.Outputs))
	}
	if len(v.Metrics) > 0 {
		fmt.Fprintln(out, "\nmetrics")
		t := newAligned(out)
		for _, m := range v.Metrics {
			fmt.Fprintf(t, "  %s\t%.6g\n", m.Key, m.Value)
		}
		t.Flush()
	}
	return showLineage(out, line)
}

func columns(cs []dag.Column) string {
	parts := make([]string, len(cs))
	for i, c := range cs {
		parts[i] = c.Name + " " + c.Type
	}
	return strings.Join(parts, ", ")
}

// showLineage tells which files, code and params a version was made of.
func showLineage(out io.Writer, l registry.Lineage) error {
	section(out, "made of", len(l.Sources), func(t io.Writer) {
		for _, s := range l.Sources {
			fmt.Fprintf(t, "  %s\t%s\t%d bytes\n", s.Path, short(string(s.Digest)), s.Size)
		}
	})
	section(out, "made by", len(l.Work), func(t io.Writer) {
		for _, w := range l.Work {
			fmt.Fprintf(t, "  %s\t%s\tkey %s\trun %s\n", w.Stage.Name, w.Stage.Kind, short(string(w.Stage.Key)), short(w.Run))
		}
	})
	return nil
}
