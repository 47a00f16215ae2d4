package dag

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"pipe/artifacts"
)

const (
	// inputChanged begins the reason that an input is another one; the port
	// follows.
	inputChanged = "other input "
	// outsideChanged begins the reason that a file outside the store is another
	// one.
	outsideChanged = "what it reads from outside changed"
)

// past is how a stage last succeeded.
type past struct {
	never  bool
	record *artifacts.Record // nil where the store has lost it
}

func (w *worker) past(s *Stage, last func(string) (artifacts.Key, bool)) past {
	if last == nil {
		return past{}
	}
	key, known := last(s.Name)
	if !known {
		return past{never: true}
	}
	r, _ := w.store.Lookup(key)
	return past{record: r}
}

func (p past) took() time.Duration {
	if p.record == nil {
		return 0
	}
	return p.record.Finished.Sub(p.record.Started)
}

// description is what the key of the last success hashed; empty where that is not
// known.
func (p past) description() (d Description) {
	if p.record != nil && json.Unmarshal(p.record.Description, &d) != nil {
		return Description{}
	}
	return d
}

// why tells what made a stage's key another one.
func (p past) why(description json.RawMessage) []string {
	switch {
	case p.never:
		return []string{"never ran"}
	case p.record == nil:
		return []string{"its last result is no longer in the store"}
	}
	return Differences(p.record.Description, description)
}

// Differences tells why two descriptions, as records keep them, have different
// keys.
func Differences(before, after json.RawMessage) []string {
	var a, b Description
	if json.Unmarshal(before, &a) != nil || json.Unmarshal(after, &b) != nil {
		return []string{"its last result was described in another format"}
	}
	var why []string
	if a.Kind != b.Kind {
		why = append(why, fmt.Sprintf("uses %s → %s", a.Kind, b.Kind))
	} else if a.Version != b.Version {
		why = append(why, fmt.Sprintf("%s is of a newer version (%d → %d)", b.Kind, a.Version, b.Version))
	}
	var ca, cb any
	if json.Unmarshal(a.Config, &ca) == nil && json.Unmarshal(b.Config, &cb) == nil {
		why = append(why, configDifferences("with", ca, cb)...)
	}
	if a.Seed != nil && b.Seed != nil && *a.Seed != *b.Seed {
		why = append(why, fmt.Sprintf("seed %d → %d", *a.Seed, *b.Seed))
	}
	for _, port := range sortedKeys(b.Inputs) {
		if !slices.Equal(a.Inputs[port], b.Inputs[port]) {
			why = append(why, inputChanged+port)
		}
	}
	for _, name := range sortedKeys(b.Secrets) {
		if a.Secrets[name] != b.Secrets[name] {
			why = append(why, fmt.Sprintf("another secret %s", name))
		}
	}
	if !slices.Equal(a.Externals, b.Externals) {
		why = append(why, externalDifference(a.Externals, b.Externals))
	}
	if a.Outside != b.Outside {
		why = append(why, fmt.Sprintf("what it reads has another version: %s → %s", brief(a.Outside), brief(b.Outside)))
	}
	if len(why) == 0 {
		why = []string{"its inputs are connected otherwise"}
	}
	return why
}

func externalDifference(a, b []ExternalFile) string {
	for i, x := range b {
		if i >= len(a) || a[i] != x {
			return fmt.Sprintf("%s (%s)", outsideChanged, x.Field)
		}
	}
	return "the files that it reads changed"
}

// configDifferences walks two configurations and tells which values differ.
func configDifferences(path string, a, b any) []string {
	if reflect.DeepEqual(a, b) {
		return nil
	}
	ma, aIsMap := a.(map[string]any)
	mb, bIsMap := b.(map[string]any)
	if aIsMap && bIsMap {
		keys := map[string]bool{}
		for k := range ma {
			keys[k] = true
		}
		for k := range mb {
			keys[k] = true
		}
		var why []string
		for _, k := range sortedKeys(keys) {
			why = append(why, configDifferences(path+"."+k, ma[k], mb[k])...)
		}
		return why
	}
	la, aIsList := a.([]any)
	lb, bIsList := b.([]any)
	if aIsList && bIsList && len(la) == len(lb) {
		var why []string
		for i := range la {
			why = append(why, configDifferences(fmt.Sprintf("%s[%d]", path, i), la[i], lb[i])...)
		}
		return why
	}
	return []string{fmt.Sprintf("%s %s → %s", path, brief(a), brief(b))}
}

// brief writes a value in at most a few words.
func brief(v any) string {
	if v == nil {
		return "(unset)"
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // people read it
	if err := enc.Encode(v); err != nil {
		return "?"
	}
	s := strings.TrimSpace(b.String())
	if len(s) <= 40 {
		return s
	}
	return strings.ToValidUTF8(s[:37], "") + "…"
}

// nameInputs says of an input that changed which output of which stage it is, and
// of a table how many rows it has, and had when the stage last took it.
func nameInputs(s *Stage, in map[string][]artifacts.Ref, find func(artifacts.Digest) (artifacts.Ref, bool), was past, why []string) []string {
	for i, text := range why {
		port, found := strings.CutPrefix(text, inputChanged)
		if !found {
			continue
		}
		for _, e := range s.In {
			if e.Port != port {
				continue
			}
			why[i] = inputChanged + e.From.Name + "." + e.FromPort
			if len(in[port]) != 1 || in[port][0].Type != artifacts.Table {
				break
			}
			rows := fmt.Sprintf("%d rows", in[port][0].Rows)
			// The description has digests only, and the stage before may have given
			// others since.
			if took := was.description().Inputs[port]; len(took) == 1 && find != nil {
				if before, found := find(took[0]); found && before.Type == artifacts.Table {
					rows = fmt.Sprintf("%d → %s", before.Rows, rows)
				}
			}
			why[i] += ": " + rows
			break
		}
	}
	return why
}

// nameFiles says which files and folders outside the store are others than when
// the stage last ran.
func nameFiles(was past, d *Description, prints []artifacts.Fingerprint, why []string) []string {
	i := slices.IndexFunc(why, func(text string) bool { return strings.HasPrefix(text, outsideChanged) })
	if i < 0 || len(prints) != len(d.Externals) {
		return why
	}
	before := was.description().Externals
	var names []string
	for j, x := range d.Externals {
		if j >= len(before) || before[j] != x {
			names = append(names, prints[j].Path)
		}
	}
	const most = 3
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	if len(names) > 0 {
		why[i] = outsideChanged + ": " + strings.Join(names, ", ")
	}
	return why
}
