package main

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"pipe/dag"
	"pipe/stages/all"
	"pipe/stages/nn"
)

// kindsReference is docs/kinds.md: every kind, layer, loss and optimiser, as
// the code itself describes them.
func kindsReference() string {
	var b strings.Builder
	b.WriteString("# Kinds of stages\n\nMade from the code by `go test ./cmd/pipe -run TestGenerated -update`. `pipe kinds NAME` shows the same.\n\n")
	kinds := all.Kinds()
	for _, name := range kinds.Names() {
		info, _ := kinds.Get(name)
		b.WriteString(dag.Reference(info) + "\n")
	}
	b.WriteString("# Layers\n\nUnder `layers:` of `nn.train`, as `- lstm: { units: 128 }`, or `- flatten` where nothing is configured.\n\n")
	for _, name := range nn.LayerKinds() {
		l, err := nn.NewLayer(name)
		writeParts(&b, name, l, err)
	}
	b.WriteString("# Losses\n\n")
	for _, name := range nn.LossKinds() {
		l, err := nn.NewLoss(name)
		writeParts(&b, name, l, err)
	}
	b.WriteString("# Optimisers\n\n")
	for _, name := range nn.OptimizerKinds() {
		o, err := nn.NewOptimizer(name)
		writeParts(&b, name, o, err)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func writeParts(b *strings.Builder, name string, v any, err error) {
	if err != nil {
		panic(err) // a name that the registry itself gave
	}
	fmt.Fprintf(b, "## %s\n\n", name)
	if fields := dag.FieldsReference(reflect.TypeOf(v).Elem()); fields != "" {
		b.WriteString(fields + "\n")
	}
}

// cliReference is docs/cli.md: every command with its flags.
func cliReference(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# Commands\n\nMade from the code by `go test ./cmd/pipe -run TestGenerated -update`. `pipe COMMAND --help` shows the same.\n\n")
	b.WriteString("Exit codes: 0 done, 1 a stage failed, 2 the pipeline file is wrong, 3 usage, 4 the store is damaged, 130 interrupted.\n\n")
	b.WriteString("Flags of all commands:\n\n" + flagsText(root.PersistentFlags()) + "\n")
	writeCommands(&b, root)
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func writeCommands(b *strings.Builder, c *cobra.Command) {
	for _, sub := range c.Commands() {
		if !sub.IsAvailableCommand() || sub.Name() == "help" || sub.Name() == "completion" {
			continue
		}
		fmt.Fprintf(b, "## %s\n\n    %s\n\n", sub.CommandPath(), sub.UseLine())
		about := sub.Long
		if about == "" {
			about = sub.Short + "."
		}
		b.WriteString(about + "\n\n")
		if flags := flagsText(sub.NonInheritedFlags()); flags != "" {
			b.WriteString(flags + "\n")
		}
		if sub.Example != "" {
			b.WriteString("```\n" + strings.TrimRight(sub.Example, "\n") + "\n```\n\n")
		}
		writeCommands(b, sub)
	}
}

func flagsText(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		fmt.Fprintf(&b, "- `%s`: %s\n", name, f.Usage)
	})
	return b.String()
}
