package main

import (
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"pipe/dag"
)

// forceFlag takes --force as it is written: alone, as --force=STAGE, and as
// --force STAGE, of which each may be several between commas. A flag whose value may be left out never gets the word behind
// it, so that one is found among the arguments.
type forceFlag struct {
	flags  *pflag.FlagSet
	stages []string
	alone  []int // of each --force without =, how many arguments stood before it
}

// everyStage stands for a missing value; no stage can have that name.
const everyStage = "every stage"

func (f *forceFlag) add(flags *pflag.FlagSet) {
	f.flags = flags
	flags.Var(f, "force", "run these stages, as a,b, whatever the store has; alone, behind all arguments, every stage")
	flags.Lookup("force").NoOptDefVal = everyStage
}

// String implements pflag.Value.
func (f *forceFlag) String() string { return strings.Join(f.stages, ",") }

// Type implements pflag.Value.
func (f *forceFlag) Type() string { return "stage" }

// Set implements pflag.Value.
func (f *forceFlag) Set(s string) error {
	if s == everyStage {
		f.alone = append(f.alone, f.flags.NArg())
	} else {
		names := namesIn(s)
		if len(names) == 0 {
			return errors.New("it names no stage: write --force alone, behind all arguments, for every stage")
		}
		f.stages = append(f.stages, names...)
	}
	return nil
}

// namesIn gives the names between commas; blanks around them and empty ones count for
// nothing.
func namesIn(list string) (names []string) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// split takes from the arguments behind the file what --force means, and
// returns the stages to force and the rest.
func (f *forceFlag) split(args []string) (force, rest []string) {
	force = f.stages
	mine := map[int]bool{}
	for _, n := range f.alone {
		if n == 0 || n >= len(args) {
			force = append(force, dag.ForceAll)
			continue
		}
		names := namesIn(args[n])
		if len(names) == 0 { // it stays, and is refused as a stage that is none
			continue
		}
		force, mine[n] = append(force, names...), true
	}
	for i, a := range args[1:] {
		if !mine[i+1] {
			rest = append(rest, a)
		}
	}
	return force, rest
}
