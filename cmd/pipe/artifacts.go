package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/cmd/pipe/view"
	"pipe/registry"
	"pipe/workspace"
)

func (a *app) artifactsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "artifacts",
		Short: "Look at what the store has",
		Long: `An artifact is named by the beginning of its digest (eight digits or more), or
as [RUN:]STAGE[.PORT]: an output of a stage, by default in the newest run.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.artifactsList(), a.artifactsShow(), a.artifactsCat(), a.artifactsExport(), a.artifactsVerify(), a.artifactsPin())
	return c
}

// withArtifact opens the workspace and finds an artifact.
func (a *app) withArtifact(cmd *cobra.Command, name string, do func(w *workspace.Workspace, ref artifacts.Ref) error) error {
	w, err := a.open(cmd)
	if err != nil {
		return err
	}
	defer w.Close()
	ref, err := w.Artifact(cmd.Context(), name)
	if err != nil {
		return err
	}
	return do(w, ref)
}

func (a *app) artifactsList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "ls [RUN]",
		Short: "List what the stages of a run gave (default: the newest run)",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			id := ""
			if len(args) == 1 {
				id = args[0]
			} else if runs, _, err := w.Registry.Runs(ctx, registry.RunQuery{Limit: 1}); err != nil {
				return err
			} else if len(runs) == 1 {
				id = runs[0].ID
			} else {
				return noRuns(ctx, w)
			}
			_, stages, err := w.Stages(ctx, id)
			if err != nil {
				return err
			}
			if asJSON {
				outputs := map[string]map[string]artifacts.Ref{}
				for _, s := range stages {
					outputs[s.Name] = s.Outputs
				}
				return writeJSON(cmd.OutOrStdout(), outputs)
			}
			return listOutputs(cmd.OutOrStdout(), w, stages)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func listOutputs(out io.Writer, w *workspace.Workspace, stages []registry.Stage) error {
	t := newAligned(out)
	fmt.Fprintln(t, "ARTIFACT\tTYPE\tFORMAT\tSIZE\tROWS\tDIGEST\t")
	for _, s := range stages {
		for _, port := range slices.Sorted(maps.Keys(s.Outputs)) {
			ref := s.Outputs[port]
			rows, note := "", ""
			if ref.Type == artifacts.Table {
				rows = fmt.Sprint(ref.Rows)
			}
			if !w.Store.Has(ref) {
				note = "not in the store"
			}
			fmt.Fprintf(t, "%s.%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, port, ref.Type, ref.Format, view.Bytes(wholeSize(w, ref)), rows, ref.Digest.Short(), note)
		}
	}
	return t.Flush()
}

// wholeSize is the size of an artifact's files; a reference to a folder only
// knows that of its manifest.
func wholeSize(w *workspace.Workspace, ref artifacts.Ref) int64 {
	if ref.Format == artifacts.FolderFormat {
		if f, err := w.Store.OpenFolder(ref); err == nil {
			return f.Size()
		}
	}
	return ref.Size
}

func (a *app) artifactsCat() *cobra.Command {
	return &cobra.Command{
		Use:   "cat ARTIFACT [FILE]",
		Short: "Write an artifact's bytes, or those of a file of a folder",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withArtifact(cmd, args[0], func(w *workspace.Workspace, ref artifacts.Ref) error {
				o, err := openObject(w, ref, args[1:])
				if err != nil {
					return err
				}
				defer o.Close()
				_, err = io.Copy(cmd.OutOrStdout(), o)
				return err
			})
		},
	}
}

func openObject(w *workspace.Workspace, ref artifacts.Ref, file []string) (io.ReadCloser, error) {
	switch {
	case ref.Format != artifacts.FolderFormat && len(file) == 1:
		return nil, usageError{fmt.Errorf("%s is one file, not a folder with %s in it", ref.Digest.Short(), file[0])}
	case ref.Format != artifacts.FolderFormat:
		return w.Store.Open(ref)
	}
	f, err := w.Store.OpenFolder(ref)
	if err != nil {
		return nil, err
	}
	if len(file) == 0 {
		return nil, usageError{fmt.Errorf("%s is a folder: name a file of it (`pipe artifacts show` lists them)", ref.Digest.Short())}
	}
	return f.Open(file[0])
}

func (a *app) artifactsExport() *cobra.Command {
	return &cobra.Command{
		Use:   "export ARTIFACT PATH",
		Short: "Copy an artifact out of the store; a table in the format that the name tells",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withArtifact(cmd, args[0], func(w *workspace.Workspace, ref artifacts.Ref) error {
				if _, err := os.Lstat(args[1]); err == nil {
					return fmt.Errorf("%s is there already", args[1])
				}
				if err := w.Export(ref, args[1]); err != nil {
					return err
				}
				size := wholeSize(w, ref)
				if ref.Type == artifacts.Table { // the file is no copy of the object where its name tells another format
					format, err := table.FormatOf(args[1])
					info, serr := os.Stat(args[1])
					if err := errors.Join(err, serr); err != nil {
						return err
					}
					ref.Format, size = string(format), info.Size()
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", args[1], view.Artifact(ref, size))
				return err
			})
		},
	}
}

func (a *app) artifactsVerify() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Read everything in the store again and tell what is damaged",
		Long: `Verify reads every object, manifest and record of the store. What is damaged is
moved aside, so that the next run makes it again. The exit code is 4 when
something was found.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			var last artifacts.VerifyProgress
			findings, err := w.Verify(cmd.Context(), func(p artifacts.VerifyProgress) { last = p })
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), notNil(findings))
			} else {
				for _, f := range findings {
					fmt.Fprintln(cmd.OutOrStdout(), f)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d files (%s) read, %d problems\n", last.Files, view.Bytes(last.Bytes), len(findings))
			}
			if err == nil && len(findings) > 0 {
				return errors.Join(errShown, errDamaged)
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) artifactsPin() *cobra.Command {
	var why string
	var remove bool
	c := &cobra.Command{
		Use:   "pin [ARTIFACT]",
		Short: "Keep an artifact whatever refers to it; without one, list the pins",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && remove:
				return usageError{errors.New("--remove: name the artifact that is to be let go of")}
			case why != "" && (len(args) == 0 || remove):
				return usageError{errors.New("--why is a note on an artifact that is pinned: it goes with one, and not with --remove")}
			}
			if len(args) == 0 {
				w, err := a.open(cmd)
				if err != nil {
					return err
				}
				defer w.Close()
				pins, err := w.Pins()
				for _, p := range pins {
					fmt.Fprintf(cmd.OutOrStdout(), "%s  %s  %s\n", p.Ref.Digest.Short(), view.Artifact(p.Ref, wholeSize(w, p.Ref)), p.Why)
				}
				return err
			}
			return a.withArtifact(cmd, args[0], func(w *workspace.Workspace, ref artifacts.Ref) error {
				if remove {
					return w.Unpin(ref.Digest)
				}
				return w.Pin(ref, why)
			})
		},
	}
	c.Flags().StringVar(&why, "why", "", "a note for those who come later")
	c.Flags().BoolVar(&remove, "remove", false, "let go of it")
	return c
}
