package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"pipe/registry"
	"pipe/server/takeover"
	"pipe/workspace"
)

func (a *app) registryCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "registry",
		Short: "Back the registry up, make it anew, bring in what MLflow has, and give it back",
		Args:  noSuchCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.registryImportCommand(), a.registryExportCommand(), a.registryBackupCommand(), a.registryRestoreCommand(), a.registryRebuildCommand())
	return c
}

func (a *app) registryBackupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a consistent copy of the registry, while it is in use",
		Long: `Backup copies experiments, runs, metrics, models and users into one file. The
files of runs are in .pipe/objects and .pipe/mlartifacts; they never change once
written, so any copying program saves them.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			return errors.Join(w.Registry.Backup(cmd.Context(), args[0]), w.Close())
		},
	}
}

func (a *app) registryRestoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Replace the registry by a copy that backup made, also while it is in use",
		Long: `Restore replaces all that the registry holds. The copy is checked first, by the
checksum at its end: a byte that has changed since refuses it. One that an older
pipe made has no checksum; then only its structure is checked, which is said. What
was written since it was made is lost, so make another backup before.`,
		Args: cobra.ExactArgs(1),
		RunE: a.onUsers(func(cmd *cobra.Command, args []string, w *workspace.Workspace) error {
			compared, err := w.Registry.Restore(cmd.Context(), args[0])
			if err == nil && !compared {
				fmt.Fprintf(cmd.ErrOrStderr(), "pipe: %s was made by an older pipe and has no checksum: its structure is sound, its values could not be checked\n", args[0])
			}
			return err
		}),
	}
}

func (a *app) registryRebuildCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "rebuild",
		Short: "Enter the runs that only have a journal: after the registry was lost",
		Long: `Rebuild enters again the runs that have a folder under .pipe/runs and are not in
the registry, as after registry.db was deleted, was damaged and moved away, or was
replaced by an older copy: their stages, metrics, params, tags, hosts and times, and how
they ended. The commit of the code is lost, and for runs of an older pipe the host. A run that may be under way is left alone.

Models and aliases, deployments, users and what MLflow clients logged are in no
journal. The next run of a pipeline registers its model anew. Where there is a
backup, restore it first: rebuild then adds what came after it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := workspace.OpenExisting(cmd.Context(), a.store)
			if err != nil {
				return err
			}
			defer w.Close()
			done, err := w.Rebuild(cmd.Context())
			if asJSON {
				done.Runs, done.UnderWay = notNil(done.Runs), notNil(done.UnderWay)
				return errors.Join(err, writeJSON(cmd.OutOrStdout(), done))
			}
			for _, id := range done.UnderWay {
				fmt.Fprintf(cmd.ErrOrStderr(), "pipe: run %s may be under way and is left alone; if it is not, rebuild again two minutes after its end\n", short(id))
			}
			_, werr := fmt.Fprintf(cmd.OutOrStdout(), "%d runs entered\n", len(done.Runs))
			return errors.Join(err, werr)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// sqliteFile reads MLflow's way to name a database file.
func sqliteFile(uri string) (path string, ok bool) {
	path, ok = strings.CutPrefix(uri, "sqlite:///")
	return path, ok && path != ""
}

// onlyMLflow refuses another system's name.
func onlyMLflow(name string) error {
	if name != "mlflow" {
		return usageError{fmt.Errorf("%q is not known here: only mlflow is", name)}
	}
	return nil
}

func (a *app) registryImportCommand() *cobra.Command {
	var files string
	var o takeover.Options
	c := &cobra.Command{
		Use:   "import mlflow sqlite:///FILE|http://HOST:PORT",
		Short: "Take over what MLflow has: experiments, runs under their ids, metrics, models",
		Long: `Import takes over an MLflow database, or what a running MLflow server (or pipe up)
has. Runs that are there already stay as they are, and so do registered models of
the same name; experiments of the same name become one. So it may be repeated.

Files: of a database, --artifacts names the folder that its server keeps
mlflow-artifacts: in; folders that experiments name on this machine are copied in
any case. A running server hands its files out itself. Locations elsewhere
(s3:, gs:…) stay as they are. Traces stay behind.`,
		Example: `  pipe registry import mlflow sqlite:///mlflow.db --artifacts mlartifacts
  MLFLOW_TRACKING_TOKEN=… pipe registry import mlflow http://mlflow.example:5000`,
		Args: cobra.ExactArgs(2),
		RunE: a.onUsers(func(cmd *cobra.Command, args []string, w *workspace.Workspace) error {
			if err := onlyMLflow(args[0]); err != nil {
				return err
			}
			to := filepath.Join(w.Dir, "mlartifacts")
			var moved registry.Moved
			var copied int
			var err error
			if path, ok := sqliteFile(args[1]); ok {
				if moved, err = w.Registry.ImportMLflow(cmd.Context(), path); err == nil {
					copied, err = copyMoved(moved, filepath.Dir(path), files, to)
				}
			} else if strings.HasPrefix(args[1], "http://") || strings.HasPrefix(args[1], "https://") {
				o.Token, o.User, o.Password = os.Getenv("MLFLOW_TRACKING_TOKEN"), os.Getenv("MLFLOW_TRACKING_USERNAME"), os.Getenv("MLFLOW_TRACKING_PASSWORD")
				o.Files, o.Progress = to, func(what string) { fmt.Fprintln(cmd.ErrOrStderr(), what) }
				if files != "" {
					return usageError{errors.New("--artifacts goes with sqlite:///FILE: a running server hands its files out itself")}
				}
				moved, copied, err = takeover.From(cmd.Context(), w.Registry, args[1], o)
			} else {
				return usageError{fmt.Errorf("%q is neither sqlite:///FILE nor the URL of a server", args[1])}
			}
			if err != nil {
				return err
			}
			return showMoved(cmd, "imported", moved, copied)
		}),
	}
	c.Flags().StringVar(&files, "artifacts", "", "the folder in which MLflow's server keeps mlflow-artifacts:")
	c.Flags().Bool("json", false, "print JSON")
	return c
}

func (a *app) registryExportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "export mlflow sqlite:///FILE",
		Short: "Give everything back into a database of MLflow's",
		Long: `Export writes experiments, runs, metrics, logged and registered models into a
database that MLflow has made (mlflow db upgrade sqlite:///FILE) and that has no
runs yet. Files of MLflow clients are in .pipe/mlartifacts: start MLflow with
--artifacts-destination there. Stages, lineage and the audit log have no place in
MLflow.`,
		Example: `  mlflow db upgrade sqlite:///mlflow.db
  pipe registry export mlflow sqlite:///mlflow.db
  mlflow server --backend-store-uri sqlite:///mlflow.db --artifacts-destination .pipe/mlartifacts`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := onlyMLflow(args[0]); err != nil {
				return err
			}
			path, ok := sqliteFile(args[1])
			if !ok {
				return usageError{fmt.Errorf("%q is not sqlite:///FILE", args[1])}
			}
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			moved, err := w.Registry.ExportMLflow(cmd.Context(), path)
			if err != nil {
				return err
			}
			return showMoved(cmd, "exported", moved, 0)
		},
	}
	c.Flags().Bool("json", false, "print JSON")
	return c
}

func showMoved(cmd *cobra.Command, verb string, m registry.Moved, files int) error {
	if asJSON, err := cmd.Flags().GetBool("json"); err != nil || asJSON {
		return errors.Join(err, writeJSON(cmd.OutOrStdout(), struct {
			registry.Moved
			Files int `json:"files"`
		}{m, files}))
	}
	text := fmt.Sprintf("%s %d experiments, %d runs with %d points, %d logged models, %d registered models with %d versions", verb, m.Experiments, m.Runs, m.Points, m.LoggedModels, m.Models, m.Versions)
	if verb == "imported" {
		text += fmt.Sprintf(", %d files", files)
	}
	if len(m.Skipped) > 0 {
		text += "\nthere already, and left as they are: the models " + strings.Join(m.Skipped, ", ")
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), text)
	return err
}

// copyMoved copies the files of an import: the folders that experiments name,
// relative ones from where the database is, and the folder of the proxy. A
// folder that is not on this machine is left out; a file that is there stays.
func copyMoved(m registry.Moved, beside, proxy, to string) (files int, err error) {
	if proxy != "" {
		if files, err = copyTree(proxy, to); err != nil {
			return files, err
		}
	}
	for _, f := range m.Folders {
		from := f.From
		if !filepath.IsAbs(from) {
			from = filepath.Join(beside, from)
		}
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		n, err := copyTree(from, filepath.Join(to, filepath.FromSlash(strings.TrimPrefix(f.To, "mlflow-artifacts:/"))))
		files += n
		if err != nil {
			return files, err
		}
	}
	return files, nil
}

// copyTree copies the regular files below a folder.
func copyTree(from, to string) (files int, err error) {
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if _, err := os.Stat(target); err == nil {
			return nil
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
			return err
		}
		data, err := os.Open(path)
		if err != nil {
			return err
		}
		defer data.Close()
		out, err := os.Create(target)
		if err != nil {
			return err
		}
		_, err = out.ReadFrom(data)
		files++
		return errors.Join(err, out.Close())
	})
	return files, err
}
