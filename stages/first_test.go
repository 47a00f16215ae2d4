package stages

import (
	"context"
	"os"
	"strings"
	"testing"

	"pipe/dag"
	"pipe/dag/text"
)

// checked gives what the checker says of stages over people.csv.
func checked(t *testing.T, stages string) string {
	t.Helper()
	_, err := dag.Load(context.Background(), &text.File{Name: "p.yaml", Data: []byte("pipeline: p\nstages:\n  rows: { uses: source.csv, with: { path: people.csv } }\n" + stages)}, dag.LoadOptions{Kinds: Kinds()})
	if err != nil {
		return err.Error()
	}
	return ""
}

// TestFirstRows: what the first rows of a file show is taken through the stages,
// and is an error where a stage would fail of it.
func TestFirstRows(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("people.csv", []byte("text,age,city\na,1,x\nb,,y\nb,,y\nc,3,z\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	scaled := "  scaled: { uses: normalize, in: %, with: { columns: [age] } }\n"
	network := "  words: { uses: text.vectorize, in: %, with: { column: text } }\n" +
		"  train: { uses: nn.train, in: { train: %, transform: words }, with: { target: city, layers: [embedding: { dim: 2 }, global_avg_pool, dense: { units: 2, activation: softmax }], loss: categorical_crossentropy, epochs: 1 } }\n"
	for _, c := range []struct{ stages, at, want string }{
		{scaled, "rows", `p.yaml:4:58: stage "scaled": with.columns[0]: column "age" of rows has nulls, which are refused: row 2 is the first (fill such gaps with impute`},
		{"  clean: { uses: clean, in: rows, with: { drop_duplicates: [text] } }\n  split: { uses: split, in: clean, with: { train: 0.5, test: 0.5 } }\n" + scaled, "split.train", `column "age" of split.train has nulls`},
		{"  clean: { uses: clean, in: rows, with: { drop_null: [age] } }\n" + scaled, "clean", ""},
		{"  some: { uses: filter, in: rows, with: { where: age > 0 } }\n" + scaled, "some", ""},
		{"  some: { uses: filter, in: rows, with: { where: text != 'c' } }\n" + scaled, "some", "row 2 is the first"},
		{"  filled: { uses: impute, in: rows, with: { columns: [age] } }\n" + scaled, "filled", ""},
		{"  filled: { uses: impute, in: rows, with: { columns: [age] } }\n" + strings.Replace(scaled, "in: %", "in: { in: rows, after: filled.transform }", 1), "", ""},
		{"  other: { uses: select, in: rows, with: { rename: { age: years, text: age } } }\n  coded: { uses: one_hot, in: other, with: { columns: [age] } }\n", "", ""},
		{"  other: { uses: select, in: rows, with: { rename: { age: years } } }\n  coded: { uses: one_hot, in: other, with: { columns: [years] } }\n", "", `column "years" of other has nulls`},
		{"  more: { uses: derive, in: rows, with: { columns: { age: age + 1 } } }\n" + scaled, "more", `column "age" of more has nulls, which are refused: row 2`},
		{network, "rows", `with.layers[2].dense: categorical_crossentropy needs one unit for each class: column "city" of rows has at least 3 classes, the network gives (?, 2) (write units: classes)`},
		{"  some: { uses: filter, in: rows, with: { where: city != 'z' } }\n" + network, "some", ""},
		{strings.Replace(network, "target: city", "target: age", 1), "rows", `with.target: column "age" of rows has nulls`},
		{"  e: { uses: expect, in: rows }\n", "", `p.yaml:4:3: stage "e": nothing is expected; give rows, columns or rules`},
		{"  e: { uses: derive, in: rows, with: { columns: { \"\": age } } }\n", "", "p.yaml:4:51: stage \"e\": columns: a column needs a name"},
	} {
		if got := checked(t, strings.ReplaceAll(c.stages, "%", c.at)); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.stages, got, c.want)
		}
	}
}
