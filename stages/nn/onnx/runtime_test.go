package onnx

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pipe/stages/nn"
)

// example is a network with random weights and inputs, and what it gives for them.
type example struct {
	name string
	net  *nn.Network
	rows int
	in   []byte
	out  []float32
}

// newExample makes a network of layers given as JSON.
func newExample(t testing.TB, name, input, layers string) *example {
	t.Helper()
	const classes, vocab, rows = 4, 11, 6
	net, err := nn.ParseNetwork(fmt.Appendf(nil, `{"format":"pipe.network/1","input":%s,"context":{"classes":%d,"vocab":%d},"layers":[%s]}`, input, classes, vocab, layers))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, p := range net.Params() {
		fillParam(p, r)
	}
	e := &example{name: name, net: net, rows: rows}
	src := &nn.Examples{Count: rows}
	size := nn.Shape(net.Input.Shape).Size()
	for row := range rows {
		for i := range size {
			if !net.Input.Tokens {
				src.Features = append(src.Features, float32(r.NormFloat64()))
				continue
			}
			src.Tokens = append(src.Tokens, int32(paddedToken(r, row, i, size, vocab)))
		}
	}
	for _, id := range src.Tokens {
		e.in = binary.LittleEndian.AppendUint64(e.in, uint64(id))
	}
	for _, v := range src.Features {
		e.in = binary.LittleEndian.AppendUint32(e.in, math.Float32bits(v))
	}
	err = net.Predict(context.Background(), src, 4, func(_ int, y []float32) error {
		e.out = append(e.out, y...)
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return e
}

// paddedToken gives every way of padding a row of its own: none, before, behind,
// both, in between, everything.
func paddedToken(r *rand.Rand, row, i, size, vocab int) int {
	id := 1 + r.IntN(vocab-1)
	padding := [...]bool{false, i < size/2, i >= size/2, i == 0 || i == size-1, i%2 == 1, true}
	if padding[row%len(padding)] {
		return 0
	}
	return id
}

// fillParam draws weights of a size that keeps activations in the range where
// differences show.
func fillParam(p *nn.Param, r *rand.Rand) {
	p.Data = make([]float32, p.Shape.Size())
	fan := float64(max(1, len(p.Data)/p.Shape[0]))
	for i := range p.Data {
		switch {
		case strings.HasSuffix(p.Name, "running_var"):
			p.Data[i] = 0.5 + r.Float32()
		case len(p.Shape) == 1:
			p.Data[i] = 0.5 * float32(r.NormFloat64())
		default:
			p.Data[i] = float32(1.5 * r.NormFloat64() / math.Sqrt(fan))
		}
	}
}

// runtime runs examples in onnxruntime and returns what each gave.
func runInRuntime(t *testing.T, examples []*example) map[string][]float32 {
	t.Helper()
	python := os.Getenv("PIPE_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import numpy, onnx, onnxruntime").CombinedOutput(); err != nil {
		t.Skipf("skipped: needs Python with numpy, onnx and onnxruntime (PIPE_PYTHON): %v %s", err, bytes.TrimSpace(out))
	}
	folder := t.TempDir()
	rows := map[string]int{}
	for _, e := range examples {
		var model bytes.Buffer
		if err := Export(&model, e.net, Options{Name: e.name}); err != nil {
			t.Errorf("%s: %v", e.name, err)
			continue
		}
		rows[e.name] = e.rows
		write(t, folder, e.name+".onnx", model.Bytes())
		write(t, folder, e.name+".in", e.in)
	}
	list, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	write(t, folder, "cases.json", list)
	if out, err := exec.Command(python, filepath.Join("testdata", "run.py"), folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	outs := map[string][]float32{}
	for name := range rows {
		if why, err := os.ReadFile(filepath.Join(folder, name+".err")); err == nil {
			t.Errorf("%s: %s", name, why)
			continue
		}
		raw, err := os.ReadFile(filepath.Join(folder, name+".out"))
		if err != nil {
			t.Fatal(err)
		}
		for ; len(raw) >= 4; raw = raw[4:] {
			outs[name] = append(outs[name], math.Float32frombits(binary.LittleEndian.Uint32(raw)))
		}
	}
	return outs
}

func write(t *testing.T, folder, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// distance is the largest difference, +Inf where there is nothing to compare.
func distance(a, b []float32) float64 {
	if len(a) != len(b) || len(a) == 0 {
		return math.Inf(1)
	}
	largest := 0.0
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		largest = max(largest, d)
	}
	return largest
}
