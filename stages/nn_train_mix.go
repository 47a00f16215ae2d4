package stages

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"pipe/dag"
	"pipe/stages/nn"
)

// checkMix wants a number for each training table.
func (t *Train) checkMix(c *dag.Check) {
	if tables := max(len(c.InMany["train"]), 1); len(t.Mix) > 0 && len(t.Mix) != tables {
		c.Errorf("mix", "there are %d numbers, and the training tables are %d", len(t.Mix), tables)
		return
	}
	some := len(t.Mix) == 0
	for _, times := range t.Mix {
		if !(times >= 0 && times <= maxTimes) {
			c.Errorf("mix", "rows are seen between 0 and %v times in an epoch, not %v", maxTimes, times)
			return
		}
		some = some || times > 0
	}
	if !some {
		c.Errorf("mix", "no row of any table would be seen")
	}
}

// maxTimes bounds the length of an epoch.
const maxTimes = 1000

// mixture is training tables whose rows are not all seen once in an epoch. Each table
// is gone through without end, in an order that was drawn once, and every epoch takes
// so many of its rows as its share is, from where the last one stopped: so all rows are
// seen equally often, and what an epoch sees is a function of its number.
type mixture struct {
	*examples
	tables []tableShare
	epoch  int
	rows   []int // of a batch
}

// tableShare is how many examples an epoch takes of a table.
type tableShare struct {
	order []int // of all its rows
	count int
}

// mixed gives the examples of all tables as the setting mix wants them to be seen.
func (t *Train) mixed(e *examples, seed uint64) nn.Source {
	if !slices.ContainsFunc(t.Mix, func(times float64) bool { return times != 1 }) {
		return e
	}
	m := &mixture{examples: e}
	first := 0
	for i, rows := range e.tables {
		share := tableShare{make([]int, rows), int(math.Round(t.Mix[i] * float64(rows)))}
		for j := range share.order {
			share.order[j] = first + j
		}
		if t.Shuffle {
			rng := rand.New(rand.NewPCG(seed, 0x6d6978<<32|uint64(i)))
			rng.Shuffle(rows, func(a, b int) { share.order[a], share.order[b] = share.order[b], share.order[a] })
		}
		m.tables = append(m.tables, share)
		first += rows
	}
	return m
}

// Len implements nn.Source.
func (m *mixture) Len() (n int) {
	for _, t := range m.tables {
		n += t.count
	}
	return n
}

// BeginEpoch implements nn.Varied.
func (m *mixture) BeginEpoch(epoch int) { m.epoch = epoch }

// Batch implements nn.Source.
func (m *mixture) Batch(ctx context.Context, numbers []int, b *nn.Batch) error {
	m.rows = m.rows[:0]
	for _, n := range numbers {
		i := 0
		for ; n >= m.tables[i].count; i++ {
			n -= m.tables[i].count
		}
		t := m.tables[i]
		m.rows = append(m.rows, t.order[(m.epoch*t.count+n)%len(t.order)])
	}
	return m.examples.Batch(ctx, m.rows, b)
}
