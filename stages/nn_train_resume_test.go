package stages

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

// longTraining takes long enough to be killed in the middle; dropout and
// shuffling draw random numbers on the way.
var longTraining = strings.NewReplacer("epochs: 12", "epochs: 40\ntensorboard: true\nschedule: cosine\nearly_stopping: { restore_best: true }",
	"  - dense", "  - dropout: { rate: 0.3 }\n  - dense").Replace(toyTraining)

// trained is what a training gave: the model, and curves and histograms.
type trained struct{ model, events artifacts.Digest }

func (t trained) Short() string { return t.model.Short() + " and " + t.events.Short() }

// resume runs a training in a scratch folder and gives its outputs and the log.
func resume(t *testing.T, ctx context.Context, y *toy, scratch string, seen func(dag.Event)) (trained, string, error) {
	t.Helper()
	k := dagtest.New(t, trainKind.New(), longTraining).(*Train)
	k.checkpointEvery = 0
	in := map[string][]artifacts.Ref{}
	for p, r := range y.inputs() {
		in[p] = []artifacts.Ref{r}
	}
	var log strings.Builder
	out, _, err := dag.RunKind(ctx, y.store, k, in, 7, nil, scratch, func(e dag.Event) {
		if e.Type == dag.StageLog {
			log.WriteString(e.Text + "\n")
		}
		if seen != nil {
			seen(e)
		}
	})
	return trained{out["out"].Digest, out["tensorboard"].Digest}, log.String(), err
}

func uninterrupted(t *testing.T, y *toy) trained {
	t.Helper()
	digest, _, err := resume(t, context.Background(), y, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestInterruptedTrainingEndsWithTheSameBits(t *testing.T) {
	y := newToy(t, "cat", "dog", "owl")
	want := uninterrupted(t, y)
	scratch := t.TempDir()
	for _, epochs := range []int32{3, 11} {
		ctx, cancel := context.WithCancel(context.Background())
		var seen atomic.Int32
		_, _, err := resume(t, ctx, y, scratch, func(e dag.Event) {
			if e.Type == dag.StageMetric && seen.Add(1) == epochs {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("the interrupted run ended with %v", err)
		}
	}
	got, log, err := resume(t, context.Background(), y, scratch, nil)
	if err != nil || got != want {
		t.Errorf("continued: %s, %v; in one go: %s", got.Short(), err, want.Short())
	}
	if !strings.Contains(log, "continue an interrupted training in epoch 12, after 209 steps") || strings.Count(log, "\nepoch ") != 40 {
		t.Errorf("the log is\n%s", log)
	}
}

// killMe is set in the process that TestKilledTrainingEndsWithTheSameBits
// starts and kills.
const killMe = "PIPE_TEST_TRAIN_UNTIL_KILLED"

type killed struct {
	Store, Scratch string
	Inputs         map[string]artifacts.Ref
}

func TestKilledTrainingEndsWithTheSameBits(t *testing.T) {
	if with := os.Getenv(killMe); with != "" {
		trainUntilKilled(t, with)
		return
	}
	dir := t.TempDir()
	s, err := artifacts.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	y := newToy(t, "cat", "dog", "owl")
	y.store = s
	y.train = dagtest.Table(t, s, textLabel, toyTexts(1, 300, "cat", "dog", "owl"))
	y.validation = dagtest.Table(t, s, textLabel, toyTexts(2, 60, "cat", "dog", "owl"))
	y.transform = y.vectorize(t, y.train)
	want := uninterrupted(t, y)

	k := killed{Store: dir, Scratch: t.TempDir(), Inputs: y.inputs()}
	b, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledTrainingEndsWithTheSameBits$")
	cmd.Env = append(os.Environ(), killMe+"="+string(b))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitForEpoch(t, filepath.Join(k.Scratch, "training.safetensors"))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the training ended before it was killed")
	}
	got, log, err := resume(t, context.Background(), y, k.Scratch, nil)
	if err != nil || got != want {
		t.Errorf("after a kill: %s, %v; in one go: %s", got.Short(), err, want.Short())
	}
	if !strings.Contains(log, "continue an interrupted training") {
		t.Errorf("the training began anew:\n%s", log)
	}
}

// waitForEpoch waits until a checkpoint tells of a finished epoch.
func waitForEpoch(t *testing.T, path string) {
	t.Helper()
	for range 2000 {
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), `\"epoch\":2`) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("no checkpoint of the second epoch came")
}

func trainUntilKilled(t *testing.T, with string) {
	var k killed
	if err := json.Unmarshal([]byte(with), &k); err != nil {
		t.Fatal(err)
	}
	s, err := artifacts.Open(k.Store)
	if err != nil {
		t.Fatal(err)
	}
	y := &toy{store: s, train: k.Inputs["train"], validation: k.Inputs["validation"], transform: k.Inputs["transform"]}
	_, _, err = resume(t, context.Background(), y, k.Scratch, func(e dag.Event) {
		if e.Type == dag.StageMetric {
			time.Sleep(20 * time.Millisecond) // room to be killed in
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDamagedCheckpointIsNotUsed(t *testing.T) {
	y := newToy(t, "cat", "dog", "owl")
	want := uninterrupted(t, y)
	scratch := t.TempDir()
	if err := os.WriteFile(filepath.Join(scratch, "training.safetensors"), []byte("half a file"), 0o666); err != nil {
		t.Fatal(err)
	}
	got, log, err := resume(t, context.Background(), y, scratch, nil)
	if err != nil || got != want {
		t.Errorf("%s, %v; want %s", got.Short(), err, want.Short())
	}
	if !strings.Contains(log, "cannot be used, so the training begins anew") {
		t.Errorf("the log does not say it:\n%s", log)
	}
}
