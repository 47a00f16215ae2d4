package stages

import (
	"bytes"
	"context"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/transform"
)

// cmykJPEG is a picture of 8×8 pixels of cyan, magenta, yellow and black, all the same
// light blue; made with Pillow: Image.new("CMYK", (8, 8), (204, 51, 0, 0)).save(…, "JPEG").
const cmykJPEG = "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwACAQEBAQECAQEBAgICAgIEAwICAgIFBAQDBAYFBgYGBQYGBgcJCAYHCQcGBggLCAkKCgoKCgYICwwLCgwJCgoK/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABQAAQAAAAAAAAAAAAAAAAAAAAn/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oADgRDAE0AWQBLAAA/ADLJgfw/j//Z"

func TestImageCleanNamesWhatCannotBeLearnt(t *testing.T) {
	clear := func(alpha uint8) []byte {
		img := image.NewNRGBA(image.Rect(0, 0, 9, 9))
		for i := range 81 {
			img.SetNRGBA(i%9, i/9, color.NRGBA{200, 0, 0, alpha})
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	good := stripes(t, true, 1)
	files := map[string][]byte{
		"cats/a.png": good, "cats/again.png": good, "cats/cut.png": stripes(t, true, 0)[:60], "cats/text.png": []byte("no picture"), "cats/empty.png": {},
		"cats/clear.png": clear(128), "cats/torn.png": stripes(t, false, 2), "dogs/torn.png": stripes(t, false, 2), "dogs/b.png": stripes(t, false, 1),
	}
	s := dagtest.Store(t)
	in := dagtest.Run(t, s, dagtest.New(t, &SourceFiles{}, `{path: `+zipOf(t, files)+`, pattern: '(?P<label>[^/]+)/[^/]+$'}`), nil)
	out := dagtest.Run(t, s, dagtest.New(t, &ImageClean{}, "{label: label, min_side: 9}"), map[string]artifacts.Ref{"in": in["out"]})
	got := pathsOf(t, s, out["out"], "")
	if want := "cats/a.png cats/clear.png dogs/b.png"; strings.Join(got, " ") != want {
		t.Errorf("kept are %v, want %s", got, want)
	}
	reasons := strings.Join(pathsOf(t, s, out["sorted_out"], "reason"), "\n")
	for _, want := range []string{
		"cats/again.png: the same file as cats/a.png", "cats/cut.png: the png is damaged", "cats/text.png: it is no picture", "cats/empty.png: the file is empty",
		`cats/torn.png: the same file has two labels: cats/torn.png is labelled "cats" and dogs/torn.png "dogs"`, `dogs/torn.png: the same file has two labels`,
	} {
		if !strings.Contains(reasons, want) {
			t.Errorf("%q is missing in\n%s", want, reasons)
		}
	}
	_, _, err := dag.RunKind(context.Background(), s, dagtest.New(t, &ImageClean{}, "{label: label, most: 0.5}"), map[string][]artifacts.Ref{"in": {in["out"]}}, 1, nil, t.TempDir(), nil)
	if err == nil || !strings.Contains(err.Error(), "6 of 9 files are sorted out") {
		t.Errorf("too many: %v", err)
	}
}

// TestImageCleanKeepsHeldOutPicturesApart: a picture of the test set is not learnt from,
// wherever it lies and whatever it is called, and a label with one picture is named.
func TestImageCleanKeepsHeldOutPicturesApart(t *testing.T) {
	s := dagtest.Store(t)
	source := func(files map[string][]byte) artifacts.Ref {
		return dagtest.Run(t, s, dagtest.New(t, &SourceFiles{}, `{path: `+zipOf(t, files)+`, pattern: '(?P<label>[^/]+)/[^/]+$'}`), nil)["out"]
	}
	learn := source(map[string][]byte{"Kätzchen/a b.png": stripes(t, true, 0), "Kätzchen/ü.png": stripes(t, true, 1), "Kätzchen/c.png": stripes(t, true, 2), "dogs/d.png": stripes(t, false, 1)})
	test := source(map[string][]byte{"dogs/asked.png": stripes(t, true, 1), "dogs/other.png": stripes(t, false, 3)})
	var log strings.Builder
	out, _, err := dag.RunKind(context.Background(), s, dagtest.New(t, &ImageClean{}, "{label: label}"), map[string][]artifacts.Ref{"in": {learn}, "held_out": {test}}, 1, nil, t.TempDir(),
		func(e dag.Event) { log.WriteString(e.Text + "\n") })
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(pathsOf(t, s, out["out"], ""), ", "); got != "Kätzchen/a b.png, Kätzchen/c.png, dogs/d.png" {
		t.Errorf("kept are %s", got)
	}
	if got := strings.Join(pathsOf(t, s, out["sorted_out"], "reason"), ", "); got != "Kätzchen/ü.png: it is held out, as dogs/asked.png" {
		t.Errorf("sorted out is %s", got)
	}
	if !strings.Contains(log.String(), `only one file is labelled "dogs"`) || strings.Contains(log.String(), `labelled "Kätzchen"`) {
		t.Errorf("the log:\n%s", log.String())
	}
}

// TestImageCleanAsksWhetherAllIsHeldOut: somebody has connected the same table twice.
func TestImageCleanAsksWhetherAllIsHeldOut(t *testing.T) {
	s := dagtest.Store(t)
	files := dagtest.Run(t, s, dagtest.New(t, &SourceFiles{}, `{path: `+zipOf(t, map[string][]byte{"a/a.png": stripes(t, true, 0), "b/b.png": stripes(t, true, 1)})+`, pattern: '(?P<label>[^/]+)/[^/]+$'}`), nil)["out"]
	_, _, err := dag.RunKind(context.Background(), s, dagtest.New(t, &ImageClean{}, "{label: label, most: 0.5}"), map[string][]artifacts.Ref{"in": {files}, "held_out": {files}}, 1, nil, t.TempDir(), nil)
	if err == nil || !strings.Contains(err.Error(), "2 of them are held out: are in and held_out the same files?") {
		t.Error(err)
	}
}

// pathsOf lists the paths of a table, each with another column where one is named.
func pathsOf(t *testing.T, s *artifacts.Store, ref artifacts.Ref, with string) (list []string) {
	t.Helper()
	r, err := dag.OpenTable(s, ref, "out")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for batch, err := range table.All(r) {
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		column := func(name string) *array.String {
			return batch.Column(batch.Schema().FieldIndices(name)[0]).(*array.String)
		}
		for i := range int(batch.NumRows()) {
			path := column("path").Value(i)
			if with != "" {
				path += ": " + column(with).Value(i)
			}
			list = append(list, path)
		}
	}
	return list
}

// TestPicturesOfFourChannels: what is half transparent lies over white, and four inks
// become red, green and blue.
func TestPicturesOfFourChannels(t *testing.T) {
	p, err := transform.NewPictures(transform.Pixels{Column: "content", Height: 1, Width: 1, Fit: "stretch"})
	if err != nil {
		t.Fatal(err)
	}
	inks, err := base64.StdEncoding.DecodeString(cmykJPEG)
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewNRGBA(image.Rect(0, 0, 4, 4))
	for i := range 16 {
		img.SetNRGBA(i%4, i/4, color.NRGBA{200, 100, 0, 51})
	}
	var half bytes.Buffer
	if err := png.Encode(&half, img); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file []byte
		want [3]float32
	}{"transparent": {half.Bytes(), [3]float32{244, 224, 204}}, "inks": {inks, [3]float32{51, 204, 255}}} {
		var in transform.Input
		if err := p.ApplyRow(&in, map[string]any{"content": c.file}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, want := range c.want {
			if d := in.Values[i]*255 - want; d > 3 || d < -3 {
				t.Errorf("%s: %v, want %v of 255", name, in.Values, c.want)
				break
			}
		}
	}
}
