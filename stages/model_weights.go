package stages

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/score"
	"pipe/stages/transform"
)

var modelWeightsKind = dag.Info{
	Name:    "model.weights",
	Version: 1,
	Doc: "Makes a classifier of weights that were trained elsewhere: a transform, the layers, and a safetensors file with PyTorch's names and layout. It is evaluated, registered, and trained " +
		"further by nn.train (as its model), as any other. Counters of batches among the weights are left out; any other array without a place is an error.",
	Example: `model:
  uses: model.weights
  in: pixels
  with:
    weights: resnet20.safetensors
    layers: [resnet20, { dense: { units: classes, activation: softmax } }]
    rename: { "0.": "", "1.": "linear." }
    target: label
    classes: [airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck]`,
	New: func() dag.Kind { return &ModelWeights{} },
}

// ModelWeights is the kind model.weights.
type ModelWeights struct {
	Weights dag.Path          `yaml:"weights" doc:"a safetensors file" required:"true" example:"resnet20.safetensors"`
	Layers  Layers            `yaml:"layers" doc:"the network" required:"true"`
	Rename  map[string]string `yaml:"rename" doc:"how the names of parameters, which begin with the number of their layer, are changed to those of the file: beginnings by what they become" example:"{\"0.\": \"\"}"`
	Target  string            `yaml:"target" doc:"the column that the model predicts" default:"label"`
	Classes []string          `yaml:"classes" doc:"the labels in the order of the network's output" required:"true"`
}

// Ports implements dag.Kind.
func (k *ModelWeights) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Transform, Doc: "what makes the network's input from a row"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Model, Doc: "the classifier"}}
}

func (k *ModelWeights) target() dag.Column { return dag.Column{Name: k.Target, Type: "utf8"} }

// Check implements dag.Kind.
func (k *ModelWeights) Check(c *dag.Check) {
	if _, err := os.Stat(string(k.Weights)); err != nil {
		c.Hintf("missing-file", "weights", nearFiles(string(k.Weights)), "there is no file %q", string(k.Weights))
	}
	out := dag.Schema{Type: artifacts.Model}
	if s := c.In["in"].Signature; s != nil {
		if !slices.Contains(s.Shape, -1) && s.Tokens >= 0 {
			if _, err := nn.Check(nn.Input{Tokens: s.Tokens > 0, Shape: s.Shape}, k.context(s), k.Layers.list()); err != nil {
				c.Errorf("layers", "%v", err)
			}
		}
		made := model.SignatureOf(*s, score.Classification, k.target())
		out.Signature = &made
	}
	c.Out[dag.Out] = out
}

func (k *ModelWeights) context(s *dag.Signature) nn.Context {
	return nn.Context{Classes: len(k.Classes), Vocab: s.Tokens}
}

// Run implements dag.Kind.
func (k *ModelWeights) Run(_ context.Context, env *dag.Env) error {
	folder, err := env.Folder("in")
	if err != nil {
		return err
	}
	t, err := transform.Load(folder)
	if err != nil {
		return err
	}
	s := t.Signature()
	n, err := nn.NewNetwork(nn.Input{Tokens: s.Tokens > 0, Shape: s.Shape}, k.context(&s), k.Layers.list(), 0)
	if err != nil {
		return err
	}
	if err := k.fill(n); err != nil {
		return fmt.Errorf("%s: %w", k.Weights, err)
	}
	m, err := model.New(model.Manifest{Task: score.Classification, Target: k.target(), Classes: k.Classes, Signature: model.SignatureOf(s, score.Classification, k.target())}, model.History{}, t, n)
	if err != nil {
		return err
	}
	out, err := env.CreateFolder(dag.Out, artifacts.Model)
	if err != nil {
		return err
	}
	return model.Save(out, m)
}

func (k *ModelWeights) fill(n *nn.Network) error {
	f, err := os.Open(string(k.Weights))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	arrays, _, err := nn.ReadSafetensors(bufio.NewReader(f), info.Size())
	if err != nil {
		return err
	}
	arrays = slices.DeleteFunc(arrays, func(a nn.Array) bool { return strings.HasSuffix(a.Name, "num_batches_tracked") })
	beginnings := sortedNames(k.Rename)
	slices.SortStableFunc(beginnings, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // the longest that fits
	return n.FromPyTorch(arrays, func(name string) string {
		for _, from := range beginnings {
			if rest, ok := strings.CutPrefix(name, from); ok {
				return k.Rename[from] + rest
			}
		}
		return name
	})
}
