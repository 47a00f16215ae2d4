package onnx

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"testing"

	"pipe/stages/nn"
)

// TestImportReadsWhatPyTorchWrites compares imported networks with what PyTorch
// computed (testdata/record_pytorch.py).
func TestImportReadsWhatPyTorchWrites(t *testing.T) {
	for name, shape := range map[string]nn.Shape{"cnn": {12, 10, 1}, "residual": {9, 8, 3}} {
		in, want := numbersOf(t, name+".in"), numbersOf(t, name+".out")
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
			for _, v := range channelsLastOf(in, shape) {
				e.in = binary.LittleEndian.AppendUint32(e.in, math.Float32bits(v))
			}
			d := distance(predictions(t, net, e), want)
			t.Logf("%s%s %.1e", exporter, name, d)
			if d > 1e-5 {
				t.Errorf("%s%s: outputs differ by %g", exporter, name, d)
			}
		}
	}
}

func numbersOf(t *testing.T, file string) []float32 {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + file)
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
