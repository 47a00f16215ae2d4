package inference

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/stages/model"
)

// The Open Inference Protocol, version 2, over HTTP (KServe's open-inference-protocol,
// with Triton's extension for binary tensors): a model's columns are its input
// tensors, one element or one row of a tensor for each row.

// v2Tensor is a tensor of a request, an answer or a model's description.
type v2Tensor struct {
	Name       string          `json:"name"`
	Datatype   string          `json:"datatype"`
	Shape      []int64         `json:"shape"`
	Parameters *v2Parameters   `json:"parameters,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"`
}

type v2Parameters struct {
	BinaryDataSize *int64 `json:"binary_data_size,omitempty"`
}

// v2Request is the JSON of an inference request.
type v2Request struct {
	ID      string     `json:"id"`
	Inputs  []v2Tensor `json:"inputs"`
	Outputs []struct {
		Name string `json:"name"`
	} `json:"outputs"`
}

// v2Response is the JSON of its answer.
type v2Response struct {
	ID      string     `json:"id,omitempty"`
	Name    string     `json:"model_name"`
	Version string     `json:"model_version"`
	Outputs []v2Output `json:"outputs"`
}

type v2Output struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
	Data     any     `json:"data"`
}

// datatypes are the protocol's names of column types.
var datatypes = map[arrow.Type]string{
	arrow.STRING: "BYTES", arrow.BINARY: "BYTES", arrow.DATE32: "BYTES", arrow.TIMESTAMP: "BYTES", arrow.DECIMAL128: "BYTES", arrow.BOOL: "BOOL",
	arrow.INT8: "INT8", arrow.INT16: "INT16", arrow.INT32: "INT32", arrow.INT64: "INT64",
	arrow.UINT8: "UINT8", arrow.UINT16: "UINT16", arrow.UINT32: "UINT32", arrow.UINT64: "UINT64",
	arrow.FLOAT32: "FP32", arrow.FLOAT64: "FP64", arrow.LIST: "FP32", arrow.FIXED_SIZE_LIST: "FP32",
}

func (s *Server) v2Routes() []handled {
	live := func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, map[string]bool{"live": true, "ready": true})
	}
	return []handled{
		{"GET /v2", s.v2Server},
		{"GET /v2/health/live", live},
		{"GET /v2/health/ready", live},
		{"GET /v2/models/{name}", s.v2Model},
		{"GET /v2/models/{name}/versions/{version}", s.v2Model},
		{"GET /v2/models/{name}/ready", s.v2Ready},
		{"GET /v2/models/{name}/versions/{version}/ready", s.v2Ready},
		{"POST /v2/models/{name}/infer", s.v2Infer},
		{"POST /v2/models/{name}/versions/{version}/infer", s.v2Infer},
		{"POST /v2/repository/index", s.v2Index},
	}
}

func (s *Server) v2Server(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, 200, map[string]any{"name": "pipe", "version": "2", "extensions": []string{"binary_tensor_data", "model_repository"}})
}

func (s *Server) v2Index(w http.ResponseWriter, _ *http.Request) {
	type line struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
		State   string `json:"state"`
		Reason  string `json:"reason,omitempty"`
	}
	list := []line{}
	all := *s.endpoints.Load()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		l := line{Name: name, State: "UNAVAILABLE"}
		if t := all[name].trouble.Load(); t != nil {
			l.Reason = *t
		}
		if r := all[name].route.Load(); r != nil {
			l.Version, l.State = strconv.Itoa(r.main.version().Version), "READY"
		}
		list = append(list, l)
	}
	writeJSON(w, 200, list)
}

// versioned begins a request for a model, and where the path has a version for
// that one, which must be on the route.
func (s *Server) versioned(w http.ResponseWriter, r *http.Request) (*request, error) {
	e, err := s.endpoint(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	q, err := s.begin(w, r, e)
	if err != nil {
		return nil, err
	}
	want := r.PathValue("version")
	if want == "" {
		return q, nil
	}
	for _, a := range []*arm{q.route.main, q.route.canary} {
		if a != nil && strconv.Itoa(a.version().Version) == want {
			q.arm = a
			q.mark(w.Header())
			return q, nil
		}
	}
	q.cancel()
	p := notFound("version %s of %q does not answer; version %d does", quote(want), e.name, q.route.main.version().Version)
	p.field = "version"
	return nil, p
}

func (s *Server) v2Ready(w http.ResponseWriter, r *http.Request) {
	q, err := s.versioned(w, r)
	if err == nil {
		_, err = q.loaded()
		q.cancel()
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	writeJSON(w, 200, map[string]any{"name": q.endpoint.name, "ready": true})
}

func (s *Server) v2Model(w http.ResponseWriter, r *http.Request) {
	q, err := s.versioned(w, r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	defer q.cancel()
	l, err := q.loaded()
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	describe := struct {
		Name     string     `json:"name"`
		Versions []string   `json:"versions"`
		Platform string     `json:"platform"`
		Inputs   []v2Tensor `json:"inputs"`
		Outputs  []v2Tensor `json:"outputs"`
	}{Name: q.endpoint.name, Platform: "pipe", Inputs: []v2Tensor{}}
	for _, a := range []*arm{q.route.main, q.route.canary} {
		if a != nil {
			describe.Versions = append(describe.Versions, strconv.Itoa(a.version().Version))
		}
	}
	for i := range l.columns {
		c := &l.columns[i]
		shape := []int64{-1}
		if c.id == arrow.LIST || c.id == arrow.FIXED_SIZE_LIST {
			shape = append(shape, -1)
		}
		describe.Inputs = append(describe.Inputs, v2Tensor{Name: c.name, Datatype: datatypes[c.id], Shape: shape})
	}
	describe.Outputs = v2Outputs(l)
	writeJSON(w, 200, describe)
}

// v2Outputs describes what a model gives.
func v2Outputs(l *loaded) []v2Tensor {
	if _, ok := l.model.(model.Predictor); !ok {
		if _, ok := l.model.(model.Embedder); ok {
			return []v2Tensor{{Name: "embedding", Datatype: "FP32", Shape: []int64{-1, -1}}}
		}
		return []v2Tensor{{Name: "text", Datatype: "BYTES", Shape: []int64{-1}}}
	}
	kind := "FP64"
	classes := l.classes()
	if len(classes) == 0 {
		return []v2Tensor{{Name: model.PredictionColumn, Datatype: kind, Shape: []int64{-1}}}
	}
	kind = "BYTES"
	if out := l.model.Signature().Outputs; len(out) > 0 {
		switch out[0].Type {
		case "int64":
			kind = "INT64"
		case "uint64":
			kind = "UINT64"
		case "bool":
			kind = "BOOL"
		}
	}
	return []v2Tensor{
		{Name: model.PredictionColumn, Datatype: kind, Shape: []int64{-1}},
		{Name: model.ProbabilityColumn, Datatype: "FP32", Shape: []int64{-1}},
		{Name: model.ProbabilitiesColumn, Datatype: "FP32", Shape: []int64{-1, int64(len(classes))}},
	}
}

// classes are the labels in the order of the probabilities; none where the model
// has none.
func (l *loaded) classes() []string {
	if m, ok := l.model.(interface{ Classes() []string }); ok {
		return m.Classes()
	}
	return nil
}

func (s *Server) v2Infer(w http.ResponseWriter, r *http.Request) {
	q, err := s.versioned(w, r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	res, err := s.v2Answer(q, r)
	if err != nil {
		q.end(s.refuse(w, r, err))
		return
	}
	writeJSON(w, 200, res)
	q.end(200)
}

func (s *Server) v2Answer(q *request, r *http.Request) (*v2Response, error) {
	l, err := q.loaded()
	if err != nil {
		return nil, err
	}
	body, err := q.body(r)
	if err != nil {
		return nil, err
	}
	in, rows, err := v2Rows(l.columns, body, r.Header.Get("Inference-Header-Content-Length"))
	if err != nil {
		return nil, err
	}
	if err := checkRows(l.columns, rows); err != nil {
		return nil, err
	}
	out := &v2Response{ID: in.ID, Name: q.endpoint.name, Version: strconv.Itoa(q.arm.version().Version)}
	all, err := v2Results(q, l, rows)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if len(in.Outputs) == 0 {
			out.Outputs = append(out.Outputs, o)
		}
		for _, want := range in.Outputs {
			if want.Name == o.Name {
				out.Outputs = append(out.Outputs, o)
			}
		}
	}
	for _, want := range in.Outputs {
		if !slices.ContainsFunc(all, func(o v2Output) bool { return o.Name == want.Name }) {
			return nil, badRequest("outputs", "the model gives no output %s", quote(want.Name))
		}
	}
	return out, nil
}

// v2Results computes the output tensors.
func v2Results(q *request, l *loaded, rows []map[string]any) ([]v2Output, error) {
	n := int64(len(rows))
	if _, ok := l.model.(model.Predictor); !ok {
		texts, err := textsOf(l.columns, rows)
		if err != nil {
			return nil, err
		}
		list, err := q.embed(texts)
		if err != nil {
			return nil, err
		}
		var flat []float32
		for _, e := range list {
			flat = append(flat, e.Vector...)
		}
		return []v2Output{{"embedding", "FP32", []int64{n, int64(len(list[0].Vector))}, flat}}, nil
	}
	answers, err := q.predict(rows)
	if err != nil {
		return nil, err
	}
	described := v2Outputs(l)
	predictions := make([]any, n)
	for i, a := range answers {
		predictions[i] = a.Prediction
	}
	out := []v2Output{{described[0].Name, described[0].Datatype, []int64{n}, predictions}}
	classes := l.classes()
	if len(classes) == 0 {
		return out, nil
	}
	probability, all := make([]float32, n), make([]float32, 0, int(n)*len(classes))
	for i, a := range answers {
		probability[i] = a.Probability
		for _, c := range classes {
			all = append(all, a.Probabilities[c])
		}
	}
	return append(out, v2Output{described[1].Name, "FP32", []int64{n}, probability},
		v2Output{described[2].Name, "FP32", []int64{n, int64(len(classes))}, all}), nil
}

// textsOf gives the texts of rows of a model that reads one text.
func textsOf(columns []column, rows []map[string]any) ([]string, error) {
	c, ok := single(columns)
	if !ok || !c.isText() {
		return nil, badRequest("inputs", "the model does not read one text but %s", columnList(columns))
	}
	texts := make([]string, len(rows))
	for i, row := range rows {
		s, ok := row[c.name].(string)
		if !ok {
			return nil, badRequest(c.name, "row %d, column %q: must be text, is null", i+1, c.name)
		}
		texts[i] = s
	}
	return texts, nil
}
