package stages

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/transform"
)

// TabularColumns is what the kinds that fit a step of a tabular transform are
// configured with: normalize, impute and one_hot.
type TabularColumns struct {
	Columns []string `yaml:"columns" doc:"the columns; without it, all that suit" example:"[age, price]"`
	Except  []string `yaml:"except" doc:"columns to leave alone where columns are not named, such as the one to predict" example:"[label, id]"`
}

// tabularStep is one of those kinds.
type tabularStep interface {
	suits(f arrow.Field) bool
	// mayFollow tells whether the step can be taken for a column for which others
	// were taken; it matters where columns are not named.
	mayFollow(c transform.TabularColumn) bool
	fit(t *transform.Tabular, name string, d arrow.DataType) (transform.ColumnFit, error)
}

func tabularPorts() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "in", Type: artifacts.Table, Doc: "the rows that the step is taken for"},
			{Name: "fit", Type: artifacts.Table, Optional: true, Doc: "the rows to learn from, such as split.train; without it, those of in"},
			{Name: "after", Type: artifacts.Transform, Optional: true, Doc: "the transform of the steps before this one, for the same raw rows"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Table, Doc: "the rows after all steps"},
			{Name: "transform", Type: artifacts.Transform, Doc: "all steps, from raw columns to a row of numbers; for nn.train and for later rows"},
		}
}

// check reports columns that are not there or do not suit, and says what the
// transform will read.
func (k *TabularColumns) check(c *dag.Check, step tabularStep, what string) (names []string) {
	if len(k.Columns) > 0 && len(k.Except) > 0 {
		c.Errorf("except", "is for steps that do not name their columns")
		return nil
	}
	for _, port := range []string{"in", "fit"} {
		if c.In[port].Type == "" {
			continue
		}
		checkColumns(c, port, "except", k.Except)
		for i, name := range k.Columns {
			if f, ok := c.Column(port, fmt.Sprintf("columns[%d]", i), name); ok && !step.suits(f) {
				c.Errorf(fmt.Sprintf("columns[%d]", i), "column %q is %s; %s", name, table.TypeName(f.Type), what)
			}
		}
	}
	s := c.Columns("in")
	if s == nil {
		return k.Columns
	}
	if names = k.choose(s, step, transform.NewTabular()); len(names) == 0 && c.In["after"].Type == "" {
		c.Errorf("", "%s has no column that suits: %s", c.In["in"].Origin, what)
	}
	return names
}

// signature is that of the transform: the columns of the steps before, and those
// of this one. width is how many numbers a column becomes, -1 where that is learnt.
func (k *TabularColumns) signature(c *dag.Check, names []string, width int) *dag.Signature {
	s, out := c.Columns("in"), &dag.Signature{}
	if s == nil {
		return nil
	}
	total := 0
	if c.In["after"].Type != "" {
		before := c.In["after"].Signature
		if before == nil || len(before.Shape) != 1 {
			return nil
		}
		out.Inputs, total = slices.Clone(before.Inputs), before.Shape[0]
	}
	for _, name := range names {
		if slices.ContainsFunc(out.Inputs, func(c dag.Column) bool { return c.Name == name }) {
			if width < 0 {
				total = -1
			}
			continue
		}
		f, ok := s.FieldsByName(name)
		if !ok {
			return nil
		}
		out.Inputs = append(out.Inputs, dag.Column{Name: name, Type: f[0].Type.String()})
		if total >= 0 {
			total += width
		}
		if width < 0 {
			total = -1
		}
	}
	out.Shape = []int{total}
	return out
}

// refusesNulls reports columns with gaps that no step before this one fills.
func (k *TabularColumns) refusesNulls(c *dag.Check, names []string) {
	if after := c.In["after"]; after.Type != "" && after.Signature == nil {
		return
	}
	for _, name := range names {
		if after := c.In["after"].Signature; after != nil && slices.ContainsFunc(after.Inputs, func(col dag.Column) bool { return col.Name == name }) {
			continue
		}
		field := ""
		if i := slices.Index(k.Columns, name); i >= 0 {
			field = fmt.Sprintf("columns[%d]", i)
		}
		for _, port := range []string{"in", "fit"} {
			c.RefusesNull(port, field, name, "fill such gaps with impute, or leave such rows out with clean's drop_null")
		}
	}
}

// choose lists the columns that the step is taken for.
func (k *TabularColumns) choose(s *arrow.Schema, step tabularStep, before *transform.Tabular) []string {
	if len(k.Columns) > 0 {
		return k.Columns
	}
	done := map[string]transform.TabularColumn{}
	for _, c := range before.Columns() {
		done[c.Name] = c
	}
	var names []string
	for _, f := range s.Fields() {
		if c, ok := done[f.Name]; ok && !step.mayFollow(c) {
			continue
		}
		if step.suits(f) && !slices.Contains(k.Except, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

// run fits the step, stores the transform, and rewrites the rows.
func (k *TabularColumns) run(ctx context.Context, env *dag.Env, step tabularStep) error {
	before, err := stepsBefore(env)
	if err != nil {
		return err
	}
	t, err := k.fitAll(ctx, env, step, before)
	if err != nil {
		return err
	}
	folder, err := env.CreateFolder("transform", artifacts.Transform)
	if err != nil {
		return err
	}
	if err := transform.Save(folder, t); err != nil {
		return err
	}
	return rewriteTabular(ctx, env, t)
}

// stepsBefore loads the transform on the input after.
func stepsBefore(env *dag.Env) (*transform.Tabular, error) {
	if !env.Has("after") {
		return transform.NewTabular(), nil
	}
	folder, err := env.Folder("after")
	if err != nil {
		return nil, err
	}
	t, err := transform.Load(folder)
	if err != nil {
		return nil, err
	}
	before, ok := t.(*transform.Tabular)
	if !ok {
		return nil, errors.New("the transform on input \"after\" is about text; only those of normalize, impute and one_hot can be gone on from")
	}
	return before, nil
}

func (k *TabularColumns) fitAll(ctx context.Context, env *dag.Env, step tabularStep, before *transform.Tabular) (t *transform.Tabular, err error) {
	port := "in"
	if env.Has("fit") {
		port = "fit"
	}
	r, err := env.Table(port)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	names := k.choose(r.Schema(), step, before)
	if len(names) == 0 {
		return nil, fmt.Errorf("the table has no column that suits")
	}
	at, err := columnsOf(r.Schema(), names)
	if err != nil {
		return nil, err
	}
	var fits []transform.ColumnFit
	for i, name := range names {
		f, err := step.fit(before, name, r.Schema().Field(at[i]).Type)
		if err != nil {
			return nil, err
		}
		fits = append(fits, f)
	}
	rows := int64(0)
	for batch, err := range table.All(r) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		for _, f := range fits {
			if err := f.Add(batch, rows+1); err != nil {
				return nil, fmt.Errorf("%s: %w", port, err)
			}
		}
		rows += batch.NumRows()
		env.Progress(rows, max(r.Rows(), 0), "rows learnt from")
	}
	env.Logf("%d columns, learnt from %d rows", len(names), rows)
	return before.With(fits)
}

// rewriteTabular writes the rows of in as the transform makes them.
func rewriteTabular(ctx context.Context, env *dag.Env, t *transform.Tabular) (err error) {
	s, err := openStream(env)
	if err != nil {
		return err
	}
	defer s.close(&err)
	schema, err := t.Schema(s.Schema())
	if err != nil {
		return err
	}
	return s.rewrite(ctx, schema, func(b batch) (arrow.RecordBatch, error) { return t.Rewrite(schema, b.RecordBatch, b.first) })
}

// checkOutputs says what the outputs of a step will be. The table is known
// where a placeholder stands for what will be learnt and nothing came before.
func (k *TabularColumns) checkOutputs(c *dag.Check, names []string, width int, placeholder func(f arrow.Field) (transform.ColumnFit, error)) {
	c.Out["transform"] = dag.Schema{Type: artifacts.Transform, Signature: k.signature(c, names, width)}
	out := dag.Schema{Type: artifacts.Table}
	if c.In["after"].Type == "" {
		out.First = c.Through("in", func(first arrow.RecordBatch) (arrow.RecordBatch, error) { return dag.Without(first, names), nil })
	}
	if s := c.Columns("in"); s != nil && placeholder != nil && c.In["after"].Type == "" {
		var fits []transform.ColumnFit
		for _, name := range names {
			f, ok := s.FieldsByName(name)
			if !ok {
				return
			}
			fit, err := placeholder(f[0])
			if err != nil {
				return
			}
			fits = append(fits, fit)
		}
		if t, err := transform.NewTabular().With(fits); err == nil {
			out.Table, _ = t.Schema(s)
		}
	}
	c.Out[dag.Out] = out
}
