package dag

import (
	"container/heap"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"pipe/dag/text"
)

// Resources are what a stage takes while it runs. They decide when it starts
// and never what it gives, so they are no part of a key.
type Resources struct {
	CPU    int            `yaml:"cpu" doc:"how many of the run's jobs (-j) it takes; one that wants more than there are runs alone" default:"1" min:"1"`
	Memory Bytes          `yaml:"memory" doc:"how much memory it takes; together, stages take no more than the machine has" example:"4GiB"`
	Pools  map[string]int `yaml:"pools" doc:"how much it takes of the pools that the pipeline names" example:"{ database: 1 }"`
}

// Bytes is an amount of memory: 512MiB, 4GB, 1000000.
type Bytes int64

var bytesForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([KMGT]i?)?B?$`) })

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(s []byte) error {
	m := bytesForm().FindStringSubmatch(string(s))
	if m == nil {
		return fmt.Errorf("%q is no amount of memory, such as 512MiB or 4GB", s)
	}
	x, err := strconv.ParseFloat(m[1], 64)
	x *= map[string]float64{"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}[m[2]]
	if err != nil || x < 1 || x > 1<<62 {
		return fmt.Errorf("%q is no amount of memory, such as 512MiB or 4GB", s)
	}
	*b = Bytes(x)
	return nil
}

// TypeText names the type for the reference pages.
func (Bytes) TypeText() string { return "amount of memory, such as 4GiB" }

// checkPools reports pools that the pipeline does not name, and stages that
// would wait for ever for more than there is.
func (l *loader) checkPools(p *Pipeline) {
	for _, s := range append(append([]*Stage(nil), p.Stages...), p.Hooks.All()...) {
		if s.Resources == nil {
			continue
		}
		at := s.node.At("resources.pools")
		for _, name := range sortedKeys(s.Resources.Pools) {
			there, named := p.Pools[name]
			wants := s.Resources.Pools[name]
			switch {
			case !named:
				hint := text.DidYouMean(name, sortedKeys(p.Pools))
				if hint == "" {
					hint = "name it, and how much there is, under pools: at the top of the file"
				}
				l.problems.Add(&text.Problem{Code: "unknown-pool", Pos: at.Key(name).Pos, Text: fmt.Sprintf("stage %q: there is no pool %q", s.label, name), Hint: hint})
			case wants > there:
				l.errorf(at.Key(name), "bounds", "stage %q: it takes %d of pool %q, which has %d: it would wait for ever", s.label, wants, name, there)
			case wants < 1:
				l.errorf(at.Key(name), "bounds", "stage %q: what it takes of pool %q must be at least 1, is %d", s.label, name, wants)
			}
		}
	}
}

// budget is what the stages that run have taken.
type budget struct {
	jobs   int
	memory Bytes
	pools  map[string]int
}

// needs gives what a stage takes, cut to what there is.
func (r *runner) needs(s *Stage) (cpu int, memory Bytes) {
	if s.Resources == nil {
		return 1, 0
	}
	return min(s.Resources.CPU, r.options.Jobs), min(s.Resources.Memory, r.options.Memory)
}

// fits tells whether a stage may start beside those that run.
func (r *runner) fits(s *Stage) bool {
	cpu, memory := r.needs(s)
	if r.taken.jobs+cpu > r.options.Jobs || r.taken.memory+memory > r.options.Memory {
		return false
	}
	if s.Resources != nil {
		for name, n := range s.Resources.Pools {
			if r.taken.pools[name]+n > r.pipeline.Pools[name] {
				return false
			}
		}
	}
	return true
}

// take books what a stage takes, with sign 1, or gives it back, with sign -1.
func (r *runner) take(s *Stage, sign int) {
	cpu, memory := r.needs(s)
	r.taken.jobs += sign * cpu
	r.taken.memory += Bytes(sign) * memory
	if s.Resources != nil {
		for name, n := range s.Resources.Pools {
			r.taken.pools[name] += sign * n
		}
	}
}

// next takes the first stage that fits out of the queue of those that the store
// does not have; nil where none does.
func (r *runner) next() *Stage {
	if r.taken.jobs >= r.options.Jobs {
		return nil
	}
	var waiting []*Stage
	defer func() {
		for _, s := range waiting {
			heap.Push(&r.missed, s)
		}
	}()
	for r.missed.Len() > 0 {
		s := heap.Pop(&r.missed).(*Stage)
		if r.fits(s) {
			return s
		}
		waiting = append(waiting, s)
	}
	return nil
}

// machineMemory is what the machine has, where a stage asks for memory; without
// a bound where none does.
func machineMemory(p *Pipeline) Bytes {
	if !slices.ContainsFunc(p.Stages, func(s *Stage) bool { return s.Resources != nil && s.Resources.Memory > 0 }) {
		return math.MaxInt64
	}
	return MachineMemory()
}

// MachineMemory is the memory of the machine, or what its container may take of it;
// without a bound where neither is known.
func MachineMemory() Bytes {
	most := Bytes(math.MaxInt64)
	b, err := os.ReadFile("/proc/meminfo")
	var kib, limit int64
	if err == nil {
		_, err = fmt.Sscanf(string(b), "MemTotal: %d kB", &kib)
	}
	if err == nil && kib > 0 {
		most = Bytes(kib) << 10
	}
	b, err = os.ReadFile("/sys/fs/cgroup/memory.max") // the word max where there is no bound
	if err == nil {
		_, err = fmt.Sscan(string(b), &limit)
	}
	if err == nil && limit > 0 {
		most = min(most, Bytes(limit))
	}
	return most
}
