package stages

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/transform"
)

// stripes draws a small picture with stripes in one of two directions.
func stripes(t testing.TB, across bool, phase int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 12, 12))
	for y := range 12 {
		for x := range 12 {
			at := x
			if across {
				at = y
			}
			if (at+phase)/2%2 == 0 {
				img.SetGray(x, y, color.Gray{200})
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zipOf writes an archive.
func zipOf(t testing.TB, files map[string][]byte) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range sortedNames(files) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(files[name])
	}
	z.Close()
	path := filepath.Join(t.TempDir(), "files.zip")
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// learnFiles trains a small network on files of two kinds.
func learnFiles(t *testing.T, s *artifacts.Store, files map[string][]byte, transformer dag.Kind, layers, augment string) *model.Model {
	t.Helper()
	rows := dagtest.Run(t, s, dagtest.New(t, &SourceFiles{}, `{path: `+zipOf(t, files)+`, pattern: '(?P<label>[^/]+)/[^/]+$'}`), nil)["out"]
	tr := dagtest.Run(t, s, transformer, nil)["out"]
	out := dagtest.Run(t, s, dagtest.New(t, &Train{}, `{target: label, layers: `+layers+`, loss: categorical_crossentropy, optimizer: {adam: {learning_rate: 0.02}}, epochs: 30, batch_size: 8, augment: `+augment+`}`),
		map[string]artifacts.Ref{"train": rows, "transform": tr})["out"]
	folder, err := s.OpenFolder(out)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPicturesAreLearntFromFiles(t *testing.T) {
	files := map[string][]byte{}
	for i := range 8 {
		files[fmt.Sprintf("across/%d.png", i)], files[fmt.Sprintf("down/%d.png", i)] = stripes(t, true, i), stripes(t, false, i)
	}
	m := learnFiles(t, dagtest.Store(t), files, dagtest.New(t, &ImagePixels{}, "{height: 8, width: 8, gray: true}"),
		`[{conv2d: {filters: 4, kernel_size: [3]}}, {activation: {function: relu}}, global_max_pool, {dense: {units: classes, activation: softmax}}]`, "{shift: 1, flip: true, brightness: 0.1}")
	for label, across := range map[string]bool{"across": true, "down": false} {
		a, err := m.PredictRow(context.Background(), map[string]any{"content": stripes(t, across, 3)})
		if err != nil || a.Prediction != label {
			t.Errorf("%s: %+v, %v", label, a, err)
		}
	}
	if _, err := m.PredictRow(context.Background(), map[string]any{"content": []byte("GIF89a and no more")}); err == nil || !strings.Contains(err.Error(), `column "content"`) {
		t.Errorf("a damaged picture: %v", err)
	}
}

func TestSourceIDX(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	images := write("i", append([]byte{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3}, 0, 50, 100, 150, 200, 255, 1, 2, 3, 4, 5, 6))
	labels := write("l", []byte{0, 0, 8, 1, 0, 0, 0, 2, 1, 0})
	s := dagtest.Store(t)
	out := dagtest.Run(t, s, dagtest.New(t, &SourceIDX{}, "{images: "+images+", labels: "+labels+", names: [shirt, shoe]}"), nil)["out"]
	r, err := dag.OpenTable(s, out, "out")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	p, err := transform.NewPictures(transform.Pixels{Column: "content", Height: 2, Width: 3, Gray: true})
	if err != nil {
		t.Fatal(err)
	}
	var in transform.Input
	if err := p.Apply(&in, b, 1); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{0, 50, 100, 150, 200, 255, 1, 2, 3, 4, 5, 6} {
		if in.Values[i] != want/255 {
			t.Errorf("pixel %d is %v, want %v", i, in.Values[i]*255, want)
		}
	}
	if label := b.Column(2).(*array.String); label.Value(0) != "shoe" || label.Value(1) != "shirt" {
		t.Errorf("labels %v", label)
	}
	short := write("s", []byte{0, 0, 8, 1, 0, 0, 0, 3, 1})
	if _, _, err := dag.RunKind(context.Background(), s, dagtest.New(t, &SourceIDX{}, "{images: "+images+", labels: "+short+"}"), nil, 1, nil, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "there are 1 bytes after the head, which says 3") {
		t.Errorf("a file that is cut short: %v", err)
	}
}

// withCounter puts a tensor of whole numbers into a file, as PyTorch's normalisations
// have one.
func withCounter(file []byte) []byte {
	length := binary.LittleEndian.Uint64(file)
	header, numbers := strings.TrimRight(string(file[8:8+length]), " "), file[8+length:]
	header = strings.TrimSuffix(header, "}") + fmt.Sprintf(`,"bn1.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[%d,%d]}}`, len(numbers), len(numbers)+8)
	out := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	return append(append(out, numbers...), make([]byte, 8)...)
}

func TestModelWeights(t *testing.T) {
	layers := func() []nn.Layer {
		d, _ := nn.NewLayer("dense")
		d.(*nn.Dense).Units, d.(*nn.Dense).Activation = nn.Classes, nn.Softmax
		return []nn.Layer{&nn.GlobalAvgPool{}, d}
	}
	want, err := nn.NewNetwork(nn.Input{Shape: []int{8, 8, 1}}, nn.Context{Classes: 2}, layers(), 9)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := nn.WriteSafetensors(&file, want.ToPyTorch(func(name string) string { return strings.Replace(name, "1.", "fc.", 1) }), nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "w.safetensors")
	if err := os.WriteFile(path, withCounter(file.Bytes()), 0o666); err != nil {
		t.Fatal(err)
	}
	s := dagtest.Store(t)
	pixels := dagtest.Run(t, s, dagtest.New(t, &ImagePixels{}, "{height: 8, width: 8, gray: true}"), nil)["out"]
	k := `{weights: ` + path + `, layers: [global_avg_pool, {dense: {units: classes, activation: softmax}}], classes: [no, yes], rename: {"1.": "fc."}}`
	out := dagtest.Run(t, s, dagtest.New(t, &ModelWeights{}, k), map[string]artifacts.Ref{"in": pixels})["out"]
	folder, err := s.OpenFolder(out)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.Network().Params()[0].Data, want.Params()[0].Data) {
		t.Error("the weights are others")
	}
	_, _, err = dag.RunKind(context.Background(), s, dagtest.New(t, &ModelWeights{}, strings.Replace(k, "fc.", "head.", 1)), map[string][]artifacts.Ref{"in": {pixels}}, 1, nil, t.TempDir(), nil)
	if err == nil || !strings.Contains(err.Error(), "missing are head.weight") {
		t.Errorf("wrong names: %v", err)
	}
}
