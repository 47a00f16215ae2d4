package stages

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/nn"
)

func TestCheckSize(t *testing.T) {
	const end = "\n  - dense: { units: classes, activation: softmax }"
	lstm := func(embedding, units string) string {
		return "  - embedding: { dim: " + embedding + " }\n  - lstm: { units: " + units + " }" + end
	}
	wide := "  - dense: { units: 4096 }" + end
	for _, c := range []struct {
		name, layers string
		transform    dag.Signature
		want         string
	}{
		{"large", lstm("1024", "4096"), *wordsSignature(), ""},
		{"too many units", lstm("8", "1000000000"), *wordsSignature(), "layers[1].lstm: the lstm alone would have more than 2147483648 parameters"},
		{"sizes that overflow", lstm("8", "9000000000000000000"), *wordsSignature(), "layers[1].lstm: the lstm alone"},
		{"too wide an embedding", lstm("10000000", "8"), *wordsSignature(), "layers[0].embedding: the embedding alone"},
		{"together too large", lstm("200000", "800"), *wordsSignature(), "layers[0].embedding: the network would have at least 2642"},
		{"inside a layer", "  - embedding: { dim: 8 }\n  - lstm: { units: 8 }\n  - residual: { layers: [dense: { units: 1000000000 }, dense: { units: 8 }] }" + end, *wordsSignature(), "layers[2].residual: the residual alone"},
		{"a vocabulary that is not known counts as little", lstm("100000", "16"), dag.Signature{Inputs: wordsSignature().Inputs, Outputs: wordsSignature().Outputs, Shape: []int{-1}, Tokens: -1}, ""},
		{"so do features", wide, features(-1), ""},
		{"many features", wide, features(1_000_000), "layers[0].dense: the dense alone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := trainSchemas(arrow.BinaryTypes.String)
			in["transform"] = dag.Schema{Type: artifacts.Transform, Signature: &c.transform}
			_, problems := dagtest.Check(dagtest.New(t, trainKind.New(), written(c.layers, "categorical_crossentropy", "adam")), in)
			if !strings.HasPrefix(problems, c.want) || c.want == "" && problems != "" {
				t.Errorf("problems\n%s\nwant\n%s", problems, c.want)
			}
		})
	}
}

// The count is that of the network that is built, and the layers stay as they were.
func TestLeastParameters(t *testing.T) {
	lstm, err := nn.NewLayer("lstm")
	if err != nil {
		t.Fatal(err)
	}
	l := lstm.(*nn.LSTM)
	l.Units = 16
	in, c := nn.Input{Tokens: true, Shape: []int{40}}, nn.Context{Vocab: 100, Classes: 3}
	layers := []nn.Layer{&nn.Embedding{Dim: 8, Initializer: nn.RandomUniform}, l, &nn.Dense{Units: 3, UseBias: true, Activation: nn.Softmax, KernelInitializer: nn.GlorotUniform, BiasInitializer: nn.Zeros}}
	got := leastParameters(in, c, layers)
	if n := len(l.Params()); n != 0 {
		t.Errorf("the layer has got %d parameters", n)
	}
	want, err := nn.Describe(in, c, layers)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if got[i] != int64(w.Params) {
			t.Errorf("%s: %d parameters, want %d", w.Kind, got[i], w.Params)
		}
	}
}

func TestCheckFreeze(t *testing.T) {
	const three = "  - embedding: { dim: 8 }\n  - lstm: { units: 16 }\n  - dense: { units: classes, activation: softmax }"
	const flat = "  - embedding: { dim: 1 }\n  - flatten\n  - dropout: { rate: 0.1 }"
	for _, c := range []struct{ name, layers, loss, freeze, want string }{
		{"some", three, "categorical_crossentropy", "2", ""},
		{"all", three, "categorical_crossentropy", "3", "freeze: the network has 3 layers and the first 3 are to keep their weights, so nothing would be trained; freeze at most 2"},
		{"more than there are", three, "categorical_crossentropy", "99", "freeze: the network has 3 layers and the first 99 are"},
		{"all that have weights", flat, "mse", "1", "freeze: none of the 2 layers after the first 1 has weights"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := trainSchemas(arrow.PrimitiveTypes.Int64)
			in["transform"].Signature.Shape[0] = 1
			_, problems := dagtest.Check(dagtest.New(t, trainKind.New(), written(c.layers, c.loss, "adam\nfreeze: "+c.freeze)), in)
			if !strings.HasPrefix(problems, c.want) || c.want == "" && problems != "" {
				t.Errorf("problems\n%s\nwant\n%s", problems, c.want)
			}
		})
	}
}

// The layers of a model that is trained further are known when it runs.
func TestRunRefusesToFreezeAWholeModel(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, strings.Replace(toyTraining, "epochs: 12", "epochs: 1", 1))
	k := dagtest.New(t, trainKind.New(), "{ target: label, loss: categorical_crossentropy, epochs: 1, freeze: 99 }")
	_, err := dagtest.TryRun(t, y.store, k, map[string]artifacts.Ref{"train": y.train, "validation": y.validation, "model": m})
	if err == nil || !strings.Contains(err.Error(), "the first 99 are to keep their weights, so nothing would be trained") {
		t.Errorf("the error is %v", err)
	}
}

func TestQuantitiesAreNoLabels(t *testing.T) {
	quantity, few, label := make([]string, 60), make([]string, 15), make([]string, 60)
	for i := range quantity {
		quantity[i] = rowOf(i, i)
		label[i] = rowOf(i, i%30)
	}
	for i := range few {
		few[i] = rowOf(i, i)
	}
	for _, c := range []struct {
		name string
		rows []string
		want string
	}{
		{"a number for each row", quantity, `column "label" has 60 different numbers in 60 rows, so it looks like a quantity and not like a label; to predict numbers use mse with units: 1`},
		{"a small table", few, ""},
		{"two rows for each", label, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := dagtest.Store(t)
			schema := arrow.NewSchema([]arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String}, {Name: "label", Type: arrow.PrimitiveTypes.Int64}}, nil)
			table := dagtest.Table(t, s, schema, "["+strings.Join(c.rows, ",")+"]")
			words := dagtest.Run(t, s, dagtest.New(t, textVectorizeKind.New(), "{ column: text, maxlen: 4 }"), map[string]artifacts.Ref{"in": table})["out"]
			k := dagtest.New(t, trainKind.New(), written("  - embedding: { dim: 2 }\n  - flatten\n  - dense: { units: classes, activation: softmax }", "categorical_crossentropy", "adam\nepochs: 1"))
			_, err := dagtest.TryRun(t, s, k, map[string]artifacts.Ref{"train": table, "transform": words})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("the error is %v, want %s", err, c.want)
			}
		})
	}
}

func rowOf(word, label int) string {
	return fmt.Sprintf(`{"text": "word%d", "label": %d}`, word%7, label)
}
