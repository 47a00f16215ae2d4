package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/score"
)

// fakeModels is a registry in memory.
type fakeModels struct {
	versions []dag.ModelVersion
	aliases  map[string]int // "model@alias" to version
	why      []string
	fail     error
	deployed []dag.Deployment
}

func (f *fakeModels) Resolve(_ context.Context, name string) (*dag.ModelVersion, error) {
	if f.fail != nil {
		return nil, f.fail
	}
	n, ok := f.aliases[name]
	if !ok {
		return nil, fmt.Errorf("%q: %w", name, dag.ErrNoModel)
	}
	return &f.versions[n-1], nil
}

func (f *fakeModels) Register(_ context.Context, v dag.NewModelVersion) (*dag.ModelVersion, error) {
	for i := range f.versions {
		if f.versions[i].Ref.Digest == v.Ref.Digest {
			return &f.versions[i], nil
		}
	}
	f.versions = append(f.versions, dag.ModelVersion{Model: v.Model, Version: len(f.versions) + 1, Ref: v.Ref, Metrics: v.Metrics})
	return &f.versions[len(f.versions)-1], nil
}

func (f *fakeModels) SetAlias(_ context.Context, model, alias string, version int, why string) error {
	if f.aliases == nil {
		f.aliases = map[string]int{}
	}
	f.aliases[model+"@"+alias] = version
	f.why = append(f.why, why)
	return nil
}

func (f *fakeModels) Deploy(_ context.Context, d dag.Deployment) (bool, error) {
	changed := len(f.deployed) == 0 || fmt.Sprint(f.deployed[len(f.deployed)-1]) != fmt.Sprint(d)
	f.deployed = append(f.deployed, d)
	return changed, f.fail
}

// release registers a model with the given metrics.
type release struct {
	store  *artifacts.Store
	models *fakeModels
}

func (r *release) run(t *testing.T, with string, m artifacts.Ref, metrics map[string]dag.Float) (*Registered, error) {
	t.Helper()
	in := map[string][]artifacts.Ref{"model": {m}}
	if metrics != nil {
		b, err := (&score.Result{Version: score.Version, Task: score.Classification, Metrics: metrics}).Encode()
		if err != nil {
			t.Fatal(err)
		}
		ref, err := r.store.PutBytes(artifacts.Metrics, "json", b)
		if err != nil {
			t.Fatal(err)
		}
		in["metrics"] = []artifacts.Ref{ref}
	}
	out, _, err := dag.RunKind(context.Background(), r.store, dagtest.New(t, registerKind.New(), with), in, 7, r.models, t.TempDir(), nil)
	if err != nil {
		return nil, err
	}
	b, err := r.store.ReadAll(out["out"])
	if err != nil {
		t.Fatal(err)
	}
	got := new(Registered)
	if err := json.Unmarshal(b, got); err != nil {
		t.Fatal(err)
	}
	return got, nil
}

const better = `{ model: toy, alias: champion, when: "metrics.accuracy > 0.5 && (champion == null || metrics.accuracy >= champion.metrics.accuracy)" }`

func TestRegisterMovesTheAliasToTheBetterModel(t *testing.T) {
	y := newToy(t, "cat", "dog")
	short := strings.Replace(toyTraining, "epochs: 12", "epochs: 1", 1)
	var models []artifacts.Ref
	for seed := range 4 {
		models = append(models, y.model(t, short+fmt.Sprintf("seed: %d", seed)))
	}
	r := &release{y.store, &fakeModels{}}
	for i, step := range []struct {
		model    int
		accuracy dag.Float
		want     Registered
	}{
		{0, 0.4, Registered{"toy", 1, "champion", false, "accuracy is 0.4; no version is champion yet; the condition does not hold: version 1 does not become champion"}},
		{1, 0.8, Registered{"toy", 2, "champion", true, "accuracy is 0.8; no version is champion yet; the condition holds: champion → version 2"}},
		{2, 0.7, Registered{"toy", 3, "champion", false, "accuracy is 0.7, version 2 (champion) has 0.8; the condition does not hold: version 3 does not become champion"}},
		{3, 0.9, Registered{"toy", 4, "champion", true, "accuracy is 0.9, version 2 (champion) has 0.8; the condition holds: champion → version 4"}},
		{3, 0.9, Registered{"toy", 4, "champion", false, "version 4 is champion already"}},
	} {
		got, err := r.run(t, better, models[step.model], map[string]dag.Float{"accuracy": step.accuracy})
		if err != nil {
			t.Fatal(err)
		}
		if *got != step.want {
			t.Errorf("step %d:\n%+v\nwant\n%+v", i, *got, step.want)
		}
	}
	if len(r.models.versions) != 4 || r.models.aliases["toy@champion"] != 4 || len(r.models.why) != 2 {
		t.Errorf("registry: %+v", r.models)
	}
}

func TestRegisterWithoutCondition(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, strings.Replace(toyTraining, "epochs: 12", "epochs: 1", 1))
	r := &release{y.store, &fakeModels{}}
	got, err := r.run(t, "{ model: toy }", m, nil)
	if err != nil || got.Version != 1 || got.Moved || got.Verdict != "" {
		t.Errorf("no alias: %+v, %v", got, err)
	}
	if got, err = r.run(t, "{ model: toy, alias: newest }", m, nil); err != nil || !got.Moved {
		t.Errorf("no condition: %+v, %v", got, err)
	}
}

func TestRegisterConditionsThatCannotBeComputed(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, strings.Replace(toyTraining, "epochs: 12", "epochs: 1", 1))
	r := &release{y.store, &fakeModels{}}
	got, err := r.run(t, `{ model: toy, alias: a, when: "metrics.roc_auc > 0.5" }`, m, map[string]dag.Float{"accuracy": 1})
	if err != nil || got.Moved || !strings.Contains(got.Verdict, "roc_auc is not defined") {
		t.Errorf("a metric that is not defined: %+v, %v", got, err)
	}
	r.models = &fakeModels{}
	_, err = r.run(t, `{ model: toy, alias: a, when: "1 / int(metrics.accuracy) > 0" }`, m, map[string]dag.Float{"accuracy": 0})
	if err == nil || !strings.Contains(err.Error(), "when:") || len(r.models.versions) != 0 {
		t.Errorf("a division by zero: %v, and %d versions", err, len(r.models.versions))
	}
	r.models.fail = errors.New("the disk is gone")
	if _, err = r.run(t, better, m, map[string]dag.Float{"accuracy": 1}); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("a broken registry: %v", err)
	}
}

func TestCheckRegister(t *testing.T) {
	connected := map[string]dag.Schema{"metrics": {Type: artifacts.Metrics, Metrics: score.Names(score.Classification)}}
	for _, c := range []struct {
		name, with, want string
		in               map[string]dag.Schema
	}{
		{"right", better, "", connected},
		{"names are not known", better, "", map[string]dag.Schema{"metrics": {Type: artifacts.Metrics}}},
		{"misspelt metric", `{ model: m, alias: a, when: "metrics.acuracy > 0.5" }`, `when@1:9: there is no field "acuracy" (did you mean "accuracy"?)`, connected},
		{"misspelt in champion", `{ model: m, alias: a, when: "champion.metrics.acuracy > 0.5" }`, `there is no field "acuracy" (did you mean "accuracy"?)`, connected},
		{"no metrics connected", `{ model: m, alias: a, when: "metrics.accuracy > 0.5" }`, `nothing is named "metrics" here`, nil},
		{"no condition", `{ model: m, alias: a, when: "metrics.accuracy" }`, "the expression gives double where bool is wanted", connected},
		{"syntax", `{ model: m, alias: a, when: "metrics.accuracy >" }`, "when@1:", connected},
		{"condition without alias", `{ model: m, when: "true" }`, "when: the condition decides about an alias, and none is given", connected},
		{"name", `{ model: a/b }`, `model: a name has letters, digits, _, . and - and begins with none of the last two; it is "a/b"`, connected},
		{"no name", `{ model: "" }`, `model: a model needs a name`, connected},
		{"alias", `{ model: a, alias: "x@y" }`, `alias: an alias has letters`, connected},
		{"alias with a point", `{ model: a, alias: x.y }`, `alias: an alias has letters`, connected},
		{"alias like a version", `{ model: a, alias: V3 }`, `alias: "V3" would be mistaken for a version`, connected},
		{"alias of the newest", `{ model: a, alias: Latest }`, `alias: "Latest" would be mistaken`, connected},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := dagtest.Check(dagtest.New(t, registerKind.New(), c.with), c.in)
			if !strings.Contains(problems, c.want) || c.want == "" && problems != "" {
				t.Errorf("problems\n%s\nwant\n%s", problems, c.want)
			}
		})
	}
}
