package inference

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"pipe/stages/model"
	"pipe/stages/sound"
)

// openaiTranscriptions is POST /v1/audio/transcriptions: a form with a wav file
// and the model's name. A classifier of one file (spoken commands) answers with
// its label. The verbose form has the times of words, where the model knows them, and
// one segment from the first to the last.
func (s *Server) openaiTranscriptions(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxOpenAIBody)
	file, fields, err := audioForm(r)
	var q *request
	if err == nil {
		var e *endpoint
		if e, err = s.endpoint(fields["model"]); err == nil {
			q, err = s.begin(w, r, e)
		}
	}
	if err != nil {
		s.openaiRefuse(w, r, err)
		return
	}
	t, seconds, err := q.listen(file)
	if err != nil {
		q.end(s.openaiRefuse(w, r, err))
		return
	}
	switch fields["response_format"] {
	case "text":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, t.Text+"\n") // the client went away
	case "verbose_json":
		answer := map[string]any{"task": "transcribe", "text": t.Text, "duration": seconds, "words": []model.Word{}, "segments": []any{}}
		if n := len(t.Words); n > 0 {
			answer["words"] = t.Words
			answer["segments"] = []any{map[string]any{"id": 0, "start": t.Words[0].Start, "end": t.Words[n-1].End, "text": t.Text}}
		}
		writeJSON(w, 200, answer)
	default:
		writeJSON(w, 200, map[string]any{"text": t.Text})
	}
	q.end(200)
}

func audioForm(r *http.Request) (file []byte, fields map[string]string, err error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, nil, badRequest("Content-Type", "the Content-Type must be multipart/form-data with a boundary")
	}
	fields = map[string]string{}
	found := false
	parts := multipart.NewReader(r.Body, params["boundary"])
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, multipartError(err)
		}
		b, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, multipartError(err)
		}
		if part.FormName() == "file" {
			file, found = b, true
			continue
		}
		fields[part.FormName()] = string(b)
	}
	if !found {
		return nil, nil, badRequest("file", "the form has no field \"file\"")
	}
	if fields["model"] == "" {
		return nil, nil, badRequest("model", "the form has no field \"model\"")
	}
	switch f := fields["response_format"]; f {
	case "", "json", "text", "verbose_json":
	default:
		return nil, nil, badRequest("response_format", "\"response_format\" is json, text or verbose_json, not %s", quote(f))
	}
	return file, fields, nil
}

// listen answers a wav file.
func (q *request) listen(file []byte) (t model.Transcript, seconds float64, err error) {
	l, err := q.loaded()
	if err != nil {
		return t, 0, err
	}
	clip, err := sound.DecodeWAV(file)
	if err != nil {
		return t, 0, badRequest("file", "the file is no WAV that can be read: %v", err)
	}
	if len(clip.Samples) == 0 {
		return t, 0, badRequest("file", "%v", sound.ErrNoSamples)
	}
	seconds = clip.Seconds()
	if _, ok := l.model.(model.Transcriber); ok {
		t, err = q.transcribe(clip.Samples, clip.Rate)
		return t, seconds, err
	}
	c, ok := single(l.columns)
	if _, predicts := l.model.(model.Predictor); !predicts || !ok || !c.isBytes() {
		return t, 0, badRequest("model", "the model %s neither transcribes nor labels a sound", q.endpoint.name)
	}
	answers, err := q.predict([]map[string]any{{c.name: file}})
	if err != nil {
		return t, 0, err
	}
	text, _ := answers[0].Prediction.(string)
	return model.Transcript{Text: text, Confidence: float64(answers[0].Probability)}, seconds, nil
}
