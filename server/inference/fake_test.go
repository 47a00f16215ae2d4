package inference

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/registry"
	"pipe/stages/model"
	"pipe/stages/monitor"
	"pipe/stages/transform"
)

// fake answers "yes" or "no" to a text, and can be made slow, broken or large.
type fake struct {
	delay  time.Duration
	err    error
	size   int64
	panics bool
	answer string

	largest atomic.Int64 // batch
	calls   atomic.Int64
	profile *monitor.Profile
	gate    chan struct{} // if not nil, each call waits for a token
}

func (f *fake) Signature() dag.Signature {
	return dag.Signature{Inputs: []dag.Column{{Name: "text", Type: "utf8"}}, Task: "classification",
		Outputs: []dag.Column{{Name: "prediction", Type: "utf8"}}}
}

func (f *fake) Bytes() int64 { return f.size }

func (f *fake) PredictRows(ctx context.Context, rows []map[string]any) ([]*model.Answer, error) {
	f.calls.Add(1)
	for n := int64(len(rows)); ; {
		old := f.largest.Load()
		if n <= old || f.largest.CompareAndSwap(old, n) {
			break
		}
	}
	if f.panics {
		panic("a bug")
	}
	if f.gate != nil && rows[0]["text"] != "smoke test" {
		select {
		case <-f.gate:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if f.delay > 0 {
		select {
		case <-time.After(f.delay):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	out := make([]*model.Answer, len(rows))
	for i, row := range rows {
		if row["text"] == nil {
			return nil, &transform.RowError{Row: int64(i) + 1, Column: "text", Msg: "the text is null"}
		}
		if strings.Contains(row["text"].(string), "bad row") {
			return nil, fmt.Errorf("row %d is bad", i)
		}
		label := "no"
		if f.answer != "" {
			label = f.answer
		} else if strings.Contains(row["text"].(string), "good") {
			label = "yes"
		}
		out[i] = &model.Answer{Prediction: label, Probability: 0.75, Probabilities: map[string]float32{label: 0.75, "maybe": 0.25}}
	}
	return out, nil
}

// bench is a server with fake models behind it.
type bench struct {
	*Server
	t      testing.TB
	reg    *registry.Registry
	web    *httptest.Server
	mu     sync.Mutex
	models map[artifacts.Digest]model.Served
}

func newBench(t testing.TB, change func(*Options)) *bench {
	t.Helper()
	ctx := context.Background()
	reg, err := registry.Open(ctx, filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reg.Close() })
	o := Options{Registry: reg, Workers: 2, Poll: 10 * time.Millisecond}
	if change != nil {
		change(&o)
	}
	s, err := New(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Server: s, t: t, reg: reg, models: map[artifacts.Digest]model.Served{}}
	s.instances.open = func(ref artifacts.Ref) (model.Served, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.models[ref.Digest], nil
	}
	s.instances.profile = func(v *registry.ModelVersion) *monitor.Profile {
		b.mu.Lock()
		defer b.mu.Unlock()
		if f, ok := b.models[v.Ref.Digest].(*fake); ok {
			return f.profile
		}
		return nil
	}
	b.web = httptest.NewServer(s)
	t.Cleanup(func() { b.web.Close(); s.Close() })
	return b
}

// register adds a version that is answered by m.
func (b *bench) register(name string, m model.Served) int {
	b.t.Helper()
	b.mu.Lock()
	digest := artifacts.Digest(fmt.Sprintf("%064x", len(b.models)+1))
	b.models[digest] = m
	b.mu.Unlock()
	v, _, err := b.reg.RegisterVersion(context.Background(), registry.NewVersion{Model: name,
		Ref: artifacts.Ref{Type: artifacts.Model, Digest: digest, Size: 1, Format: artifacts.FolderFormat}})
	if err != nil {
		b.t.Fatal(err)
	}
	return v.Version
}

func (b *bench) alias(name, alias string, version int) {
	b.t.Helper()
	if err := b.reg.SetAlias(context.Background(), name, alias, version, registry.Audit{}); err != nil {
		b.t.Fatal(err)
	}
}

// deploy lets name answer with name@champion, and waits until it does.
func (b *bench) deploy(name, policy string) {
	b.t.Helper()
	d := registry.Deployment{Name: name, Model: name, Target: "@champion", Policy: []byte(policy)}
	if _, err := b.reg.SetDeployment(context.Background(), d, registry.Audit{}); err != nil {
		b.t.Fatal(err)
	}
	if err := b.Ready(context.Background()); err != nil {
		b.t.Fatal(err)
	}
}

// served registers and deploys a model.
func (b *bench) served(name, policy string, m model.Served) {
	b.t.Helper()
	b.alias(name, "champion", b.register(name, m))
	b.deploy(name, policy)
}

// do makes a request and gives status, header and body.
func (b *bench) do(method, path, contentType, body string) (int, http.Header, string) {
	b.t.Helper()
	r, err := http.NewRequest(method, b.web.URL+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return b.send(r)
}

func (b *bench) send(r *http.Request) (int, http.Header, string) {
	b.t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	var text strings.Builder
	if _, err := fmt.Fprint(&text, readAll(res)); err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, res.Header, text.String()
}

func readAll(res *http.Response) string {
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := res.Body.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String()
		}
	}
}

const asJSON = "application/json"
