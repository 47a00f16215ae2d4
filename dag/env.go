package dag

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/artifacts/table"
)

// Env is all that a running stage sees of the world: readers of its inputs,
// drafts of its outputs, and a way to tell how it goes. Its methods may be
// called from several goroutines.
//
// Outputs become artifacts only when Run has returned nil: a stage that fails,
// is interrupted or is killed leaves nothing.
type Env struct {
	Seed   uint64  // of the pipeline; derive generators from it by purpose, never by stage name
	Models Models  // the registry; nil but for kinds with an effect
	Run    RunInfo // where it runs; empty but for kinds with an effect and for hooks

	store   *artifacts.Store
	inputs  map[string][]artifacts.Ref
	labels  map[string][][]Label
	scratch string
	hide    *scrubber // of the stage's secrets
	emit    func(Event)
	now     func() time.Time

	mu      sync.Mutex
	drafts  map[string]draft
	order   []string
	metrics []Metric
	last    time.Time // of the last progress event
	idle    bool      // an effect that was there already
	log     *bytes.Buffer
	temps   []string
	checks  []func() error // of tables that were read while they were being checked
}

type draft struct {
	commit func() (artifacts.Ref, error)
	abort  func()
}

// Has tells whether an input is connected.
func (e *Env) Has(port string) bool { return len(e.inputs[port]) > 0 }

// Input gives the artifact on an input.
func (e *Env) Input(port string) (artifacts.Ref, error) {
	refs := e.inputs[port]
	if len(refs) == 0 {
		return artifacts.Ref{}, fmt.Errorf("input %q is not connected", port)
	}
	return refs[0], nil
}

// Inputs gives the artifacts on an input that takes many, in the order of the
// pipeline file.
func (e *Env) Inputs(port string) []artifacts.Ref { return e.inputs[port] }

// Table opens a table input as a stream of record batches.
func (e *Env) Table(port string) (table.Reader, error) {
	ref, err := e.Input(port)
	if err != nil {
		return nil, err
	}
	return e.openTable(ref, port)
}

// TableAt opens table i of an input that takes many.
func (e *Env) TableAt(port string, i int) (table.Reader, error) {
	refs := e.inputs[port]
	if i < 0 || i >= len(refs) {
		return nil, fmt.Errorf("input %q has %d tables, not a table %d", port, len(refs), i)
	}
	return e.openTable(refs[i], fmt.Sprintf("%s[%d]", port, i))
}

// openTable is OpenTable for a stage, whose outputs are not kept before its
// inputs have been checked.
func (e *Env) openTable(ref artifacts.Ref, name string) (table.Reader, error) {
	r, err := openTable(e.store, ref, name)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.checks = append(e.checks, r.obj.Checked)
	return r, nil
}

// checked waits until the tables that the stage has read have been checked.
func (e *Env) checked() error {
	for _, check := range e.checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// OpenTable opens a stored table; name stands in messages. That its bytes are
// those of its digest is certain when the reader has ended or been closed.
func OpenTable(s *artifacts.Store, ref artifacts.Ref, name string) (table.Reader, error) {
	r, err := openTable(s, ref, name)
	if err != nil {
		return nil, err // not a nil *storedTable
	}
	return r, nil
}

func openTable(s *artifacts.Store, ref artifacts.Ref, name string) (*storedTable, error) {
	if ref.Type != artifacts.Table {
		return nil, fmt.Errorf("%s is a %s, not a table", name, ref.Type)
	}
	obj, err := s.OpenAhead(ref)
	if err != nil {
		return nil, err
	}
	var r table.Reader
	switch table.Format(ref.Format) {
	case table.Parquet:
		r, err = table.OpenParquet(obj, obj.Size(), name)
	case table.Arrow:
		r, err = table.OpenArrow(obj, obj.Size(), name)
	default:
		err = fmt.Errorf("%s is stored as %q, which is no table format of this version", name, ref.Format)
	}
	if err != nil {
		if damage := obj.Close(); damage != nil {
			err = damage
		}
		return nil, err
	}
	return &storedTable{Reader: r, obj: obj}, nil
}

// storedTable lets nobody believe in damaged bytes: what it has handed out holds
// only if neither its end nor its Close is an error.
type storedTable struct {
	table.Reader
	obj  *artifacts.Object
	told bool // Next has given the damage: Close says it no second time
}

func (t *storedTable) Next() (arrow.RecordBatch, error) {
	b, err := t.Reader.Next()
	if err != nil {
		if damage := t.obj.Checked(); damage != nil {
			t.told = true
			return nil, damage // rather than what the decoder made of it
		}
	}
	return b, err
}

func (t *storedTable) Close() error {
	err := errors.Join(t.Reader.Close(), t.obj.Close())
	if t.told {
		return nil
	}
	return err
}

// ReadFile gives the bytes of a single-file input, such as metrics.
func (e *Env) ReadFile(port string) ([]byte, error) {
	ref, err := e.Input(port)
	if err != nil {
		return nil, err
	}
	return e.store.ReadAll(ref)
}

// ReadAt gives the bytes of artifact i of an input that takes many.
func (e *Env) ReadAt(port string, i int) ([]byte, error) {
	refs := e.inputs[port]
	if i < 0 || i >= len(refs) {
		return nil, fmt.Errorf("input %q has %d artifacts, not an artifact %d", port, len(refs), i)
	}
	return e.store.ReadAll(refs[i])
}

// OpenFile opens a single-file input.
func (e *Env) OpenFile(port string) (*artifacts.Object, error) {
	ref, err := e.Input(port)
	if err != nil {
		return nil, err
	}
	return e.store.Open(ref)
}

// Folder opens an input of several files, such as a model.
func (e *Env) Folder(port string) (*artifacts.Folder, error) {
	ref, err := e.Input(port)
	if err != nil {
		return nil, err
	}
	return e.store.OpenFolder(ref)
}

// FolderAt opens folder i of an input that takes many.
func (e *Env) FolderAt(port string, i int) (*artifacts.Folder, error) {
	refs := e.inputs[port]
	if i < 0 || i >= len(refs) {
		return nil, fmt.Errorf("input %q has %d artifacts, not an artifact %d", port, len(refs), i)
	}
	return e.store.OpenFolder(refs[i])
}

// Registered opens several files that the registry names and no input brings, such
// as the champion that a candidate is compared with. Only kinds with an effect
// may: the key of a stage knows nothing of it.
func (e *Env) Registered(ref artifacts.Ref) (*artifacts.Folder, error) {
	if e.Models == nil {
		return nil, errors.New("a stage without an effect opens its inputs only: a bug in the kind")
	}
	return e.store.OpenFolder(ref)
}

// CreateTable begins a table output. Arrow suits a table that is only handed
// on, Parquet one that people read.
func (e *Env) CreateTable(port string, schema *arrow.Schema, format table.Format) (table.Writer, error) {
	d, err := e.store.Create(artifacts.Table, string(format))
	if err != nil {
		return nil, err
	}
	var w table.Writer
	switch format {
	case table.Parquet:
		w, err = table.NewParquetWriter(d, schema)
	case table.Arrow:
		w, err = table.NewArrowWriter(d, schema)
	default:
		err = fmt.Errorf("tables are stored as parquet or arrow, not as %q", format)
	}
	if err != nil {
		d.Abort()
		return nil, err
	}
	t := &tableDraft{Writer: w}
	return t, e.add(port, draft{
		commit: func() (artifacts.Ref, error) {
			if err := w.Close(); err != nil {
				d.Abort()
				return artifacts.Ref{}, err
			}
			d.SetRows(t.rows)
			return d.Commit()
		},
		abort: d.Abort,
	})
}

// tableDraft counts rows; closing it is the commit's work.
type tableDraft struct {
	table.Writer
	rows int64
}

func (t *tableDraft) Write(b arrow.RecordBatch) error {
	t.rows += b.NumRows()
	return t.Writer.Write(b)
}

func (t *tableDraft) Close() error { return nil }

// CreateFile begins an output of one file; format is its extension ("json",
// "html").
func (e *Env) CreateFile(port string, t artifacts.Type, format string) (io.Writer, error) {
	d, err := e.store.Create(t, format)
	if err != nil {
		return nil, err
	}
	return e.hide.watch(d), e.add(port, draft{d.Commit, d.Abort})
}

// CreateFolder begins an output of several files.
func (e *Env) CreateFolder(port string, t artifacts.Type) (*artifacts.FolderDraft, error) {
	d, err := e.store.CreateFolder(t)
	if err != nil {
		return nil, err
	}
	return d, e.add(port, draft{d.Commit, d.Abort})
}

// Forward makes an input artifact an output as it is.
func (e *Env) Forward(port string, ref artifacts.Ref) error {
	return e.add(port, draft{func() (artifacts.Ref, error) { return ref, nil }, func() {}})
}

func (e *Env) add(port string, d draft) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, dup := e.drafts[port]; dup {
		d.abort()
		return fmt.Errorf("output %q is written twice", port)
	}
	e.drafts[port] = d
	e.order = append(e.order, port)
	return nil
}

// Scratch is a folder that belongs to this stage's key. It outlives a crash,
// so that long work can continue, and is removed when the stage succeeds.
func (e *Env) Scratch() (string, error) {
	if err := os.MkdirAll(e.scratch, 0o777); err != nil {
		return "", fmt.Errorf("create the scratch folder of a stage: %w", err)
	}
	return e.scratch, nil
}

// Temp is a new folder for files of this execution; it is removed when the
// stage ends.
func (e *Env) Temp() (string, error) { return e.TempWith("") }

// TempWith is Temp for a kind that begins with artifacts.WriteAgain of a file of
// that name there; "" for none.
func (e *Env) TempWith(file string) (string, error) {
	dir, err := e.store.TempDirWith(file)
	if err != nil {
		return "", fmt.Errorf("create a folder for the files of a stage: %w", err)
	}
	e.mu.Lock()
	e.temps = append(e.temps, dir)
	e.mu.Unlock()
	return dir, nil
}

// Metric reports one point of a series.
func (e *Env) Metric(name string, value float64, step int64) {
	e.LogMetrics([]Metric{{Name: name, Value: Float(value), Step: step}})
}

// LogMetrics reports several points at once.
func (e *Env) LogMetrics(ms []Metric) {
	now := e.now()
	ms = append([]Metric(nil), ms...)
	e.hide.event(&Event{Metrics: ms})
	for i := range ms {
		ms[i].Time = now
	}
	e.mu.Lock()
	e.metrics = append(e.metrics, ms...)
	e.mu.Unlock()
	e.emit(Event{Time: now, Type: StageMetric, Metrics: ms})
}

// progressEvery bounds how often progress is told; it is for people.
const progressEvery = 100 * time.Millisecond

// Progress tells how far the stage is; total is 0 where that is not known.
func (e *Env) Progress(done, total int64, unit string) {
	now := e.now()
	e.mu.Lock()
	due := now.Sub(e.last) >= progressEvery || done == total
	if due {
		e.last = now
	}
	e.mu.Unlock()
	if due {
		e.emit(Event{Time: now, Type: StageProgress, Done: done, Total: total, Unit: unit})
	}
}

// Scrub takes the stage's secrets out of a text that is to be kept.
func (e *Env) Scrub(s string) string { return e.hide.text(s) }

// Logf writes a line to the stage's log.
func (e *Env) Logf(format string, args ...any) {
	line := e.Scrub(fmt.Sprintf(format, args...))
	if e.log != nil {
		e.mu.Lock()
		e.log.WriteString(line + "\n")
		e.mu.Unlock()
	}
	e.emit(Event{Time: e.now(), Type: StageLog, Text: line})
}

// UpToDate tells that an effect was there already: the stage counts as cached,
// not as run.
func (e *Env) UpToDate() { e.idle = true }

// removeScratch forgets what would have helped to continue; a leftover costs
// room, not correctness, so an error is of no use to anybody.
func (e *Env) removeScratch() { _ = os.RemoveAll(e.scratch) }

// commit makes the drafts artifacts.
func (e *Env) commit() (map[string]artifacts.Ref, error) {
	out := make(map[string]artifacts.Ref, len(e.order))
	for i, port := range e.order {
		ref, err := e.drafts[port].commit()
		if err != nil {
			for _, rest := range e.order[i+1:] {
				e.drafts[rest].abort()
			}
			e.drafts, e.order = nil, nil
			return nil, fmt.Errorf("store output %q: %w", port, err)
		}
		out[port] = ref
	}
	return out, nil
}

// abort throws the drafts away.
func (e *Env) abort() {
	for _, port := range e.order {
		e.drafts[port].abort()
	}
	e.drafts, e.order = nil, nil
}

// execute runs a kind and commits its outputs. A panic in a kind is a bug
// there and fails its stage only.
func (e *Env) execute(ctx context.Context, k Kind) (out map[string]artifacts.Ref, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicError(r)
		}
		if err != nil {
			e.abort()
		}
		for _, dir := range e.temps {
			e.store.ReturnTempDir(dir)
		}
	}()
	if err := k.Run(ctx, e); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := e.complete(k); err != nil {
		return nil, err
	}
	if err := e.checked(); err != nil {
		return nil, err
	}
	return e.commit()
}

// complete checks that every output that must be there was written.
func (e *Env) complete(k Kind) error {
	_, outs := k.Ports()
	for _, p := range outs {
		if _, ok := e.drafts[p.Name]; !ok && !p.Optional {
			return fmt.Errorf("output %q was not written: a bug in the kind", p.Name)
		}
	}
	return nil
}
