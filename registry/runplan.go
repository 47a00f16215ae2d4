package registry

import (
	"encoding/json"
	"fmt"
	"slices"

	"pipe/registry/filter"
)

var runEntity = &entity{
	grammar: &filter.Grammar{
		Attributes: map[string]filter.Attr{
			"run_id": {Name: "run_id"}, "run_uuid": {Name: "run_id"}, "id": {Name: "run_id"},
			"run_name": {Name: "run_name"}, "run name": {Name: "run_name"}, "Run name": {Name: "run_name"}, "Run Name": {Name: "run_name"},
			"name": {Name: "run_name"}, "status": {Name: "status"}, "artifact_uri": {Name: "artifact_uri"}, "user_id": {Name: "user_id"},
			"experiment_id": {Name: "experiment_id"}, "pipeline": {Name: "pipeline"}, "git_commit": {Name: "git_commit"},
			"start_time": {Name: "start_time", Numeric: true}, "created": {Name: "start_time", Numeric: true},
			"Created": {Name: "start_time", Numeric: true}, "end_time": {Name: "end_time", Numeric: true},
		},
		Kinds:    []filter.Kind{filter.Metric, filter.Param, filter.Tag, filter.Dataset},
		Datasets: []string{"name", "digest", "context"},
	},
	id: "r.seq",
	columns: map[string]string{
		"run_id": "r.id", "run_name": "r.name", "status": "r.status", "artifact_uri": "r.artifact_uri", "user_id": "r.user",
		"experiment_id": "CAST(r.experiment AS TEXT)", "pipeline": "r.pipeline", "git_commit": "r.git_commit",
		"start_time": "r.started", "end_time": "r.ended",
	},
	keyed: map[filter.Kind]keyed{
		filter.Metric: {table: "series", owner: "run", nan: true}, filter.Param: {table: "params", owner: "run"}, filter.Tag: {table: "tags", owner: "run"},
	},
}

// runPlan finds the page of a RunQuery. Its cost should grow with the page and
// not with the store, so it walks an index that has the wanted order where
// there is one, and otherwise starts from the condition that leaves fewest.
type runPlan struct {
	RunQuery
	where         filter.Expr
	order         []filter.Order
	offset, limit int
}

func newRunPlan(q RunQuery) (*runPlan, error) {
	p := &runPlan{RunQuery: q, limit: q.Limit}
	if p.limit == 0 {
		p.limit = defaultLimit
	}
	if p.limit < 0 {
		return nil, invalid("limit", fmt.Sprint(q.Limit), "a page of %d runs makes no sense", q.Limit)
	}
	var err error
	if p.where, err = parseFilter(runEntity.grammar, q.Filter); err != nil {
		return nil, err
	}
	if p.order, err = parseOrder(runEntity.grammar, q.OrderBy); err != nil {
		return nil, err
	}
	if q.Offset < 0 {
		return nil, invalid("offset", fmt.Sprint(q.Offset), "%d runs cannot be passed over", q.Offset)
	}
	p.offset, err = parseToken(q.PageToken)
	p.offset += q.Offset
	return p, err
}

// find returns up to limit+1 ids of runs, so that the caller knows whether
// there are more.
func (p *runPlan) find(q querier) ([]int64, error) {
	if len(p.order) > 0 && p.order[0].Field.Kind == filter.Metric {
		return p.byMetric(q)
	}
	driver, err := p.driver(q)
	if err != nil {
		return nil, err
	}
	s := p.statement(driver)
	p.finish(s, p.order)
	return p.page(q, s, p.offset, p.limit+1)
}

// byMetric walks the index of a metric's values. The runs whose latest value
// is NaN follow, then those without the metric; both are only looked for when
// the page reaches them.
func (p *runPlan) byMetric(q querier) ([]int64, error) {
	key := p.order[0]
	value := &source{filter.Compare{Field: key.Field, Op: filter.IsNotNull}, "d.nan = 0"}
	for _, x := range conjuncts(p.where) {
		if c, ok := x.(*filter.Compare); ok && c.Field == key.Field && rangeOp(c.Op) {
			value.Compare = *c
			break
		}
	}
	parts := []func() *statement{
		func() *statement {
			s := p.statement(value)
			desc := ""
			if key.Desc {
				desc = " DESC"
			}
			s.add(" ORDER BY d.value" + desc + ", ")
			p.keys(s, p.order[1:])
			return s
		},
		func() *statement {
			s := p.statement(&source{filter.Compare{Field: key.Field, Op: filter.IsNotNull}, "d.nan = 1"})
			p.finish(s, p.order[1:])
			return s
		},
		func() *statement {
			s := p.statement(nil)
			s.add(" AND NOT EXISTS (SELECT 1 FROM series x WHERE x.run = r.seq AND x.key = ?)", key.Field.Name)
			p.finish(s, p.order[1:])
			return s
		},
	}
	if value.Op != filter.IsNotNull {
		parts = parts[:1] // the filter asks for a value
	}
	return p.chain(q, parts)
}

// chain reads a page from several queries as if they were one list.
func (p *runPlan) chain(q querier, parts []func() *statement) (all []int64, err error) {
	skip, want := p.offset, p.limit+1
	for i, part := range parts {
		list, err := p.page(q, part(), skip, want-len(all))
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if len(all) == want || i == len(parts)-1 {
			break
		}
		if len(list) > 0 || skip == 0 {
			skip = 0
			continue
		}
		s := part()
		var n int
		if err := q.row("SELECT count(*) FROM ("+s.String()+")", s.args...).Scan(&n); err != nil {
			return nil, err
		}
		skip -= n
	}
	return all, nil
}

// source is the keyed table that a query starts from instead of runs.
type source struct {
	filter.Compare
	extra string
}

// statement is SELECT … FROM … WHERE: experiments, view and filter.
func (p *runPlan) statement(from *source) *statement {
	s := &statement{}
	experiment := "r.experiment"
	s.add("SELECT r.seq FROM ")
	if from != nil {
		experiment = "d.experiment"
		// CROSS JOIN keeps SQLite's planner from turning the order around.
		s.add(runEntity.keyed[from.Field.Kind].table + " d CROSS JOIN runs r ON r.seq = d.run")
	} else {
		s.add("runs r")
	}
	for i, o := range p.order {
		if i == 0 && o.Field.Kind == filter.Metric {
			continue // byMetric has no need to look it up
		}
		if k, ok := runEntity.keyed[o.Field.Kind]; ok {
			s.add(fmt.Sprintf(" LEFT JOIN %s o%d ON o%d.run = r.seq AND o%d.key = ?", k.table, i, i, i), o.Field.Name)
		}
	}
	s.add(" WHERE ")
	p.inExperiments(s, experiment, from != nil)
	if from != nil {
		s.add(" AND d.key = ?", from.Field.Name)
		if from.Op != filter.IsNotNull {
			s.add(" AND ")
			runEntity.keyed[from.Field.Kind].operate(s, "d", &from.Compare)
		}
		if from.extra != "" {
			s.add(" AND " + from.extra)
		}
	}
	s.add(" AND " + p.View.condition("r.deleted") + " AND ")
	runEntity.where(s, p.where)
	return s
}

// inExperiments restricts an experiment column. One id is an equality, which
// lets an index keep its order; all ids are no restriction where the query
// starts from runs, and a list where it needs the index's first column.
func (p *runPlan) inExperiments(s *statement, column string, indexed bool) {
	switch {
	case len(p.Experiments) == 1:
		s.add(column+" = ?", p.Experiments[0])
	case len(p.Experiments) > 1:
		ids, err := json.Marshal(p.Experiments)
		if err != nil {
			panic(err) // integers always marshal
		}
		s.add(column+" IN (SELECT value FROM json_each(?))", string(ids))
	case indexed:
		s.add(column + " IN (SELECT id FROM experiments)")
	default:
		s.add("1")
	}
}

// finish appends ORDER BY.
func (p *runPlan) finish(s *statement, order []filter.Order) {
	s.add(" ORDER BY ")
	p.keys(s, order)
}

// keys appends sort keys and the natural order that breaks their ties.
func (p *runPlan) keys(s *statement, order []filter.Order) {
	started := false
	for _, o := range order {
		desc := ""
		if o.Desc {
			desc = " DESC"
		}
		i := slices.Index(p.order, o)
		switch k, ok := runEntity.keyed[o.Field.Kind]; {
		case !ok:
			column := runEntity.columns[o.Field.Name]
			started = started || o.Field.Name == "start_time"
			if o.Field.Name == "end_time" {
				s.add(column + " IS NULL, ")
			}
			s.add(column + desc + ", ")
		case k.nan:
			s.add(fmt.Sprintf("o%d.value IS NULL, o%d.nan, o%d.value%s, ", i, i, i, desc))
		default:
			s.add(fmt.Sprintf("o%d.value IS NULL, o%d.value%s, ", i, i, desc))
		}
	}
	if !started {
		s.add("r.started DESC, ")
	}
	s.add("r.id")
}

func (p *runPlan) page(q querier, s *statement, offset, limit int) ([]int64, error) {
	rows, err := q.query(s.String()+" LIMIT ? OFFSET ?", append(s.args, limit, offset)...)
	return collect(rows, err, func(scan scanner) (seq int64, err error) {
		err = scan(&seq)
		return seq, err
	})
}

// fewRuns is up to how many matches starting from a condition, and sorting
// them, beats walking all runs in their order and testing each.
const fewRuns = 2000

// driver finds the condition that few runs fulfil, nil when none is known to
// be rare. Counting stops at fewRuns, so it costs less than a millisecond.
func (p *runPlan) driver(q querier) (best *source, err error) {
	least := fewRuns
	for _, x := range conjuncts(p.where) {
		c, ok := x.(*filter.Compare)
		if !ok || !indexable(c) {
			continue
		}
		from := &source{Compare: *c}
		if c.Field.Kind != filter.Metric {
			from.extra = "length(d.value) <= 250" // the partial index's own condition
		}
		s := &statement{}
		s.add("SELECT count(*) FROM (SELECT 1 FROM " + runEntity.keyed[c.Field.Kind].table + " d WHERE ")
		p.inExperiments(s, "d.experiment", true)
		s.add(" AND d.key = ? AND ", c.Field.Name)
		runEntity.keyed[c.Field.Kind].operate(s, "d", c)
		if from.extra != "" {
			s.add(" AND " + from.extra)
		}
		s.add(" LIMIT ?)", least)
		var n int
		if err := q.row(s.String(), s.args...).Scan(&n); err != nil {
			return nil, err
		}
		if n < least {
			least, best = n, from
		}
	}
	return best, nil
}

// indexable reports whether an index on (experiment, key, value) holds exactly
// the runs that fulfil c side by side.
func indexable(c *filter.Compare) bool {
	switch c.Field.Kind {
	case filter.Metric:
		return rangeOp(c.Op)
	case filter.Param, filter.Tag:
		return c.Op == filter.Eq && len(c.Text) <= 250
	}
	return false
}

func rangeOp(op filter.Op) bool {
	switch op {
	case filter.Eq, filter.Lt, filter.Le, filter.Gt, filter.Ge:
		return true
	}
	return false
}
