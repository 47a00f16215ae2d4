// Package dagtest runs kinds of stages in tests: configuration as YAML,
// inputs as tables in memory, outputs read back.
package dagtest

import (
	"context"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/text"
)

// Store opens a fresh store that goes with the test.
func Store(t testing.TB) *artifacts.Store {
	t.Helper()
	s, err := artifacts.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Decode fills a kind's configuration from the YAML under `with:`; problems
// are returned as text, one a line, without the file's name.
func Decode(k dag.Kind, with string) string {
	f := &text.File{Name: "with", Data: []byte(with)}
	var ps text.Problems
	var n *text.Node
	if strings.TrimSpace(with) != "" {
		n = text.Parse(f, &ps)
	} else {
		n = &text.Node{Kind: text.Mapping, Pos: text.Pos{File: f, Line: 1, Col: 1}}
	}
	d := text.Decoder{Problems: &ps}
	d.Decode(n, k)
	return join(ps.Sorted())
}

func join(ps []*text.Problem) string {
	var lines []string
	for _, p := range ps {
		line := strings.TrimPrefix(p.Pos.String(), "with:") + ": " + p.Text
		if p.Hint != "" {
			line += " (" + p.Hint + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// New decodes a configuration that must be right.
func New[K dag.Kind](t testing.TB, k K, with string) K {
	t.Helper()
	if problems := Decode(k, with); problems != "" {
		t.Fatalf("configuration: %s", problems)
	}
	return k
}

// Check runs a kind's check; problems come as "field: text (hint)", one a line.
func Check(k dag.Kind, in map[string]dag.Schema) (out map[string]dag.Schema, problems string) {
	var lines []string
	c := dag.NewCheck(in, func(code, field, message, hint string) {
		line := field + ": " + message
		if hint != "" {
			line += " (" + hint + ")"
		}
		lines = append(lines, line)
	})
	k.Check(c)
	return c.Out, strings.Join(lines, "\n")
}

// Run runs a kind on stored inputs and fails the test where it fails.
func Run(t testing.TB, s *artifacts.Store, k dag.Kind, in map[string]artifacts.Ref) map[string]artifacts.Ref {
	t.Helper()
	out, err := TryRun(t, s, k, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TryRun runs a kind on stored inputs with seed 7.
func TryRun(t testing.TB, s *artifacts.Store, k dag.Kind, in map[string]artifacts.Ref) (map[string]artifacts.Ref, error) {
	t.Helper()
	many := map[string][]artifacts.Ref{}
	for p, r := range in {
		many[p] = []artifacts.Ref{r}
	}
	out, _, err := dag.RunKind(context.Background(), s, k, many, 7, nil, t.TempDir(), nil)
	return out, err
}

// Table stores rows written as JSON objects, with a schema, as an input.
func Table(t testing.TB, s *artifacts.Store, schema *arrow.Schema, rows string) artifacts.Ref {
	t.Helper()
	b, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	d, err := s.Create(artifacts.Table, string(table.Arrow))
	if err != nil {
		t.Fatal(err)
	}
	w, err := table.NewArrowWriter(d, schema)
	if err == nil {
		err = w.Write(b)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	d.SetRows(b.NumRows())
	ref, err := d.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// Rows reads a stored table back as JSON objects, one a line.
func Rows(t testing.TB, s *artifacts.Store, ref artifacts.Ref) string {
	t.Helper()
	r, err := dag.OpenTable(s, ref, "table")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b strings.Builder
	for batch, err := range table.All(r) {
		if err != nil {
			t.Fatal(err)
		}
		if err := array.RecordToJSON(batch, &b); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}
