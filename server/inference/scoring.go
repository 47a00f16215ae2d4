package inference

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"

	"pipe/stages/model"
)

// MLflow's scoring server, as `mlflow models serve` answers it: POST /invocations
// (with several deployments /invocations/NAME), GET /ping. GET /version is
// answered beside the registry's API, with the same text.

func (s *Server) scoringRoutes() []handled {
	return []handled{
		{"POST /invocations", s.answerScoring},
		{"POST /invocations/{name}", s.answerScoring},
		{"GET /ping", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "\n") }},
	}
}

func (s *Server) answerScoring(w http.ResponseWriter, r *http.Request) {
	e, err := s.sole()
	if name := r.PathValue("name"); name != "" {
		e, err = s.endpoint(name)
	}
	var q *request
	if err == nil {
		q, err = s.begin(w, r, e)
	}
	if err != nil {
		s.refuseScoring(w, r, err)
		return
	}
	predictions, err := s.score(q, r)
	if err != nil {
		q.end(s.refuseScoring(w, r, err))
		return
	}
	writeJSON(w, 200, map[string]any{"predictions": predictions})
	q.end(200)
}

// refuseScoring answers a problem in MLflow's form.
func (s *Server) refuseScoring(w http.ResponseWriter, r *http.Request, err error) int {
	p := s.failed(r, err)
	p.head(w.Header())
	code := "BAD_REQUEST"
	switch {
	case p.status == 404:
		code = "RESOURCE_DOES_NOT_EXIST"
	case p.status == 403:
		code = "PERMISSION_DENIED"
	case p.status == 429:
		code = "RESOURCE_EXHAUSTED"
	case p.status == 503:
		code = "TEMPORARILY_UNAVAILABLE"
	case p.status >= 500:
		code = "INTERNAL_ERROR"
	}
	writeJSON(w, p.status, map[string]string{"error_code": code, "message": p.text})
	return p.status
}

func (s *Server) score(q *request, r *http.Request) ([]any, error) {
	l, err := q.loaded()
	if err != nil {
		return nil, err
	}
	rows, err := scoringRows(q, r, l.columns)
	if err != nil {
		return nil, err
	}
	if err := checkRows(l.columns, rows); err != nil {
		return nil, err
	}
	out := make([]any, len(rows))
	if _, ok := l.model.(model.Predictor); !ok {
		texts, err := textsOf(l.columns, rows)
		if err != nil {
			return nil, err
		}
		list, err := q.embed(texts)
		if err != nil {
			return nil, err
		}
		for i, e := range list {
			out[i] = e.Vector
		}
		return out, nil
	}
	answers, err := q.predict(rows)
	if err != nil {
		return nil, err
	}
	for i, a := range answers {
		out[i] = a.Prediction
	}
	return out, nil
}

// scoringBody is the JSON that MLflow's clients send; exactly one of the four
// forms is there.
type scoringBody struct {
	Split *struct {
		Columns []string `json:"columns"`
		Data    [][]any  `json:"data"`
	} `json:"dataframe_split"`
	Records   []map[string]any `json:"dataframe_records"`
	Instances json.RawMessage  `json:"instances"`
	Inputs    json.RawMessage  `json:"inputs"`
}

func scoringRows(q *request, r *http.Request, columns []column) ([]map[string]any, error) {
	body, err := q.body(r)
	if err != nil {
		return nil, err
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // a bad one is none
	switch kind {
	case "text/csv":
		return csvRows(columns, body)
	case "application/json":
	default:
		return nil, &problem{status: http.StatusUnsupportedMediaType, field: "Content-Type", text: "the Content-Type " + quote(kind) + " is neither application/json nor text/csv"}
	}
	var in scoringBody
	if err := decodeJSON(body, &in); err != nil {
		return nil, err
	}
	forms := 0
	for _, there := range []bool{in.Split != nil, in.Records != nil, in.Instances != nil, in.Inputs != nil} {
		if there {
			forms++
		}
	}
	if forms != 1 {
		return nil, badRequest("", "the body needs exactly one of dataframe_split, dataframe_records, instances and inputs; it has %d of them", forms)
	}
	switch {
	case in.Split != nil:
		return splitRows(in.Split.Columns, in.Split.Data)
	case in.Records != nil:
		return in.Records, nil
	case in.Instances != nil:
		return tensorRows(columns, "instances", in.Instances)
	}
	return tensorRows(columns, "inputs", in.Inputs)
}

func splitRows(names []string, data [][]any) ([]map[string]any, error) {
	rows := make([]map[string]any, len(data))
	for i, values := range data {
		if len(values) != len(names) {
			return nil, badRequest("dataframe_split", "dataframe_split: row %d has %d values and there are %d columns", i+1, len(values), len(names))
		}
		rows[i] = make(map[string]any, len(names))
		for k, name := range names {
			if _, twice := rows[i][name]; twice {
				return nil, badRequest("dataframe_split", "dataframe_split: the column %q is there twice", name)
			}
			rows[i][name] = values[k]
		}
	}
	return rows, nil
}

// tensorRows reads TensorFlow Serving's forms: a list of rows, or an object of
// columns; a model of one column takes bare values.
func tensorRows(columns []column, field string, raw json.RawMessage) ([]map[string]any, error) {
	var v any
	if err := decodeJSON(raw, &v); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case map[string]any:
		return columnRows(field, v)
	case []any:
		rows := make([]map[string]any, len(v))
		for i, x := range v {
			switch x := x.(type) {
			case map[string]any:
				rows[i] = x
			case []any:
				if len(columns) == 1 && !columns[0].isText() && !columns[0].isBytes() || len(x) != len(columns) {
					if len(columns) != 1 {
						return nil, badRequest(field, "%s: row %d has %d values and the model reads %s", field, i+1, len(x), columnList(columns))
					}
					rows[i] = map[string]any{columns[0].name: x}
					continue
				}
				rows[i] = make(map[string]any, len(columns))
				for k := range columns {
					rows[i][columns[k].name] = x[k]
				}
			default:
				if len(columns) != 1 {
					return nil, badRequest(field, "%s: row %d is %s and the model reads %s", field, i+1, found(x), columnList(columns))
				}
				rows[i] = map[string]any{columns[0].name: x}
			}
		}
		return rows, nil
	}
	return nil, badRequest(field, "%s must be a list of rows or an object of columns, is %s", field, found(v))
}

func columnRows(field string, v map[string]any) ([]map[string]any, error) {
	var rows []map[string]any
	for name, x := range v {
		list, ok := x.([]any)
		if !ok {
			list = []any{x}
		}
		if rows == nil {
			rows = make([]map[string]any, len(list))
			for i := range rows {
				rows[i] = make(map[string]any, len(v))
			}
		}
		if len(list) != len(rows) {
			return nil, badRequest(name, "%s: the columns are of unequal length; %q has %d values", field, name, len(list))
		}
		for i := range rows {
			rows[i][name] = list[i]
		}
	}
	return rows, nil
}
