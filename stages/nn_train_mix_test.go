package stages

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/nn"
)

// Over the epochs all rows of a table are seen equally often, and in each epoch as many
// as its share says.
func TestMixedTablesAreSeenByTheirShares(t *testing.T) {
	e := &examples{tables: []int{10, 4, 6}}
	for e.Count < 20 {
		e.Values = append(e.Values, float32(e.Count))
		e.Count++
	}
	k := &Train{Mix: []float64{0.4, 2.5, 0}, Shuffle: true}
	m := k.mixed(e, 7).(*mixture)
	if m.Len() != 14 {
		t.Fatalf("an epoch has %d examples, and should have 4 + 10", m.Len())
	}
	rowsOf := func(epoch int) []float32 {
		m.BeginEpoch(epoch)
		numbers := make([]int, m.Len())
		for i := range numbers {
			numbers[i] = i
		}
		b := nn.Batch{Values: make([]float32, len(numbers))}
		if err := m.Batch(context.Background(), numbers, &b); err != nil {
			t.Fatal(err)
		}
		return b.Values
	}
	seen := make([]int, 20)
	for epoch := range 10 {
		for i, value := range rowsOf(epoch) {
			row := int(value)
			if (i < 4) != (row < 10) || row >= 14 {
				t.Errorf("example %d is row %d", i, row)
			}
			seen[row]++
		}
	}
	for row, n := range seen {
		if want := []int{4, 25, 0}[min(row/10+max(row-13, 0), 2)]; n != want {
			t.Errorf("row %d was seen %d times and not %d", row, n, want)
		}
	}
	if !slices.Equal(rowsOf(3), rowsOf(3)) || slices.Equal(rowsOf(3), rowsOf(4)) {
		t.Error("what an epoch sees follows from its number")
	}
}

func TestTrainingOnSeveralTables(t *testing.T) {
	y := newToy(t, "cat", "dog", "owl")
	cats := dagtest.Table(t, y.store, textLabel, toyTexts(4, 100, "cat"))
	rest := dagtest.Table(t, y.store, textLabel, toyTexts(5, 200, "dog", "owl"))
	run := func(with string, tables ...artifacts.Ref) (map[string]artifacts.Ref, string, error) {
		var log strings.Builder
		in := map[string][]artifacts.Ref{"train": tables, "transform": {y.transform}}
		out, _, err := dag.RunKind(context.Background(), y.store, dagtest.New(t, trainKind.New(), with), in, 7, nil, t.TempDir(), func(e dag.Event) { log.WriteString(e.Text + "\n") })
		return out, log.String(), err
	}
	out, log, err := run(toyTraining+"mix: [2, 1]\nclass_weight: balanced\n", cats, rest)
	if err != nil {
		t.Fatal(err)
	}
	if r, _ := evaluated(t, y, out["out"], y.test, ""); r.Metrics["accuracy"] < 0.9 {
		t.Errorf("metrics %v", r.Metrics)
	}
	if !strings.Contains(log, "300 rows to learn from in 2 tables; 3 classes;") {
		t.Errorf("the log is\n%s", log)
	}
	concatenated := dagtest.Table(t, y.store, textLabel, strings.TrimSuffix(toyTexts(4, 100, "cat"), "]")+","+toyTexts(5, 200, "dog", "owl")[1:])
	together, _, err := run(toyTraining, cats, rest)
	if err != nil {
		t.Fatal(err)
	}
	one, _, err := run(toyTraining, concatenated)
	if err != nil || together["out"] != one["out"] {
		t.Errorf("two tables give %v, and their rows in one %v, %v", together["out"].Digest, one["out"].Digest, err)
	}
	if _, _, err := run(toyTraining, cats, dagtest.Table(t, y.store, textLabel, `[]`)); err == nil || !strings.Contains(err.Error(), "table 2 of train has no rows") {
		t.Errorf("an empty table: %v", err)
	}
	if _, _, err := run(toyTraining+"mix: [0.001, 0.001]\n", cats, rest); err == nil || !strings.Contains(err.Error(), "mix: [0.001 0.001] of the tables' [100 200] rows is no whole row") {
		t.Errorf("shares so small that no row is left: %v", err)
	}
}

func TestMixIsChecked(t *testing.T) {
	for with, want := range map[string]string{
		"mix: [1, 2]":  "there are 2 numbers, and the training tables are 1",
		"mix: [-1]":    "rows are seen between 0 and 1000 times in an epoch, not -1",
		"mix: [0]":     "no row of any table would be seen",
		"mix: [a lot]": "mix",
	} {
		in := trainSchemas(arrow.BinaryTypes.String)
		if problems := dagtest.Decode(trainKind.New(), toyTraining+with); problems != "" {
			if !strings.Contains(problems, want) {
				t.Errorf("%s: %s", with, problems)
			}
			continue
		}
		if _, got := dagtest.Check(dagtest.New(t, trainKind.New(), toyTraining+with), in); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", with, got, want)
		}
	}
}
