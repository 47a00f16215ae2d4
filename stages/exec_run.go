package stages

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
)

// program is one execution of the kind exec.
type program struct {
	exec      *Exec
	dir       string // its files: inputs, outputs, manifest
	variables []string
	outputs   map[string]string // where each is to be
	metrics   string

	mu   sync.Mutex
	said bytes.Buffer
}

func (p *program) set(name, value string) { p.variables = append(p.variables, name+"="+value) }

// outcome tells a hook what the run came to.
func (p *program) outcome(run dag.RunInfo, o *dag.Outcome) {
	p.set("PIPE_RUN_ID", run.ID)
	p.set("PIPE_RUN_PIPELINE", run.Pipeline)
	p.set("PIPE_RUN_STATUS", o.Status)
	var lines []string
	for _, f := range o.Failures {
		lines = append(lines, f.Error())
	}
	p.set("PIPE_RUN_ERROR", strings.ReplaceAll(strings.Join(lines, "\n"), "\x00", ""))
}

// file writes a JSON file and names it in the environment.
func (p *program) file(variable, name string, v any) error {
	path := filepath.Join(p.dir, name)
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s for the program: %w", name, err)
	}
	p.set(variable, path)
	return artifacts.WriteAgain(path, b)
}

// patience is how long a program may take to end when it is told to.
const patience = 400 * time.Millisecond

// run starts the program in a process group of its own and waits for it. That
// is done without os/exec, whose goroutines for the output cost as much as the
// rest of a short stage.
func (p *program) run(ctx context.Context, env *dag.Env) error {
	args := p.exec.Command.Args
	if args == nil {
		args = []string{"/bin/sh", "-c", p.exec.Command.Shell}
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return fmt.Errorf("start %s: %w", args[0], err)
	}
	output, process, err := start(path, args, p.variables)
	if err != nil {
		return fmt.Errorf("start %s: %w", args[0], err)
	}
	group := -process.Pid
	stop := context.AfterFunc(ctx, func() {
		_ = syscall.Kill(group, syscall.SIGTERM)
		time.AfterFunc(patience, func() { _ = syscall.Kill(group, syscall.SIGKILL) })
	})
	defer stop()
	lines := &lineWriter{line: func(s string) { p.line(env, s) }}
	readErr := output.follow(lines)
	state, err := process.Wait()
	// What the program left running in its group ends, too.
	_ = syscall.Kill(group, syscall.SIGKILL)
	lines.end()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("wait for %s: %w", args[0], err)
	case !state.Success():
		return fmt.Errorf("%s: %s%s", args[0], state, p.lastWords())
	case readErr != nil:
		return fmt.Errorf("read what %s prints: %w", args[0], readErr)
	}
	return nil
}

// maxLog bounds what of a program's output is kept.
const maxLog = 8 << 20

func (p *program) line(env *dag.Env, s string) {
	s = env.Scrub(s) // before anything of it is kept
	m, ok, wrong := metricLine(s)
	if ok {
		env.LogMetrics([]dag.Metric{m})
	}
	p.mu.Lock()
	room := p.said.Len() < maxLog
	if room {
		p.said.WriteString(s + "\n")
	}
	p.mu.Unlock()
	if room {
		env.Logf("%s", s)
		if wrong != "" {
			env.Logf("the line above is no metric: %s", wrong)
		}
	}
}

// metricLine reads "metric NAME VALUE" and "metric NAME STEP VALUE"; wrong tells
// why a line that begins so is none.
func metricLine(s string) (m dag.Metric, ok bool, wrong string) {
	f := strings.Fields(s)
	if len(f) < 3 || len(f) > 4 || f[0] != "metric" {
		return m, false, ""
	}
	v, err := strconv.ParseFloat(f[len(f)-1], 64)
	if errors.Is(err, strconv.ErrRange) {
		return m, false, f[len(f)-1] + " is beyond what a number of 64 bits holds"
	}
	if err != nil {
		return m, false, fmt.Sprintf("%q is no number; write metric NAME VALUE or metric NAME STEP VALUE", f[len(f)-1])
	}
	m = dag.Metric{Name: f[1], Value: dag.Float(v)}
	if len(f) == 4 {
		if m.Step, err = strconv.ParseInt(f[2], 10, 64); err != nil {
			return m, false, fmt.Sprintf("the step %q is no whole number", f[2])
		}
	}
	return m, true, ""
}

// lastWords is the end of what the program printed, for the error.
func (p *program) lastWords() string {
	lines := strings.Split(strings.TrimSpace(p.said.String()), "\n")
	if len(lines) > 5 {
		lines = lines[len(lines)-5:]
	}
	if s := strings.Join(lines, "\n  "); s != "" {
		return "; its last words:\n  " + s
	}
	return ""
}

// collect takes in what the program wrote.
func (p *program) collect(env *dag.Env) error {
	for _, name := range slices.Sorted(keysOf(p.exec.Outputs)) {
		o, path := p.exec.Outputs[name], p.outputs[name]
		if err := o.look(name, path); err != nil {
			return err
		}
		var err error
		switch o.Type {
		case "table":
			if err = env.ImportTable(name, path); err != nil && o.Format == string(table.Parquet) && looksLikeText(path) {
				err = fmt.Errorf("%w; what was written is text: where it is CSV, declare { type: table, format: csv }", err)
			}
		case "metrics":
			if err = readMetrics(env, path); err == nil {
				err = env.Import(name, path, o.artifact(), o.Format)
			}
		default:
			err = env.Import(name, path, o.artifact(), o.Format)
		}
		if err != nil {
			return fmt.Errorf("output %q: %w", name, err)
		}
	}
	w, err := env.CreateFile(logPort, artifacts.File, "log")
	if err != nil {
		return err
	}
	if _, err := w.Write(p.said.Bytes()); err != nil {
		return err
	}
	if err := readMetrics(env, p.metrics); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("PIPE_METRICS: %w", err)
	}
	return nil
}

// readMetrics makes a metric of each number of a JSON object in a file.
func readMetrics(env *dag.Env, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return errors.New("what was written is no JSON object of numbers, such as {\"accuracy\": 0.93}")
	}
	values := make(map[string]json.Number, len(members))
	for name, member := range members {
		var v json.Number
		if err := json.Unmarshal(member, &v); err != nil || len(member) == 0 || member[0] == '"' || v == "" {
			return fmt.Errorf("%q is %s, which is no number", name, member)
		}
		values[name] = v
	}
	for _, name := range slices.Sorted(keysOf(values)) {
		v, err := values[name].Float64()
		if err != nil || math.IsInf(v, 0) {
			return fmt.Errorf("%q is %s, which is no number", name, values[name])
		}
		env.Metric(name, v, 0)
	}
	return nil
}

// lineWriter hands on each line that is written to it.
type lineWriter struct {
	buf  bytes.Buffer
	line func(string)
}

// maxLine bounds a line; a longer one is handed on in pieces.
const maxLine = 64 << 10

func (w *lineWriter) Write(b []byte) (int, error) {
	w.buf.Write(b)
	for {
		i := bytes.IndexByte(w.buf.Bytes(), '\n')
		if i < 0 && w.buf.Len() < maxLine {
			return len(b), nil
		}
		if i < 0 || i > maxLine {
			i = min(maxLine, w.buf.Len()-1)
		}
		w.line(strings.TrimRight(string(w.buf.Next(i+1)), "\r\n"))
	}
}

func (w *lineWriter) end() {
	if w.buf.Len() > 0 {
		w.line(strings.TrimRight(w.buf.String(), "\r\n"))
	}
}
