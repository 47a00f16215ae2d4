package inference

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

func TestPredictTakesWhatClientsHave(t *testing.T) {
	b := newBench(t, nil)
	b.all()
	for _, c := range []struct{ path, kind, body, want string }{
		{"topics", asJSON, `{"text":"good"}`, `{"prediction":"yes","probability":0.75,"probabilities":{"yes":0.75,"maybe":0.25}}`},
		{"topics", asJSON, `"good"`, `"prediction":"yes"`},
		{"topics", asJSON, `["good","poor"]`, `{"predictions":[{"prediction":"yes"`},
		{"topics", asJSON, `{"rows":[{"text":"good"}]}`, `{"predictions":[{"prediction":"yes"`},
		{"topics", "text/plain; charset=utf-8", "good", `"yes"`},
		{"topics", "application/x-www-form-urlencoded", "text=good", `"yes"`},
		{"topics", "application/x-www-form-urlencoded", "a good text", `"yes"`},
		{"topics", "application/x-www-form-urlencoded", `{"text":"good"}`, `"yes"`},
		{"topics", "text/csv", "text\ngood\n\"poor, really\"\n", `"predictions":[{"prediction":"yes"`},
		{"sums", asJSON, `{"age":3,"income":0.5,"member":true}`, `{"prediction":1003.5}`},
		{"sums", asJSON, `{"age":3.0,"income":1,"member":null}`, `{"prediction":4}`},
		{"sums", "text/csv", "member,age,income\ntrue,3,0.5\n", `{"predictions":[{"prediction":1003.5}]}`},
		{"sums", "application/x-www-form-urlencoded", "age=3&income=0.5&member=false", `{"prediction":3.5}`},
	} {
		status, h, body := b.do("POST", "/predict/"+c.path, c.kind, c.body)
		if status != 200 || !strings.Contains(body, c.want) || h.Get(headerModel) != c.path || h.Get(headerVersion) != "1" || len(h.Get(headerDigest)) != 64 {
			t.Errorf("%s %s: %d %s %v", c.kind, c.body, status, body, h)
		}
	}
}

func TestOpenInferenceProtocol(t *testing.T) {
	b := newBench(t, nil)
	b.all()
	for _, c := range []struct{ method, path, body, want string }{
		{"GET", "/v2/health/ready", "", `"ready":true`},
		{"GET", "/v2/health/live", "", `"live":true`},
		{"GET", "/v2", "", `binary_tensor_data`},
		{"GET", "/v2/models/topics", "", `"inputs":[{"name":"text","datatype":"BYTES","shape":[-1]}]`},
		{"GET", "/v2/models/topics", "", `{"name":"probabilities","datatype":"FP32","shape":[-1,2]}`},
		{"GET", "/v2/models/sums/versions/1/ready", "", `"ready":true`},
		{"POST", "/v2/models/topics/infer", `{"id":"7","inputs":[{"name":"text","shape":[2,1],"datatype":"BYTES","data":["good","poor"]}]}`, `{"name":"prediction","datatype":"BYTES","shape":[2],"data":["yes","no"]}`},
		{"POST", "/v2/models/topics/versions/1/infer", `{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["good"]}],"outputs":[{"name":"probability"}]}`, `"outputs":[{"name":"probability","datatype":"FP32","shape":[1],"data":[0.75]}]`},
		{"POST", "/v2/models/sums/infer", `{"inputs":[{"name":"age","shape":[1],"datatype":"INT64","data":[1]},{"name":"income","shape":[1],"datatype":"FP64","data":[2]},{"name":"member","shape":[1,1],"datatype":"BOOL","data":[[true]]}]}`, `"data":[1003]`},
		{"POST", "/v2/models/minilm/infer", `{"inputs":[{"name":"text","shape":[2],"datatype":"BYTES","data":["a","b"]}]}`, `"shape":[2,8]`},
		{"POST", "/v2/repository/index", `{}`, `{"name":"topics","version":"1","state":"READY"}`},
	} {
		status, _, body := b.do(c.method, c.path, asJSON, c.body)
		if status != 200 || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d %s\nwant %s", c.method, c.path, status, body, c.want)
		}
	}
}

func TestBinaryTensors(t *testing.T) {
	b := newBench(t, nil)
	b.all()
	head := `{"inputs":[{"name":"age","shape":[2],"datatype":"INT64","parameters":{"binary_data_size":16}},` +
		`{"name":"income","shape":[2],"datatype":"FP64","data":[0.5,1.5]},{"name":"member","shape":[2],"datatype":"BOOL","parameters":{"binary_data_size":2}}]}`
	tail := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, 7), 8)
	tail = append(tail, 0, 1)
	ask := func(model, head, tail, length string) (int, string) {
		r, err := http.NewRequest("POST", b.web.URL+"/v2/models/"+model+"/infer", strings.NewReader(head+tail))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Inference-Header-Content-Length", length)
		status, _, body := b.send(r)
		return status, body
	}
	if status, body := ask("sums", head, string(tail), fmt.Sprint(len(head))); status != 200 || !strings.Contains(body, `"data":[7.5,1009.5]`) {
		t.Error(status, body)
	}
	text := `{"inputs":[{"name":"text","shape":[2,1],"datatype":"BYTES","parameters":{"binary_data_size":16}}]}`
	if status, body := ask("topics", text, "\x04\x00\x00\x00good\x04\x00\x00\x00poor", fmt.Sprint(len(text))); status != 200 || !strings.Contains(body, `["yes","no"]`) {
		t.Error(status, body)
	}
	for length, want := range map[string]string{"x": "Inference-Header-Content-Length", "-1": "Inference-Header-Content-Length", "9999": "Inference-Header-Content-Length"} {
		if status, body := ask("topics", text, "", length); status != 400 || !strings.Contains(body, want) {
			t.Error(length, status, body)
		}
	}
	if status, body := ask("topics", text, "\x04\x00\x00\x00good\xff\xff\xff\xffpoor", fmt.Sprint(len(text))); status != 400 || !strings.Contains(body, `input \"text\": element 2`) {
		t.Error(status, body)
	}
	if status, body := ask("topics", text, "short", fmt.Sprint(len(text))); status != 400 || !strings.Contains(body, "binary_data_size is 16") {
		t.Error(status, body)
	}
}

func TestScoring(t *testing.T) {
	b := newBench(t, nil)
	b.all()
	for _, c := range []struct{ path, body, want string }{
		{"topics", `{"dataframe_split":{"columns":["text"],"data":[["good"],["poor"]]}}`, `{"predictions":["yes","no"]}`},
		{"topics", `{"dataframe_records":[{"text":"good"}],"params":{}}`, `["yes"]`},
		{"topics", `{"instances":["good","poor"]}`, `["yes","no"]`},
		{"topics", `{"inputs":{"text":["good"]}}`, `["yes"]`},
		{"sums", `{"instances":[[1,2,true]]}`, `[1003]`},
		{"sums", `{"instances":[{"age":1,"income":2,"member":false}]}`, `[3]`},
		{"sums", `{"inputs":{"age":[1,2],"income":[2,2],"member":[false,false]}}`, `[3,4]`},
		{"minilm", `{"instances":["a"]}`, `[[`},
	} {
		if status, _, body := b.do("POST", "/invocations/"+c.path, asJSON, c.body); status != 200 || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s", c.body, status, body)
		}
	}
	if status, _, body := b.do("POST", "/invocations/sums", "text/csv", "age,income,member\n1,2,true\n"); status != 200 || !strings.Contains(body, "[1003]") {
		t.Error(status, body)
	}
	if status, _, body := b.do("POST", "/invocations", asJSON, `{}`); status != 400 || !strings.Contains(body, "several models are deployed") {
		t.Error(status, body)
	}
	if status, _, _ := b.do("GET", "/ping", "", ""); status != 200 {
		t.Error(status)
	}
}

func TestOpenAIWritesAndStops(t *testing.T) {
	b := newBench(t, nil)
	b.all()
	for _, c := range []struct{ path, body, want string }{
		{"completions", `{"model":"gpt","prompt":"count","max_tokens":3,"temperature":0}`, `"finish_reason":"length","index":0,"logprobs":null,"text":" one two three"`},
		{"completions", `{"model":"gpt","prompt":"count","max_tokens":64,"temperature":0,"stop":" four"}`, `"finish_reason":"stop","index":0,"logprobs":null,"text":" one two three"`},
		{"completions", `{"model":"gpt","prompt":["a","b"],"max_tokens":1,"temperature":0,"n":2,"echo":false}`, `"index":3`},
		{"completions", `{"model":"gpt","prompt":"count to","max_tokens":2,"temperature":0,"logprobs":2}`, `"top_logprobs":[{" one":-0.5," two":-1.5}`},
		{"completions", `{"model":"gpt","prompt":"count to","max_tokens":2}`, `"usage":{"prompt_tokens":2,"completion_tokens":2,"total_tokens":4}`},
		{"completions", `{"model":"gpt","prompt":[2,3],"max_tokens":1,"temperature":0,"echo":true}`, `"text":" three four one"`},
		{"completions", `{"model":"gpt","prompt":[[0],[1,2]],"max_tokens":1}`, `"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}`},
		{"completions", `{"model":"topics","prompt":"a good one","logprobs":2}`, `"token_logprobs":[-0.2876`},
		{"completions", `{"model":"topics","prompt":"a good one","logprobs":2}`, `"text":"yes"`},
		{"engines/topics/completions", `{"prompt":"a good one","max_tokens":1}`, `"text":"yes"`},
		{"chat/completions", `{"model":"topics","messages":[{"role":"system","content":"x"},{"role":"user","content":[{"type":"text","text":"good"}]}]}`, `"content":"yes"`},
		{"chat/completions", `{"model":"gpt","temperature":0,"max_completion_tokens":2,"messages":[{"role":"user","content":"hi"}],"logprobs":true,"top_logprobs":1}`, `"token":" one"`},
		{"embeddings", `{"model":"minilm","input":["a b","c"]}`, `"usage":{"prompt_tokens":3,"total_tokens":3}`},
		{"embeddings", `{"model":"minilm","input":"a","encoding_format":"base64"}`, `"embedding":"`},
	} {
		if status, _, body := b.do("POST", "/v1/"+c.path, asJSON, c.body); status != 200 || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d %s\nwant %s", c.path, c.body, status, body, c.want)
		}
	}
	seeded := func(seed int) string {
		_, _, body := b.do("POST", "/v1/completions", asJSON, fmt.Sprintf(`{"model":"gpt","prompt":"x","seed":%d}`, seed))
		var v struct{ Choices []struct{ Text string } }
		if err := json.Unmarshal([]byte(body), &v); err != nil || len(v.Choices) != 1 {
			t.Fatal(err, body)
		}
		return v.Choices[0].Text
	}
	if first, again := seeded(5), seeded(5); first != again || first == seeded(6) {
		t.Error("equal seeds should give equal texts, others other ones")
	}
}

func TestOpenAIStreams(t *testing.T) {
	b := newBench(t, nil)
	b.all()
	status, h, body := b.do("POST", "/v1/chat/completions", asJSON,
		`{"model":"gpt","temperature":0,"stream":true,"stream_options":{"include_usage":true},"stop":["our f"],"max_tokens":40,"messages":[{"role":"user","content":"hi"}]}`)
	if status != 200 || !strings.HasPrefix(h.Get("Content-Type"), "text/event-stream") || !strings.HasSuffix(body, "data: [DONE]\n\n") {
		t.Fatal(status, h, body)
	}
	text, reason, empty := "", "", false
	for line := range strings.SplitSeq(body, "\n\n") {
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var v struct {
			Choices []struct {
				Delta        struct{ Content string }
				FinishReason string `json:"finish_reason"`
			}
			Usage *usage
		}
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			t.Fatal(err, data)
		}
		if len(v.Choices) == 0 {
			empty = v.Usage != nil && v.Usage.Total > 0
			continue
		}
		text += v.Choices[0].Delta.Content
		reason += v.Choices[0].FinishReason
	}
	if text != " one two three f" || reason != "stop" || !empty {
		t.Errorf("%q %q, usage at the end: %v", text, reason, empty)
	}
}

func TestStopTextsAreFoundAcrossPieces(t *testing.T) {
	for _, c := range []struct {
		stops, pieces string
		want          string
		stopped       bool
	}{
		{"END", "a|b|EN|D|c", "ab", true},
		{"END", "a|EN|X", "aENX", false},
		{"\n\n", "a\n|b\n|\nc", "a\nb", true},
		{"abab", "aab|ab|x", "a", true},
		{"xy,yz", "wx|z|y|z", "wxz", true},
		{"", "a|b", "ab", false},
	} {
		s := stopper{}
		if c.stops != "" {
			s.stops = strings.Split(c.stops, ",")
		}
		out, stopped := "", false
		for p := range strings.SplitSeq(c.pieces, "|") {
			var o string
			o, stopped = s.push(p)
			out += o
			if stopped {
				break
			}
		}
		if !stopped {
			out += s.rest()
		}
		if out != c.want || stopped != c.stopped {
			t.Errorf("%q of %q: %q %v", c.stops, c.pieces, out, stopped)
		}
	}
}

func TestTranscriptions(t *testing.T) {
	b := newBench(t, nil)
	b.all()
	post := func(model string, file []byte, more ...string) (int, string) {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		part, _ := form.CreateFormFile("file", "a.wav")
		part.Write(file)
		form.WriteField("model", model)
		for _, format := range more {
			form.WriteField("response_format", format)
		}
		form.Close()
		status, _, text := b.do("POST", "/v1/audio/transcriptions", form.FormDataContentType(), body.String())
		return status, text
	}
	if status, text := post("speech", wave(1600)); status != 200 || !strings.Contains(text, `"1600 samples at 16000"`) {
		t.Error(status, text)
	}
	if status, text := post("speech", wave(1600), "verbose_json"); status != 200 || !strings.Contains(text, `"words":[{"word":"1600","start":0,"end":0.04},`) ||
		!strings.Contains(text, `"segments":[{"end":0.1,"id":0,"start":0,"text":"1600 samples at 16000"}]`) {
		t.Error(status, text)
	}
	if status, text := post("speech", wave(1600)[:900]); status != 400 || !strings.Contains(text, "cut short") || !strings.Contains(text, `"param":"file"`) {
		t.Error(status, text)
	}
	if status, text := post("topics", wave(16)); status != 400 || !strings.Contains(text, `"param":"model"`) {
		t.Error(status, text)
	}
}

// wave is a wav file of n samples, 16 bits, mono.
func wave(n int) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	b = binary.LittleEndian.AppendUint32(b, 16000)
	b = binary.LittleEndian.AppendUint32(b, 32000)
	b = append(b, 2, 0, 16, 0)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*n))
	for i := range n {
		b = binary.LittleEndian.AppendUint16(b, uint16(i))
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// Every item of what clients get wrong is a 4xx that names what is to blame.
func TestBadInput(t *testing.T) {
	b := newBench(t, nil)
	b.all()
	deep := strings.Repeat("[", 100_000)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 64<<20))
	z.Close()
	for _, c := range []struct {
		name, path, kind, body string
		status                 int
		want                   string
	}{
		{"a number for text", "/predict/topics", asJSON, `{"text":1}`, 400, `"field":"text"`},
		{"an object for text", "/predict/topics", asJSON, `{"text":{}}`, 400, `"field":"text"`},
		{"text for a number", "/predict/sums", asJSON, `{"age":"3","income":1,"member":true}`, 400, `"field":"age"`},
		{"a fraction for a whole number", "/predict/sums", asJSON, `{"age":3.5,"income":1,"member":true}`, 400, `"field":"age"`},
		{"a number for true", "/predict/sums", asJSON, `{"age":3,"income":1,"member":1}`, 400, `"field":"member"`},
		{"a number beyond float64", "/predict/sums", asJSON, `{"age":3,"income":1e999,"member":true}`, 400, `"field":"income"`},
		{"a number beyond int64", "/predict/sums", asJSON, `{"age":99999999999999999999,"income":1,"member":true}`, 400, `"field":"age"`},
		{"a missing column", "/predict/sums", asJSON, `{"age":3,"member":true}`, 400, `"field":"income"`},
		{"an extra column", "/predict/topics", asJSON, `{"text":"a","label":"b"}`, 400, `"field":"label"`},
		{"a column of a similar name", "/predict/topics", asJSON, `{"text":"a","texts":"b"}`, 400, `did you mean`},
		{"NaN", "/predict/sums", asJSON, `{"age":3,"income":NaN,"member":true}`, 400, "not JSON"},
		{"NaN in CSV", "/predict/sums", "text/csv", "age,income,member\n3,NaN,true\n", 400, `"field":"income"`},
		{"no rows", "/predict/topics", asJSON, `[]`, 400, "no rows"},
		{"no rows in CSV", "/predict/topics", "text/csv", "text\n", 400, "no rows"},
		{"nothing", "/predict/topics", asJSON, ``, 400, "empty"},
		{"null", "/predict/topics", asJSON, `null`, 400, "it should be an object"},
		{"a row that is null", "/predict/topics", asJSON, `[null]`, 400, "row 1"},
		{"17 MB", "/predict/topics", asJSON, `{"text":"` + strings.Repeat("a", 17<<20) + `"}`, 413, "max_body"},
		{"deep JSON", "/predict/topics", asJSON, deep, 400, "nested deeper"},
		{"deep JSON of a tensor", "/v2/models/topics/infer", asJSON, `{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":` + deep, 400, "nested deeper"},
		{"two values", "/predict/topics", asJSON, `{"text":"a"}{"text":"b"}`, 400, "more than one"},
		{"invalid UTF-8", "/predict/topics", asJSON, "{\"text\":\"\xff\"}", 400, "UTF-8"},
		{"half a character", "/predict/topics", asJSON, `{"text":"a\\\\ \ud800b"}`, 400, "byte 15 is half of a surrogate pair"},
		{"the other half of one", "/v1/completions", asJSON, `{"model":"topics","prompt":"\udc00"}`, 400, "half of a surrogate pair"},
		{"invalid UTF-8 as text", "/predict/topics", "text/plain", "\xff", 400, `"field":"text"`},
		{"invalid UTF-8 in a form", "/predict/topics", "application/x-www-form-urlencoded", "text=%ff", 400, `"field":"text"`},
		{"an unknown model", "/predict/topic", asJSON, `{}`, 404, `did you mean \"topics\"`},
		{"an unknown type", "/predict/topics", "application/pdf", `x`, 415, `"field":"Content-Type"`},
		{"a wrong version", "/v2/models/topics/versions/9/infer", asJSON, `{}`, 404, `"field":"version"`},
		{"a wrong tensor", "/v2/models/topics/infer", asJSON, `{"inputs":[{"name":"txt","shape":[1],"datatype":"BYTES","data":["a"]}]}`, 400, `did you mean \"text\"`},
		{"a shape that does not fit", "/v2/models/topics/infer", asJSON, `{"inputs":[{"name":"text","shape":[3],"datatype":"BYTES","data":["a"]}]}`, 400, `"field":"text"`},
		{"a negative shape", "/v2/models/topics/infer", asJSON, `{"inputs":[{"name":"text","shape":[-1],"datatype":"BYTES","data":["a"]}]}`, 400, `"field":"text"`},
		{"a huge shape", "/v2/models/topics/infer", asJSON, `{"inputs":[{"name":"text","shape":[1,2147483648,2147483648],"datatype":"BYTES","data":["a"]}]}`, 400, `"field":"text"`},
		{"an output that is not", "/v2/models/topics/infer", asJSON, `{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["a"]}],"outputs":[{"name":"x"}]}`, 400, `"field":"outputs"`},
		{"two forms", "/invocations/topics", asJSON, `{"instances":["a"],"inputs":["a"]}`, 400, "exactly one"},
		{"uneven columns", "/invocations/sums", asJSON, `{"inputs":{"age":[1],"income":[1,2],"member":[true]}}`, 400, "unequal"},
		{"a temperature of 9", "/v1/completions", asJSON, `{"model":"gpt","temperature":9}`, 400, `"param":"temperature"`},
		{"no model", "/v1/completions", asJSON, `{"prompt":"x"}`, 400, `"param":"model"`},
		{"tokens for text", "/v1/embeddings", asJSON, `{"model":"minilm","input":[1,2]}`, 400, `"param":"input"`},
		{"a token that is none", "/v1/completions", asJSON, `{"model":"gpt","prompt":[1,99]}`, 400, `token 1 is 99`},
		{"half a token", "/v1/completions", asJSON, `{"model":"gpt","prompt":[[1],[1.5]]}`, 400, `token 0 of list 1 is \"1.5\"`},
		{"a huge token", "/v1/completions", asJSON, `{"model":"gpt","prompt":[4294967296]}`, 400, `token 0 of list 0`},
		{"no tokens", "/v1/completions", asJSON, `{"model":"gpt","prompt":[[]]}`, 400, `list 0 has no tokens`},
		{"tokens and texts", "/v1/completions", asJSON, `{"model":"gpt","prompt":[1,"a"]}`, 400, `"param":"prompt"`},
		{"tokens for a model of texts", "/v1/completions", asJSON, `{"model":"topics","prompt":[1]}`, 400, `reads texts, not token numbers`},
		{"a model that writes nothing", "/v1/completions", asJSON, `{"model":"sums","prompt":"x"}`, 400, `"param":"model"`},
		{"a wrong type", "/v1/completions", asJSON, `{"model":"gpt","n":"x"}`, 400, `"param":"n"`},
		{"no messages", "/v1/chat/completions", asJSON, `{"model":"gpt","messages":[]}`, 400, `"param":"messages"`},
		{"no form", "/v1/audio/transcriptions", asJSON, `{}`, 400, `"param":"Content-Type"`},
	} {
		status, _, body := b.do("POST", c.path, c.kind, c.body)
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %.300s\nwant %d with %s", c.name, status, body, c.status, c.want)
		}
	}
	r, _ := http.NewRequest("POST", b.web.URL+"/predict/topics", &bomb)
	r.Header.Set("Content-Encoding", "gzip")
	if status, _, body := b.send(r); status != 413 {
		t.Errorf("a decompression bomb: %d %.300s", status, body)
	}
}
