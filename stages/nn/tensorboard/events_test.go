package tensorboard

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"pipe/stages/nn"
)

// written is a file with two curves and a histogram.
func written(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	for step := int64(1); step <= 3; step++ {
		w.Scalar(step, float64(step), "loss/train", 1/float64(step))
		w.Scalar(step, float64(step), "learning_rate", 0.001)
	}
	w.Histogram(3, 3, "weights/0.weight", &nn.Histogram{Min: -1, Max: 2, Sum: 4, Squares: 9, Counts: []int{5, 0, 1}})
	if w.Err() != nil {
		t.Fatal(w.Err())
	}
	return b.Bytes()
}

func TestRecordsHaveLengthsAndChecksums(t *testing.T) {
	data, records := written(t), 0
	for ; len(data) > 0; records++ {
		n := binary.LittleEndian.Uint64(data)
		body := data[12 : 12+n]
		if got := binary.LittleEndian.Uint32(data[8:]); got != masked(data[:8]) {
			t.Fatalf("record %d: checksum of the length is %x", records, got)
		}
		if got := binary.LittleEndian.Uint32(data[12+n:]); got != masked(body) {
			t.Fatalf("record %d: checksum of the data is %x", records, got)
		}
		data = data[16+n:]
	}
	if records != 8 {
		t.Errorf("%d records, want a version, six points and a histogram", records)
	}
	// The example of RFC 3720, B.4: 32 bytes of zeros give 8a9136aa.
	if got, sum := masked(make([]byte, 32)), uint32(0x8a9136aa); got != (sum>>15|sum<<17)+0xa282ead8 {
		t.Errorf("the checksum of 32 zeros is %x", got)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestTheFirstErrorStays(t *testing.T) {
	w := NewWriter(broken{})
	w.Scalar(1, 1, "loss", 1)
	if w.Err() == nil {
		t.Error("a full disk is no error")
	}
}

const reader = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1], size_guidance={"tensors": 0, "scalars": 0, "histograms": 0}).Reload()
h = a.Histograms("weights/0.weight")[0]
v = h.histogram_value
print(json.dumps({"tags": a.Tags()["scalars"], "loss": [[e.step, e.wall_time, e.value] for e in a.Scalars("loss/train")],
                  "histogram": [h.step, v.min, v.max, v.num, v.sum, v.sum_squares, *v.bucket_limit, *v.bucket]}))
`

func TestTensorBoardReadsTheFile(t *testing.T) {
	python := os.Getenv("PIPE_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import tensorboard").CombinedOutput(); err != nil {
		t.Skipf("skipped: needs Python with tensorboard (PIPE_PYTHON): %v %s", err, bytes.TrimSpace(out))
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, FileName), written(t), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", reader, folder).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Tags      []string
		Loss      [][]float64
		Histogram []float64
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got.Tags)
	if !slices.Equal(got.Tags, []string{"learning_rate", "loss/train"}) {
		t.Errorf("curves are %v", got.Tags)
	}
	for i, p := range got.Loss {
		if step := float64(i + 1); p[0] != step || p[1] != step || math.Abs(p[2]-1/step) > 1e-6 {
			t.Errorf("point %d is %v", i, p)
		}
	}
	if want := []float64{3, -1, 2, 6, 4, 9, 0, 1, 2, 5, 0, 1}; len(got.Loss) != 3 || !slices.Equal(got.Histogram, want) {
		t.Errorf("%d points; the histogram is %v, want %v", len(got.Loss), got.Histogram, want)
	}
}
