package stages

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/rows"
	"pipe/stages/transform"
)

// SortFiles is what kinds share that sort out files which nothing can be learnt from.
type SortFiles struct {
	Column string  `yaml:"column" doc:"the column of files" default:"content"`
	Label  string  `yaml:"label" doc:"the column of labels; without it the same file under two labels is not looked for" example:"label"`
	Most   float64 `yaml:"most" doc:"the greatest share of rows that may be sorted out; beyond it the stage fails" default:"1" min:"0" max:"1"`
}

var sortedOutSchema = arrow.NewSchema([]arrow.Field{{Name: "row", Type: arrow.PrimitiveTypes.Int64}, {Name: "path", Type: arrow.BinaryTypes.String},
	{Name: "label", Type: arrow.BinaryTypes.String}, {Name: "reason", Type: arrow.BinaryTypes.String}}, nil)

// Ports implements dag.Kind.
func (*SortFiles) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Doc: "rows with files"},
			{Name: "held_out", Type: artifacts.Table, Optional: true, Doc: "rows that a model is to be judged by: their files are left out of the others, so that nobody learns what is asked later"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "the rows that can be learnt from"}, {Name: "sorted_out", Type: artifacts.Table, Doc: "the others, each with its reason"}}
}

// Check implements dag.Kind.
func (k *SortFiles) Check(c *dag.Check) {
	if f, ok := c.Column("in", "column", k.Column); ok && f.Type.ID() != arrow.BINARY {
		c.Errorf("column", "column %q is %s and not of files", k.Column, f.Type)
	}
	if k.Label != "" {
		c.Column("in", "label", k.Label)
	}
	if _, connected := c.In["held_out"]; connected {
		c.Column("held_out", "column", k.Column)
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: c.Columns("in")}
	c.Out["sorted_out"] = dag.Schema{Type: artifacts.Table, Table: sortedOutSchema}
}

// sighting is what the first reading tells of a file.
type sighting struct {
	label string
	path  string
	row   int64
	torn  string // another row with another label
	held  string // a row that is held out
}

// sort writes both outputs; judge says why nothing can be learnt from a file, "" where
// something can.
func (k *SortFiles) sort(ctx context.Context, env *dag.Env, judge func(file []byte) string) error {
	seen, err := k.look(ctx, env)
	if err != nil {
		return err
	}
	r, err := env.Table("in")
	if err != nil {
		return err
	}
	schema := r.Schema()
	r.Close()
	good, err := env.CreateTable(dag.Out, schema, table.Arrow)
	if err != nil {
		return err
	}
	bad, err := env.CreateTable("sorted_out", sortedOutSchema, table.Parquet)
	if err != nil {
		return err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, sortedOutSchema)
	defer b.Release()
	var all, out, held int64
	left := map[string]int{} // rows of each label
	err = k.each(ctx, env, "in", func(batch arrow.RecordBatch, first int64, files *array.Binary) error {
		reasons := make([]string, files.Len())
		rows.Each(files.Len(), func(i int) error {
			reasons[i] = k.reason(files, i, first, seen, judge)
			return nil
		})
		var keep []int
		for i, reason := range reasons {
			if reason == "" {
				keep = append(keep, i)
				left[k.label(batch, i)]++
				continue
			}
			out++
			if strings.HasPrefix(reason, heldOut) {
				held++
			}
			if out <= 20 {
				env.Logf("%s: %s", k.named(batch, i, first), reason)
			}
			b.Field(0).(*array.Int64Builder).Append(first + int64(i))
			b.Field(1).(*array.StringBuilder).Append(transform.PathBeside(batch, i))
			b.Field(2).(*array.StringBuilder).Append(k.label(batch, i))
			b.Field(3).(*array.StringBuilder).Append(reason)
		}
		all += batch.NumRows()
		some := rows.Take(batch, keep)
		defer some.Release()
		return good.Write(some)
	})
	if err != nil {
		return err
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	if err := bad.Write(batch); err != nil {
		return err
	}
	env.Logf("%d of %d files are sorted out", out, all)
	k.tellRare(env, left)
	env.Metric("rows", float64(all-out), 0)
	env.Metric("sorted_out", float64(out), 0)
	if float64(out) > k.Most*float64(all) {
		why := ""
		if 2*held > out {
			why = fmt.Sprintf("; %d of them are held out: are in and held_out the same files?", held)
		}
		return fmt.Errorf("%d of %d files are sorted out, and most: %v allows fewer; the log names the first 20%s", out, all, k.Most, why)
	}
	return nil
}

// look reads all rows once, and says what it saw of each file.
func (k *SortFiles) look(ctx context.Context, env *dag.Env) (map[[sha256.Size]byte]*sighting, error) {
	seen := map[[sha256.Size]byte]*sighting{}
	err := k.each(ctx, env, "in", func(batch arrow.RecordBatch, first int64, files *array.Binary) error {
		for i := range files.Len() {
			if files.IsNull(i) {
				continue
			}
			sum, label, name := sha256.Sum256(files.Value(i)), k.label(batch, i), k.named(batch, i, first)
			switch s := seen[sum]; {
			case s == nil:
				seen[sum] = &sighting{label: label, path: name, row: first + int64(i)}
			case s.label != label && s.torn == "":
				s.torn = fmt.Sprintf("%s is labelled %s and %s %s", s.path, quote(s.label), name, quote(label))
			}
		}
		return nil
	})
	if err != nil || !env.Has("held_out") {
		return seen, err
	}
	return seen, k.each(ctx, env, "held_out", func(batch arrow.RecordBatch, first int64, files *array.Binary) error {
		for i := range files.Len() {
			if s := seen[sha256.Sum256(files.Value(i))]; s != nil && !files.IsNull(i) && s.held == "" {
				s.held = k.named(batch, i, first)
			}
		}
		return nil
	})
}

// tellRare names labels of which nothing is left to be asked once they are learnt.
func (k *SortFiles) tellRare(env *dag.Env, left map[string]int) {
	if k.Label == "" {
		return
	}
	for _, label := range sortedNames(left) {
		if left[label] == 1 {
			env.Logf("only one file is labelled %s: it can be learnt from or asked, not both", quote(label))
		}
	}
}

const heldOut = "it is held out, as "

// reason says why a row is sorted out; "" where it is not.
func (k *SortFiles) reason(files *array.Binary, i int, first int64, seen map[[sha256.Size]byte]*sighting, judge func([]byte) string) string {
	if files.IsNull(i) {
		return "the file is null"
	}
	s := seen[sha256.Sum256(files.Value(i))]
	switch {
	case s.torn != "" && k.Label != "":
		return "the same file has two labels: " + s.torn
	case s.held != "":
		return heldOut + s.held
	case s.row != first+int64(i):
		return "the same file as " + s.path
	}
	return judge(files.Value(i))
}

func (k *SortFiles) each(ctx context.Context, env *dag.Env, port string, f func(batch arrow.RecordBatch, first int64, files *array.Binary) error) error {
	r, err := env.Table(port)
	if err != nil {
		return err
	}
	defer r.Close()
	at := r.Schema().FieldIndices(k.Column)
	if len(at) == 0 || r.Schema().Field(at[0]).Type.ID() != arrow.BINARY {
		return fmt.Errorf("%s has no column %q of files; its columns: %v", port, k.Column, dag.ColumnNames(r.Schema()))
	}
	if port == "in" && k.Label != "" && !r.Schema().HasField(k.Label) {
		return fmt.Errorf("%s has no column %q; its columns: %v", port, k.Label, dag.ColumnNames(r.Schema()))
	}
	first := int64(1)
	for batch, err := range table.All(r) {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(batch, first, batch.Column(at[0]).(*array.Binary)); err != nil {
			return err
		}
		first += batch.NumRows()
		env.Progress(first-1, max(r.Rows(), 0), "files")
	}
	return nil
}

func (k *SortFiles) label(batch arrow.RecordBatch, i int) string {
	if k.Label == "" {
		return ""
	}
	label, _ := model.Label(batch.Column(batch.Schema().FieldIndices(k.Label)[0]), i)
	return label
}

// named is a file's path, or its row where it has none.
func (k *SortFiles) named(batch arrow.RecordBatch, i int, first int64) string {
	if path := transform.PathBeside(batch, i); path != "" {
		return path
	}
	return fmt.Sprintf("row %d", first+int64(i))
}
