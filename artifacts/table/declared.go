package table

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// declaredTypes maps the columns of a declared schema to their types. Each must be a
// column of the file.
func declaredTypes(name string, s *arrow.Schema, names []string) (map[string]arrow.DataType, error) {
	if s == nil {
		return nil, nil
	}
	types := make(map[string]arrow.DataType, s.NumFields())
	for _, f := range s.Fields() {
		if !slices.Contains(names, f.Name) {
			return nil, missingColumn(name, f.Name, names)
		}
		t, err := Canonical(f.Type)
		if err != nil {
			return nil, fmt.Errorf("%s: column %q: %w", name, f.Name, err)
		}
		types[f.Name] = t
	}
	return types, nil
}

func missingColumn(file, column string, names []string) error {
	return fmt.Errorf("%s: has no column %q; it has %s", file, column, strings.Join(names, ", "))
}

// setColumns fixes the schema: declared types, else what infer says.
func (r *textReader) setColumns(declared map[string]arrow.DataType, json bool, infer func(col int) (t arrow.DataType, numbers bool, err error)) error {
	fields := make([]arrow.Field, len(r.names))
	r.columns = make([]column, len(r.names))
	for i, name := range r.names {
		from := origin{column: name, json: json}
		t, ok := declared[name]
		if from.declared = ok; !ok {
			var err error
			if t, from.numbers, err = infer(i); err != nil {
				return err
			}
		}
		c, err := newColumn(t, from)
		if err != nil {
			return fmt.Errorf("%s: column %q: %w", r.name, name, err)
		}
		r.columns[i] = c
		fields[i] = arrow.Field{Name: name, Type: t, Nullable: true}
	}
	r.schema = arrow.NewSchema(fields, nil)
	return nil
}

// checkDeclared compares the declared columns with those of a file that has types of
// its own.
func checkDeclared(name string, declared, have *arrow.Schema) error {
	if declared == nil {
		return nil
	}
	names := make([]string, have.NumFields())
	for i, f := range have.Fields() {
		names[i] = f.Name
	}
	types, err := declaredTypes(name, declared, names)
	if err != nil {
		return err
	}
	for _, f := range have.Fields() {
		if t, ok := types[f.Name]; ok && !arrow.TypeEqual(t, f.Type) {
			return fmt.Errorf("%s: column %q is declared %s and the file says %s; declare what the file says, or cast the column in a later stage",
				name, f.Name, TypeName(t), TypeName(f.Type))
		}
	}
	return nil
}
