package workspace

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"time"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/registry"
)

// Memo is where a run of a pipeline file leaves what the next one needs: with it,
// and while nothing has changed, that one reads no YAML, checks nothing and
// composes no key. Any doubt makes it an ordinary run.
type Memo struct {
	name  artifacts.Digest
	file  string
	known *known
}

// known is what a memo holds that may be gone by.
type known struct {
	about *about
	list  registry.WorkList
	run   dag.Memo
}

// memoHead is what a memo goes by before it looks into the store: a line of
// JSON, followed by the binary form of a dag.Memo. The texts of what the
// pipeline includes are in About.Request.
type memoHead struct {
	Program string // the stamp of the program
	Text    artifacts.Digest
	List    registry.WorkList // of the run, in the registry
	About   about
}

// FindMemo looks for the memo of a pipeline file in the store at dir; given is
// all that sets its params beside its text. The logical time is that of a run by
// hand. It returns nil only where no memo can be kept.
func FindMemo(dir, file string, given []string) *Memo {
	here, err := os.Getwd()
	if err != nil {
		return nil
	}
	b, err := json.Marshal([]any{1, here, file, given})
	if err != nil {
		return nil
	}
	m := &Memo{name: artifacts.DigestOf(b), file: file}
	if body, ok := artifacts.ReadMemo(dir, m.name); ok {
		m.known = m.read(body, time.Now())
	}
	return m
}

// read returns nil where something has changed that needs no store to be seen.
func (m *Memo) read(body []byte, now time.Time) *known {
	line, rest, ok := bytes.Cut(body, []byte("\n"))
	var head memoHead
	if !ok || json.Unmarshal(line, &head) != nil {
		return nil
	}
	program, err := programStamp()
	if err != nil || program != head.Program || !head.About.Request.Moment.Equal(dag.Yesterday(now)) {
		return nil
	}
	text, err := os.ReadFile(m.file)
	if err != nil || artifacts.DigestOf(text) != head.Text {
		return nil
	}
	for name, was := range head.About.Request.Files {
		if is, err := os.ReadFile(name); err != nil || string(is) != was {
			return nil
		}
	}
	k := &known{about: &head.About, list: head.List}
	k.about.text = text
	if k.run.UnmarshalBinary(rest) != nil {
		return nil
	}
	return k
}

// programStamp is another one for every other build of the program. It is that
// of the file that runs, even where another has taken its place meanwhile.
func programStamp() (string, error) {
	if stamp, err := artifacts.Stamp("/proc/self/exe"); err == nil {
		return stamp, nil
	}
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	return artifacts.Stamp(path)
}

// memoist watches a run that may leave a memo; nil where it cannot.
func (m *Memo) memoist(p *dag.Pipeline) *dag.Memoist {
	if m == nil {
		return nil
	}
	return dag.NewMemoist(p)
}

// keepMemo writes what a run has left. Where that fails, the only loss is time.
func (w *Workspace) keepMemo(m *Memo, a *about, list registry.WorkList, run *dag.Memo) {
	program, err := programStamp()
	if run == nil || err != nil {
		return
	}
	b, err := json.Marshal(memoHead{Program: program, Text: artifacts.DigestOf(a.text), List: list, About: *a})
	if err != nil {
		return
	}
	if b, err = run.AppendBinary(append(b, '\n')); err == nil {
		_ = w.Store.KeepMemo(m.name, b)
	}
}

// Stages lists the stages of a known run, for who wants to show them.
func (m *Memo) Stages() []dag.MemoStage { return m.known.run.Stages }

// Recall looks whether the store has all that the memo speaks of, so that
// Repeat may be called; where not, the ordinary way has to be gone.
func (m *Memo) Recall(store *artifacts.Store) bool {
	return m != nil && m.known != nil && store != nil && m.known.run.Recall(store)
}

// Repeat is Run for a pipeline of which o.Memo knows, by Recall, that it has not
// changed. o.Sink may be nil.
func (w *Workspace) Repeat(ctx context.Context, o RunOptions) (id string, res *dag.Result, err error) {
	k := o.Memo.known
	id = newRunID()
	ctx, forget := w.remember(ctx, id)
	defer forget()
	var all dag.Sinks
	if o.Sink != nil {
		all = dag.Sinks{o.Sink}
	}
	res, err = w.tell(id, k.about, o, k, false, func(journal *dag.Journal, rec *recorder) (*dag.Result, error) {
		return k.run.Replay(ctx, id, k.about.Pipeline, journal, dag.Sinks{rec}, all)
	})
	if err == nil && k.run.Renewed {
		w.keepMemo(o.Memo, k.about, k.list, &k.run)
	}
	return id, res, err
}
