package schedule

import (
	"sync"

	"pipe/registry"
)

// leadership is what other goroutines may see of who leads.
type leadership struct {
	mu    sync.Mutex
	lease registry.Lease
	mine  bool
}

func (l *leadership) set(lease registry.Lease, mine bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lease, l.mine = lease, mine
}

// Leads tells whether this process runs what comes due.
func (g *Engine) Leads() bool {
	g.shown.mu.Lock()
	defer g.shown.mu.Unlock()
	return g.shown.mine
}

// Metrics are the engine's counters.
func (g *Engine) Metrics() *Metrics { return &g.metrics }
