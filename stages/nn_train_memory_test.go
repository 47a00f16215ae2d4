package stages

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

// trainChild holds the folder of the pictures for the process whose memory is measured.
const trainChild = "PIPE_TEST_TRAIN_MEMORY"

// A training on several times as much as GOMEMLIMIT allows, from two tables of which
// each has its share, stays near the limit and gives the bits of one that has all rows
// in memory.
func TestTrainingIsBoundedInMemory(t *testing.T) {
	if dir := os.Getenv(trainChild); dir != "" {
		trainPictures(t, dir)
		return
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skipf("skipped: the memory of a process is read from /proc: %v", err)
	}
	if raceDetector {
		t.Skip("skipped: the race detector needs memory of its own")
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	for name, count := range map[string]int{"many": 1500, "few": 300} {
		images := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 3}, uint32(count))
		images = append(images, 0, 0, 0, 16, 0, 0, 0, 16)
		labels := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 1}, uint32(count))
		for range count {
			label := byte(rng.IntN(2))
			for range 256 {
				images = append(images, byte(rng.IntN(128))+127*label)
			}
			labels = append(labels, label)
		}
		for suffix, data := range map[string][]byte{".images": images, ".labels": labels} {
			if err := os.WriteFile(filepath.Join(dir, name+suffix), data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	const limit, rows = 24 << 20, 1800 * 64 * 64 * 3 * 4
	run := func(limits ...string) (digest string, peak int64) {
		child := exec.Command(os.Args[0], "-test.run=^TestTrainingIsBoundedInMemory$", "-test.v")
		child.Env = append(os.Environ(), append(limits, trainChild+"="+dir)...)
		var out bytes.Buffer
		child.Stdout, child.Stderr = &out, &out
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		peak, err := watch(child)
		if err != nil {
			t.Fatalf("%v\n%s", err, out.Bytes())
		}
		_, digest, _ = strings.Cut(out.String(), "the model is ")
		digest, _, _ = strings.Cut(digest, "\n")
		return digest, peak
	}
	small, peak := run(fmt.Sprintf("GOMEMLIMIT=%d", limit), "GOGC=50")
	large, all := run("GOMEMLIMIT=4GiB")
	t.Logf("%d MiB of rows under a limit of %d MiB: at most %d MiB of memory; without it %d MiB", rows>>20, limit>>20, peak>>20, all>>20)
	if small != large || small == "" {
		t.Errorf("the model is %s, and %s with all rows in memory", small, large)
	}
	if most := int64(64 << 20); peak > most || all < rows {
		t.Errorf("%d MiB of rows took %d MiB of memory, more than %d; all in memory they took %d", rows>>20, peak>>20, most>>20, all>>20)
	}
}

// trainPictures is the work of the child.
func trainPictures(t *testing.T, dir string) {
	s := dagtest.Store(t)
	source := func(name string) artifacts.Ref {
		k := dagtest.New(t, &SourceIDX{}, "{images: x, labels: y, names: [dark, light]}")
		k.Images, k.Labels = dag.Path(filepath.Join(dir, name+".images")), dag.Path(filepath.Join(dir, name+".labels"))
		return dagtest.Run(t, s, k, nil)["out"]
	}
	pixels := dagtest.Run(t, s, dagtest.New(t, &ImagePixels{}, "{height: 64, width: 64}"), nil)["out"]
	k := dagtest.New(t, trainKind.New(), `
target: label
layers: [{ avg_pool: { pool_size: [16] } }, flatten, { dense: { units: classes, activation: softmax } }]
loss: categorical_crossentropy
mix: [0.5, 2]
epochs: 2
batch_size: 16
augment: { flip: true, noise: 0.01 }
`)
	in := map[string][]artifacts.Ref{"train": {source("many"), source("few")}, "transform": {pixels}}
	out, _, err := dag.RunKind(context.Background(), s, k, in, 7, nil, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("the model is %s\n", out["out"].Digest)
}
