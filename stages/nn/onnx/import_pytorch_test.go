package onnx

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"strings"
	"testing"

	"pipe/stages/nn"
)

// TestImportReadsWhatPyTorchWrites compares imported networks with what PyTorch
// computed (testdata/record_pytorch.py).
func TestImportReadsWhatPyTorchWrites(t *testing.T) {
	for name, shape := range map[string]nn.Shape{"cnn": {12, 10, 1}, "residual": {9, 8, 3}} {
		in, want := numbersIn(t, "testdata/"+name+".in"), numbersIn(t, "testdata/"+name+".out")
		for _, exporter := range []string{"script_", "dynamo_"} {
			data, err := os.ReadFile("testdata/" + exporter + name + ".onnx")
			if err != nil {
				t.Fatal(err)
			}
			net, err := Import(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Errorf("%s%s: %v", exporter, name, err)
				continue
			}
			if !shape.Equal(net.Input.Shape) {
				t.Errorf("%s%s reads %v, want %v", exporter, name, net.Input.Shape, shape)
				continue
			}
			e := &example{name: exporter + name, rows: len(in) / shape.Size()}
			e.in = bytesOf(channelsLastOf(in, shape))
			d := distance(predictions(t, net, e), want)
			t.Logf("%s%s %.1e", exporter, name, d)
			if d > 1e-5 {
				t.Errorf("%s%s: outputs differ by %g", exporter, name, d)
			}
		}
	}
}

func bytesOf(numbers []float32) (raw []byte) {
	for _, v := range numbers {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return raw
}

func numbersIn(t *testing.T, path string) []float32 {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []float32
	for ; len(raw) >= 4; raw = raw[4:] {
		list = append(list, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	return list
}

// channelsLastOf reorders images (channels, height, width) to the shape (height,
// width, channels).
func channelsLastOf(images []float32, shape nn.Shape) []float32 {
	out := make([]float32, len(images))
	places, channels := shape[0]*shape[1], shape[2]
	for i := range images {
		image, rest := i/(places*channels), i%(places*channels)
		out[(image*places+rest%places)*channels+rest/places] = images[i]
	}
	return out
}

// TestImportReadsRecurrentNetworksOfPyTorch compares imported networks with what
// PyTorch computed (testdata/record_recurrent.py).
func TestImportReadsRecurrentNetworksOfPyTorch(t *testing.T) {
	for _, name := range []string{"lstm", "gru", "rnn", "state"} {
		data, err := os.ReadFile("testdata/recurrent_" + name + ".onnx")
		if err != nil {
			t.Fatal(err)
		}
		net, err := Import(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e := &example{name: name, rows: 5}
		if e.in, err = os.ReadFile("testdata/" + name + ".in"); err != nil {
			t.Fatal(err)
		}
		d := distance(predictions(t, net, e), numbersIn(t, "testdata/"+name+".out"))
		t.Logf("%s %.1e", name, d)
		if d > 1e-5 {
			t.Errorf("%s: outputs differ by %g", name, d)
		}
	}
}

// TestImportRefusesOtherRecurrences changes what a recurrent operator asks for.
func TestImportRefusesOtherRecurrences(t *testing.T) {
	for what, c := range map[string]struct {
		layers string
		change func(m *Model, n *Node)
	}{
		"linear_before_reset":       {`{"gru":{"units":5}}`, func(_ *Model, n *Node) { n.attribute("linear_before_reset").Int = 0 }},
		"has the function":          {`{"simple_rnn":{"units":5}}`, func(_ *Model, n *Node) { n.attribute("activations").Texts[0] = "Elu" }},
		"has the direction":         {`{"lstm":{"units":5}}`, func(_ *Model, n *Node) { n.Attributes = append(n.Attributes, stringAttribute("direction", "reverse")) }},
		"clip":                      {`{"lstm":{"units":5}}`, func(_ *Model, n *Node) { n.Attributes = append(n.Attributes, floatAttribute("clip", 1)) }},
		"peepholes":                 {`{"lstm":{"units":5}}`, func(_ *Model, n *Node) { n.Inputs = append(n.Inputs[:5], "", "", n.Inputs[3]) }},
		"which is not one constant": {`{"lstm":{"units":5}}`, func(_ *Model, n *Node) { n.Inputs = append(n.Inputs[:4], "", n.Inputs[3]) }},
		"which do not fit":          {`{"lstm":{"units":5}}`, func(_ *Model, n *Node) { n.Inputs[2] = n.Inputs[1] }},
		"must read (time, batch":    {`{"lstm":{"units":5}}`, func(m *Model, n *Node) { n.Inputs[0] = m.Graph.Inputs[0].Name }},
		"order of a recurrent": {`{"lstm":{"units":5}}`, func(m *Model, n *Node) {
			m.Graph.Nodes[len(m.Graph.Nodes)-1].Op = "Tanh"
			m.Graph.Nodes[len(m.Graph.Nodes)-1].Inputs[0] = n.Outputs[0]
		}},
		"that is no sequence": {`{"lstm":{"units":5}}`, func(m *Model, _ *Node) {
			last := m.Graph.Nodes[len(m.Graph.Nodes)-1]
			last.Op, last.Inputs, last.Attributes = "Gather", []string{last.Inputs[0], "place"}, []*Attribute{intAttribute("axis", 1)}
			m.Graph.Initializers = append(m.Graph.Initializers, newTensor("place", nil, []int64{-1}))
		}},
		"only where it computes the": {`{"lstm":{"units":5}}`, func(m *Model, n *Node) { m.Graph.Nodes[len(m.Graph.Nodes)-1].Op = "Unsqueeze" }},
	} {
		m, err := NewModel(newExample(t, what, steps, c.layers).net, Options{})
		if err != nil {
			t.Fatal(err)
		}
		m.Metadata = nil
		for _, n := range m.Graph.Nodes {
			if _, ok := recurrentGates[n.Op]; ok {
				c.change(m, n)
			}
		}
		if _, err := importModel(m); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("the error is %v, want %q", err, what)
		}
	}
}
