package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// Check reads the whole file and says what is wrong with it, a sentence for
// each fault and none for a sound file: what SQLite's integrity_check and
// foreign_key_check report, and a schema that is not this pipe's. The error is
// that of ctx or of the file system; damage is no error.
//
// SQLite keeps no checksums, so a changed letter in a text or a changed number
// that is in no index cannot be found.
func (r *Registry) Check(ctx context.Context) (faults []string, err error) {
	for _, check := range []func(*tx) ([]string, error){integrity, readable, references, foreignSchema} {
		err := r.view(ctx, func(t *tx) error {
			found, err := check(t)
			faults = append(faults, found...)
			return err
		})
		if damaged := (*DamagedError)(nil); errors.As(err, &damaged) {
			faults = append(faults, damaged.Err.Error())
		} else if err != nil {
			return faults, fmt.Errorf("check registry %s: %w", r.path, err)
		}
	}
	return faults, nil
}

func integrity(t *tx) ([]string, error) {
	rows, err := t.query("PRAGMA integrity_check")
	list, err := texts(rows, err)
	return slices.DeleteFunc(list, func(s string) bool { return s == "ok" }), err
}

// readable reads all tables: integrity_check lets pass some empty pages that a
// query stumbles over.
func readable(t *tx) ([]string, error) {
	rows, err := t.query("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
	tables, err := texts(rows, err)
	for _, table := range tables {
		if err == nil {
			rows, err = t.query(fmt.Sprintf("SELECT * FROM %q", table))
			_, err = collect(rows, err, func(scanner) (none struct{}, err error) { return none, nil })
		}
	}
	return nil, err
}

func references(t *tx) ([]string, error) {
	rows, err := t.query(`SELECT format('%d rows of %s name rows of %s that are not there', count(*), "table", parent)
		FROM pragma_foreign_key_check GROUP BY "table", parent ORDER BY "table", parent`)
	return texts(rows, err)
}

// foreignSchema compares the schema with that of a new registry.
func foreignSchema(t *tx) ([]string, error) {
	db := sql.OpenDB(&damageDriver{dsn: ":memory:"})
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	if err := migrate(t.ctx, db, migrations()); err != nil {
		return nil, err
	}
	const schema = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_stat%' ORDER BY type, name"
	rows, err := db.QueryContext(t.ctx, schema)
	want, err := texts(rows, err)
	if err != nil {
		return nil, err
	}
	rows, err = t.query(schema)
	have, err := texts(rows, err)
	if err == nil && !slices.Equal(have, want) {
		return []string{"the schema is not that of a registry"}, nil
	}
	return nil, err
}

// texts reads rows of one text.
func texts(rows *sql.Rows, err error) ([]string, error) {
	return collect(rows, err, func(scan scanner) (s string, err error) {
		err = scan(&s)
		return s, err
	})
}
