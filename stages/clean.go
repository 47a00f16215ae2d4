package stages

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/expr"
	"pipe/stages/rows"
	"pipe/stages/transform"
)

var cleanKind = dag.Info{
	Name:    "clean",
	Version: 1,
	Doc: "Normalises text and drops rows that cannot be used. The rules apply in the order text, drop_null, where, drop_duplicates, " +
		"so that a row is compared as it will be used. Memory is bounded by the batch, but for drop_duplicates, which keeps some 40 bytes for each different row.",
	Example: `clean: { uses: clean, in: docs, with: { text: [nfc, collapse_space], columns: [text], drop_null: [text, label], drop_duplicates: [text], where: "size(text) >= 20" } }`,
	New:     func() dag.Kind { return &Clean{} },
}

// Clean is the kind clean.
type Clean struct {
	Text           transform.Steps `yaml:"text" doc:"steps that change text, in this order: nfc and nfkc (Unicode normalisation), lowercase, collapse_space (runs of white space become one space), strip (white space at the ends), strip_html (tags and entities), strip_control" enum:"nfc,nfkc,lowercase,collapse_space,strip,strip_html,strip_control" example:"[nfc, lowercase, collapse_space]"`
	Columns        []string        `yaml:"columns" doc:"the columns whose text the steps change" default:"[text]" example:"[title, body]"`
	DropNull       []string        `yaml:"drop_null" doc:"rows with null in one of these columns are dropped; the columns have no nulls from then on" example:"[text, label]"`
	Where          string          `yaml:"where" doc:"an expression over the columns (CEL); rows for which it is false are dropped, and so are those for which it cannot be computed because of a null" example:"size(text) >= 20"`
	DropDuplicates []string        `yaml:"drop_duplicates" doc:"of rows that are equal in all of these columns the first is kept; nulls are equal" example:"[text]"`
}

// Ports implements dag.Kind.
func (k *Clean) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Doc: "rows"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "the rows that remain, in their order"}}
}

// Check implements dag.Kind.
func (k *Clean) Check(c *dag.Check) {
	if len(k.Text) > 0 {
		for i, name := range k.Columns {
			field := fmt.Sprintf("columns[%d]", i)
			if f, ok := c.Column("in", field, name); ok && f.Type.ID() != arrow.STRING {
				c.Errorf(field, "the text steps need a column of text; %q is %s", name, table.TypeName(f.Type))
			}
		}
	}
	checkColumns(c, "in", "drop_null", k.DropNull)
	checkColumns(c, "in", "drop_duplicates", k.DropDuplicates)
	s := c.Columns("in")
	if s == nil {
		return
	}
	if k.Where != "" {
		c.Expr("where", k.Where, dag.RowVars(s), expr.Bool)
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: withoutNulls(s, k.DropNull), First: c.Through("in", func(first arrow.RecordBatch) (arrow.RecordBatch, error) {
		c, err := k.cleaner(first.Schema())
		if err != nil {
			return nil, err
		}
		cleaned, keep, err := c.clean(batch{first, 1})
		if err != nil {
			return nil, err
		}
		return rows.Take(cleaned, keep), nil
	})}
}

// Run implements dag.Kind.
func (k *Clean) Run(ctx context.Context, env *dag.Env) (err error) {
	s, err := openStream(env)
	if err != nil {
		return err
	}
	defer s.close(&err)
	c, err := k.cleaner(s.Schema())
	if err != nil {
		return err
	}
	w, err := env.CreateTable(dag.Out, c.schema, table.Arrow)
	if err != nil {
		return err
	}
	if err := s.each(ctx, func(b batch) error { return c.write(w, b) }); err != nil {
		return err
	}
	s.out = c.out
	s.report()
	c.report(env)
	return nil
}

// cleaner is a Clean bound to the columns of a table.
type cleaner struct {
	config     *Clean
	schema     *arrow.Schema
	apply      func(dst []byte, text string) []byte
	text       []int // columns
	notNull    []int
	duplicates []int
	where      *rows.Filter
	seen       *rows.Set

	nulls, failed, repeated, out int64
}

func (k *Clean) cleaner(s *arrow.Schema) (c *cleaner, err error) {
	c = &cleaner{config: k, schema: withoutNulls(s, k.DropNull), seen: rows.NewSet()}
	if c.apply, err = k.Text.Func(); err != nil {
		return nil, err
	}
	if c.apply != nil {
		if c.text, err = columnsOf(s, k.Columns); err != nil {
			return nil, err
		}
	}
	for _, i := range c.text {
		if s.Field(i).Type.ID() != arrow.STRING {
			return nil, fmt.Errorf("the text steps need a column of text; %q is %s", s.Field(i).Name, table.TypeName(s.Field(i).Type))
		}
	}
	if c.notNull, err = columnsOf(s, k.DropNull); err != nil {
		return nil, err
	}
	if c.duplicates, err = columnsOf(s, k.DropDuplicates); err != nil {
		return nil, err
	}
	if k.Where != "" {
		c.where, err = rows.NewFilter(s, k.Where)
	}
	return c, err
}

// write cleans a batch.
func (c *cleaner) write(w table.Writer, b batch) error {
	cleaned, keep, err := c.clean(b)
	if err != nil {
		return err
	}
	defer cleaned.Release()
	c.out += int64(len(keep))
	return writeRows(w, c.schema, cleaned, keep)
}

// clean gives a batch with its text changed, which the caller releases, and the
// places of the rows that remain.
func (c *cleaner) clean(b batch) (batch arrow.RecordBatch, keep []int, err error) {
	if batch, err = c.normalize(b.RecordBatch); err != nil {
		return nil, nil, err
	}
	keep = b.all()
	for _, col := range c.notNull {
		keep = rows.Valid(batch.Column(col), keep)
	}
	c.nulls += batch.NumRows() - int64(len(keep))
	if c.where != nil {
		before := len(keep)
		if keep, err = c.where.Select(batch, keep, b.first); err != nil {
			batch.Release()
			return nil, nil, err
		}
		c.failed += int64(before - len(keep))
	}
	if len(c.duplicates) > 0 {
		before := len(keep)
		keep = c.seen.Distinct(batch, c.duplicates, keep)
		c.repeated += int64(before - len(keep))
	}
	return batch, keep, nil
}

// normalize applies the text steps. The caller releases the result.
func (c *cleaner) normalize(batch arrow.RecordBatch) (arrow.RecordBatch, error) {
	cols := append([]arrow.Array(nil), batch.Columns()...)
	for _, i := range c.text {
		col, err := rows.MapText(batch.Column(i).(*array.String), c.apply)
		if err != nil {
			return nil, err
		}
		defer col.Release()
		cols[i] = col
	}
	return array.NewRecordBatch(batch.Schema(), cols, batch.NumRows()), nil
}

// report says why rows were dropped.
func (c *cleaner) report(env *dag.Env) {
	for _, rule := range []struct {
		dropped int64
		why     string
	}{
		{c.nulls, fmt.Sprintf("null in one of %v", c.config.DropNull)},
		{c.failed, "where " + c.config.Where},
		{c.repeated, fmt.Sprintf("equal to an earlier row in %v", c.config.DropDuplicates)},
	} {
		if rule.dropped > 0 {
			env.Logf("dropped %d rows: %s", rule.dropped, rule.why)
		}
	}
}
