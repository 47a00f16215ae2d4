package monitor

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/stages/drift"
	"pipe/stages/rows"
	"pipe/stages/transform"
)

// Builder makes a Profile: it takes every batch of the training rows, and some
// batches of rows with what the finished model says to them.
type Builder struct {
	counter transform.Counter // nil: the model does not read text in tokens
	columns []*column
	rows    int64
	judged  int64
	says    []*measured
	port    string
}

// column is an input and what is told of it.
type column struct {
	name   string
	form   form
	values *drift.Column // nil: the values themselves are not compared
	told   []*measured   // in the order in which the measures first came
	free   bool          // free text: measured where the model judges it
}

// form is what a column holds.
type form int

const (
	other form = iota
	numberForm
	boolForm
	textForm
	fileForm
)

func formOf(t arrow.DataType) form {
	switch id := t.ID(); {
	case arrow.IsInteger(id), arrow.IsFloating(id):
		return numberForm
	case id == arrow.STRING:
		return textForm
	case id == arrow.BOOL:
		return boolForm
	case id == arrow.BINARY:
		return fileForm
	}
	return other
}

// measured gathers one measure of a column.
type measured struct {
	measure
	values    *drift.Column
	part, all int64 // of a Rate
}

// NewBuilder begins the profile of a model that reads columns of the schema.
// reader is its transform; port names the rows that are judged.
func NewBuilder(s *arrow.Schema, columns []string, reader any, port string) (*Builder, error) {
	b := &Builder{port: port}
	b.counter, _ = reader.(transform.Counter)
	for _, name := range columns {
		at := s.FieldIndices(name)
		if len(at) == 0 {
			return nil, fmt.Errorf("the table has no column %q", name)
		}
		c := &column{name: name, form: formOf(s.Field(at[0]).Type)}
		switch c.form {
		case other:
			continue
		case numberForm:
			c.values = drift.NewNumbers(name, seed)
		case boolForm:
			c.values = drift.NewCategories(name)
		case textForm:
			if c.free = b.counter != nil; !c.free {
				c.values = drift.NewCategories(name)
			}
		}
		b.columns = append(b.columns, c)
	}
	return b, nil
}

// seed is that of the samples of numbers. It is not the pipeline's: other first
// weights do not make other data.
const seed = 1

// AddRows takes training rows.
func (b *Builder) AddRows(batch arrow.RecordBatch) {
	b.rows += batch.NumRows()
	for _, c := range b.columns {
		if c.form == fileForm {
			continue
		}
		values := batch.Column(batch.Schema().FieldIndices(c.name)[0])
		for i := range values.Len() {
			c.add(rows.Value(values, i))
		}
	}
}

func (c *column) add(v any) {
	if s, ok := v.(string); ok {
		c.found().length(s)
	} else if c.form == textForm {
		c.of(length).values.AddMissing()
	}
	if c.free {
		return
	}
	if f, ok := numeric(v); ok && c.form == numberForm {
		c.values.AddNumber(f)
	} else if s, ok := category(v); ok {
		c.values.AddCategory(s)
	} else {
		c.values.AddMissing()
	}
}

// found gathers what is measured of the column's values.
func (c *column) found() found {
	return found{
		number: func(m measure, v float64) { c.of(m).values.AddNumber(v) },
		share: func(m measure, part, all int) {
			t := c.of(m)
			t.part, t.all = t.part+int64(part), t.all+int64(all)
		},
	}
}

func (c *column) of(m measure) *measured {
	for _, t := range c.told {
		if t.of == m.of {
			return t
		}
	}
	t := &measured{measure: m, values: drift.NewNumbers(c.name+m.suffix, seed)}
	c.told = append(c.told, t)
	return t
}

// AddJudged takes rows that the model has answered; said gives what it said to row i.
func (b *Builder) AddJudged(batch arrow.RecordBatch, said func(i int) Said) {
	n := int(batch.NumRows())
	b.judged += int64(n)
	for _, c := range b.columns {
		if c.form != fileForm && !c.free {
			continue
		}
		values := batch.Column(batch.Schema().FieldIndices(c.name)[0])
		for i := range n {
			switch v := rows.Value(values, i).(type) {
			case string:
				c.found().tokens(v, b.counter)
			case []byte:
				c.found().file(v)
			case nil:
				if c.form == fileForm {
					c.of(size).values.AddMissing()
				}
			}
		}
	}
	for i := range n {
		b.say(said(i))
	}
}

// Said is what a model says to a row: a label and how probable it is, or a number.
type Said struct {
	Label       string
	Probability float64
	Number      float64
	IsNumber    bool
}

func (b *Builder) say(s Said) {
	if s.IsNumber {
		b.prediction("prediction", number, Numbers).AddNumber(s.Number)
		return
	}
	b.prediction("prediction", label, Categories).AddCategory(s.Label)
	b.prediction("probability", probability, Numbers).AddNumber(s.Probability)
}

func (b *Builder) prediction(name, of string, k Kind) *drift.Column {
	for _, t := range b.says {
		if t.of == of {
			return t.values
		}
	}
	t := &measured{measure: measure{of: of, suffix: name, kind: k}, values: drift.NewCategories(name)}
	if k == Numbers {
		t.values = drift.NewNumbers(name, seed)
	}
	b.says = append(b.says, t)
	return t.values
}

// Profile ends the profile.
func (b *Builder) Profile() *Profile {
	p := &Profile{Version: Version, Rows: b.rows, Judged: b.judged, JudgedPort: b.port, Features: []*Feature{}}
	add := func(f *Feature, t measure, values *drift.Column) {
		f.Of, f.Kind, f.Rows, f.Missing = t.of, t.kind, values.Rows(), values.Missing()
		if f.Kind == Categories {
			f.categories(values)
		} else {
			f.numbers(values)
		}
		p.Features = append(p.Features, f)
	}
	for _, c := range b.columns {
		if c.values != nil && !tooMany(c.values) {
			m := value
			if m.kind = Categories; c.values.Numeric {
				m.kind = Numbers
			}
			add(&Feature{Name: c.name, Role: Input, Column: c.name}, m, c.values)
			continue // of texts that are categories the length says nothing more
		}
		for _, t := range c.told {
			f := &Feature{Name: c.name + t.suffix, Role: Input, Column: c.name}
			if t.kind == Rate {
				f.Of, f.Kind, f.Rows, f.Unknown = t.of, Rate, t.all, t.part
				p.Features = append(p.Features, f)
				continue
			}
			add(f, t.measure, t.values)
		}
	}
	for _, t := range b.says {
		add(&Feature{Name: t.suffix, Role: Prediction}, t.measure, t.values)
	}
	return p
}

// The sizes of a profile.
const (
	quantiles = 48   // edges between the smallest and the largest value
	maxEdges  = 64   // that are read
	maxValues = 1000 // of a column of more different texts only the length is told
)

func tooMany(c *drift.Column) bool {
	values, others := c.Categories()
	return !c.Numeric && (others > 0 || len(values) > maxValues)
}

func (f *Feature) numbers(c *drift.Column) {
	sample := c.Numbers()
	if len(sample) == 0 {
		f.Counts = []int64{0}
		return
	}
	low, high := sample[0], sample[len(sample)-1]
	// What is below or above everything that came in training has bins of its own.
	f.Edges = append([]float64{low}, drift.QuantileEdges(sample, quantiles+1)...)
	f.Edges = slices.Compact(append(f.Edges, math.Nextafter(high, math.Inf(1))))
	for _, n := range drift.Count(sample, f.Edges) {
		f.Counts = append(f.Counts, int64(n))
	}
	sum := 0.0
	for _, v := range sample {
		sum += v
	}
	mean := sum / float64(len(sample))
	f.Min, f.Mean, f.Max = &low, &mean, &high
}

func (f *Feature) categories(c *drift.Column) {
	values, others := c.Categories()
	for v := range values {
		f.Values = append(f.Values, v)
	}
	slices.SortFunc(f.Values, func(a, b string) int { return cmp.Or(cmp.Compare(values[b], values[a]), cmp.Compare(a, b)) })
	f.Others = others
	for i, v := range f.Values {
		if i >= maxValues {
			f.Others += values[v]
			continue
		}
		f.Counts = append(f.Counts, values[v])
	}
	f.Values = f.Values[:min(len(f.Values), maxValues)]
}
