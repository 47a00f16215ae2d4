package stages

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

func promote(t *testing.T, y *toy, models *fakeModels, with string, m artifacts.Ref) (*Promoted, error) {
	t.Helper()
	in := map[string][]artifacts.Ref{"model": {m}, "data": {y.test}}
	out, _, err := dag.RunKind(context.Background(), y.store, dagtest.New(t, promoteKind.New(), with), in, 7, models, t.TempDir(), nil)
	if err != nil {
		return nil, err
	}
	b, err := y.store.ReadAll(out["out"])
	if err != nil {
		t.Fatal(err)
	}
	got := new(Promoted)
	if err := json.Unmarshal(b, got); err != nil {
		t.Fatal(err)
	}
	return got, nil
}

// The candidate and the champion answer the same rows, and only a better one
// takes the alias.
func TestPromoteComparesOnTheSameRows(t *testing.T) {
	y := newToy(t, "cat", "dog")
	weak := y.model(t, strings.NewReplacer("epochs: 12", "epochs: 1", "0.02", "0.0001").Replace(toyTraining))
	strong := y.model(t, toyTraining)
	models := &fakeModels{}
	const with = `{ model: toy, slices: [label], when: "champion == null || candidate.metrics.accuracy > champion.metrics.accuracy && difference.low > 0.0 && difference.p_value < 0.05 &&
		candidate.slices['label=cat'].accuracy >= champion.slices['label=cat'].accuracy && candidate.size > 0 && candidate.latency < 1000.0" }`
	first, err := promote(t, y, models, with, weak)
	if err != nil || !first.Moved || first.Champion != nil || models.aliases["toy@champion"] != 1 {
		t.Fatalf("%+v %v", first, err)
	}
	second, err := promote(t, y, models, with, strong)
	if err != nil || !second.Moved || models.aliases["toy@champion"] != 2 {
		t.Fatalf("%+v %+v %v", second, second.Difference, err)
	}
	d := second.Difference
	if d.Rows != 100 || d.Wins <= d.Losses || float64(d.Mean) != float64(d.Wins-d.Losses)/100 || !(d.Low <= d.Mean && d.Mean <= d.High) {
		t.Errorf("%+v", d)
	}
	slices := second.Candidate.Slices
	if slices["label=cat"].Rows+slices["label=dog"].Rows != 100 || second.Champion.Version != 1 {
		t.Errorf("%+v", slices)
	}
	if !strings.Contains(models.why[1], "on the same 100 rows") {
		t.Error(models.why)
	}
	// The weak one comes again: it is version 1 already, and does not take the alias.
	third, err := promote(t, y, models, with, weak)
	if err != nil || third.Moved || third.Version != 1 || models.aliases["toy@champion"] != 2 {
		t.Errorf("%+v %v", third, err)
	}
	// The champion itself has nothing to prove.
	if again, err := promote(t, y, models, with, strong); err != nil || again.Moved || again.Version != 2 {
		t.Errorf("%+v %v", again, err)
	}
}

func TestPromoteChecks(t *testing.T) {
	in := map[string]dag.Schema{"data": {Type: artifacts.Table, Table: textLabel}}
	for _, c := range []struct{ with, want string }{
		{`{ model: toy, when: "candidate.metrics.acuracy > 0.5" }`, "acuracy"},
		{`{ model: toy, when: "candidate.latency" }`, "when"},
		{`{ model: toy, when: "true", slices: [txt] }`, `no column "txt"`},
		{`{ model: "a b", when: "true" }`, "a name has letters"},
		{`{ model: toy, alias: v3, when: "true" }`, "mistaken for a version"},
	} {
		k := dagtest.New(t, promoteKind.New(), c.with)
		if _, problems := dagtest.Check(k, in); !strings.Contains(problems, c.want) {
			t.Errorf("%s: %q, want %q", c.with, problems, c.want)
		}
	}
}

func TestDeploy(t *testing.T) {
	s := dagtest.Store(t)
	models := &fakeModels{versions: []dag.ModelVersion{{Model: "toy", Version: 1}}, aliases: map[string]int{"toy@champion": 1}}
	run := func(with string) error {
		_, _, err := dag.RunKind(context.Background(), s, dagtest.New(t, deployKind.New(), with), nil, 7, models, t.TempDir(), nil)
		return err
	}
	if err := run(`{ model: toy, max_batch: 8, max_delay: 2ms, canary: { target: "@challenger", percent: 5 } }`); err != nil {
		t.Fatal(err)
	}
	got := models.deployed[0]
	if got.Name != "toy" || got.Target != "@champion" || !strings.Contains(string(got.Policy), `"max_delay":"2ms"`) || !strings.Contains(string(got.Policy), `"percent":5`) {
		t.Errorf("%+v %s", got, got.Policy)
	}
	if err := run(`{ model: "toy@nobody" }`); err == nil || !strings.Contains(err.Error(), "there is no toy@nobody to deploy") {
		t.Error(err)
	}
	for with, want := range map[string]string{
		`{ model: "toy@" }`: "a model is named as",
		`{ model: toy, canary: { target: best, percent: 5 } }`:     "canary.target",
		`{ model: toy, shadow: best }`:                             "shadow",
		`{ model: toy, name: a/b }`:                                "a name has letters",
		`{ model: toy, canary: { target: "/2", percent: 200 } }`:   "percent",
		`{ model: toy, log: { sample: 0.5, inputs: everything } }`: "inputs",
	} {
		if problems := dagtest.Decode(deployKind.New(), with); problems == "" {
			k := dagtest.New(t, deployKind.New(), with)
			if _, problems := dagtest.Check(k, nil); !strings.Contains(problems, want) {
				t.Errorf("%s: %q", with, problems)
			}
		} else if !strings.Contains(problems, want) {
			t.Errorf("%s: %q", with, problems)
		}
	}
}
