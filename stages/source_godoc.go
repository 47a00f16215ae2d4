package stages

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/godoc"
)

var sourceGodocKind = dag.Info{
	Name:    "source.godoc",
	Version: 1,
	Doc: "Reads the documentation comments of a Go source tree: one row for each documented declaration. " +
		"Columns: text (the first sentence), label (the top-level package), package, symbol, kind (package, const, var, func, type, method) and doc (the whole comment).",
	Example: `docs: { uses: source.godoc, with: { path: goroot } }`,
	New:     func() dag.Kind { return &SourceGodoc{} },
}

// SourceGodoc is the kind source.godoc.
type SourceGodoc struct {
	Path        string   `yaml:"path" doc:"goroot: the standard library of the installed Go ($GOROOT, else what the go command says); or the folder of a module or a source tree" default:"goroot" example:"goroot"`
	Exclude     []string `yaml:"exclude" doc:"names of folders that are left out, at any depth" default:"[cmd, internal, vendor, testdata]"`
	MinExamples int      `yaml:"min_examples" doc:"labels with fewer declarations are left out; 0 keeps all" default:"40" min:"0"`
	Unexported  bool     `yaml:"unexported" doc:"whether declarations that are not exported count" default:"false"`
}

var godocSchema = arrow.NewSchema([]arrow.Field{
	{Name: "text", Type: arrow.BinaryTypes.String},
	{Name: "label", Type: arrow.BinaryTypes.String},
	{Name: "package", Type: arrow.BinaryTypes.String},
	{Name: "symbol", Type: arrow.BinaryTypes.String},
	{Name: "kind", Type: arrow.BinaryTypes.String},
	{Name: "doc", Type: arrow.BinaryTypes.String},
}, nil)

// Ports implements dag.Kind.
func (s *SourceGodoc) Ports() (in, out []dag.Port) {
	return nil, []dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "documented declarations"}}
}

// Check implements dag.Kind.
func (s *SourceGodoc) Check(c *dag.Check) {
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: godocSchema}
	if s.Path == "goroot" {
		return // found when it runs: a pipeline can be checked where there is no Go
	}
	if info, err := os.Stat(s.Path); err != nil {
		c.Hintf("missing-file", "path", nearFiles(s.Path), "there is no folder %q", s.Path)
	} else if !info.IsDir() {
		c.Errorf("path", "%q is a file; source.godoc reads a folder", s.Path)
	}
}

func (s *SourceGodoc) tree(ctx context.Context) (godoc.Tree, error) {
	root := s.Path
	if root == "goroot" {
		found, err := godoc.GOROOT(ctx, os.Getenv)
		if err != nil {
			return godoc.Tree{}, err
		}
		root = filepath.Join(found, "src")
	}
	return godoc.Tree{Root: root, Exclude: s.Exclude, Unexported: s.Unexported}, nil
}

// Externals implements dag.External: the top-level folders that hold packages,
// and the Go files beside them. Folders are few, so that a run in which nothing
// changed looks at files and not at lists of them.
func (s *SourceGodoc) Externals() ([]string, artifacts.Keep, error) {
	tree, err := s.tree(context.Background())
	if err != nil {
		return nil, nil, err
	}
	tops, err := tree.Tops()
	if err != nil {
		return nil, nil, err
	}
	for i, t := range tops {
		tops[i] = filepath.Join(tree.Root, t)
	}
	return tops, tree.Keep, nil
}

// Run implements dag.Kind.
func (s *SourceGodoc) Run(ctx context.Context, env *dag.Env) error {
	tree, err := s.tree(ctx)
	if err != nil {
		return err
	}
	folders, err := tree.Folders()
	if err != nil {
		return err
	}
	var all []godoc.Declaration
	done := int64(0)
	err = tree.Read(ctx, folders, func(ds []godoc.Declaration) error {
		all = append(all, ds...)
		done++
		env.Progress(done, int64(len(folders)), "packages")
		return nil
	})
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("there are no documented declarations in %s; source.godoc reads Go packages, leaving out the folders named %s", tree.Root, strings.Join(s.Exclude, ", "))
	}
	return s.write(env, s.frequent(env, all))
}

// frequent leaves out the labels with too few examples.
func (s *SourceGodoc) frequent(env *dag.Env, all []godoc.Declaration) []godoc.Declaration {
	counts := map[string]int{}
	for _, d := range all {
		counts[d.Top]++
	}
	kept := slices.DeleteFunc(slices.Clone(all), func(d godoc.Declaration) bool { return counts[d.Top] < s.MinExamples })
	var rare []string
	for _, label := range sortedNames(counts) {
		if counts[label] < s.MinExamples {
			rare = append(rare, label)
		}
	}
	env.Logf("%d documented declarations of %d labels", len(kept), len(counts)-len(rare))
	if len(rare) > 0 {
		env.Logf("left out %d of %d labels with fewer than %d: %s", len(all)-len(kept), len(rare), s.MinExamples, strings.Join(rare, ", "))
	}
	env.Metric("rows", float64(len(kept)), 0)
	env.Metric("labels", float64(len(counts)-len(rare)), 0)
	return kept
}

// write stores the declarations, a batch at a time.
func (s *SourceGodoc) write(env *dag.Env, ds []godoc.Declaration) error {
	w, err := env.CreateTable(dag.Out, godocSchema, table.Arrow)
	if err != nil {
		return err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, godocSchema)
	defer b.Release()
	for part := range slices.Chunk(ds, 4096) {
		for _, d := range part {
			for i, v := range []string{d.Text, d.Top, d.Package, d.Symbol, d.Kind, d.Doc} {
				b.Field(i).(*array.StringBuilder).Append(strings.ToValidUTF8(v, "\uFFFD"))
			}
		}
		batch := b.NewRecordBatch()
		err := w.Write(batch)
		batch.Release()
		if err != nil {
			return err
		}
	}
	return nil
}
