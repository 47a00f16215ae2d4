package dag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pipe/artifacts"
)

// work is one stage on its way: what it reads, its key and what came of it.
// One worker owns it from start to end.
type work struct {
	stage   *Stage
	inputs  map[string][]artifacts.Ref
	took    bool                 // its resources are booked
	labels  map[string][][]Label // of a Labelled kind's inputs
	about   *described           // nil until somebody needed it
	outcome outcome
}

// described is a stage with its key.
type described struct {
	key         artifacts.Key
	description json.RawMessage
	externals   []artifacts.Fingerprint
	outside     outsideVersion
}

// outcome is what a worker sends back.
type outcome struct {
	event     EventType // cached, finished or failed
	key       artifacts.Key
	outputs   map[string]artifacts.Ref
	externals []artifacts.Fingerprint
	metrics   []Metric
	log       string
	seconds   float64
	verified  bool // it gave the bytes that the store has
	err       error
}

// worker carries out stages; it holds no state of the run.
type worker struct {
	store   *artifacts.Store
	seed    uint64
	models  Models
	about   RunInfo
	secrets Secrets
	remote  Remote // nil where there is none
	working func(context.Context, artifacts.Key) (run, stage string)
	now     func() time.Time
	sleep   func(context.Context, time.Duration) error // between attempts
	emit    func(Event)

	force     bool // run it though the store has the result
	cacheOnly bool // it comes before where the run begins
	verify    bool // run a hit again and compare
}

// describe fingerprints the files that a stage reads and composes its key.
func (w *worker) describe(ctx context.Context, s *Stage, inputs map[string][]artifacts.Ref, labels map[string][][]Label) (d *Description, prints []artifacts.Fingerprint, outside outsideVersion, err error) {
	config, err := canonicalConfig(s.Kind)
	if err != nil {
		return nil, nil, outside, fmt.Errorf("describe the configuration of %s: %w", s.Info.Name, err)
	}
	d = &Description{Format: keyFormat, Kind: s.Info.Name, Version: s.Info.Version, Config: config, Labels: labels, Secrets: w.secrets.fingerprints(s.Secrets)}
	if s.Info.Seeded {
		d.Seed = &w.seed
	}
	if len(inputs) > 0 {
		d.Inputs = make(map[string][]artifacts.Digest, len(inputs))
		for port, refs := range inputs {
			for _, r := range refs {
				d.Inputs[port] = append(d.Inputs[port], r.Digest)
			}
		}
	}
	if x, ok := s.Kind.(Surrounded); ok {
		d.Variables = map[string]string{}
		for _, name := range x.Environment() {
			if v, set := os.LookupEnv(name); set {
				d.Variables[name] = v
			}
		}
	}
	if prints, err = w.fingerprint(s.Kind, d); err != nil {
		return nil, nil, outside, err
	}
	outside, err = w.outside(ctx, s, w.now())
	d.Outside = outside.is
	return d, prints, outside, err
}

// key describes a stage and hashes that.
func (w *worker) key(ctx context.Context, x *work) (*described, error) {
	d, prints, outside, err := w.describe(ctx, x.stage, x.inputs, x.labels)
	if err != nil {
		return nil, err
	}
	key, description, err := d.Key()
	return &described{key, description, prints, outside}, err
}

// fingerprint adds the files outside the store to a description.
func (w *worker) fingerprint(k Kind, d *Description) ([]artifacts.Fingerprint, error) {
	var prints []artifacts.Fingerprint
	add := func(field, path string, keep artifacts.Keep) error {
		fp, err := w.store.FingerprintTree(path, keep)
		if err != nil {
			return err
		}
		prints = append(prints, fp)
		d.Externals = append(d.Externals, ExternalFile{Field: field, Suffix: suffix(path), Digest: fp.Digest})
		return nil
	}
	fields, values := paths(k)
	for i, path := range values {
		if err := add(fields[i], path, nil); err != nil {
			return nil, err
		}
	}
	x, ok := k.(External)
	if !ok {
		return prints, nil
	}
	found, keep, err := x.Externals()
	if err != nil {
		return nil, err
	}
	for _, path := range found {
		if err := add(filepath.Base(path), path, keep); err != nil {
			return nil, err
		}
	}
	return prints, nil
}

// do brings a stage to its end: from the store where its key is known, else
// by running it.
func (w *worker) do(ctx context.Context, x *work, scratch func(artifacts.Key) string) (o outcome) {
	started := w.now()
	defer func() {
		o.seconds = w.now().Sub(started).Seconds()
		if o.err != nil {
			o.event = StageFailed
		}
	}()
	s := x.stage
	if x.about == nil {
		if x.about, o.err = w.key(ctx, x); o.err != nil {
			return o
		}
	}
	key, prints := x.about.key, x.about.externals
	o.key, o.externals = key, prints
	cacheable := !s.Info.Effect && !s.NoCache && !x.about.outside.restless
	var stored *outcome
	if cacheable {
		unlock, hit, err := w.look(ctx, s, key, &o)
		if err != nil {
			o.err = err
			return o
		}
		defer unlock()
		if hit && !w.verify {
			return o
		}
		if hit {
			kept := o
			stored = &kept
		}
	}
	if w.cacheOnly {
		o.err = errors.New("its result is not in the store, and the run begins after it; run without --from")
		return o
	}
	w.run(ctx, x, scratch(key), &o)
	if o.err != nil {
		return o
	}
	for _, fp := range prints {
		if err := w.store.Unchanged(fp); err != nil {
			o.err = fmt.Errorf("a file changed while the stage read it, so its outputs are not kept: %w", err)
			return o
		}
	}
	if o.err = w.sameOutside(ctx, s, x.about.outside); o.err != nil {
		return o
	}
	if stored != nil {
		o.err = sameOutputs(stored.outputs, o.outputs)
		o.verified = o.err == nil
	} else if cacheable {
		o.err = w.record(key, s, x.about.description, started, &o)
	}
	return o
}

// hit brings a stage to its end if the store has its result and no file needs
// to be looked at to know that: some microseconds, for which starting a worker
// takes too long. After false, do does the rest.
func (w *worker) hit(x *work) bool {
	s := x.stage
	if s.Info.Effect || s.NoCache || w.force || w.verify {
		return false
	}
	if _, external := s.Kind.(External); external {
		return false
	}
	if _, versioned := s.Kind.(Versioned); versioned {
		return false
	}
	if _, files := paths(s.Kind); len(files) > 0 {
		return false
	}
	started := w.now()
	var err error
	if x.about, err = w.key(context.Background(), x); err != nil {
		x.about = nil
		return false
	}
	o := outcome{key: x.about.key}
	if !w.replay(o.key, &o) {
		return false
	}
	o.seconds = w.now().Sub(started).Seconds()
	x.outcome = o
	return true
}

// look finds a key in the store. On a miss the key stays locked until unlock,
// so that two processes share the work: the second waits for the first and
// finds its record.
func (w *worker) look(ctx context.Context, s *Stage, key artifacts.Key, o *outcome) (unlock func(), hit bool, err error) {
	if !w.force && w.replay(key, o) {
		return func() {}, true, nil
	}
	unlock, err = w.store.LockKey(ctx, key, w.tellWait(ctx, s, key))
	if err != nil {
		return nil, false, err
	}
	if w.force {
		return unlock, false, nil
	}
	if w.replay(key, o) || w.remote != nil && w.remote.Fetch(ctx, key) && w.replay(key, o) {
		return unlock, true, nil
	}
	return unlock, false, nil
}

// A wait for another's work is told when it is no short one any more, and without
// a name where none is known soon after: a stage that has just begun comes into
// the registry a moment later.
const (
	waitIsLong    = 200 * time.Millisecond
	waitIsUnknown = time.Second
)

// tellWait makes one event of a wait for a key.
func (w *worker) tellWait(ctx context.Context, s *Stage, key artifacts.Key) func(waited time.Duration) {
	told := false
	return func(waited time.Duration) {
		if told || waited < waitIsLong {
			return
		}
		e := Event{Time: w.now(), Type: StageQueued, Stage: s.Name, Kind: s.Info.Name, Key: key, Text: "another process is computing it"}
		if w.working != nil {
			run, stage := w.working(ctx, key)
			switch e.Other = run; {
			case run == "":
			case run == w.about.ID:
				e.Text = fmt.Sprintf("stage %q is computing the same", stage)
			default:
				e.Text = fmt.Sprintf("run %.8s is computing it", run)
			}
		}
		if told = e.Other != "" || waited >= waitIsUnknown; told {
			w.emit(e)
		}
	}
}

// sameOutputs compares what a stage gave again with what the store has.
func sameOutputs(before, after map[string]artifacts.Ref) error {
	for _, port := range sortedKeys(before) {
		if a, b := before[port].Digest, after[port].Digest; a != b {
			return fmt.Errorf("it gives other bytes than before: output %q was %s and is now %s; either the stage is not deterministic or the store was changed", port, a, b)
		}
	}
	return nil
}

// replay fills an outcome from the store; false means a miss.
func (w *worker) replay(key artifacts.Key, o *outcome) bool {
	r, ok := w.store.Lookup(key)
	if !ok {
		return false
	}
	var metrics []Metric
	if len(r.Metrics) > 0 && json.Unmarshal(r.Metrics, &metrics) != nil {
		return false
	}
	o.event, o.outputs, o.metrics = StageCached, r.Outputs, metrics
	return true
}

// record keeps what the stage produced under its key.
func (w *worker) record(key artifacts.Key, s *Stage, description json.RawMessage, started time.Time, o *outcome) error {
	metrics, err := json.Marshal(o.metrics)
	if err != nil {
		return fmt.Errorf("keep the metrics of a stage: %w", err)
	}
	r := &artifacts.Record{Kind: s.Info.Name, Outputs: o.outputs, Metrics: metrics, Started: started.UTC(), Finished: w.now().UTC(), Description: description}
	if o.log != "" {
		ref, err := w.store.PutBytes(artifacts.File, "log", []byte(o.log))
		if err != nil {
			return err
		}
		r.Log = &ref
	}
	if err := w.store.Record(key, r); err != nil {
		return err
	}
	if w.remote != nil {
		w.remote.Share(key)
	}
	return nil
}

// flatten names each input artifact once: "in", or "in.0", "in.1" where a
// port takes many.
func flatten(in map[string][]artifacts.Ref) map[string]artifacts.Ref {
	out := make(map[string]artifacts.Ref, len(in))
	for _, port := range sortedKeys(in) {
		for i, r := range in[port] {
			name := port
			if len(in[port]) > 1 {
				name = fmt.Sprintf("%s.%d", port, i)
			}
			out[name] = r
		}
	}
	return out
}

// gather collects the artifacts on a stage's inputs in the order of its edges. A
// hook, which runs after failures too, gets of its optional inputs what is there.
func gather(s *Stage, outputs map[*Stage]map[string]artifacts.Ref) (map[string][]artifacts.Ref, error) {
	in := map[string][]artifacts.Ref{}
	for _, e := range s.In {
		ref, ok := outputs[e.From][e.FromPort]
		if !ok {
			ports, _ := s.Kind.Ports()
			if p, _ := findPort(ports, e.Port); p.Lack != NeedsAll || s.hook && p.Optional {
				continue
			}
			return nil, fmt.Errorf("input %q: stage %q wrote nothing to %q", e.Port, e.From.Name, e.FromPort)
		}
		in[e.Port] = append(in[e.Port], ref)
	}
	return in, nil
}
