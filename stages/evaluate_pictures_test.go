package stages

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

// TestEvaluationShowsWhereTheModelLooks evaluates a model of pictures on rows of which
// some are mislabelled: the report explains right and wrong ones, and the predictions
// name the most probable labels in their order.
func TestEvaluationShowsWhereTheModelLooks(t *testing.T) {
	files := map[string][]byte{}
	for i := range 8 {
		files[fmt.Sprintf("across/%d.png", i)], files[fmt.Sprintf("down/%d.png", i)] = stripes(t, true, i), stripes(t, false, i)
	}
	s := dagtest.Store(t)
	table := func(files map[string][]byte) artifacts.Ref {
		return dagtest.Run(t, s, dagtest.New(t, &SourceFiles{}, `{path: `+zipOf(t, files)+`, pattern: '(?P<label>[^/]+)/[^/]+$'}`), nil)["out"]
	}
	pixels := dagtest.Run(t, s, dagtest.New(t, &ImagePixels{}, "{height: 8, width: 8, gray: true}"), nil)["out"]
	m := dagtest.Run(t, s, dagtest.New(t, &Train{}, `{target: label, layers: [{conv2d: {filters: 4, kernel_size: [3]}}, {activation: {function: relu}}, global_max_pool, {dense: {units: classes, activation: softmax}}],
		loss: categorical_crossentropy, optimizer: {adam: {learning_rate: 0.02}}, epochs: 30, batch_size: 8}`), map[string]artifacts.Ref{"train": table(files), "transform": pixels})["out"]
	delete(files, "across/1.png")
	files["down/wrong.png"] = stripes(t, true, 1)
	out := dagtest.Run(t, s, dagtest.New(t, &Evaluate{}, "{columns: [path, label], top: 2}"), map[string]artifacts.Ref{"model": m, "data": table(files)})

	f, err := s.Open(out["report"])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(page), `<img src="data:image/png;base64,`); n != 6 {
		t.Errorf("the report shows %d pictures, want 3 and their heat", n)
	}
	for _, want := range []string{"Where the model looks", "down/wrong.png", `alt="what spoke for across"`} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the report has no %q", want)
		}
	}
	if strings.Contains(string(page), "iVBOR") && !strings.Contains(string(page), "img-src data:") {
		t.Error("the page does not allow its own pictures")
	}
	r, err := dag.OpenTable(s, out["predictions"], "predictions")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) int { return b.Schema().FieldIndices(name)[0] }
	top := b.Column(column("top")).(*array.List)
	labels, best := top.ListValues().(*array.String), b.Column(column("prediction")).(*array.String)
	for i := range int(b.NumRows()) {
		from, to := top.ValueOffsets(i)
		if to-from != 2 || labels.Value(int(from)) != best.Value(i) || labels.Value(int(from)+1) == best.Value(i) {
			t.Errorf("row %d: %v, the prediction is %s", i+1, top, best.Value(i))
		}
	}
}
