package image

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"testing"
)

// TestPillowSeesTheSame decodes what testdata/pillow.py makes: all formats, with and
// without transparency, frames and orientations. Decoders of JPEG and of lossy WebP
// differ in how they enlarge colours, so their means may differ a little.
func TestPillowSeesTheSame(t *testing.T) {
	python := os.Getenv("PIPE_PYTHON")
	if python == "" {
		t.Skip("skipped: PIPE_PYTHON names no Python with Pillow")
	}
	if exec.Command(python, "-c", "import PIL").Run() != nil {
		t.Skip("skipped: this Python has no Pillow")
	}
	c := exec.Command(python, "testdata/pillow.py")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var made []struct {
		Name          string
		File, Pixels  []byte
		Width, Height int
		Most          float64
	}
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	for _, m := range made {
		p, err := Decode(m.File)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		if p.Width != m.Width || p.Height != m.Height {
			t.Errorf("%s: %d×%d pixels, and Pillow sees %d×%d", m.Name, p.Width, p.Height, m.Width, m.Height)
			continue
		}
		sum := 0.0
		for i, v := range p.Pixels {
			sum += math.Abs(float64(v) - float64(m.Pixels[i]))
		}
		if mean := sum / float64(len(p.Pixels)); mean > m.Most {
			t.Errorf("%s: the pixels differ by %.3f of 255 on average, at most %v", m.Name, mean, m.Most)
		}
	}
}
