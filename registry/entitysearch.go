package registry

import (
	"context"
	"fmt"
	"slices"

	"pipe/registry/filter"
)

// Query selects entities other than runs.
type Query struct {
	Filter    string
	OrderBy   []string
	View      View
	Limit     int // 0: 1,000
	PageToken string
	Visible   Visible
}

// DatasetName names a dataset; an empty digest means any of that name.
type DatasetName struct{ Name, Digest string }

// promptTag marks models that are prompts. MLflow's client hides those by
// asking for tag != 'true', which must find what was never marked.
const promptTag = "mlflow.prompt.is_prompt"

var experimentEntity = &entity{
	grammar: &filter.Grammar{
		Attributes: map[string]filter.Attr{
			"name": {Name: "name"}, "experiment_id": {Name: "experiment_id"},
			"creation_time":    {Name: "creation_time", Numeric: true},
			"last_update_time": {Name: "last_update_time", Numeric: true},
		},
		Kinds: []filter.Kind{filter.Tag},
	},
	id: "e.id",
	columns: map[string]string{"name": "e.name", "experiment_id": "CAST(e.id AS TEXT)",
		"creation_time": "e.created", "last_update_time": "e.updated"},
	keyed: map[filter.Kind]keyed{filter.Tag: {table: "experiment_tags", owner: "experiment"}},
}

var modelEntity = &entity{
	grammar: &filter.Grammar{
		Attributes: map[string]filter.Attr{"name": {Name: "name"},
			"creation_timestamp":     {Name: "creation_timestamp", Numeric: true},
			"last_updated_timestamp": {Name: "last_updated_timestamp", Numeric: true},
			"timestamp":              {Name: "last_updated_timestamp", Numeric: true}},
		Kinds: []filter.Kind{filter.Tag},
	},
	id:      "m.id",
	columns: map[string]string{"name": "m.name", "creation_timestamp": "m.created", "last_updated_timestamp": "m.updated"},
	keyed:   map[filter.Kind]keyed{filter.Tag: {table: "model_tags", owner: "model", optional: promptTag}},
}

var versionEntity = &entity{
	grammar: &filter.Grammar{
		Attributes: map[string]filter.Attr{
			"name": {Name: "name"}, "run_id": {Name: "run_id"}, "source_path": {Name: "source"}, "source": {Name: "source"},
			"version_number": {Name: "version", Numeric: true}, "version": {Name: "version", Numeric: true},
			"creation_timestamp":     {Name: "creation_timestamp", Numeric: true},
			"last_updated_timestamp": {Name: "last_updated_timestamp", Numeric: true},
		},
		Kinds: []filter.Kind{filter.Tag},
	},
	id: "v.id",
	columns: map[string]string{"name": "m.name", "run_id": "v.run_id", "source": "v.source", "version": "v.version",
		"creation_timestamp": "v.created", "last_updated_timestamp": "v.updated"},
	keyed: map[filter.Kind]keyed{filter.Tag: {table: "version_tags", owner: "version", optional: promptTag}},
}

var loggedModelEntity = &entity{
	grammar: &filter.Grammar{
		Attributes: map[string]filter.Attr{
			"name": {Name: "name"}, "model_id": {Name: "model_id"}, "model_type": {Name: "model_type"}, "status": {Name: "status"},
			"source_run_id": {Name: "source_run_id"}, "experiment_id": {Name: "experiment_id"},
			"creation_timestamp": {Name: "creation_timestamp", Numeric: true}, "creation_time": {Name: "creation_timestamp", Numeric: true},
			"creation_timestamp_ms":  {Name: "creation_timestamp", Numeric: true},
			"last_updated_timestamp": {Name: "last_updated_timestamp", Numeric: true}, "last_updated_timestamp_ms": {Name: "last_updated_timestamp", Numeric: true},
		},
		Kinds: []filter.Kind{filter.Metric, filter.Param, filter.Tag},
	},
	id: "m.seq",
	columns: map[string]string{"name": "m.name", "model_id": "m.id", "model_type": "m.type", "status": "m.status", "source_run_id": "m.source_run",
		"experiment_id": "CAST(m.experiment AS TEXT)", "creation_timestamp": "m.created", "last_updated_timestamp": "m.updated"},
	keyed: map[filter.Kind]keyed{filter.Metric: {table: "logged_model_metrics", owner: "model", nan: true},
		filter.Param: {table: "logged_model_params", owner: "model"}, filter.Tag: {table: "logged_model_tags", owner: "model"}},
}

// where puts a query's filter, order and page into one piece of SQL that
// follows WHERE; natural is the order that breaks ties.
func (e *entity) page(q Query, first *statement, natural ...filter.Order) (s *statement, offset, limit int, err error) {
	if limit = q.Limit; limit == 0 {
		limit = defaultLimit
	}
	if limit < 0 {
		return nil, 0, 0, invalid("limit", fmt.Sprint(limit), "a page of %d makes no sense", limit)
	}
	x, err := parseFilter(e.grammar, q.Filter)
	if err != nil {
		return nil, 0, 0, err
	}
	order, err := parseOrder(e.grammar, q.OrderBy)
	if err != nil {
		return nil, 0, 0, err
	}
	if offset, err = parseToken(q.PageToken); err != nil {
		return nil, 0, 0, err
	}
	s = first
	s.add(" AND ")
	e.where(s, x)
	s.add(" ORDER BY ")
	for _, o := range natural {
		if !slices.ContainsFunc(order, func(p filter.Order) bool { return p.Field == o.Field }) {
			order = append(order, o)
		}
	}
	for i, o := range order {
		if i > 0 {
			s.add(", ")
		}
		e.orderBy(s, o)
	}
	s.add(" LIMIT ? OFFSET ?", limit+1, offset)
	return s, offset, limit, nil
}

// orderBy appends one sort key; what lacks it comes last.
func (e *entity) orderBy(s *statement, o filter.Order) {
	desc := ""
	if o.Desc {
		desc = " DESC"
	}
	if k, ok := e.keyed[o.Field.Kind]; ok {
		value := "(SELECT x.value FROM " + k.table + " x WHERE x." + k.owner + " = " + e.id + " AND x.key = ? LIMIT 1)"
		s.add(value+" IS NULL, "+value+desc, o.Field.Name, o.Field.Name)
		return
	}
	s.add(e.columns[o.Field.Name] + desc)
}

func by(name string, desc bool) filter.Order {
	return filter.Order{Field: filter.Field{Kind: filter.Attribute, Name: name}, Desc: desc}
}

// cut cuts a page to its limit and gives the token of the next.
func cut[T any](list []T, offset, limit int) ([]T, string) {
	if len(list) > limit {
		return list[:limit], pageToken(offset + limit)
	}
	return list, ""
}

// SearchExperiments returns a page of experiments, newest first unless q says
// otherwise, and the token of the next page.
func (r *Registry) SearchExperiments(ctx context.Context, q Query) (list []Experiment, next string, err error) {
	first := &statement{}
	first.add(q.View.condition("e.deleted"))
	q.Visible.add(first, "CAST(e.id AS TEXT)")
	s, offset, limit, err := experimentEntity.page(q, first, by("creation_time", true), by("experiment_id", false))
	if err != nil {
		return nil, "", err
	}
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query("SELECT e.id, e.name, e.artifact_location, e.deleted, e.created, e.updated FROM experiments e WHERE "+s.String(), s.args...)
		list, err = collect(rows, err, scanExperiment)
		for i := range list {
			if err != nil {
				break
			}
			list[i].Tags, err = pairs(t.query("SELECT key, value FROM experiment_tags WHERE experiment = ? ORDER BY key", list[i].ID))
		}
		return err
	})
	list, next = cut(list, offset, limit)
	return list, next, err
}

// SearchModels returns a page of registered models, by name unless q says
// otherwise, and the token of the next page.
func (r *Registry) SearchModels(ctx context.Context, q Query) (list []RegisteredModel, next string, err error) {
	first := &statement{}
	first.add("1")
	q.Visible.add(first, "m.name")
	s, offset, limit, err := modelEntity.page(q, first, by("name", false))
	if err != nil {
		return nil, "", err
	}
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query("SELECT m.name FROM models m WHERE "+s.String(), s.args...)
		names, err := collect(rows, err, func(scan scanner) (name string, err error) {
			err = scan(&name)
			return name, err
		})
		for _, name := range names {
			if err != nil {
				break
			}
			var m RegisteredModel
			m, err = model(t, name)
			list = append(list, m)
		}
		return err
	})
	list, next = cut(list, offset, limit)
	return list, next, err
}

// SearchVersions returns a page of model versions, by model and then newest
// first unless q says otherwise, and the token of the next page.
func (r *Registry) SearchVersions(ctx context.Context, q Query) (list []ModelVersion, next string, err error) {
	first := &statement{}
	first.add("1")
	q.Visible.add(first, "m.name")
	natural := []filter.Order{by("last_updated_timestamp", true), by("name", false), by("version", true)}
	if len(q.OrderBy) > 0 {
		natural = natural[1:]
	}
	s, offset, limit, err := versionEntity.page(q, first, natural...)
	if err != nil {
		return nil, "", err
	}
	err = r.view(ctx, func(t *tx) error {
		list, err = versionsWhere(t, s.String(), s.args...)
		return err
	})
	list, next = cut(list, offset, limit)
	return list, next, err
}

// SearchLoggedModels returns a page of the logged models of experiments,
// newest first unless q says otherwise, and the token of the next page. With
// datasets, only those that a metric about one of them was logged for.
func (r *Registry) SearchLoggedModels(ctx context.Context, experiments []int64, datasets []DatasetName, q Query) (list []LoggedModel, next string, err error) {
	first := &statement{}
	first.add(q.View.condition("m.deleted") + " AND ")
	(&runPlan{RunQuery: RunQuery{Experiments: experiments}}).inExperiments(first, "m.experiment", true)
	for i, d := range datasets {
		word := " OR "
		if i == 0 {
			word = " AND EXISTS (SELECT 1 FROM logged_model_metrics x WHERE x.model = m.seq AND ("
		}
		first.add(word+"x.dataset_name = ? AND (? = '' OR x.dataset_digest = ?)", d.Name, d.Digest, d.Digest)
	}
	if len(datasets) > 0 {
		first.add("))")
	}
	s, offset, limit, err := loggedModelEntity.page(q, first, by("creation_timestamp", true), by("model_id", false))
	if err != nil {
		return nil, "", err
	}
	err = r.view(ctx, func(t *tx) error {
		list, err = loggedModelsWhere(t, s.String(), s.args...)
		return err
	})
	list, next = cut(list, offset, limit)
	return list, next, err
}
