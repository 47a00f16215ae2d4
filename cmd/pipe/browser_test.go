package main

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestBrowser drives headless Chromium through what people do with the pages:
// testdata/browser/journeys.mjs, each journey with a mouse and by keyboard alone,
// then every page at three sizes, light and dark, judged by axe-core. Pictures go
// to the test's artifacts (go test -artifacts).
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	modules := os.Getenv("PIPE_NODE_MODULES")
	if modules == "" {
		t.Skip("skipped: PIPE_NODE_MODULES names no folder with playwright-core and axe-core")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("skipped: there is no chromium here")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("skipped: there is no node here")
	}
	b := &stage{t: t, dir: t.TempDir()}
	open, closed := b.open(), b.closed()
	picture := filepath.Join(b.dir, "open", "shades", "bright-1.png")
	c := exec.Command(node, "testdata/browser/journeys.mjs")
	c.Env = append(os.Environ(), "BASE="+open, "PICTURE="+picture, "CLOSED="+closed, "CHROMIUM="+chromium, "MODULES="+modules, "SHOTS="+t.ArtifactDir())
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	told := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), "\t")
		name, message, _ := strings.Cut(rest, "\t")
		if word != "ok" && word != "not ok" {
			t.Log(lines.Text())
			continue
		}
		told++
		t.Run(name, func(t *testing.T) {
			if word == "not ok" {
				t.Error(strings.ReplaceAll(message, `\n`, "\n"))
			}
		})
	}
	if err := c.Wait(); err != nil {
		t.Errorf("the journeys did not end well: %v", err)
	}
	if told < 20 && os.Getenv("ONLY") == "" {
		t.Errorf("only %d journeys were told", told)
	}
}

// stage is what the journeys find.
type stage struct {
	t   *testing.T
	dir string
}

// pipe runs a command in a folder of the journeys.
func (b *stage) pipe(dir, stdin string, fails bool, args ...string) {
	b.t.Helper()
	c := exec.Command("pipe", args...)
	c.Dir, c.Stdin = dir, strings.NewReader(stdin)
	if out, err := c.CombinedOutput(); (err != nil) != fails {
		b.t.Fatalf("pipe %v: %v\n%s", args, err, out)
	}
}

func (b *stage) folder(name string, files map[string]string) string {
	b.t.Helper()
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		b.t.Fatal(err)
	}
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o666); err != nil {
			b.t.Fatal(err)
		}
	}
	return dir
}

// open is a folder in which things have happened, served to this machine.
func (b *stage) open() string {
	dir := b.folder("open", map[string]string{
		"slow.yaml": "pipeline: slow\nparams: { pause: 1 }\nstages:\n" +
			"  first: { uses: exec, with: { run: \"echo the first begins; sleep ${params.pause}\", outputs: { notes: file } } }\n" +
			"  second: { uses: exec, in: { notes: first.notes }, with: { run: \"echo the second begins; sleep ${params.pause}\" } }\n",
		"nightly.yaml": "pipeline: nightly\nschedule: { cron: \"0 3 * * *\" }\nstages:\n  a: { uses: exec, with: { run: \"echo a\" } }\n",
		"release.yaml": "pipeline: release\nstages:\n  rows: { uses: source.csv, with: { path: tickets.csv } }\n" +
			"  publish: { uses: exec, in: { rows: rows }, with: { run: \"echo published\" }, approval: \"Release it to the shop?\\nLook at the report first.\" }\n" +
			"  refund: { uses: exec, in: { rows: rows }, with: { run: \"echo refunded\" }, approval: true }\n",
		"shades.yaml": "pipeline: shades\nstages:\n  pictures: { uses: source.files, with: { path: shades, include: [\"*.png\"], pattern: \"(?P<label>dark|bright)\" } }\n" +
			"  pixels: { uses: image.pixels, with: { height: 8, width: 8, gray: true } }\n" +
			"  train: { uses: nn.train, in: { train: pictures, transform: pixels }, with: { target: label, layers: [flatten, { dense: { units: classes, activation: softmax } }], loss: categorical_crossentropy, epochs: 8 } }\n" +
			"  release: { uses: register, in: { model: train }, with: { model: shades, alias: champion } }\n",
		"fails.yaml": "pipeline: fails\nstages:\n  good: { uses: exec, with: { run: \"echo fine\" } }\n  bad: { uses: exec, with: { run: \"echo the disk is on fire >&2; exit 3\" } }\n",
	})
	slow := filepath.Join(dir, "slow.yaml")
	text, err := os.ReadFile(slow)
	if err != nil {
		b.t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "sleep ${params.pause}\", outputs", "sleep ${params.pause}; echo x > $PIPE_OUTPUT_NOTES\", outputs", 1))
	if err := os.WriteFile(slow, text, 0o666); err != nil {
		b.t.Fatal(err)
	}
	b.pipe(dir, "", false, "init")
	b.pipe(dir, "", false, "run", "pipeline.yaml", "-q", "-p", "epochs=1", "--name", "short training")
	b.pipe(dir, "", false, "run", "pipeline.yaml", "-q", "-p", "epochs=12", "--name", "long training")
	b.pipe(dir, "", true, "run", "fails.yaml", "-q", "--name", "the one that fails")
	b.pipe(dir, "", false, "run", "release.yaml", "-q", "--name", "release of May")
	b.pipe(dir, "", false, "models", "deploy", "tickets@champion", "--policy", `{"log":{"sample":1}}`)
	b.shades(filepath.Join(dir, "shades"))
	b.pipe(dir, "", false, "run", "shades.yaml", "-q")
	b.pipe(dir, "", false, "models", "deploy", "shades@champion")
	b.pipe(dir, "", false, "schedule", "add", "nightly.yaml")
	return b.up(dir)
}

// shades makes pictures that are dark or bright.
func (b *stage) shades(dir string) {
	b.t.Helper()
	if err := os.Mkdir(dir, 0o777); err != nil {
		b.t.Fatal(err)
	}
	for i := range 24 {
		name, y := "dark", uint8(40+i)
		if i%2 == 1 {
			name, y = "bright", uint8(200+i)
		}
		m := image.NewGray(image.Rect(0, 0, 8, 8))
		for k := range m.Pix {
			m.Pix[k] = y + uint8(k%16)
		}
		var picture bytes.Buffer
		if err := png.Encode(&picture, m); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.png", name, i)), picture.Bytes(), 0o666); err != nil {
			b.t.Fatal(err)
		}
	}
}

// closed is a folder that has users.
func (b *stage) closed() string {
	dir := b.folder("closed", nil)
	b.pipe(dir, "correct horse", false, "users", "add", "ada", "--level", "admin", "--password-stdin")
	b.pipe(dir, "battery staple", false, "users", "add", "bo", "--level", "read", "--password-stdin")
	return b.up(dir)
}

var upAt = regexp.MustCompile(`pipe is up at (\S+)`)

// up serves a folder until the test ends.
func (b *stage) up(dir string) string {
	b.t.Helper()
	c := exec.Command("pipe", "up", "--port", "0")
	c.Dir = dir
	out, err := c.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	var said strings.Builder
	c.Stderr = &said
	if err := c.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			b.t.Error(err)
		}
		_ = c.Wait() // a signal is no clean end
		if strings.Contains(said.String(), "level=ERROR") || strings.Contains(said.String(), "panic") {
			b.t.Errorf("the server said:\n%s", said.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	found := upAt.FindStringSubmatch(line)
	if err != nil || found == nil {
		b.t.Fatalf("pipe up said %q, %v\n%s", line, err, said.String())
	}
	return found[1]
}
