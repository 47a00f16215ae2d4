package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"pipe/stages/sound"
)

var update = flag.Bool("update", false, "rewrite what the scripts and reference pages expect")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"pipe": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScript runs testdata/script/*.txtar: what a person types, and what they
// see. Each is named for a behaviour.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("GOMAXPROCS", "2")
			examples, err := filepath.Abs("../../examples")
			if err != nil {
				return err
			}
			e.Setenv("EXAMPLES", examples)
			e.Values[serversOfScript] = map[string]*running{}
			e.Setenv("PIPE_PYTHON", cmp.Or(os.Getenv("PIPE_PYTHON"), "python3"))
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "sklearn" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return exec.Command(cmp.Or(os.Getenv("PIPE_PYTHON"), "python3"), "-c", "import joblib, pandas, pyarrow, sklearn").Run() == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ask":      askServer,
			"halt":     haltServer,
			"hear":     hearServer,
			"code":     wantCode,
			"drawings": drawPictures,
			"serve":    startServer,
			"strike":   startAndKill,
			"silence":  writeSilence,
			"tones":    writeTones,
		},
	})
}

// wantCode runs a command and demands its exit code: code 2 pipe check x.yaml.
func wantCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if err != nil {
		ee, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = ee.ExitCode()
	}
	if got := fmt.Sprint(code); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// writeTones writes recordings of two "words", a low and a high tone with some
// noise, as WAV files: tones FOLDER COUNT.
func writeTones(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tones folder count")
	}
	count, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o777))
	rng := rand.New(rand.NewPCG(1, 2))
	for word, hz := range []float64{900, 300} {
		for i := range count {
			c := sound.Clip{Rate: 8000, Samples: make([]float32, 2400+rng.IntN(800))}
			for k := range c.Samples {
				c.Samples[k] = float32(0.3*math.Sin(2*math.Pi*hz*float64(k)/8000) + 0.05*rng.NormFloat64())
			}
			name := filepath.Join(ts.MkAbs(args[0]), fmt.Sprintf("%s_%02d.wav", []string{"high", "low"}[word], i))
			ts.Check(os.WriteFile(name, sound.EncodeWAV(c), 0o666))
		}
	}
}

// writeSilence writes a recording of so many samples in which nothing is said: silence
// file samples.
func writeSilence(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: silence file samples")
	}
	samples, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), sound.EncodeWAV(sound.Clip{Rate: 8000, Samples: make([]float32, samples)}), 0o666))
}

// drawPictures writes stripes that go down or across, in a folder for each: drawings
// folder count.
func drawPictures(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: drawings folder count")
	}
	count, err := strconv.Atoi(args[1])
	ts.Check(err)
	rng := rand.New(rand.NewPCG(1, uint64(count)))
	for _, label := range []string{"across", "down"} {
		dir := filepath.Join(ts.MkAbs(args[0]), label)
		ts.Check(os.MkdirAll(dir, 0o777))
		for i := range count {
			img, phase := image.NewGray(image.Rect(0, 0, 20, 18)), rng.IntN(6)
			for at := range img.Pix {
				along := at % img.Stride
				if label == "across" {
					along = at / img.Stride
				}
				img.Pix[at] = uint8(40 + 150*((along+phase)/3%2) + rng.IntN(40))
			}
			var b bytes.Buffer
			ts.Check(png.Encode(&b, img))
			ts.Check(os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d.png", i)), b.Bytes(), 0o666))
		}
	}
}

// startAndKill starts a command and sends a signal to it once a text stands in
// a file: strike INT glob text command… (or KILL). The exit code goes to the
// file "code", what the command printed to "said".
func startAndKill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: strike SIGNAL glob text command…")
	}
	signal := map[string]os.Signal{"INT": os.Interrupt, "KILL": os.Kill}[args[0]]
	path, err := lookPath(ts, args[3])
	ts.Check(err)
	c := exec.Command(path, args[4:]...)
	c.Dir = ts.MkAbs(".")
	c.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "PATH="+ts.Getenv("PATH"))
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	ts.Check(c.Start())
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if contains(ts.MkAbs(args[1]), args[2]) {
			break
		}
		if time.Now().After(deadline) {
			c.Process.Kill()
			ts.Fatalf("%q did not appear in %s; the command said:\n%s", args[2], args[1], out.String())
		}
	}
	ts.Check(c.Process.Signal(signal))
	stopped := time.Now()
	c.Wait()
	ts.Logf("ended %v after the signal:\n%s", time.Since(stopped).Round(time.Millisecond), out.String())
	ts.Check(os.WriteFile(ts.MkAbs("code"), []byte(fmt.Sprintln(c.ProcessState.ExitCode())), 0o666))
	ts.Check(os.WriteFile(ts.MkAbs("said"), []byte(out.String()), 0o666))
}

// contains tells whether a text stands in one of the files of a pattern.
func contains(glob, text string) bool {
	found, _ := filepath.Glob(glob)
	for _, f := range found {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), text) {
			return true
		}
	}
	return false
}

func lookPath(ts *testscript.TestScript, name string) (string, error) {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		p := filepath.Join(dir, name)
		if info, err := os.Stat(p); err == nil && !info.IsDir() {
			return p, nil
		}
	}
	return "", fmt.Errorf("no command %s", name)
}
