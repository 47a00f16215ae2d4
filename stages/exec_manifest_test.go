package stages

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

// The manifest says all that the environment says.
func TestExecManifest(t *testing.T) {
	s := dagtest.Store(t)
	in := dagtest.Table(t, s, arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil), `[{"n":1},{"n":2}]`)
	k := dagtest.New(t, &Exec{}, `
run: cp "$PIPE_MANIFEST" "$PIPE_OUTPUT_SAID"; echo "$PIPE_INPUT_ROWS $PIPE_OUTPUT_SAID $PIPE_METRICS"; mkdir -p "$PIPE_OUTPUT_MODEL"; echo x > "$PIPE_OUTPUT_MODEL/weights"
params: { trees: 100 }
outputs: { said: { type: file, format: json }, model: model }
`)
	out := dagtest.Run(t, s, k, map[string]artifacts.Ref{"rows": in})
	b, err := s.ReadAll(out["said"])
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	printed, err := s.ReadAll(out["log"])
	if err != nil {
		t.Fatal(err)
	}
	places := strings.Fields(string(printed))
	rows, said := m.Inputs["rows"][0], m.Outputs["said"]
	if m.Version != 1 || m.Seed != 7 || m.Params["trees"] != 100.0 || rows.Path != places[0] || rows.Format != "parquet" || rows.Type != "table" || rows.Rows != 2 ||
		said.Path != places[1] || said.Type != "file" || m.Metrics != places[2] || m.Outputs["model"].Format != artifacts.FolderFormat {
		t.Errorf("%s\nand printed %s", b, printed)
	}
}

// A model that a program made in a form of its own is registered as it is.
func TestRegisterTakesForeignModels(t *testing.T) {
	r := &release{dagtest.Store(t), &fakeModels{}}
	f, err := r.store.CreateFolder(artifacts.Model)
	if err != nil {
		t.Fatal(err)
	}
	w, err := f.Create("model.joblib")
	if err == nil {
		_, err = w.Write([]byte("pickled"))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Commit()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := scalars([]byte(`{"accuracy": 0.75}`)); err != nil || got["accuracy"] != 0.75 {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []string{`{"accuracy": "high"}`, `[1]`, `{`} {
		if _, err := scalars([]byte(bad)); err == nil {
			t.Errorf("%s are metrics", bad)
		}
	}
	got, err := r.run(t, "{model: toy, alias: champion, when: metrics.accuracy > 0.7}", m, map[string]dag.Float{"accuracy": 0.75})
	if err != nil || got.Version != 1 {
		t.Errorf("%v %+v", err, got)
	}
}
