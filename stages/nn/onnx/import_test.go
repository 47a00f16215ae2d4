package onnx

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pipe/stages/nn"
)

// importable are the cases that come back by their operators, without the network's
// description.
var importable = []networkCase{
	{"dense", numbers, `{"dense":{"units":5,"activation":"relu"}},{"dense":{"units":3,"use_bias":false}},{"batch_norm":{}},{"dense":{"units":"classes","activation":"softmax"}}`},
	{"dense_time", steps, `{"dense":{"units":5,"activation":"tanh"}},{"dense":{"units":3,"use_bias":false}},{"flatten":{}},{"dense":{"units":2,"activation":"sigmoid"}}`},
	{"conv1d", steps, `{"conv1d":{"filters":4,"kernel_size":[3],"padding":"causal","dilation_rate":[2]}},{"conv1d":{"filters":6,"kernel_size":[2],"strides":[2],"padding":"same","groups":2}},{"batch_norm":{}},{"max_pool":{}}`},
	{"conv2d", image, `{"conv2d":{"filters":8,"kernel_size":[3,2],"strides":[2,1],"padding":"same","groups":4,"activation":"relu"}},{"conv2d":{"filters":6,"kernel_size":[2],"dilation_rate":[2,1],"padding":"1","activation":"softmax"}},{"avg_pool":{"pool_size":[2],"padding":"same"}}`},
	{"text_cnn", text, `{"embedding":{"dim":6}},{"conv1d":{"filters":8,"kernel_size":[3],"activation":"relu"}},{"global_max_pool":{}},{"dense":{"units":"classes","activation":"softmax"}}`},
	{"residual", image, `{"residual":{"layers":[{"conv2d":{"filters":6,"kernel_size":[3],"padding":"same"}},{"batch_norm":{}},{"residual":{"layers":[{"conv2d":{"filters":6,"kernel_size":[1]}}]}}],"shortcut":[{"conv2d":{"filters":6,"kernel_size":[1]}}],"activation":"relu"}},{"flatten":{}},{"dense":{"units":3}}`},
	{"initial_states", steps, `{"lstm":{"units":5,"bidirectional":true,"return_sequences":true,"initial_state":"learned"}},{"gru":{"units":4,"return_sequences":true,"initial_state":"learned"}},{"simple_rnn":{"units":3,"initial_state":"learned"}}`},
	{"recurrent", steps, `{"lstm":{"units":5,"bidirectional":true,"return_sequences":true}},{"gru":{"units":4,"return_sequences":true}},{"simple_rnn":{"units":3,"activation":"sigmoid","return_sequences":true}},{"lstm":{"units":3,"use_bias":false}}`},
	{"branches", image, `{"branches":{"branches":[[{"conv2d":{"filters":3,"kernel_size":[1]}}],[{"activation":{"function":"relu"}}],[{"conv2d":{"filters":2,"kernel_size":[3],"padding":"same"}},{"activation":{"function":"tanh"}}]]}},{"global_avg_pool":{}}`},
	{"resnet18", photo, `{"resnet18":{"width":4}},{"dense":{"units":"classes","activation":"softmax"}}`},
	{"resnet50", photo, `{"resnet50":{"width":2}},{"dense":{"units":"classes","activation":"softmax"}}`},
	{"squeezenet", photo, `{"squeezenet":{"width":2}},{"dense":{"units":"classes","activation":"softmax"}}`},
}

// predictions returns what a network gives for the inputs of an example.
func predictions(t *testing.T, net *nn.Network, e *example) []float32 {
	t.Helper()
	src := &nn.Examples{Count: e.rows}
	for raw := e.in; len(raw) >= 8 && net.Input.Tokens; raw = raw[8:] {
		src.Tokens = append(src.Tokens, int32(binary.LittleEndian.Uint64(raw)))
	}
	for raw := e.in; len(raw) >= 4 && !net.Input.Tokens; raw = raw[4:] {
		src.Features = append(src.Features, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	var out []float32
	err := net.Predict(context.Background(), src, 4, func(_ int, y []float32) error {
		out = append(out, y...)
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", e.name, err)
	}
	return out
}

func TestImportReadsWhatExportWrites(t *testing.T) {
	for _, c := range allCases() {
		e := newExample(t, c.name, c.input, c.layers)
		var b bytes.Buffer
		if err := Export(&b, e.net, Options{Metadata: map[string]string{"a": "b"}}); err != nil {
			t.Fatal(err)
		}
		net, err := Import(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !slices.Equal(predictions(t, net, e), e.out) {
			t.Errorf("%s: outputs differ", c.name)
		}
		want, _ := json.Marshal(e.net)
		if got, _ := json.Marshal(net); !bytes.Equal(got, want) {
			t.Errorf("%s: the network is\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

// TestImportDoesNotBelieveADescription changes a graph behind its description.
func TestImportDoesNotBelieveADescription(t *testing.T) {
	e := newExample(t, "dense", numbers, `{"dense":{"units":6,"activation":"relu"}},{"dense":{"units":6,"activation":"relu"}}`)
	for name, change := range map[string]func(*Model){
		"another operator":  func(m *Model) { m.Graph.Nodes[1].Op = "Tanh" },
		"other wires":       func(m *Model) { m.Graph.Nodes[1].Inputs[0] = m.Graph.Nodes[1].Outputs[0] },
		"another attribute": func(m *Model) { m.Graph.Nodes[0].Attributes[0].Int = 0 },
		"a tensor":          func(m *Model) { m.Graph.Nodes[0].Attributes[0].Type = TensorAttribute },
		"another shape":     func(m *Model) { m.Graph.Inputs[0].Dims[1].Size = 7 },
		"fewer numbers":     func(m *Model) { m.Graph.Initializers[0].Raw = m.Graph.Initializers[0].Raw[4:] },
		"one node less":     func(m *Model) { m.Graph.Nodes = m.Graph.Nodes[1:] },
		"no network":        func(m *Model) { m.Metadata[0].Value = "{" },
		"a huge network": func(m *Model) {
			m.Metadata[0].Value = strings.Replace(m.Metadata[0].Value, `"units":6`, `"units":1000000000`, 1)
		},
	} {
		m, err := NewModel(e.net, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if m.own() == nil {
			t.Fatal("the model is not known as our own")
		}
		change(m)
		if m.own() != nil {
			t.Errorf("%s: the description is believed", name)
		}
	}
}

// TestImportMakesNoTablesForADescription claims sequences whose tables no computer
// could hold.
func TestImportMakesNoTablesForADescription(t *testing.T) {
	for _, layers := range []string{`{"positional_encoding":{}}`, `{"multi_head_attention":{"heads":2,"causal":true}}`, `{"multi_head_attention":{"heads":1,"rope":true}}`} {
		m, err := NewModel(newExample(t, "long", steps, layers).net, Options{})
		if err != nil {
			t.Fatal(err)
		}
		m.Metadata[0].Value = strings.Replace(m.Metadata[0].Value, "[7,6]", "[1000000000,6]", 1)
		if !strings.Contains(m.Metadata[0].Value, "1000000000") || m.own() != nil {
			t.Errorf("%s: the description is believed", layers)
		}
	}
}

func TestImportReadsOperators(t *testing.T) {
	for _, c := range importable {
		e := newExample(t, c.name, c.input, c.layers)
		m, err := NewModel(e.net, Options{})
		if err != nil {
			t.Fatal(err)
		}
		m.Metadata = nil
		net, err := importModel(m)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d := distance(predictions(t, net, e), e.out); d > 1e-6 {
			layers, _ := json.Marshal(net)
			t.Errorf("%s: outputs differ by %g: %s", c.name, d, layers)
		}
	}
}

// pyTorchCNN is a network as PyTorch exports it, channels second from the input to
// the Gemm behind Flatten, and the same as a network of ours.
func pyTorchCNN(t testing.TB) (*Model, *example) {
	e := newExample(t, "cnn", `{"shape":[6,5,3]}`, `{"conv2d":{"filters":4,"kernel_size":[3],"padding":"1","activation":"relu"}},{"max_pool":{}},{"flatten":{}},{"dense":{"units":3}}`)
	params := map[string]*nn.Param{}
	for _, p := range e.net.Params() {
		params[p.Name] = p
	}
	conv, dense := params["0.weight"], params["3.weight"]
	const height, width, channels = 3, 2, 4 // behind the pool
	second := make([]float32, len(dense.Data))
	for row := range 3 {
		for h := range height {
			for w := range width {
				for c := range channels {
					second[row*24+(c*height+h)*width+w] = dense.Data[row*24+(h*width+w)*channels+c]
				}
			}
		}
	}
	filters := make([]float32, len(conv.Data))
	for f := range 4 {
		for tap := range 9 {
			for c := range 3 {
				filters[(f*3+c)*9+tap] = conv.Data[(f*9+tap)*3+c]
			}
		}
	}
	node := func(op, out string, attributes []*Attribute, inputs ...string) *Node {
		return &Node{Name: op, Op: op, Inputs: inputs, Outputs: []string{out}, Attributes: attributes}
	}
	return &Model{IRVersion: 8, Opsets: []Opset{{Version: 17}}, Graph: &Graph{Name: "main_graph",
		Nodes: []*Node{
			node("Conv", "a", []*Attribute{intsAttribute("kernel_shape", 3, 3), intsAttribute("pads", 1, 1, 1, 1), intsAttribute("strides", 1, 1)}, "x", "conv.weight", "conv.bias"),
			node("Relu", "b", nil, "a"),
			node("MaxPool", "c", []*Attribute{intsAttribute("kernel_shape", 2, 2), intsAttribute("strides", 2, 2), intAttribute("ceil_mode", 0)}, "b"),
			node("Flatten", "d", []*Attribute{intAttribute("axis", 1)}, "c"),
			node("Gemm", "y", []*Attribute{floatAttribute("alpha", 1), intAttribute("transB", 1)}, "d", "fc.weight", "fc.bias"),
		},
		Initializers: []*Tensor{
			newTensor("conv.weight", []int64{4, 3, 3, 3}, filters), newTensor("conv.bias", []int64{4}, params["0.bias"].Data),
			newTensor("fc.weight", []int64{3, 24}, second), newTensor("fc.bias", []int64{3}, params["3.bias"].Data),
		},
		Inputs:  []*ValueInfo{{Name: "x", Type: Float32, Dims: []Dim{{Param: "N"}, {Size: 3}, {Size: 6}, {Size: 5}}}},
		Outputs: []*ValueInfo{{Name: "y", Type: Float32, Dims: []Dim{{Param: "N"}, {Size: 3}}}},
	}}, e
}

// importModel makes layers of a model, or says why it cannot.
func importModel(m *Model) (*nn.Network, error) {
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		return nil, err
	}
	read, err := Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		return nil, err
	}
	return read.network()
}

func TestImportPutsTheChannelsLast(t *testing.T) {
	m, e := pyTorchCNN(t)
	net, err := importModel(m)
	if err != nil {
		t.Fatal(err)
	}
	if want := (nn.Shape{6, 5, 3}); !want.Equal(net.Input.Shape) {
		t.Errorf("reads %v, want %v", net.Input.Shape, want)
	}
	if d := distance(predictions(t, net, e), e.out); d > 1e-6 {
		t.Errorf("outputs differ by %g", d)
	}
}

func TestImportFollowsNamesOfWeights(t *testing.T) {
	m, e := pyTorchCNN(t)
	m.Graph.Nodes = append([]*Node{{Op: "Identity", Inputs: []string{"conv.bias"}, Outputs: []string{"again"}}}, m.Graph.Nodes...)
	m.Graph.Nodes[1].Inputs[2] = "again"
	net, err := importModel(m)
	if err != nil {
		t.Fatal(err)
	}
	if d := distance(predictions(t, net, e), e.out); d > 1e-6 {
		t.Errorf("outputs differ by %g", d)
	}
}

func TestImportRefusesWhatItCannotSay(t *testing.T) {
	for want, change := range map[string]func(g *Graph){
		`operators that cannot be imported: Loop, com.example.Magic (first nodes: "Conv", `: func(g *Graph) {
			g.Nodes[0].Op, g.Nodes[1].Op, g.Nodes[1].Domain, g.Nodes[2].Op = "Loop", "Magic", "com.example", "Loop"
		},
		`node "Conv" (Conv): has the padding [2 1 0 1], which no layer here has`: func(g *Graph) { g.Nodes[0].attribute("pads").Ints = []int64{2, 1, 0, 1} },
		`attribute pads must be 4 whole numbers`:                                 func(g *Graph) { g.Nodes[0].attribute("pads").Ints = []int64{-1, 0, 0, 0} },
		`attribute kernel_shape must be 2 whole numbers`:                         func(g *Graph) { g.Nodes[2].attribute("kernel_shape").Ints = []int64{2, 1 << 60} },
		`has a weight for 24 features, the value has 120`:                        func(g *Graph) { g.Nodes[3].Inputs[0] = "b" },
		`input 0, "nothing", is given by no node before`:                         func(g *Graph) { g.Nodes[1].Inputs[0] = "nothing" },
		`output "a" is given twice`:                                              func(g *Graph) { g.Nodes[1].Outputs[0] = "a" },
		`works on a value whose channels are not last`:                           func(g *Graph) { g.Nodes[4].Inputs[0] = "c" },
		`the output "c" is in another order`:                                     func(g *Graph) { g.Outputs[0].Name = "c" },
		`dimension 2 of the input "x" must be known`:                             func(g *Graph) { g.Inputs[0].Dims[2] = Dim{Param: "height"} },
		`another alpha`: func(g *Graph) { g.Nodes[4].attribute("alpha").Float = 2 },
		`ceil_mode`: func(g *Graph) {
			g.Nodes[2].Op, g.Nodes[2].attribute("ceil_mode").Int = "AveragePool", 1
		},
		`has a weight for 24 features, the value has 36`: func(g *Graph) { g.Nodes[2].attribute("ceil_mode").Int = 1 },
		`reads 1 × 3 channels`:                           func(g *Graph) { g.Inputs[0].Dims[1].Size = 4 },
		`gives an example of shape`:                      func(g *Graph) { g.Nodes[0].attribute("pads").Ints = []int64{1 << 29, 1 << 29, 1 << 29, 1 << 29} },
		`connections cross one another`:                  crossing,
	} {
		m, _ := pyTorchCNN(t)
		change(m.Graph)
		if _, err := importModel(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// crossing replaces the nodes by levels of two values, each the sum of the two
// before: written as lists inside lists they would double with every level.
func crossing(g *Graph) {
	g.Nodes = []*Node{{Op: "Relu", Inputs: []string{"x"}, Outputs: []string{"a0"}}, {Op: "Tanh", Inputs: []string{"x"}, Outputs: []string{"b0"}}}
	last := ""
	for level := range 12 {
		at, next := string(rune('0'+level)), string(rune('0'+level+1))
		for _, to := range []string{"a", "b"} {
			for _, from := range []string{"a", "b"} {
				g.Nodes = append(g.Nodes, &Node{Op: "Sigmoid", Inputs: []string{from + at}, Outputs: []string{to + from + next}})
			}
			g.Nodes = append(g.Nodes, &Node{Op: "Add", Inputs: []string{to + "a" + next, to + "b" + next}, Outputs: []string{to + next}})
		}
		last = next
	}
	g.Nodes = append(g.Nodes, &Node{Op: "Add", Inputs: []string{"a" + last, "b" + last}, Outputs: []string{"sum"}},
		&Node{Op: "Flatten", Inputs: []string{"sum"}, Outputs: []string{"flat"}})
	g.Outputs[0].Name = "sum"
	g.Inputs[0].Dims = []Dim{{Param: "N"}, {Size: 3}}
}

// FuzzImport demands that whatever is imported can be used. Loops on several cores make
// its coverage waver, so that Go takes many inputs for new ones and by default tries for a
// minute each to make them smaller: with -fuzzminimizetime 5x it runs thousands a second.
func FuzzImport(f *testing.F) {
	m, _ := pyTorchCNN(f)
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	for _, c := range importable[:8] {
		m, err := NewModel(newExample(f, c.name, c.input, c.layers).net, Options{})
		if err != nil {
			f.Fatal(err)
		}
		for range 2 { // once with its description, once to be read by its operators
			var b bytes.Buffer
			if err := m.Write(&b); err != nil {
				f.Fatal(err)
			}
			f.Add(b.Bytes())
			m.Metadata = nil
		}
	}
	for _, name := range []string{"recurrent_lstm", "recurrent_gru", "recurrent_rnn", "recurrent_state", "graphs/dynamo_recurrent", "graphs/dynamo_pictures"} {
		f.Add(readFile(f, "testdata/"+name+".onnx"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := read(data)
		if err != nil {
			return
		}
		net, err := m.imported(nil, 1<<20)
		if err != nil || net.Input.Tokens || nn.Shape(net.Input.Shape).Size() > 1<<12 {
			return
		}
		for _, s := range net.Summary() {
			if s.Out[1:].Size() > 1<<14 {
				return // correct, and slow
			}
		}
		src := &nn.Examples{Count: 1}
		r := rand.New(rand.NewPCG(1, 2))
		for range nn.Shape(net.Input.Shape).Size() {
			src.Features = append(src.Features, r.Float32())
		}
		if err := net.Predict(context.Background(), src, 1, func(int, []float32) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}
