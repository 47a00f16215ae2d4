package inference

import (
	"encoding/base64"
	"html/template"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/stages/model"
)

// The description of what may be asked, as OpenAPI 3.1: of all deployments at
// /openapi.json, of one at /predict/NAME/openapi.json, and as a page for people at
// /predict/NAME.

type object = map[string]any

func (s *Server) openapiRoutes() []handled {
	return []handled{
		{"GET /openapi.json", s.answerOpenAPI},
		{"GET /predict", s.answerList},
		{"GET /predict/{name}", s.answerPage},
		{"GET /predict/{name}/openapi.json", s.answerOpenAPI},
	}
}

func (s *Server) answerOpenAPI(w http.ResponseWriter, r *http.Request) {
	all := *s.endpoints.Load()
	if name := r.PathValue("name"); name != "" {
		e, err := s.endpoint(name)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		all = map[string]*endpoint{name: e}
	}
	paths := object{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		q, err := s.begin(w, r, all[name])
		if err != nil {
			continue // it cannot be asked now
		}
		if l, err := q.loaded(); err == nil {
			maps.Copy(paths, pathsOf(name, l))
		}
		q.cancel()
	}
	for _, h := range []string{headerModel, headerVersion, headerDigest} {
		w.Header().Del(h)
	}
	writeJSON(w, 200, object{"openapi": "3.1.0", "info": object{"title": "Predictions", "version": "1"}, "paths": paths})
}

// pathsOf describes what a deployment answers.
func pathsOf(name string, l *loaded) object {
	if _, ok := l.model.(model.Predictor); ok {
		return object{"/predict/" + name: object{
			"get":  object{"summary": "A page for people", "responses": object{"200": object{"description": "the page", "content": object{"text/html": object{}}}}},
			"post": operation("Answer a row, or several", rowsBody(l), predictAnswer(l)),
		}}
	}
	paths := object{}
	text := object{"type": "string"}
	if _, ok := l.model.(model.Embedder); ok {
		paths["/v1/engines/"+name+"/embeddings"] = object{"post": operation("Turn texts into vectors", body(object{"type": "object", "required": []string{"input"},
			"properties": object{"input": object{"oneOf": []any{text, object{"type": "array", "items": text, "minItems": 1}}}}}, object{"input": "a text"}), object{"type": "object"})}
	}
	if _, ok := l.model.(model.Generator); ok {
		paths["/v1/engines/"+name+"/completions"] = object{"post": operation("Continue a text", body(object{"type": "object", "properties": object{"prompt": text,
			"max_tokens": object{"type": "integer", "minimum": 1, "maximum": 64}}}, object{"prompt": "Once", "max_tokens": 8}), object{"type": "object"})}
	}
	return paths
}

// operation is a POST with JSON in and JSON out.
func operation(summary string, request, answer object) object {
	problem := object{"description": "what is wrong, with the field that is to blame", "content": object{"application/json": object{"schema": object{"type": "object",
		"properties": object{"error": object{}, "field": object{"type": "string"}}, "required": []string{"error"}}}}}
	headers := object{}
	for name, doc := range map[string]string{headerModel: "the model that answered", headerVersion: "its version", headerDigest: "the SHA-256 of its files"} {
		headers[name] = object{"description": doc, "schema": object{"type": "string"}}
	}
	responses := object{"200": object{"description": "the answer", "headers": headers, "content": object{"application/json": object{"schema": answer}}}}
	for _, status := range []string{"400", "413", "415", "429", "503", "504"} {
		responses[status] = problem
	}
	return object{"summary": summary, "requestBody": request, "responses": responses}
}

func body(schema, example object) object {
	return object{"required": true, "content": object{"application/json": object{"schema": schema, "example": example}}}
}

// rowsBody describes the bodies that /predict/NAME reads.
func rowsBody(l *loaded) object {
	properties, example, names := object{}, object{}, []string{}
	for i := range l.columns {
		c := &l.columns[i]
		properties[c.name] = schemaOf(c)
		example[c.name] = exampleOf(c)
		names = append(names, c.name)
	}
	row := object{"type": "object", "properties": properties, "required": names, "additionalProperties": false}
	one := []any{row}
	if c, ok := single(l.columns); ok && c.isText() {
		one = append(one, object{"type": "string"})
	}
	content := object{"application/json": object{
		"schema":   object{"oneOf": append(slices.Clone(one), object{"type": "array", "items": object{"oneOf": one}, "minItems": 1})},
		"examples": object{"row": object{"value": example}, "rows": object{"value": []any{example, example}}}}}
	if c, ok := single(l.columns); ok && c.isText() {
		content["text/plain"] = object{"schema": object{"type": "string"}, "example": exampleOf(c)}
	}
	return object{"required": true, "content": content}
}

func schemaOf(c *column) object {
	doc := "a column of type " + c.typ
	switch {
	case c.isBytes():
		return object{"type": "string", "contentEncoding": "base64", "description": "the bytes of a file"}
	case c.list:
		text := object{"type": "string"}
		return object{"oneOf": []any{text, object{"type": "array", "items": text}}, "description": doc + ", or a list of its sentences"}
	case c.isText():
		return object{"type": "string", "description": doc}
	case c.id == arrow.BOOL:
		return object{"type": []string{"boolean", "null"}, "description": doc}
	case c.id == arrow.UINT64:
		return object{"type": []string{"integer", "null"}, "description": doc, "minimum": 0, "maximum": uint64(math.MaxUint64)}
	case arrow.IsInteger(c.id):
		low, high := bounds(c.id)
		return object{"type": []string{"integer", "null"}, "description": doc, "minimum": low, "maximum": high}
	case c.id == arrow.FLOAT32:
		return object{"type": []string{"number", "null"}, "description": doc, "minimum": -math.MaxFloat32, "maximum": math.MaxFloat32}
	case c.id == arrow.FLOAT64:
		return object{"type": []string{"number", "null"}, "description": doc}
	case c.id == arrow.LIST || c.id == arrow.FIXED_SIZE_LIST:
		return object{"type": "array", "items": object{"type": "number"}, "description": doc}
	}
	return object{"type": "string", "description": doc}
}

func exampleOf(c *column) any {
	switch v := madeUp(c).(type) {
	case []byte:
		return base64.StdEncoding.EncodeToString([]byte("a file"))
	case string:
		return "a text"
	default:
		return v
	}
}

func predictAnswer(l *loaded) object {
	answer := object{"type": "object", "required": []string{"prediction"}, "properties": object{
		"prediction": object{}, "probability": object{"type": "number"},
		"probabilities": object{"type": "object", "additionalProperties": object{"type": "number"}},
		"source":        object{"type": "string", "description": "where an answer from a table comes from"},
		"sentences": object{"type": "array", "description": "what a summary is made of", "items": object{"type": "object", "properties": object{
			"index": object{"type": "integer"}, "text": object{"type": "string"}, "score": object{"type": "number"}}}}}}
	if classes := l.classes(); len(classes) > 0 && len(classes) <= 100 && len(l.model.Signature().Outputs) > 0 && l.model.Signature().Outputs[0].Type == "utf8" {
		answer["properties"].(object)["prediction"] = object{"type": "string", "enum": classes}
	}
	return object{"oneOf": []any{answer, object{"type": "object", "required": []string{"predictions"},
		"properties": object{"predictions": object{"type": "array", "items": answer}}}}}
}

// deploymentLine is what the list of deployments tells of one.
type deploymentLine struct {
	Name     string `json:"name"`
	Model    string `json:"model,omitempty"`
	Version  int    `json:"version,omitempty"`
	Digest   string `json:"digest,omitempty"`
	Canary   int    `json:"canary,omitempty"`
	Shadow   int    `json:"shadow,omitempty"`
	Loaded   bool   `json:"loaded"`
	Trouble  string `json:"trouble,omitempty"`
	Requests int64  `json:"requests"`
}

// list tells what is deployed and how it is.
func (s *Server) list() []deploymentLine {
	all := *s.endpoints.Load()
	out := []deploymentLine{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		e := all[name]
		l := deploymentLine{Name: name}
		if t := e.trouble.Load(); t != nil {
			l.Trouble = *t
		}
		for _, st := range e.stats.list() {
			l.Requests += st.requests.Load()
		}
		if r := e.route.Load(); r != nil {
			v := r.main.version()
			l.Model, l.Version, l.Digest, l.Loaded = v.Model, v.Version, string(v.Ref.Digest), r.main.instance.loaded.Load() != nil
			if r.canary != nil {
				l.Canary = r.canary.version().Version
			}
			if r.shadow != nil {
				l.Shadow = r.shadow.version().Version
			}
		}
		out = append(out, l)
	}
	return out
}

func (s *Server) answerList(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, s.list()) }

// page is parsed when it is first shown.
var page = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(pageText)) })

const pageText = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Name}}</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1c2733;background:#fff}
pre,textarea{font:14px/1.4 ui-monospace,monospace;background:#f4f6f8;border:1px solid #d5dce3;border-radius:6px;padding:.7rem;width:100%;box-sizing:border-box;overflow:auto}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1.2rem .2rem 0}button{font:inherit;padding:.4rem 1.2rem;border-radius:6px;border:1px solid #1f5fbf;background:#1f5fbf;color:#fff}
@media(prefers-color-scheme:dark){body{background:#12181f;color:#dfe6ee}pre,textarea{background:#1b232c;border-color:#33404d;color:inherit}}
</style>
<h1>{{.Name}}</h1>
<p>Model <b>{{.Model}}</b> version <b>{{.Version}}</b>, digest <code>{{.Digest}}</code>. <a href="/predict/{{.Name}}/openapi.json">openapi.json</a></p>
<h2>Takes</h2>
<table><tr><th>column<th>type{{range .Inputs}}<tr><td>{{.Name}}<td>{{.Type}}{{end}}</table>
<h2>Try it</h2>
<form><textarea rows="4" aria-label="request">{{.Example}}</textarea><p><button>Ask</button></form><pre role="status">the answer comes here</pre>
<h2>From a shell</h2>
<pre>curl -H 'Content-Type: application/json' -d '{{.Example}}' {{.Base}}/predict/{{.Name}}</pre>
<script>
document.querySelector("form").onsubmit = async e => {
  e.preventDefault();
  const out = document.querySelector("pre[role]");
  try {
    const r = await fetch(location.pathname, {method: "POST", headers: {"Content-Type": "application/json"}, body: document.querySelector("textarea").value});
    out.textContent = await r.text();
  } catch (x) { out.textContent = x; }
};
</script>
</html>
`

// answerPage shows people what a deployment takes, and lets them try it.
func (s *Server) answerPage(w http.ResponseWriter, r *http.Request) {
	e, err := s.endpoint(r.PathValue("name"))
	var q *request
	if err == nil {
		q, err = s.begin(w, r, e)
	}
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
	example := []byte{'{'}
	for i := range l.columns {
		if i > 0 {
			example = append(example, ',')
		}
		example = append(appendString(example, l.columns[i].name), ':')
		example = appendValue(example, exampleOf(&l.columns[i]))
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	v := q.arm.version()
	var b strings.Builder
	err = page().Execute(&b, object{"Name": e.name, "Model": v.Model, "Version": v.Version, "Digest": v.Ref.Digest.Short(),
		"Inputs": l.model.Signature().Inputs, "Example": string(append(example, '}')), "Base": scheme + "://" + r.Host})
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(b.String())) // the client went away
}
