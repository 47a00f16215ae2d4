package stages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/drift"
	"pipe/stages/rows"
)

// comparable lists the columns to compare, from the tables themselves.
func (k *Drift) comparable(env *dag.Env) ([]string, error) {
	var schemas [2]*arrow.Schema
	for i, port := range []string{"reference", "data"} {
		r, err := env.Table(port)
		if err != nil {
			return nil, err
		}
		schemas[i] = r.Schema()
		if err := r.Close(); err != nil {
			return nil, err
		}
	}
	names := k.columns(schemas[0], schemas[1])
	for _, s := range schemas {
		if _, err := columnsOf(s, append(slices.Clone(names), k.Categorical...)); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		a, _ := schemas[0].FieldsByName(name)
		b, _ := schemas[1].FieldsByName(name)
		if form := driftForm(a[0].Type); form == "" || form != driftForm(b[0].Type) {
			return nil, fmt.Errorf("column %q is %s in the reference and %s in the data, which cannot be compared", name, a[0].Type, b[0].Type)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the tables have no column in common that can be compared")
	}
	return names, nil
}

// gather reads the columns of one table.
func (k *Drift) gather(ctx context.Context, env *dag.Env, port string, names []string) (out []*drift.Column, err error) {
	r, err := openColumns(env, port, names...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for i, name := range names {
		if driftForm(r.Schema().Field(i).Type) == "numbers" && !slices.Contains(k.Categorical, name) {
			out = append(out, drift.NewNumbers(name, env.Seed))
		} else {
			out = append(out, drift.NewCategories(name))
		}
	}
	done := int64(0)
	for batch, err := range table.All(r) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", port, err)
		}
		for i, c := range out {
			gatherColumn(c, batch.Column(i))
		}
		done += batch.NumRows()
		env.Progress(done, max(r.Rows(), 0), "rows")
	}
	return out, nil
}

// gatherColumn adds the values of an array to a column.
func gatherColumn(c *drift.Column, values arrow.Array) {
	for i := range values.Len() {
		v := rows.Value(values, i)
		switch {
		case v == nil:
			c.AddMissing()
		case c.Numeric:
			c.AddNumber(driftNumber(v))
		default:
			c.AddCategory(driftCategory(v))
		}
	}
}

// driftNumber gives a number, and seconds since 1970 of a time.
func driftNumber(v any) float64 {
	switch x := v.(type) {
	case int64:
		return float64(x)
	case float64:
		return x
	case time.Time:
		return float64(x.Unix()) + float64(x.Nanosecond())/1e9
	}
	panic(fmt.Sprintf("a %T is no number", v)) // driftForm lets no other type through
}

// driftCategory gives a category, which may live no longer than its batch.
func driftCategory(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}
