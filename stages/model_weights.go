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
	"pipe/stages/nn/onnx"
	"pipe/stages/score"
	"pipe/stages/transform"
)

var modelWeightsKind = dag.Info{
	Name:    "model.weights",
	Version: 4,
	Doc: "Makes a classifier of weights that were trained elsewhere: a transform, and an ONNX file, which brings its network, or the layers and a safetensors file with PyTorch's names and layout, such as `pipe models export -f safetensors` writes, which comes back bit for bit. " +
		"It is evaluated, registered, exported, and trained further by nn.train (as its model), as any other. The names are those of an nn.Sequential whose modules have the numbers of the layers, and rename makes others of them; the kernels of convolutions are (filters, channels, height, width), the columns behind a flatten have the channels first, and the two biases of a recurrent layer become one. Counters of batches among safetensors are left out; any other array without a place, a number that is not finite, and a variance below 0, is an error. " +
		"What pipe itself has exported as ONNX comes back whatever its layers; convolutional, dense and recurrent networks of others, with residual connections and branches, become layers, in either order of channels; any other graph, such as a BERT or a GPT-2 of PyTorch's, is computed operator by operator: it answers and is trained no further itself, and layers of nn.train become a new end on its outputs, which is trained. A network that ends without its softmax gets one; whether such a graph does is seen in what it gives for random input.",
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
	Weights dag.Path          `yaml:"weights" doc:"a safetensors file, or a model whose name ends with .onnx" required:"true" example:"resnet20.safetensors"`
	Layers  Layers            `yaml:"layers" doc:"the network, for safetensors"`
	Rename  map[string]string `yaml:"rename" doc:"how the names of parameters, which begin with the number of their layer, are changed to those of the file: beginnings by what they become" example:"{\"0.\": \"\"}"`
	Target  string            `yaml:"target" doc:"the column that the model predicts" default:"label"`
	Classes []string          `yaml:"classes" doc:"the labels in the order of the network's output; where it gives one number for two labels, that is the probability of the second (1.0), or its logit" required:"true"`
}

// Ports implements dag.Kind.
func (k *ModelWeights) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Transform, Doc: "what makes the network's input from a row"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Model, Doc: "the classifier"}}
}

func (k *ModelWeights) target() dag.Column { return dag.Column{Name: k.Target, Type: "utf8"} }

// Check implements dag.Kind.
func (k *ModelWeights) Check(c *dag.Check) {
	checkFile(c, "weights", string(k.Weights))
	if len(k.Classes) < 2 {
		c.Errorf("classes", "a classification needs two labels or more, there is %d", len(k.Classes))
	}
	for i, label := range k.Classes {
		if slices.Contains(k.Classes[:i], label) {
			c.Errorf(fmt.Sprintf("classes[%d]", i), "the label %q is there twice", label)
		}
	}
	out := dag.Schema{Type: artifacts.Model}
	switch onnx := k.isONNX(); {
	case onnx && len(k.Layers)+len(k.Rename) > 0:
		c.Errorf("layers", "an ONNX file brings its own network and names; leave layers and rename out")
	case !onnx && len(k.Layers) == 0:
		c.Errorf("layers", "safetensors hold weights and no network; write its layers")
	}
	if s := c.In["in"].Signature; s != nil {
		if len(k.Layers) > 0 && !slices.Contains(s.Shape, -1) && s.Tokens >= 0 {
			shapes, err := nn.Check(nn.Input{Tokens: s.Tokens > 0, Shape: s.Shape}, k.context(s), k.Layers.list())
			if err != nil {
				c.Errorf("layers", "%v", err)
			} else if out := shapes[len(shapes)-1]; len(out) != 2 {
				c.Errorf("layers", "the network gives %v, and not one answer for each row", out)
			} else if n := len(k.Classes); out.Last() != n && (n != 2 || out.Last() != 1) {
				c.Hintf("shape", "layers", "write units: classes", "%d classes need as many units, the network gives %v", n, out)
			}
		}
		made := model.SignatureOf(*s, score.Classification, k.target())
		made.Target = k.Target
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
	n, logits, err := k.network(&s)
	if err != nil {
		return fmt.Errorf("%s: %w", k.Weights, err)
	}
	m, err := model.New(model.Manifest{Task: score.Classification, Target: k.target(), Classes: k.Classes, Logits: logits, Signature: model.SignatureOf(s, score.Classification, k.target())}, model.History{}, t, n)
	if err != nil {
		return fmt.Errorf("%s: %w", k.Weights, err)
	}
	out, err := env.CreateFolder(dag.Out, artifacts.Model)
	if err != nil {
		return err
	}
	return model.Save(out, m)
}

func (k *ModelWeights) isONNX() bool {
	return strings.HasSuffix(strings.ToLower(string(k.Weights)), ".onnx")
}

// network reads the file; logits tells that the network ends without a softmax.
func (k *ModelWeights) network(s *dag.Signature) (n *nn.Network, logits bool, err error) {
	if k.isONNX() {
		f, err := os.Open(string(k.Weights))
		if err != nil {
			return nil, false, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return nil, false, err
		}
		if n, err = onnx.ImportFor(f, info.Size(), s.Shape); err != nil {
			return nil, false, err
		}
	} else {
		if n, err = nn.NewNetwork(nn.Input{Tokens: s.Tokens > 0, Shape: s.Shape}, k.context(s), k.Layers.list(), 0); err != nil {
			return nil, false, err
		}
		if err := k.fill(n); err != nil {
			return nil, false, err
		}
	}
	if err := n.Finite(); err != nil {
		return nil, false, err
	}
	if reads := nn.Shape(n.Input.Shape); n.Input.Tokens == (s.Tokens > 0) && !reads.Equal(nn.Shape(s.Shape)) {
		return nil, false, fmt.Errorf("its network reads rows of shape %v, and the transform gives %v%s", reads, nn.Shape(s.Shape), remedy(reads, s.Shape))
	}
	last := n.EndsWith()
	return n, last != nn.Softmax && last != nn.Sigmoid, nil
}

// remedy says what a transform of pictures is told so that it gives what is read; both
// shapes are (height, width, channels).
func remedy(reads, gives nn.Shape) string {
	if len(reads) != 3 || len(gives) != 3 || reads[2] != 1 && reads[2] != 3 {
		return ""
	}
	var set []string
	if reads[0] != gives[0] || reads[1] != gives[1] {
		set = append(set, fmt.Sprintf("height: %d, width: %d", reads[0], reads[1]))
	}
	if reads[2] != gives[2] {
		set = append(set, fmt.Sprintf("gray: %v", reads[2] == 1))
	}
	return "; write " + strings.Join(set, ", ") + " at the transform"
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
	beginnings := sortedNames(k.Rename)
	slices.SortStableFunc(beginnings, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // the longest that fits
	return n.ReadPyTorch(bufio.NewReader(f), info.Size(), func(name string) string {
		for _, from := range beginnings {
			if rest, ok := strings.CutPrefix(name, from); ok {
				return k.Rename[from] + rest
			}
		}
		return name
	})
}
