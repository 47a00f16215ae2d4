package stages

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag/dagtest"
)

func TestPredictAnswersEveryRow(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, toyTraining)
	run := func(with string) []map[string]any {
		out := dagtest.Run(t, y.store, dagtest.New(t, predictKind.New(), with), map[string]artifacts.Ref{"model": m, "data": y.test})
		var rows []map[string]any
		for line := range strings.Lines(dagtest.Rows(t, y.store, out["out"])) {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
		return rows
	}
	all, few := run(""), run("columns: [label]")
	if len(all) != 100 || len(few) != 100 {
		t.Fatalf("%d and %d rows for 100", len(all), len(few))
	}
	right := 0
	for i, row := range all {
		if row["prediction"] == row["label"] {
			right++
		}
		if few[i]["text"] != nil || fmt.Sprint(few[i]["prediction"], few[i]["probability"]) != fmt.Sprint(row["prediction"], row["probability"]) {
			t.Errorf("row %d: %v and %v", i, row, few[i])
		}
	}
	if right < 90 {
		t.Errorf("%d of 100 are right", right)
	}
}

// A very long text is cut to maxlen by the transform; the report shows its
// beginning only.
func TestVeryLongText(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, strings.Replace(toyTraining, "epochs: 12", "epochs: 1", 1))
	long := strings.Repeat("common1 cat1 ", 100_000)
	_, out := evaluated(t, y, m, dagtest.Table(t, y.store, textLabel, fmt.Sprintf(`[{"text": %q, "label": "cat"}, {"text": %q, "label": "dog"}]`, long, long)), "columns: [label]")
	if out["report"].Size > 100_000 {
		t.Errorf("the report has %d bytes", out["report"].Size)
	}
}

func TestPredictNamesTheBadRow(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, strings.Replace(toyTraining, "epochs: 12", "epochs: 1", 1))
	data := dagtest.Table(t, y.store, nullable(), `[{"text": "a", "label": "cat"}, {"text": null, "label": "cat"}]`)
	_, err := dagtest.TryRun(t, y.store, dagtest.New(t, predictKind.New(), ""), map[string]artifacts.Ref{"model": m, "data": data})
	if err == nil || !strings.Contains(err.Error(), `row 2, column "text"`) {
		t.Errorf("error %v", err)
	}
}
