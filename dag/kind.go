package dag

import (
	"context"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"time"

	"pipe/artifacts"
)

// Kind is what `uses:` names: one sort of stage. The struct that implements it
// is its configuration: the exported fields with yaml tags are the keys under
// `with:` (the tags are described in package text).
type Kind interface {
	// Ports lists the named inputs and outputs; they may depend on the
	// configuration.
	Ports() (in, out []Port)
	// Check says, from the schemas of the inputs, what the outputs will be, and
	// reports what does not fit. It reads no data; a source may look at the
	// header and the first rows of its file.
	Check(c *Check)
	// Run does the work. It sees nothing but env; equal configuration, inputs
	// and seed must give equal bytes on every output.
	Run(ctx context.Context, env *Env) error
}

// Port is a named input or output of a stage.
type Port struct {
	Name     string
	Type     artifacts.Type
	Optional bool // of an input: may be left unconnected; of an output: may stay unwritten
	Many     bool // of an input: takes a list of artifacts
	Distinct bool // of an input with Many: an artifact stands in its list once
	// Lack is what becomes of the stage where a stage that this input is
	// connected with was skipped.
	Lack Lack
	Doc  string
}

// Lack says how a stage takes it that what an input is connected with was
// skipped.
type Lack int

// What is written under `in:` is needed, also where the port is optional: that
// only says that it may be left out of the file.
const (
	NeedsAll  Lack = iota // the stage is skipped, too
	NeedsSome             // it goes on with the rest of the list, and is skipped where nothing is left
	NeedsNone             // it goes on as if this were not connected
)

// Wildcard as the name of an input port stands for any number of inputs whose
// names the pipeline chooses; its type "" takes every type.
const Wildcard = "*"

// Out is the name of the output of a kind that has only one: `in: clean` means
// `in: clean.out`.
const Out = "out"

// Info describes a kind to the language.
type Info struct {
	Name string // as in `uses: nn.train`
	Doc  string // one sentence, then details
	// Details is made by a call and follows Doc where a reference is written;
	// nil for none.
	Details func() string
	Example string      // a stage in YAML
	Version int         // part of the key: raise it when the same configuration gives other bytes
	New     func() Kind // a configuration with nothing set
	// Seeded kinds draw random numbers: the seed is part of their key.
	Seeded bool
	// Effect kinds change something outside the store: they are never cached,
	// run after their inputs and are idempotent.
	Effect bool
	// Labelled kinds tell the artifacts on an input apart by the values of the
	// matrix that they are from: those are part of the key.
	Labelled bool
}

// Reference is all that is said of the kind.
func (i Info) Reference() string {
	doc := i.Doc
	if i.Details != nil {
		doc += i.Details()
	}
	return strings.TrimSpace(doc)
}

// Kinds is a sealed set of kinds.
type Kinds struct {
	byName map[string]Info
	alerts reflect.Type // what a schedule's targets are decoded into; nil: they are not
}

// NewKinds builds the set. Two kinds of one name are a programmer's error and
// panic.
func NewKinds(infos ...Info) *Kinds {
	k := &Kinds{byName: make(map[string]Info, len(infos))}
	for _, i := range infos {
		if _, dup := k.byName[i.Name]; dup {
			panic(fmt.Sprintf("dag: kind %q is registered twice", i.Name))
		}
		if i.Name == "" || i.New == nil || i.Version < 1 {
			panic(fmt.Sprintf("dag: kind %q needs a name, a constructor and a version from 1", i.Name))
		}
		k.byName[i.Name] = i
	}
	return k
}

// Get returns the kind of a name.
func (k *Kinds) Get(name string) (Info, bool) {
	i, ok := k.byName[name]
	return i, ok
}

// Names lists the kinds in alphabetical order.
func (k *Kinds) Names() []string {
	out := make([]string, 0, len(k.byName))
	for n := range k.byName {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// Path is a file or folder outside the store that a stage reads. In a key
// stands the digest of what is there and the name's extensions, not the place.
type Path string

// External is implemented by kinds whose outputs depend on files that no
// field of type Path names, such as a source tree found through the
// environment.
type External interface {
	// Externals lists the files and folders; they are fingerprinted for the key
	// and must not change while the stage runs. Their last names are part of the
	// key, their places are not. Of a folder, keep says which files count; nil
	// means all.
	Externals() (paths []string, keep artifacts.Keep, err error)
}

// Versioned is implemented by kinds whose outputs depend on something outside that
// is no file, such as the rows of a database.
type Versioned interface {
	// OutsideVersion tells two states of it apart and is part of the key. Where
	// nothing can tell, ok is false, and the stage runs each time.
	OutsideVersion(ctx context.Context, now time.Time) (version string, ok bool, err error)
}

// Pinned is implemented by kinds whose Check completes the configuration from a
// file that is in no key, such as the digests of pipe.lock.
type Pinned interface{ Pinned() }

// Surrounded is implemented by kinds whose outputs depend on variables of the
// environment; their values are part of the key.
type Surrounded interface{ Environment() []string }
