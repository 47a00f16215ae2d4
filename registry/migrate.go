package registry

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// applicationID marks the file as ours (PRAGMA application_id), so that a
// wrong path does not turn somebody else's database into a registry.
const applicationID = 0x70697065 // "pipe"

// migration is one step of the schema: the number is its file name's prefix
// and PRAGMA user_version once it is applied.
type migration struct {
	number int
	name   string
	text   string
}

// migrations returns the embedded steps in order, without a gap.
func migrations() []migration {
	files, err := fs.ReadDir(migrationFiles, "migrations")
	if err != nil {
		panic(err) // embedded at build time
	}
	list := make([]migration, len(files))
	for i, f := range files {
		text, err := migrationFiles.ReadFile("migrations/" + f.Name())
		if err != nil {
			panic(err)
		}
		prefix, _, _ := strings.Cut(f.Name(), "_")
		n, err := strconv.Atoi(prefix)
		if err != nil || n != i+1 {
			panic(fmt.Sprintf("migration %s should have number %d", f.Name(), i+1))
		}
		list[i] = migration{n, f.Name(), string(text)}
	}
	return list
}

// migrate applies the steps that the file lacks, in one transaction.
func migrate(ctx context.Context, db *sql.DB, steps []migration) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if version, err := schemaVersion(ctx, conn, steps); err != nil || version == len(steps) {
		return err
	}
	// Again under the write lock: another process may be doing the same.
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := applySteps(ctx, conn, steps); err != nil {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return err
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}

// schemaVersion reads and judges the file's mark and version.
func schemaVersion(ctx context.Context, conn *sql.Conn, steps []migration) (int, error) {
	var version, id, tables int
	row := conn.QueryRowContext(ctx, `SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_user_version, pragma_application_id`)
	if err := row.Scan(&version, &id, &tables); err != nil {
		return 0, err
	}
	if id != applicationID && (id != 0 || version != 0 || tables != 0) {
		return 0, fmt.Errorf("the file is an SQLite database, but not a registry of pipe")
	}
	if version > len(steps) {
		return 0, fmt.Errorf("%w: the file has schema %d, this pipe knows up to %d; use the newer pipe that wrote it",
			ErrNewerSchema, version, len(steps))
	}
	return version, nil
}

func applySteps(ctx context.Context, conn *sql.Conn, steps []migration) error {
	version, err := schemaVersion(ctx, conn, steps)
	if err != nil {
		return err
	}
	for _, m := range steps[version:] {
		if _, err := conn.ExecContext(ctx, m.text); err != nil {
			return fmt.Errorf("migration %s: %w", m.name, err)
		}
	}
	_, err = conn.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, len(steps)))
	return err
}
