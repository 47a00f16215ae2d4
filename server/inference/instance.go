package inference

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"pipe/artifacts"
	"pipe/registry"
	"pipe/stages/model"
	"pipe/stages/monitor"
)

// instance is a version of a model. Its weights are loaded when they are first
// needed, and forgotten when other models need the memory; who computes with them
// at that moment keeps them until it is done.
type instance struct {
	version registry.ModelVersion
	loaded  atomic.Pointer[loaded]
	used    atomic.Int64 // when, in nanoseconds since 1970

	mu     sync.Mutex // one loads, the others wait
	failed error      // of the smoke test: it never gets traffic
}

// loaded is a model in memory that has passed its smoke test.
type loaded struct {
	model   model.Served
	columns []column
	bytes   int64
	profile *monitor.Profile // of its training; nil: it has none
	reader  any              // its transform, nil where it has none
}

// instances are all versions that the server knows, by the digest of the model
// and its number.
type instances struct {
	open func(artifacts.Ref) (model.Served, error)
	// profile gives what the version learnt from, nil where that is not known.
	profile func(*registry.ModelVersion) *monitor.Profile
	budget  int64 // bytes of loaded models; 0: no limit
	log     *slog.Logger

	mu  sync.Mutex
	all map[string]*instance
}

func key(v *registry.ModelVersion) string {
	return fmt.Sprintf("%s/%d %s", v.Model, v.Version, v.Ref.Digest)
}

// of returns the instance of a version, which is not loaded by that.
func (s *instances) of(v registry.ModelVersion) *instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key(&v)
	in := s.all[k]
	if in == nil {
		in = &instance{version: v}
		s.all[k] = in
	}
	return in
}

// get returns the loaded model; it loads and tries it where it has to.
func (s *instances) get(ctx context.Context, in *instance) (*loaded, error) {
	in.used.Store(time.Now().UnixNano())
	if l := in.loaded.Load(); l != nil {
		return l, nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if l := in.loaded.Load(); l != nil {
		return l, nil
	}
	if in.failed != nil {
		return nil, in.failed
	}
	start := time.Now()
	l, err := s.load(ctx, in)
	if err != nil {
		return nil, err
	}
	s.evict(in, l.bytes)
	in.loaded.Store(l)
	s.log.Info("model loaded", "model", in.version.Model, "version", in.version.Version, "bytes", l.bytes, "took", time.Since(start).Round(time.Millisecond))
	return l, nil
}

func (s *instances) load(ctx context.Context, in *instance) (*loaded, error) {
	v := &in.version
	if v.Ref.Digest == "" {
		return nil, fmt.Errorf("model %s version %d was registered from elsewhere (%s): its files are not in this store", v.Model, v.Version, v.Source)
	}
	m, err := s.open(v.Ref)
	if err != nil {
		return nil, fmt.Errorf("model %s version %d: %w", v.Model, v.Version, err)
	}
	columns, err := columnsOf(m.Signature())
	if err != nil {
		return nil, fmt.Errorf("model %s version %d: %w", v.Model, v.Version, err)
	}
	l := &loaded{model: m, columns: columns, bytes: m.Bytes(), profile: s.profile(v)}
	if t, ok := m.(transformed); ok {
		l.reader = t.Transform()
	}
	if err := smoke(context.WithoutCancel(ctx), l); err != nil {
		in.failed = fmt.Errorf("model %s version %d failed its smoke test: %w", v.Model, v.Version, err)
		return nil, in.failed
	}
	return l, nil
}

// evict forgets the models that were not used for longest until there is room
// for as many bytes. The newcomer comes in even where it alone is too large.
func (s *instances) evict(newcomer *instance, need int64) {
	if s.budget <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		total := need
		var oldest *instance
		for _, in := range s.all {
			l := in.loaded.Load()
			if l == nil || in == newcomer {
				continue
			}
			total += l.bytes
			if oldest == nil || in.used.Load() < oldest.used.Load() {
				oldest = in
			}
		}
		if total <= s.budget || oldest == nil {
			return
		}
		oldest.loaded.Store(nil)
		s.log.Info("model evicted to make room", "model", oldest.version.Model, "version", oldest.version.Version)
	}
}

// keep forgets the instances that no route names any more, except for the ones
// that wait to be gone back to: the newest few of each model.
func (s *instances) keep(named map[*instance]bool) {
	const spare = 2
	s.mu.Lock()
	defer s.mu.Unlock()
	newest := map[string][]*instance{}
	for _, in := range s.all {
		if !named[in] {
			newest[in.version.Model] = append(newest[in.version.Model], in)
		}
	}
	for _, list := range newest {
		for len(list) > spare {
			at := 0
			for i, in := range list {
				if in.used.Load() < list[at].used.Load() {
					at = i
				}
			}
			delete(s.all, key(&list[at].version))
			list = append(list[:at], list[at+1:]...)
		}
	}
}

// bytes is what all loaded models take.
func (s *instances) bytes() (total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range s.all {
		if l := in.loaded.Load(); l != nil {
			total += l.bytes
		}
	}
	return total
}
