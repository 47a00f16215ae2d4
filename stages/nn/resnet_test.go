package nn

import (
	"archive/zip"
	"bytes"
	"context"
	"image"
	_ "image/jpeg"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// testData returns a file of the folder with real data, which is not part of the
// repository.
func testData(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv("PIPE_TEST_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	path := filepath.Join(folder, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("skipped: %s is not there; set PIPE_TEST_DATA to the folder with test data", name)
	}
	return path
}

func readArrays(t *testing.T, path string) []Array {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	arrays, _, err := ReadSafetensors(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return arrays
}

// resNet20 is the published network, with PyTorch's names for its parameters.
func resNet20(t *testing.T) *Network {
	t.Helper()
	path := testData(t, "images/resnet20-cifar10.safetensors")
	n, err := NewNetwork(Input{Shape: []int{32, 32, 3}}, Context{Classes: 10},
		[]Layer{&ResNet20{Width: 16}, classifier(Classes, Softmax)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	arrays := slices.DeleteFunc(readArrays(t, path), func(a Array) bool { return strings.HasSuffix(a.Name, "num_batches_tracked") })
	err = n.FromPyTorch(arrays, func(name string) string {
		if rest, ok := strings.CutPrefix(name, "1."); ok {
			return "linear." + rest
		}
		return strings.TrimPrefix(name, "0.")
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// pixels decodes a picture and normalises it as the network was trained.
func pixels(t *testing.T, f *zip.File) (normalised []float32) {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	picture, _, err := image.Decode(r)
	if err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	mean, std := [3]float32{.485, .456, .406}, [3]float32{.229, .224, .225}
	for y := range 32 {
		for x := range 32 {
			r, g, b, _ := picture.At(x, y).RGBA()
			for c, v := range [3]uint32{r >> 8, g >> 8, b >> 8} {
				normalised = append(normalised, (float32(v)/255-mean[c])/std[c])
			}
		}
	}
	return normalised
}

// TestPublishedResNetRecognisesPictures uses the accuracy, because decoders of
// JPEG differ by a step or two and a logit by as much as one.
func TestPublishedResNetRecognisesPictures(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: two thousand pictures take seconds")
	}
	n := resNet20(t)
	pictures, err := zip.OpenReader(testData(t, "images/cifar10-jpeg-10k-train-2k-test.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer pictures.Close()
	classes := []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
	e := &Examples{}
	for _, f := range pictures.File {
		at := strings.Index(f.Name, "test/")
		if at < 0 || !strings.HasSuffix(f.Name, ".jpg") {
			continue
		}
		e.Features = append(e.Features, pixels(t, f)...)
		e.Labels = append(e.Labels, int32(slices.Index(classes, strings.Split(f.Name[at:], "/")[1])))
		e.Count++
	}
	m, err := n.Evaluate(context.Background(), e, &CategoricalCrossentropy{}, 50)
	if err != nil {
		t.Fatal(err)
	}
	if e.Count != 2000 || math.Abs(m.Accuracy-0.8135) > 0.003 {
		t.Errorf("accuracy on %d pictures is %.4f, published weights give 0.8135", e.Count, m.Accuracy)
	}
}

func TestPyTorchLayoutThereAndBack(t *testing.T) {
	c := &Conv2D{convolutionDefaults()}
	c.Filters, c.KernelSize = 3, []int{2, 4}
	n, err := NewNetwork(Input{Shape: []int{5, 5, 6}}, Context{}, []Layer{c}, 1)
	if err != nil {
		t.Fatal(err)
	}
	same := func(name string) string { return name }
	arrays := n.ToPyTorch(same)
	if got := arrays[0].Shape; !got.Equal(Shape{3, 6, 2, 4}) {
		t.Errorf("the weight becomes %v", got)
	}
	want := slices.Clone(n.params[0].Data)
	if v := arrays[0].Data[((1*6+2)*2+1)*4+3]; v != want[((1*2+1)*4+3)*6+2] {
		t.Errorf("filter 1, channel 2, row 1, column 3 is %v", v)
	}
	clear(n.params[0].Data)
	if err := n.FromPyTorch(arrays, same); err != nil || !slices.Equal(want, n.params[0].Data) {
		t.Errorf("the weight does not come back: %v", err)
	}
	for _, c := range []struct {
		arrays []Array
		want   string
	}{
		{arrays[:1], "missing are 0.bias"},
		{append(slices.Clone(arrays), Array{Name: "x"}, Array{Name: "b"}), "no place for b, x"},
		{[]Array{{"0.weight", Shape{3, 2, 4, 6}, want}, arrays[1]}, "needs (3, 6, 2, 4)"},
	} {
		if err := n.FromPyTorch(c.arrays, same); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want it to say %q", err, c.want)
		}
	}
}
