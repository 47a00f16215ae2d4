package stages

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag/dagtest"
	"pipe/stages/nn"
)

func (y *toy) tryFurther(t *testing.T, with string, in map[string]artifacts.Ref) (artifacts.Ref, error) {
	t.Helper()
	out, err := dagtest.TryRun(t, y.store, dagtest.New(t, trainKind.New(), with), in)
	return out["out"], err
}

// weights reads the weights of a stored model by name.
func (y *toy) weights(t *testing.T, ref artifacts.Ref) map[string][]float32 {
	t.Helper()
	folder, err := y.store.OpenFolder(ref)
	if err != nil {
		t.Fatal(err)
	}
	b, err := fs.ReadFile(folder, "weights.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	arrays, _, err := nn.ReadSafetensors(strings.NewReader(string(b)), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]float32{}
	for _, a := range arrays {
		out[a.Name] = a.Data
	}
	return out
}

func TestTrainingGoesOnFromAModel(t *testing.T) {
	y := newToy(t, "cat", "dog", "owl")
	first := y.model(t, strings.Replace(toyTraining, "epochs: 12", "epochs: 1", 1))
	in := map[string]artifacts.Ref{"train": y.train, "validation": y.validation, "model": first}
	const with = "{ target: label, loss: categorical_crossentropy, optimizer: { adam: { learning_rate: 0.02 } }, epochs: 12, batch_size: 16, freeze: 1 }"
	second, err := y.tryFurther(t, with, in)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := evaluated(t, y, first, y.test, "")
	after, _ := evaluated(t, y, second, y.test, "")
	if after.Metrics["log_loss"] >= before.Metrics["log_loss"] || after.Metrics["accuracy"] < 0.9 {
		t.Errorf("before %v, after %v", before.Metrics, after.Metrics)
	}
	old, now := y.weights(t, first), y.weights(t, second)
	for name, w := range now {
		frozen := strings.HasPrefix(name, "0.")
		if slices.Equal(w, old[name]) != frozen {
			t.Errorf("%s: frozen %t, changed %t", name, frozen, !slices.Equal(w, old[name]))
		}
	}
	if from := loadModel(t, y.store, second).Training().From; from != first.Digest {
		t.Errorf("the model says that it comes from %q", from)
	}
	if again, err := y.tryFurther(t, with, in); err != nil || again.Digest != second.Digest {
		t.Errorf("a second time: %s, %v", again.Digest.Short(), err)
	}
}

func TestTrainingFurtherRefuses(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, strings.Replace(toyTraining, "epochs: 12", "epochs: 1", 1))
	cow := dagtest.Table(t, y.store, textLabel, `[{"text": "a", "label": "cat"}, {"text": "b", "label": "cow"}]`)
	for _, c := range []struct {
		name, loss, want string
		in               map[string]artifacts.Ref
	}{
		{"a new label", "categorical_crossentropy", `train: row 2, column "label": the label "cow" is not among those of the model: cat, dog`, map[string]artifacts.Ref{"train": cow, "model": m}},
		{"another task", "mse", "the model is for classification, and the loss is for regression", map[string]artifacts.Ref{"train": y.train, "model": m}},
		{"a loss that does not fit", "binary_crossentropy", "binary_crossentropy needs a network that ends with activation: sigmoid", map[string]artifacts.Ref{"train": y.train, "model": m}},
		{"both", "categorical_crossentropy", oneBeginning, map[string]artifacts.Ref{"train": y.train, "model": m, "transform": y.transform}},
		{"neither", "categorical_crossentropy", oneBeginning, map[string]artifacts.Ref{"train": y.train}},
	} {
		if _, err := y.tryFurther(t, "{ target: label, loss: "+c.loss+" }", c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v\nwant %s", c.name, err, c.want)
		}
	}
}
