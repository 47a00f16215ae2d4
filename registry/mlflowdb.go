package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Moved says what an import or an export has carried over, and where files
// were that it names.
type Moved struct {
	Experiments  int64 `json:"experiments"`
	Runs         int64 `json:"runs"`
	Points       int64 `json:"points"`
	LoggedModels int64 `json:"logged_models"`
	Models       int64 `json:"models"`
	Versions     int64 `json:"versions"`
	// Skipped are registered models that were there already under their name.
	Skipped []string `json:"skipped,omitempty"`
	// Folders are the local folders of experiments, and what stands for them in
	// the registry: "mlflow-artifacts:/ID".
	Folders []MovedFolder `json:"folders,omitempty"`
}

// MovedFolder is a folder whose files belong under another location now.
type MovedFolder struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// ImportMLflow takes over an MLflow database: experiments, runs under their
// ids, metric histories, inputs, logged models, registered models and versions.
// It is one transaction, so that it is whole or not there; other writers wait.
// A run that is there already stays as it is, and so does a registered model of
// the same name; experiments of the same name become one. So an import may be
// repeated, and brings what is new.
func (r *Registry) ImportMLflow(ctx context.Context, path string) (m Moved, err error) {
	if _, err := os.Stat(path); err != nil {
		return m, err
	}
	err = r.attached(ctx, path, func(t *tx) error {
		if err := isMLflow(t); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, step := range importSteps() {
			if step.needs != "" && !hasTable(t, step.needs) {
				continue
			}
			n, err := step.run(t)
			if err != nil {
				return fmt.Errorf("import %s: %w", step.what, err)
			}
			if step.count != nil {
				*step.count(&m) += n
			}
		}
		rows, err := t.query("SELECT name FROM mlflow.registered_models WHERE name NOT IN (SELECT name FROM temp.new_models) ORDER BY name")
		if m.Skipped, err = collect(rows, err, scanText); err != nil {
			return err
		}
		m.Folders, err = rebase(t)
		return err
	})
	return m, err
}

// ExportMLflow gives everything back into a database that MLflow has made
// (mlflow db upgrade sqlite:///FILE) and that has no runs yet.
func (r *Registry) ExportMLflow(ctx context.Context, path string) (m Moved, err error) {
	if _, err := os.Stat(path); err != nil {
		return m, fmt.Errorf("%w; MLflow makes an empty one by `mlflow db upgrade sqlite:///%s`", err, path)
	}
	err = r.attached(ctx, path, func(t *tx) error {
		if err := isMLflow(t); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		var runs int64
		if err := t.row("SELECT count(*) FROM mlflow.runs").Scan(&runs); err != nil {
			return err
		}
		if runs > 0 {
			return fmt.Errorf("%s has %d runs already; export into an empty database", path, runs)
		}
		for _, step := range exportSteps() {
			if step.needs != "" && !hasTable(t, step.needs) {
				continue
			}
			n, err := step.run(t)
			if err != nil {
				return fmt.Errorf("export %s: %w", step.what, err)
			}
			if step.count != nil {
				*step.count(&m) += n
			}
		}
		return nil
	})
	return m, err
}

// attached runs do in one transaction that sees another database as "mlflow".
func (r *Registry) attached(ctx context.Context, path string, do func(*tx) error) error {
	db, err := r.open(nil)
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if err := isSQLite(path); err != nil {
		return err
	}
	t := &tx{conn: conn, ctx: ctx, now: r.now()}
	if err := t.exec("ATTACH DATABASE ? AS mlflow", abs); err != nil {
		return whose(t, path, fmt.Errorf("%s: %w", path, err))
	}
	if err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err = do(t)
	if err == nil {
		err = t.exec("COMMIT")
	}
	if err != nil {
		_, undo := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(whose(t, path, err), undo)
	}
	return nil
}

// sqliteMagic begins every file of SQLite 3: section 1.3.1 of its file format.
const sqliteMagic = "SQLite format 3\x00"

// isSQLite refuses a file that has bytes and does not begin as SQLite's do.
func isSQLite(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, len(sqliteMagic))
	n, err := io.ReadFull(f, head)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case n > 0 && string(head[:n]) != sqliteMagic:
		return fmt.Errorf("%s is no SQLite database", path)
	}
	return nil
}

// whose tells damage in an attached file from damage in the registry, which SQLite
// does not: the connection has both.
func whose(t *tx, path string, err error) error {
	damaged := (*DamagedError)(nil)
	if !errors.As(err, &damaged) {
		return err
	}
	var said string
	ctx := context.WithoutCancel(t.ctx)
	if t.conn.QueryRowContext(ctx, "PRAGMA main.quick_check(1)").Scan(&said) != nil || said != "ok" {
		return err
	}
	return fmt.Errorf("%s is damaged, or no SQLite database (%v)", path, damaged.Err)
}

// isMLflow refuses a database that is none of MLflow's, or too old.
func isMLflow(t *tx) error {
	for _, table := range []string{"alembic_version", "runs", "latest_metrics", "registered_models", "model_versions"} {
		if !hasTable(t, table) {
			return fmt.Errorf("it is no database of MLflow: it has no table %s", table)
		}
	}
	for _, table := range []string{"datasets", "registered_model_aliases"} {
		if !hasTable(t, table) {
			return errors.New("its MLflow is older than 2.4: run `mlflow db upgrade` on a copy of it first")
		}
	}
	return nil
}

func hasTable(t *tx, name string) bool {
	var n int
	return t.row("SELECT count(*) FROM mlflow.sqlite_master WHERE type = 'table' AND name = ?", name).Scan(&n) == nil && n == 1
}

func scanText(scan scanner) (s string, err error) {
	err = scan(&s)
	return s, err
}

// rebase moves locations on the file system of MLflow's server under the
// artifact folder of this one, and returns which folders have to be copied.
func rebase(t *tx) ([]MovedFolder, error) {
	rows, err := t.query(`SELECT m.artifact_location, v.new FROM mlflow.experiments m JOIN temp.moved v ON v.old = m.experiment_id
		WHERE m.artifact_location LIKE 'file:%' OR m.artifact_location LIKE '/%' OR m.artifact_location NOT LIKE '%:%' ORDER BY v.new`)
	type folder struct {
		from string
		id   int64
	}
	list, err := collect(rows, err, func(scan scanner) (f folder, err error) {
		var from sql.NullString
		err = scan(&from, &f.id)
		f.from = strings.TrimSuffix(from.String, "/")
		return f, err
	})
	if err != nil {
		return nil, err
	}
	var moved []MovedFolder
	for _, f := range list {
		if f.from == "" {
			continue
		}
		to := fmt.Sprintf("mlflow-artifacts:/%d", f.id)
		for _, column := range []struct{ table, name, where string }{
			{"experiments", "artifact_location", "id IN (SELECT new FROM temp.moved WHERE made)"},
			{"runs", "artifact_uri", "id IN (SELECT id FROM temp.new_runs)"},
			{"logged_models", "artifact_uri", "id IN (SELECT id FROM temp.new_logged)"},
			{"versions", "source", "model IN (SELECT m.id FROM models m JOIN temp.new_models n ON n.name = m.name)"},
			{"versions", "storage_uri", "model IN (SELECT m.id FROM models m JOIN temp.new_models n ON n.name = m.name)"},
		} {
			if err := t.exec("UPDATE main."+column.table+" SET "+column.name+" = ?1 || substr("+column.name+", length(?2) + 1) WHERE ("+
				column.name+" = ?2 OR substr("+column.name+", 1, length(?2) + 1) = ?2 || '/') AND "+column.where, to, f.from); err != nil {
				return nil, err
			}
		}
		moved = append(moved, MovedFolder{strings.TrimPrefix(strings.TrimPrefix(f.from, "file://"), "file:"), to})
	}
	return moved, nil
}
