package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"pipe/dag"
	"pipe/dag/text"
	"pipe/workspace"
)

// paramVariable begins the name of an environment variable that sets a param:
// PIPE_PARAM_EPOCHS, or PIPE_PARAM_epochs where the case matters.
const paramVariable = "PIPE_PARAM_"

// params are the flags that set the params of a pipeline. What is nearer wins:
// -p, then the file, then the environment, then the default.
type params struct {
	given  []string
	file   string
	at     string
	moment dag.Moment // the logical time, where no flag sets it
}

func (p *params) flags(f *pflag.FlagSet) {
	f.StringArrayVarP(&p.given, "param", "p", nil, "set a param of the pipeline: name=value (as does the variable PIPE_PARAM_NAME)")
	f.StringVar(&p.file, "params", "", "set params by a YAML file: a map from names to values; -p wins over it, and it over the environment")
}

// momentFlag is the flag that sets the logical time.
func (p *params) momentFlag(f *pflag.FlagSet) {
	f.StringVar(&p.at, "at", "", "the logical time, run.scheduled_at in expressions, in UTC; by default the last fire time of the schedule, or midnight")
}

// load reads and checks a pipeline file with these params.
func (p *params) load(ctx context.Context, file string) (*dag.Pipeline, error) {
	o, err := p.options()
	if err != nil {
		return nil, err
	}
	expectText(file)
	return workspace.LoadFile(ctx, file, o)
}

// options are what a pipeline is loaded with.
func (p *params) options() (dag.LoadOptions, error) {
	o := dag.LoadOptions{Params: map[string]string{}, Lookup: paramOfEnvironment, Moment: p.moment}
	for _, g := range p.given {
		name, value, ok := strings.Cut(g, "=")
		if !ok || name == "" {
			return o, usageError{fmt.Errorf("-p takes name=value, not %q", g)}
		}
		o.Params[name] = value
	}
	var err error
	if o.At, err = dag.ParseInstant(p.at, time.UTC); err != nil {
		return o, usageError{fmt.Errorf("--at: %w", err)}
	}
	if p.file != "" {
		data, err := os.ReadFile(p.file)
		if err != nil {
			return o, usageError{fmt.Errorf("read the params: %w", err)}
		}
		o.ParamsFile = &text.File{Name: p.file, Data: data}
	}
	return o, nil
}

// setBy is all that options takes the values of params from, as one list.
func (p *params) setBy(o dag.LoadOptions) []string {
	var file string
	if o.ParamsFile != nil {
		file = string(o.ParamsFile.Data)
	}
	all := append([]string{file}, p.given...)
	for _, v := range slices.Sorted(slices.Values(os.Environ())) {
		if strings.HasPrefix(v, paramVariable) {
			all = append(all, v)
		}
	}
	return all
}

func paramOfEnvironment(name string) (string, bool) {
	if v, ok := os.LookupEnv(paramVariable + name); ok {
		return v, true
	}
	return os.LookupEnv(paramVariable + strings.ToUpper(name))
}
