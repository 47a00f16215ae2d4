package stages

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/text"
)

var execKind = dag.Info{
	Name: "exec", Version: 1, New: func() dag.Kind { return &Exec{} },
	Doc: `Runs any program: Python, R, a shell script. Inputs are files that the environment
names: PIPE_INPUT_<NAME>, in capital letters (tables as Parquet, or as Arrow IPC with tables: arrow). The program writes its
outputs to the places PIPE_OUTPUT_<NAME>; PIPE_PARAMS names a JSON file with the params, where there are any. PIPE_MANIFEST names
a JSON file with all of that: {version, seed, params, inputs: {NAME: [{path, type, format, rows}]}, outputs: {NAME: {path, type, format}}, metrics}. What it prints is the stage's log; a printed line
"metric NAME VALUE" or "metric NAME STEP VALUE" is a metric, and so is each number in the JSON object that it writes to
PIPE_METRICS. It runs in pipe's folder, with PATH, HOME, LANG, TMPDIR and the variables of env and pass_env,
in a process group of its own that dies as a whole when the run is interrupted. Name every file that it reads
under files: what is not named is not part of the key, and a change of it does not run the stage again.`,
	Example: `scores:
  uses: exec
  in: { train: split.train, test: split.test }
  with:
    run: [python3, score.py]
    files: [score.py]
    params: { trees: 100 }
    outputs: { scores: table, notes: file }`,
}

// Exec is the kind exec.
type Exec struct {
	Command Command           `yaml:"run" doc:"a list is a program and its arguments; a text is a line for /bin/sh" required:"true"`
	Files   []dag.Path        `yaml:"files" doc:"files and folders that the program reads: its own text, libraries, data"`
	Env     map[string]string `yaml:"env" doc:"variables of its environment"`
	PassEnv []string          `yaml:"pass_env" doc:"variables that it gets from pipe's environment; their values are part of the key"`
	Params  ProgramParams     `yaml:"params" doc:"values for the program, as JSON; a number has all the digits that are written"`
	Tables  string            `yaml:"tables" doc:"the format of input tables" default:"parquet" enum:"parquet,arrow"`
	Outputs ProgramOutputs    `yaml:"outputs" doc:"what it writes: a map from name to table, file, folder, report, metrics or model, or to {type, format}; metrics is a JSON object of numbers, each of which is a metric of the stage"`
}

// Command is a program with arguments, or a line for the shell.
type Command struct {
	Args  []string
	Shell string
}

// DecodeNode implements text.NodeDecoder.
func (c *Command) DecodeNode(d *text.Decoder, n *text.Node) {
	if n.Kind == text.Scalar && n.Value != nil {
		c.Shell = n.Text()
		if strings.TrimSpace(c.Shell) == "" {
			d.Errorf(n, "value", "with.run is empty")
		}
		return
	}
	if n.Kind == text.Sequence && len(n.Items) == 0 {
		d.Errorf(n, "value", "with.run is empty: it names no program")
		return
	}
	d.Decode(n, &c.Args)
	if len(c.Args) == 0 {
		d.Errorf(n, "type", "with.run: expected a line for the shell or a list of program and arguments, found %s", n.What())
	}
}

// TypeText names the type in the reference.
func (c *Command) TypeText() string { return "text or list of text" }

// MarshalJSON writes the command into the key.
func (c Command) MarshalJSON() ([]byte, error) {
	if c.Args != nil {
		return json.Marshal(c.Args)
	}
	return json.Marshal(c.Shell)
}

// logPort is the output that every stage of this kind has: what was printed.
const logPort = "log"

// Ports implements dag.Kind.
func (x *Exec) Ports() (in, out []dag.Port) {
	in = []dag.Port{{Name: dag.Wildcard, Optional: true, Many: true, Doc: "whatever the program reads, under names of your choice"}}
	names := make([]string, 0, len(x.Outputs))
	for n := range x.Outputs {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		out = append(out, dag.Port{Name: n, Type: x.Outputs[n].artifact()})
	}
	return in, append(out, dag.Port{Name: logPort, Type: artifacts.File, Doc: "what the program printed"})
}

// Check implements dag.Kind.
func (x *Exec) Check(c *dag.Check) {
	inputs := map[string]string{}
	for _, name := range slices.Sorted(keysOf(c.In)) {
		if other, taken := inputs[strings.ToUpper(name)]; taken {
			c.Errorf("in."+name, "input %q has the same variable, %s; names of inputs differ in more than upper and lower case", other, inputVariable(name))
		}
		inputs[strings.ToUpper(name)] = name
	}
	for _, name := range slices.Sorted(keysOf(x.Env)) {
		if strings.HasPrefix(name, "PIPE_") || strings.ContainsAny(name, "= \x00") {
			c.Errorf("env."+name, "a variable's name has no = and does not begin with PIPE_")
		}
	}
	for i, f := range x.Files {
		if _, err := os.Stat(string(f)); err != nil {
			c.Errorf(fmt.Sprintf("files[%d]", i), "%v", err)
		}
	}
}

func keysOf[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// Environment implements dag.Surrounded: the variables that are passed on are
// part of the key.
func (x *Exec) Environment() []string { return x.PassEnv }

// Run implements dag.Kind.
func (x *Exec) Run(ctx context.Context, env *dag.Env) error {
	dir, err := env.TempWith(manifestFileName)
	if err != nil {
		return err
	}
	p, err := x.prepare(env, dir)
	if err != nil {
		return err
	}
	if err := p.run(ctx, env); err != nil {
		return err
	}
	return p.collect(env)
}

// prepare places the inputs and says in the environment where everything is.
func (x *Exec) prepare(env *dag.Env, dir string) (*program, error) {
	p := &program{exec: x, dir: dir, variables: baseEnvironment(x), outputs: map[string]string{}, metrics: filepath.Join(dir, "metrics.json")}
	m := manifest{Version: manifestVersion, Seed: env.Seed, Params: x.Params, Inputs: map[string][]manifestFile{}, Outputs: map[string]manifestFile{}, Metrics: p.metrics}
	for _, port := range env.Connected() {
		var places []string
		for i, ref := range env.Inputs(port) {
			name := "in-" + port
			if i > 0 {
				name = fmt.Sprintf("in-%s-%d", port, i)
			}
			path, err := env.Place(ref, dir, name, table.Format(x.Tables))
			if err != nil {
				return nil, fmt.Errorf("input %q: %w", port, err)
			}
			places = append(places, path)
			m.Inputs[port] = append(m.Inputs[port], placed(ref, path))
		}
		p.set(inputVariable(port), strings.Join(places, string(os.PathListSeparator)))
	}
	for name, o := range x.Outputs {
		path := filepath.Join(dir, "out-"+name)
		if o.Format != artifacts.FolderFormat {
			path += "." + o.Format
		} else if err := os.Mkdir(path, 0o777); err != nil {
			return nil, err
		}
		p.outputs[name] = path
		m.Outputs[name] = manifestFile{Path: path, Type: o.Type, Format: o.Format}
		p.set(outputVariable(name), path)
	}
	p.set("PIPE_METRICS", p.metrics)
	p.set("PIPE_SEED", strconv.FormatUint(env.Seed, 10))
	if o := env.Run.Outcome; o != nil {
		p.outcome(env.Run, o)
	}
	if err := p.file("PIPE_MANIFEST", manifestFileName, m); err != nil {
		return nil, err
	}
	if len(x.Params) > 0 {
		return p, p.file("PIPE_PARAMS", "params.json", x.Params)
	}
	return p, nil
}

// baseEnvironment is what a program can expect; everything else is named in
// the pipeline, so that a result does not hang on somebody's shell.
func baseEnvironment(x *Exec) []string {
	var out []string
	names := append([]string{"PATH", "HOME", "LANG", "TMPDIR", "USER"}, x.PassEnv...)
	for _, n := range names {
		if v, ok := os.LookupEnv(n); ok {
			out = append(out, n+"="+v)
		}
	}
	for _, n := range slices.Sorted(keysOf(x.Env)) {
		out = append(out, n+"="+x.Env[n])
	}
	return out
}
