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
