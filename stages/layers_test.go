package stages

import (
	"slices"
	"strings"
	"testing"

	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/nn"
)

// written is a training whose layers, loss and optimiser are filled in.
func written(layers, loss, optimizer string) string {
	return "target: label\nlayers:\n" + layers + "\nloss: " + loss + "\noptimizer: " + optimizer
}

func TestSpellings(t *testing.T) {
	k := dagtest.New(t, &Train{}, written(`
  - embedding: { dim: 16, mask_zero: true }
  - lstm:
      units: "8"
      bidirectional: true
  - dropout:
  - flatten
  - dense: { units: classes, activation: softmax }`, "{ categorical_crossentropy: { label_smoothing: 0.1 } }", "{ sgd: { learning_rate: 0.5, momentum: 0.9 } }"))
	layers := k.Layers.list()
	if len(layers) != 5 {
		t.Fatalf("%d layers", len(layers))
	}
	if e := layers[0].(*nn.Embedding); e.Dim != 16 || !e.MaskZero {
		t.Errorf("embedding: %+v", e)
	}
	if l := layers[1].(*nn.LSTM); l.Units != 8 || !l.Bidirectional || !l.UnitForgetBias {
		t.Errorf("lstm: %+v", l)
	}
	if d := layers[2].(*nn.Dropout); d.Rate != 0.5 {
		t.Errorf("dropout without settings: %+v", d)
	}
	if d := layers[4].(*nn.Dense); d.Units != nn.Classes || d.Activation != nn.Softmax {
		t.Errorf("dense: %+v", d)
	}
	if l := k.lossOf().(*nn.CategoricalCrossentropy); l.LabelSmoothing != 0.1 {
		t.Errorf("loss: %+v", l)
	}
	if rate, ok := k.Optimizer.learningRate(); !ok || rate != 0.5 {
		t.Errorf("learning rate %v, %t", rate, ok)
	}
	if k.Epochs != 10 || k.BatchSize != 32 || !k.Shuffle || k.EarlyStopping != nil {
		t.Errorf("defaults: %+v", k)
	}
}

// Layers inside layers may be bare words, too.
func TestSpellingOfLayersInsideLayers(t *testing.T) {
	k := dagtest.New(t, &Train{}, written(`
  - branches:
      branches:
        - [ { embedding: { dim: 4 } }, global_max_pool ]
        - [ { embedding: { dim: 2 } }, flatten, { residual: { layers: [ { dense: { units: 12 } } ] } } ]
  - dense: { units: classes, activation: softmax }`, "categorical_crossentropy", "adam"))
	shapes, err := nn.Check(nn.Input{Tokens: true, Shape: []int{6}}, nn.Context{Classes: 3, Vocab: 9}, k.Layers.list())
	if err != nil || shapes[0].Last() != 4+12 {
		t.Errorf("shapes %v, %v", shapes, err)
	}
}

func TestDefaultOptimizerIsAdam(t *testing.T) {
	k := dagtest.New(t, &Train{}, "{ target: y, layers: [flatten], loss: mse }")
	if name, _ := only(k.Optimizer); name != "adam" {
		t.Errorf("the optimizer is %q", name)
	}
}

func TestSpellingMistakes(t *testing.T) {
	for _, c := range []struct{ name, with, want string }{
		{"unknown layer", written("  - lsmt: { units: 3 }", "mse", "adam"), `3:5: layers[0]: there is no layer "lsmt" (did you mean "lstm"?)`},
		{"unknown word", written("  - flaten", "mse", "adam"), `3:5: layers[0]: there is no layer "flaten" (did you mean "flatten"?)`},
		{"nothing near", written("  - zzzzzzzz", "mse", "adam"), `3:5: layers[0]: there is no layer "zzzzzzzz" (known: `},
		{"unknown setting", written("  - flatten\n  - lstm: { unit: 3, units: 4 }", "mse", "adam"), `4:13: unknown key "unit" in layers[1].lstm (did you mean "units"?)`},
		{"missing setting", written("  - dense: { activation: relu }", "mse", "adam"), `layers[0].dense.units is missing`},
		{"bounds", written("  - embedding: { dim: 0 }", "mse", "adam"), `3:23: layers[0].embedding.dim must be at least 1, is 0`},
		{"units", written("  - dense: { units: many }", "mse", "adam"), `3:21: layers[0].dense.units: units must be a positive whole number or the word classes, is "many"`},
		{"activation", written("  - dense: { units: 2, activation: softmx }", "mse", "adam"), `layers[0].dense.activation must be one of linear, relu, sigmoid, tanh, softmax, gelu, gelu_tanh, silu, is "softmx" (did you mean "softmax"?)`},
		{"settings beside", written("  - dense:\n    units: 3", "mse", "adam"), `4:5: layers[0]: one layer is one word with its settings below; "units" stands beside "dense" (indent the settings of dense further, or write dense: { … })`},
		{"number", written("  - 3", "mse", "adam"), `there is no layer "3"`},
		{"list", written("  - [flatten]", "mse", "adam"), `3:5: layers[0]: expected the name of a layer, found a list`},
		{"settings are no map", written("  - dropout: 0.2", "mse", "adam"), `3:14: layers[0].dropout: expected a map, found a number`},
		{"layers are a map", "target: y\nlayers: { flatten: }\nloss: mse", `2:9: layers: expected a list, found a map (begin each layer with "- ")`},
		{"loss", written("  - flatten", "crossentropy", "adam"), `4:7: loss: there is no loss "crossentropy"`},
		{"optimizer", written("  - flatten", "mse", "adamm"), `5:12: optimizer: there is no optimizer "adamm" (did you mean "adam"?)`},
		{"learning rate", written("  - flatten", "mse", "{ adam: { learning_rate: 0 } }"), `5:37: optimizer.adam.learning_rate must be above 0, is 0`},
		{"epochs", written("  - flatten", "mse", "adam\nepochs: 0"), `6:9: epochs must be at least 1, is 0`},
		{"monitor", written("  - flatten", "mse", "adam\nearly_stopping: { monitor: val_los }"), `did you mean "val_loss"?`},
		{"class weight", written("  - flatten", "mse", "adam\nclass_weight: heavy"), `6:15: class_weight: expected the word balanced or a map of labels to numbers, found text`},
		{"negative weight", written("  - flatten", "mse", "adam\nclass_weight: { spam: -1 }"), `6:23: class_weight.spam must be at least 0, is -1`},
		{"inside a layer", written("  - residual:\n      layers:\n        - dense: { units: 3, activation: rellu }\n", "mse", "adam"), `5:42: layers[0].residual.layers[0].dense.activation must be one of`},
		{"unknown inside a layer", written("  - branches: { branches: [[flatten], [dens: { units: 3 }]] }", "mse", "adam"), `3:40: layers[0].branches.branches[1][0]: there is no layer "dens" (did you mean "dense"?)`},
		{"schedule", written("  - flatten", "mse", "adam\nschedule: cosin"), `6:11: schedule: there is no schedule "cosin" (did you mean "cosine"?)`},
		{"no loss", "target: y\nlayers: [flatten]", `loss is missing`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := dagtest.Decode(&Train{}, c.with); !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
				t.Errorf("problems\n%s\nwant the one\n%s", got, c.want)
			}
		})
	}
}

// The reference of nn.train describes whatever a network can be made of.
func TestReferenceOfNetworks(t *testing.T) {
	doc := dag.Reference(trainKind)
	for _, kind := range slices.Concat(nn.LayerKinds(), nn.LossKinds(), nn.OptimizerKinds(), nn.ScheduleKinds()) {
		if !strings.Contains(doc, "\n- `"+kind+"`") {
			t.Errorf("%s is not described", kind)
		}
	}
	if want := "- `dropout`: `rate` (share of elements that are dropped while training; 0.5 by default)"; !strings.Contains(doc, want) {
		t.Errorf("the reference lacks\n%s\nin\n%s", want, doc)
	}
}
