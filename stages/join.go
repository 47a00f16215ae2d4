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
	"pipe/dag/text"
)

var joinKind = dag.Info{
	Name:    "join",
	Version: 1,
	Doc: "Puts rows of two tables side by side where their keys are equal. The rows come in the order of the left table and, for one row of it, in that of the right. " +
		"The right table is held in memory, so let it be the smaller one; the left one is streamed. A key with a null equals no other.",
	Example: `sales: { uses: join, in: { left: orders, right: customers }, with: { on: { customer: id }, how: left, expect: one } }`,
	New:     func() dag.Kind { return &Join{} },
}

// Join is the kind join.
type Join struct {
	On     Keys   `yaml:"on" doc:"the columns whose values must be equal: a name or a list of names, or a map of left to right names" required:"true" example:"{customer: id}"`
	How    string `yaml:"how" doc:"inner: pairs; left: also left rows without a partner; outer: also right rows without one, at the end; semi: left rows that have a partner; anti: those that have none" default:"left" enum:"inner,left,outer,semi,anti"`
	Expect string `yaml:"expect" doc:"how many right rows may have one key: any number, or one, where a second is an error" default:"any" enum:"any,one"`
	Suffix string `yaml:"suffix" doc:"is put behind names of right columns that the left table has, too" default:"_right"`
}

// Keys pairs the columns of a join.
type Keys []KeyPair

// KeyPair is a column of the left table and its partner in the right.
type KeyPair struct {
	Left  string `yaml:"left"`
	Right string `yaml:"right"`
}

// DecodeNode implements text.NodeDecoder.
func (ks *Keys) DecodeNode(d *text.Decoder, n *text.Node) {
	items := n.Items
	switch {
	case n.Kind == text.Scalar && n.Value != nil:
		items = []*text.Node{n}
	case n.Kind == text.Scalar:
		d.Errorf(n, "type", "on: expected names of columns, found %s", n.What())
		return
	}
	for i, item := range items {
		if item.Kind != text.Scalar || item.Value == nil {
			d.Errorf(item, "type", "on: expected the name of a column, found %s", item.What())
			continue
		}
		p := KeyPair{item.Text(), item.Text()}
		if n.Kind == text.Mapping {
			p.Left = n.Keys[i].Raw
		}
		*ks = append(*ks, p)
	}
}

// TypeText names the type for the reference pages.
func (Keys) TypeText() string { return "name, list of names, or map of left to right names" }

func (ks Keys) left() (names []string) {
	for _, k := range ks {
		names = append(names, k.Left)
	}
	return names
}

func (ks Keys) right() (names []string) {
	for _, k := range ks {
		names = append(names, k.Right)
	}
	return names
}

// Ports implements dag.Kind.
func (k *Join) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "left", Type: artifacts.Table, Doc: "rows"}, {Name: "right", Type: artifacts.Table, Doc: "rows, held in memory"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "the joined rows"}}
}

// Check implements dag.Kind.
func (k *Join) Check(c *dag.Check) {
	if len(k.On) == 0 {
		c.Errorf("on", "names no column")
	}
	ok := len(k.On) > 0
	for i, p := range k.On {
		field := fmt.Sprintf("on[%d]", i)
		l, foundLeft := c.Column("left", field, p.Left)
		r, foundRight := c.Column("right", field, p.Right)
		ok = ok && foundLeft && foundRight
		if foundLeft && foundRight && !arrow.TypeEqual(l.Type, r.Type) {
			c.Errorf(field, "%q is %s and %q is %s; values of different types are never equal, so make them one with derive", p.Left, table.TypeName(l.Type), p.Right, table.TypeName(r.Type))
			ok = false
		}
	}
	if left, right := c.Columns("left"), c.Columns("right"); ok && left != nil && right != nil {
		s, _, err := k.schema(left, right)
		if err != nil {
			c.Errorf("suffix", "%v", err)
			return
		}
		c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: s}
	}
}

// schema gives the columns of the result, and which right columns are in it:
// all but the keys, whose values the left columns have already.
func (k *Join) schema(left, right *arrow.Schema) (*arrow.Schema, []int, error) {
	fields := left.Fields()
	if k.How == "semi" || k.How == "anti" {
		return arrow.NewSchema(fields, nil), nil, nil
	}
	if k.How == "outer" {
		for i := range fields {
			fields[i].Nullable = true
		}
	}
	var taken []int
	keys := k.On.right()
	for i, f := range right.Fields() {
		if slices.Contains(keys, f.Name) {
			continue
		}
		if left.HasField(f.Name) {
			f.Name += k.Suffix
		}
		if slices.ContainsFunc(fields, func(g arrow.Field) bool { return g.Name == f.Name }) {
			return nil, nil, fmt.Errorf("two columns would be named %q; choose another suffix", f.Name)
		}
		f.Nullable = f.Nullable || k.How != "inner"
		fields, taken = append(fields, f), append(taken, i)
	}
	return arrow.NewSchema(fields, nil), taken, nil
}

// Run implements dag.Kind.
func (k *Join) Run(ctx context.Context, env *dag.Env) (err error) {
	right, err := k.build(ctx, env)
	if right != nil {
		defer right.release()
	}
	if err != nil {
		return err
	}
	left, err := env.Table("left")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, left.Close()) }()
	schema, taken, err := k.schema(left.Schema(), right.schema)
	if err != nil {
		return err
	}
	w, err := env.CreateTable(dag.Out, schema, table.Arrow)
	if err != nil {
		return err
	}
	j := &joiner{Join: k, right: right, taken: taken, schema: schema, w: w}
	if j.keys, err = columnsOf(left.Schema(), k.On.left()); err != nil {
		return err
	}
	in := int64(0)
	for b, err := range table.All(left) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = j.probe(b)
		}
		if err != nil {
			return err
		}
		in += b.NumRows()
		env.Progress(in, max(left.Rows(), 0), "rows")
	}
	if k.How == "outer" {
		if err := j.rest(left.Schema()); err != nil {
			return err
		}
	}
	env.Logf("%d left and %d right rows: %d rows; %d left rows have no partner", in, right.rows, j.out, j.lonely)
	env.Metric("rows_left", float64(in), 0)
	env.Metric("rows_right", float64(right.rows), 0)
	env.Metric("rows_out", float64(j.out), 0)
	env.Metric("rows_unmatched", float64(j.lonely), 0)
	return nil
}
