package stages

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

// wordsSignature is what text.vectorize promises before it is fitted.
func wordsSignature() *dag.Signature {
	return &dag.Signature{
		Inputs:  []dag.Column{{Name: "text", Type: "utf8"}},
		Outputs: []dag.Column{{Name: "tokens", Type: "int32"}},
		Shape:   []int{40}, Tokens: 10000,
	}
}

// features is a transform that gives numbers.
func features(width int) dag.Signature {
	return dag.Signature{Inputs: wordsSignature().Inputs, Outputs: []dag.Column{{Name: "features", Type: "float32"}}, Shape: []int{width}}
}

func tableSchema(origin string, fields ...arrow.Field) dag.Schema {
	return dag.Schema{Type: artifacts.Table, Origin: origin, Table: arrow.NewSchema(fields, nil)}
}

func trainSchemas(label arrow.DataType) map[string]dag.Schema {
	fields := []arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String}, {Name: "label", Type: label}}
	return map[string]dag.Schema{
		"train": tableSchema("split.train", fields...), "validation": tableSchema("split.validation", fields...),
		"transform": {Type: artifacts.Transform, Signature: wordsSignature()},
	}
}

// further is a training that goes on from a model, and fromModel connects one.
const further = "{ target: label, loss: categorical_crossentropy, freeze: 1 }"

func fromModel(in map[string]dag.Schema) {
	s := wordsSignature()
	s.Task = "classification"
	in["model"] = dag.Schema{Type: artifacts.Model, Signature: s}
	delete(in, "transform")
}

func TestCheckTrain(t *testing.T) {
	text := arrow.BinaryTypes.String
	lstm := "  - embedding: { dim: 8 }\n  - lstm: { units: 16 }\n"
	softmax := lstm + "  - dense: { units: classes, activation: softmax }"
	for _, c := range []struct {
		name, with string
		label      arrow.DataType
		change     func(in map[string]dag.Schema)
		want       string // the problems; "" for none
	}{
		{name: "right", with: written(softmax, "categorical_crossentropy", "adam"), label: text},
		{name: "whole numbers are labels", with: written(softmax, "categorical_crossentropy", "adam"), label: arrow.PrimitiveTypes.Int64},
		{name: "binary", with: written(lstm+"  - dense: { units: 1, activation: sigmoid }", "binary_crossentropy", "adam"), label: text},
		{name: "regression", with: written(lstm+"  - dense: { units: 1 }", "mse", "adam"), label: arrow.PrimitiveTypes.Float64},
		{name: "length not known before fitting", with: written(softmax, "categorical_crossentropy", "adam"), label: text,
			change: func(in map[string]dag.Schema) { in["transform"].Signature.Shape[0] = -1 }},
		{name: "nothing is known", with: written(softmax, "categorical_crossentropy", "adam"), label: text,
			change: func(in map[string]dag.Schema) {
				for p, s := range in {
					in[p] = dag.Schema{Type: s.Type}
				}
			}},
		{name: "number of features not known before fitting", with: written("  - dropout: { rate: 0.2 }\n  - dense: { units: classes, activation: softmax }", "categorical_crossentropy", "adam"), label: text,
			change: func(in map[string]dag.Schema) { *in["transform"].Signature = features(-1) }},

		{name: "numbers into a recurrent layer", with: written("  - dropout: { rate: 0.2 }\n  - lstm: { units: 4 }", "categorical_crossentropy", "adam"), label: text,
			change: func(in map[string]dag.Schema) { *in["transform"].Signature = features(-1) },
			want:   "layers[1].lstm: lstm needs input of shape (batch, time, features), got (?, ?) (numbers (?, ?) → dropout (?, ?) → lstm ✗)"},
		{name: "layer does not fit", with: written(lstm+"  - lstm: { units: 4 }", "categorical_crossentropy", "adam"), label: text,
			want: "layers[2].lstm: lstm needs input of shape (batch, time, features), got (?, 16) (token ids (?, 40) → embedding (?, 40, 8) → lstm (?, 16) → lstm ✗)"},
		{name: "no embedding", with: written("  - lstm: { units: 4 }", "categorical_crossentropy", "adam"), label: text,
			want: "layers[0].lstm: lstm cannot read token ids; begin with an embedding (token ids (?, 40) → lstm ✗)"},
		{name: "no softmax", with: written(lstm+"  - dense: { units: classes }", "categorical_crossentropy", "adam"), label: text,
			want: "loss: categorical_crossentropy needs a network that ends with activation: softmax"},
		{name: "one answer for each position", with: written("  - embedding: { dim: 8 }\n  - lstm: { units: 4, return_sequences: true }\n  - dense: { units: classes, activation: softmax }", "categorical_crossentropy", "adam"), label: text,
			want: "layers[2].dense: the network gives (?, 40, ?) and not one answer for each row"},
		{name: "binary with two units", with: written(lstm+"  - dense: { units: 2, activation: sigmoid }", "binary_crossentropy", "adam"), label: text,
			want: "layers[2].dense: binary_crossentropy answers yes or no and needs units: 1"},
		{name: "categorical with one unit", with: written(lstm+"  - dense: { units: 1, activation: softmax }", "categorical_crossentropy", "adam"), label: text,
			want: "layers[2].dense: categorical_crossentropy needs one unit for each class, the network gives (?, 1) (write units: classes)"},
		{name: "regression with two units", with: written(lstm+"  - dense: { units: 2 }", "mse", "adam"), label: arrow.PrimitiveTypes.Float64,
			want: "layers[2].dense: one number is predicted for each row, which needs units: 1"},

		{name: "text is no number", with: written(lstm+"  - dense: { units: 1 }", "mse", "adam"), label: text,
			want: `target: mse predicts numbers; column "label" is utf8 (for labels use categorical_crossentropy)`},
		{name: "a fraction is no label", with: written(softmax, "categorical_crossentropy", "adam"), label: arrow.PrimitiveTypes.Float64,
			want: `target: categorical_crossentropy predicts labels; column "label" is float64`},
		{name: "target is misspelt", with: strings.Replace(written(softmax, "categorical_crossentropy", "adam"), "target: label", "target: lable", 1), label: text,
			want: `target: split.train has no column "lable" (did you mean "label"?)`},
		{name: "the network would see the answer", with: written(softmax, "categorical_crossentropy", "adam"), label: text,
			change: func(in map[string]dag.Schema) { in["transform"].Signature.Inputs[0].Name = "label" },
			want:   `target: the transform reads the column "label", which is to be predicted`},
		{name: "the transform reads another column", with: written(softmax, "categorical_crossentropy", "adam"), label: text,
			change: func(in map[string]dag.Schema) { in["transform"].Signature.Inputs[0].Name = "body" },
			want:   `in.train: split.train has no column "body", which is to be read (its columns: text, label)`},
		{name: "other types in validation", with: written(softmax, "categorical_crossentropy", "adam"), label: text,
			change: func(in map[string]dag.Schema) { in["validation"] = trainSchemas(arrow.PrimitiveTypes.Int64)["train"] },
			want:   `in.validation: column "label" is int64 here and utf8 in train`},
		{name: "monitor without validation", with: written(softmax, "categorical_crossentropy", "adam\nearly_stopping: { patience: 2 }"), label: text,
			change: func(in map[string]dag.Schema) { delete(in, "validation") },
			want:   "early_stopping.monitor: val_loss is measured on validation rows, and none are connected"},
		{name: "no layers", with: "{ target: label, loss: mse }", label: arrow.PrimitiveTypes.Float64, want: "layers: a new network needs layers"},
		{name: "go on from a model", with: further, label: text, change: fromModel},
		{name: "a new end on a model", with: written(softmax, "categorical_crossentropy", "adam"), label: text, change: fromModel},
		{name: "keep without a new end", with: strings.Replace(further, "{", "{ keep: 2,", 1), label: text, change: fromModel,
			want: "keep: layers are kept of a connected model in front of a new end, which layers gives"},
		{name: "transform beside a model", with: further, label: text,
			change: func(in map[string]dag.Schema) { in["model"] = dag.Schema{Type: artifacts.Model} },
			want:   "in.model: the model brings its own transform; connect a transform to begin with a new network, or a model to go on from"},
		{name: "neither", with: further, label: text, change: func(in map[string]dag.Schema) { delete(in, "transform") },
			want: ": connect a transform to begin with a new network, or a model to go on from"},
		{name: "loss of another task", with: "{ target: label, loss: mse }", label: arrow.PrimitiveTypes.Float64, change: fromModel,
			want: "loss: the model is for classification, and this loss is for regression"},
		{name: "plateau without validation", with: written(softmax, "categorical_crossentropy", "adam\nschedule: plateau"), label: text,
			change: func(in map[string]dag.Schema) { delete(in, "validation") },
			want:   "schedule: plateau watches val_loss, which is measured on validation rows"},
		{name: "weights of numbers", with: written(lstm+"  - dense: { units: 1 }", "mse", "adam\nclass_weight: balanced"), label: arrow.PrimitiveTypes.Float64,
			want: "class_weight: classes are weighted where the target is a label"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := trainSchemas(c.label)
			if c.change != nil {
				c.change(in)
			}
			out, problems := dagtest.Check(dagtest.New(t, trainKind.New(), c.with), in)
			if first, _, _ := strings.Cut(problems, "\n"); !strings.HasPrefix(first, c.want) || c.want == "" && problems != "" {
				t.Errorf("problems\n%s\nwant\n%s", problems, c.want)
			}
			if out["out"].Type != artifacts.Model {
				t.Errorf("the output is %+v", out["out"])
			}
		})
	}
}

func TestCheckTrainSignature(t *testing.T) {
	softmax := "  - embedding: { dim: 8 }\n  - lstm: { units: 16 }\n  - dense: { units: classes, activation: softmax }"
	out, problems := dagtest.Check(dagtest.New(t, trainKind.New(), written(softmax, "categorical_crossentropy", "adam")), trainSchemas(arrow.PrimitiveTypes.Int32))
	if problems != "" {
		t.Fatal(problems)
	}
	s := out["out"].Signature
	if s.Task != "classification" || len(s.Inputs) != 1 || s.Inputs[0].Name != "text" {
		t.Errorf("signature: %+v", s)
	}
	want := []string{"prediction int64", "probability float32", "probabilities list<item: float32, nullable>"}
	for i, c := range s.Outputs {
		if c.Name+" "+c.Type != want[i] {
			t.Errorf("output %d is %s %s, want %s", i, c.Name, c.Type, want[i])
		}
	}
}
