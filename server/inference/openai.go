package inference

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"slices"
)

// OpenAI's API, as its clients (0.28 and the current ones) use it. A generator
// writes on; a classifier of texts completes a prompt with its label, as models
// that were fine-tuned for classification did, with the logarithms of its
// probabilities as logprobs.

func (s *Server) openaiRoutes() []handled {
	return []handled{
		{"GET /v1/models", s.openaiModels},
		{"GET /v1/models/{name}", s.openaiModel},
		{"GET /v1/engines", s.openaiModels},
		{"GET /v1/engines/{name}", s.openaiModel},
		{"POST /v1/embeddings", s.openaiEmbeddings},
		{"POST /v1/engines/{name}/embeddings", s.openaiEmbeddings},
		{"POST /v1/completions", s.openaiCompletions},
		{"POST /v1/engines/{name}/completions", s.openaiCompletions},
		{"POST /v1/chat/completions", s.openaiChat},
		{"POST /v1/audio/transcriptions", s.openaiTranscriptions},
	}
}

// openaiRefuse answers a problem in OpenAI's form.
func (s *Server) openaiRefuse(w http.ResponseWriter, r *http.Request, err error) int {
	p := s.failed(r, err)
	p.head(w.Header())
	writeJSON(w, p.status, map[string]any{"error": openaiError(p)})
	return p.status
}

func openaiError(p *problem) map[string]any {
	typ, code, param := "invalid_request_error", any(nil), any(nil)
	switch {
	case p.status == 404:
		code = "model_not_found"
	case p.status == 429:
		typ, code = "requests", "rate_limit_exceeded"
	case p.status >= 500:
		typ = "server_error"
	}
	if p.field != "" {
		param = p.field
	}
	return map[string]any{"message": p.text, "type": typ, "param": param, "code": code}
}

// openaiModelLine describes a deployment in a list of models.
type openaiModelLine struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
	Ready   bool   `json:"ready"` // of the old engines API
}

func modelLine(e *endpoint) openaiModelLine {
	l := openaiModelLine{ID: e.name, Object: "model", OwnedBy: "pipe"}
	if r := e.route.Load(); r != nil {
		l.Created, l.Ready = r.main.version().Created.Unix(), true
	}
	return l
}

func (s *Server) openaiModels(w http.ResponseWriter, _ *http.Request) {
	all := *s.endpoints.Load()
	list := []openaiModelLine{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, modelLine(all[name]))
	}
	writeJSON(w, 200, map[string]any{"object": "list", "data": list})
}

func (s *Server) openaiModel(w http.ResponseWriter, r *http.Request) {
	e, err := s.endpoint(r.PathValue("name"))
	if err != nil {
		s.openaiRefuse(w, r, err)
		return
	}
	writeJSON(w, 200, modelLine(e))
}

// maxOpenAIBody bounds a body that must be read before it is known which model it
// is for.
const maxOpenAIBody = 16 << 20

// openaiBegin decodes the body into in and begins a request for the model that
// the path or the body names.
func (s *Server) openaiBegin(w http.ResponseWriter, r *http.Request, in any, name *string) (*request, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxOpenAIBody)
	body, err := readBody(r, maxOpenAIBody)
	if err != nil {
		return nil, err
	}
	if err := decodeJSON(body, in); err != nil {
		return nil, err
	}
	if inPath := r.PathValue("name"); inPath != "" {
		*name = inPath
	}
	if *name == "" {
		return nil, badRequest("model", "the field \"model\" is missing")
	}
	e, err := s.endpoint(*name)
	if err != nil {
		return nil, err
	}
	q, err := s.begin(w, r, e)
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > q.route.policy.MaxBody {
		q.cancel()
		return nil, &http.MaxBytesError{Limit: q.route.policy.MaxBody}
	}
	return q, nil
}

// oneOrMany reads a text or a list of texts.
func oneOrMany(raw json.RawMessage, field string) ([]string, error) {
	var one string
	if json.Unmarshal(raw, &one) == nil && len(raw) > 0 && raw[0] == '"' {
		return []string{one}, nil
	}
	var many []any
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &many) != nil {
		return nil, badRequest(field, "%q must be a text or a list of texts", field)
	}
	if len(many) == 0 {
		return nil, badRequest(field, "%q is an empty list", field)
	}
	if len(many) > 2048 {
		return nil, badRequest(field, "%q has %d texts, at most 2048 are answered at once", field, len(many))
	}
	out := make([]string, len(many))
	for i, v := range many {
		s, ok := v.(string)
		if !ok {
			return nil, badRequest(field, "%q: element %d is %s; it must be a text", field, i, found(v))
		}
		out[i] = s
	}
	return out, nil
}

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens,omitempty"`
	Total      int `json:"total_tokens"`
}

func (s *Server) openaiEmbeddings(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Model    string          `json:"model"`
		Input    json.RawMessage `json:"input"`
		Encoding string          `json:"encoding_format"`
		Size     *int            `json:"dimensions"`
	}
	q, err := s.openaiBegin(w, r, &in, &in.Model)
	if err != nil {
		s.openaiRefuse(w, r, err)
		return
	}
	out, err := func() (any, error) {
		texts, err := oneOrMany(in.Input, "input")
		if err != nil {
			return nil, err
		}
		if in.Encoding != "" && in.Encoding != "float" && in.Encoding != "base64" {
			return nil, badRequest("encoding_format", "\"encoding_format\" is float or base64, not %s", quote(in.Encoding))
		}
		list, err := q.embed(texts)
		if err != nil {
			return nil, err
		}
		if in.Size != nil && *in.Size != len(list[0].Vector) {
			return nil, badRequest("dimensions", "the model's vectors have %d dimensions; \"dimensions\" cannot be %d", len(list[0].Vector), *in.Size)
		}
		type item struct {
			Object    string `json:"object"`
			Index     int    `json:"index"`
			Embedding any    `json:"embedding"`
		}
		items, tokens := make([]item, len(list)), 0
		for i, e := range list {
			tokens += e.Tokens
			items[i] = item{"embedding", i, e.Vector}
			if in.Encoding == "base64" {
				b := make([]byte, 0, 4*len(e.Vector))
				for _, v := range e.Vector {
					b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
				}
				items[i].Embedding = base64.StdEncoding.EncodeToString(b)
			}
		}
		return map[string]any{"object": "list", "model": in.Model, "data": items, "usage": usage{Prompt: tokens, Total: tokens}}, nil
	}()
	if err != nil {
		q.end(s.openaiRefuse(w, r, err))
		return
	}
	writeJSON(w, 200, out)
	q.end(200)
}
