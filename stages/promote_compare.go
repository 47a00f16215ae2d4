package stages

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/text"
	"pipe/stages/model"
	"pipe/stages/score"
)

// Contender is what was measured of the candidate or the champion.
type Contender struct {
	Version int                  `json:"version,omitempty"`
	Metrics map[string]dag.Float `json:"metrics"`
	Slices  map[string]Slice     `json:"slices,omitempty"`
	// Size is about the memory of the weights in bytes.
	Size int64 `json:"size"`
	// Latency is the median for one row alone, in milliseconds.
	Latency dag.Float `json:"latency_ms"`
}

// Slice is what was measured on a part of the data.
type Slice struct {
	Rows     int64     `json:"rows"`
	Accuracy dag.Float `json:"accuracy"`
	MAE      dag.Float `json:"mae"`
}

// Difference compares the two row by row; above 0 the candidate is better.
type Difference struct {
	Rows   int       `json:"rows"`
	Mean   dag.Float `json:"mean"`
	Low    dag.Float `json:"low"`
	High   dag.Float `json:"high"`
	P      dag.Float `json:"p_value"`
	Wins   int       `json:"wins"`
	Losses int       `json:"losses"`
}

// contender is one that is being measured.
type contender struct {
	*examination
	predictions model.Predictions
	// off is for each row 0 or 1 of a classification (1 is wrong), and the
	// absolute error of a regression.
	off       []float64
	latencies []time.Duration
}

// mostSlices bounds the values of a column that become slices.
const mostSlices = 50

// timedRows is how many rows are answered alone to measure the latency.
const timedRows = 60

// compare answers the data with both models.
func (p *Promote) compare(ctx context.Context, env *dag.Env, champion *dag.ModelVersion, out *Promoted) error {
	folder, err := env.Folder("model")
	if err != nil {
		return err
	}
	m, err := model.Load(folder)
	if err != nil {
		return err
	}
	models := []*model.Model{m}
	if champion != nil {
		folder, err := env.Registered(champion.Ref)
		if err != nil {
			return fmt.Errorf("open the champion, version %d: %w", champion.Version, err)
		}
		old, err := model.Load(folder)
		if err != nil {
			return fmt.Errorf("open the champion, version %d: %w", champion.Version, err)
		}
		if old.Task() != m.Task() {
			return fmt.Errorf("the candidate is a %s and the champion, version %d, a %s: they cannot be compared", m.Task(), champion.Version, old.Task())
		}
		models = append(models, old)
	}
	var all []*contender
	for _, m := range models {
		x, err := newExamination(m, &Evaluate{Target: p.Target})
		if err != nil {
			return err
		}
		all = append(all, &contender{examination: x})
	}
	parts, err := p.answer(ctx, env, all)
	if err != nil {
		return err
	}
	for i, c := range all {
		done := c.contender(parts)
		if i == 0 {
			out.Candidate = done
			continue
		}
		done.Version = champion.Version
		out.Champion = done
	}
	if champion != nil {
		out.Difference = differ(all[0], all[1], env.Seed)
	}
	return nil
}

// answer lets all contenders answer all rows, and returns which rows belong to
// which slice.
func (p *Promote) answer(ctx context.Context, env *dag.Env, all []*contender) (parts map[string][]int, err error) {
	r, err := env.Table("data")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	target := all[0].target
	if !r.Schema().HasField(target) {
		return nil, fmt.Errorf("data has no column %q to compare with (its columns: %s)", target, text.List(dag.ColumnNames(r.Schema())))
	}
	parts = map[string][]int{}
	rows := int64(0)
	for batch, err := range table.All(r) {
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			err := c.clock(ctx, batch, rows+1)
			if err == nil {
				err = c.answer(ctx, batch, rows+1)
			}
			if err != nil {
				return nil, err
			}
		}
		for _, name := range p.Slices {
			column := batch.Column(batch.Schema().FieldIndices(name)[0])
			for i := range column.Len() {
				key := name + "=" + column.ValueStr(i)
				parts[key] = append(parts[key], int(rows)+i)
			}
		}
		rows += batch.NumRows()
		env.Progress(rows, max(r.Rows(), 0), "rows")
	}
	if rows == 0 {
		return nil, fmt.Errorf("data has no rows to compare on")
	}
	return keepFrequent(parts, p.Slices), nil
}

// keepFrequent keeps the most frequent values of each column.
func keepFrequent(parts map[string][]int, columns []string) map[string][]int {
	kept := map[string][]int{}
	for _, name := range columns {
		var keys []string
		for k := range parts {
			if len(k) > len(name) && k[:len(name)+1] == name+"=" {
				keys = append(keys, k)
			}
		}
		slices.SortFunc(keys, func(a, b string) int {
			if d := len(parts[b]) - len(parts[a]); d != 0 {
				return d
			}
			return slices.Compare([]byte(a), []byte(b))
		})
		for _, k := range keys[:min(len(keys), mostSlices)] {
			kept[k] = parts[k]
		}
	}
	return kept
}

// clock measures how long it takes to answer a row alone.
func (c *contender) clock(ctx context.Context, batch arrow.RecordBatch, first int64) error {
	for i := int64(0); i < batch.NumRows() && len(c.latencies) < timedRows; i++ {
		row := batch.NewSlice(i, i+1)
		start := time.Now()
		err := c.model.Predict(ctx, row, first+i, &c.predictions)
		c.latencies = append(c.latencies, time.Since(start))
		row.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *contender) answer(ctx context.Context, batch arrow.RecordBatch, first int64) error {
	if err := c.model.Predict(ctx, batch, first, &c.predictions); err != nil {
		return err
	}
	if err := c.observe(batch, first, &c.predictions); err != nil {
		return err
	}
	truth := batch.Column(batch.Schema().FieldIndices(c.target)[0])
	for i := range c.predictions.Rows {
		off := 0.0
		if c.numbers != nil {
			v, _ := model.Number(truth, i)
			off = max(v-c.predictions.Values[i], c.predictions.Values[i]-v)
		} else if label, _ := model.Label(truth, i); label != c.model.Classes()[c.predictions.Best[i]] {
			off = 1
		}
		c.off = append(c.off, off)
	}
	return nil
}

// contender sums up.
func (c *contender) contender(parts map[string][]int) *Contender {
	out := &Contender{Metrics: c.result().Metrics, Size: c.model.Bytes(), Slices: map[string]Slice{}}
	slices.Sort(c.latencies)
	out.Latency = dag.Float(c.latencies[len(c.latencies)/2].Seconds() * 1000)
	for name, rows := range parts {
		sum := 0.0
		for _, i := range rows {
			sum += c.off[i]
		}
		mean := sum / float64(len(rows))
		s := Slice{Rows: int64(len(rows)), MAE: dag.Float(mean)}
		if c.numbers == nil {
			s.Accuracy, s.MAE = dag.Float(1-mean), 0
		}
		out.Slices[name] = s
	}
	return out
}

// bootstrapDraws is how many resamples make the interval.
const bootstrapDraws = 2000

func differ(candidate, champion *contender, seed uint64) *Difference {
	d := &Difference{Rows: len(candidate.off), P: 1}
	better := make([]float64, d.Rows)
	sum := 0.0
	for i := range better {
		better[i] = champion.off[i] - candidate.off[i]
		sum += better[i]
		switch {
		case better[i] > 0:
			d.Wins++
		case better[i] < 0:
			d.Losses++
		}
	}
	d.Mean = dag.Float(sum / float64(d.Rows))
	low, high := score.BootstrapMean(better, bootstrapDraws, rand.New(rand.NewPCG(seed, 0x70726f6d)))
	d.Low, d.High = dag.Float(low), dag.Float(high)
	if candidate.numbers == nil {
		d.P = dag.Float(score.McNemar(d.Wins, d.Losses))
	}
	return d
}
