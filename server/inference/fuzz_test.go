package inference

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// whatever is sent, the answer is a 2xx or a 4xx, and there is one.
func fuzzBodies(f *testing.F, path, kind string, header map[string]string, seeds ...string) {
	b := newBench(f, nil)
	b.all()
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", path, strings.NewReader(string(body)))
		r.Header.Set("Content-Type", kind)
		for k, v := range header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError || w.Code < 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func FuzzPredictJSON(f *testing.F) {
	fuzzBodies(f, "/predict/sums", asJSON, nil, `{"age":3,"income":0.5,"member":true}`, `[{"age":1e9,"income":-0,"member":null}]`, `{"rows":[]}`, `[[[[`, "\xff")
}

func FuzzPredictCSV(f *testing.F) {
	fuzzBodies(f, "/predict/sums", "text/csv", nil, "age,income,member\n1,2,true\n", "age\n\"", "\"a\nb\",c\n")
}

func FuzzPredictForm(f *testing.F) {
	fuzzBodies(f, "/predict/sums", "multipart/form-data; boundary=x", nil, "--x\r\nContent-Disposition: form-data; name=\"age\"\r\n\r\n3\r\n--x--\r\n", "--x\r\n\r\n")
}

func FuzzV2(f *testing.F) {
	fuzzBodies(f, "/v2/models/sums/infer", asJSON, nil, `{"inputs":[{"name":"age","shape":[1],"datatype":"INT64","data":[1]}]}`, `{"inputs":[{"name":"age","shape":[0]}]}`)
}

func FuzzV2Binary(f *testing.F) {
	head := `{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":8}}]}`
	fuzzBodies(f, "/v2/models/topics/infer", asJSON, map[string]string{"Inference-Header-Content-Length": "95"}, head+"\x04\x00\x00\x00good", head+"\xff\xff\xff\xffgood")
}

func FuzzScoring(f *testing.F) {
	fuzzBodies(f, "/invocations/sums", asJSON, nil, `{"dataframe_split":{"columns":["age"],"data":[[1]]}}`, `{"instances":[[1,2,true],{}]}`, `{"inputs":{"age":[],"income":[1]}}`)
}

func FuzzCompletions(f *testing.F) {
	fuzzBodies(f, "/v1/completions", asJSON, nil, `{"model":"gpt","prompt":["a"],"stop":["x"],"n":2,"logprobs":3}`, `{"model":"topics","prompt":"x","stream":true}`, `{"model":"gpt","max_tokens":-1}`, `{"model":"gpt","prompt":[1,2]}`, `{"model":"gpt","prompt":[[1],[2]]}`)
}

func FuzzChat(f *testing.F) {
	fuzzBodies(f, "/v1/chat/completions", asJSON, nil, `{"model":"gpt","messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"stream":true}`, `{"model":"topics","messages":[{}]}`)
}

func FuzzEmbeddings(f *testing.F) {
	fuzzBodies(f, "/v1/embeddings", asJSON, nil, `{"model":"minilm","input":["a",""],"encoding_format":"base64"}`, `{"model":"minilm","input":[[1]]}`)
}
