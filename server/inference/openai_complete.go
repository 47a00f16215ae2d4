package inference

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"pipe/stages/model"
)

// dialect is one of the two forms in which texts are written: completions and
// chats.
type dialect struct {
	prefix, object, streamed string
	standard                 int // max_tokens
	choice                   func(i int, c *choice, w *writing) any
	// delta is a part of a stream; reason is "" until the end.
	delta func(i int, text string, tokens []model.Piece, reason string, first bool, w *writing) any
}

var completions = dialect{
	prefix: "cmpl-", object: "text_completion", streamed: "text_completion", standard: 16,
	choice: func(i int, c *choice, w *writing) any {
		return map[string]any{"index": i, "text": c.text, "finish_reason": c.reason, "logprobs": oldLogprobs(c.tokens, w)}
	},
	delta: func(i int, text string, tokens []model.Piece, reason string, _ bool, w *writing) any {
		return map[string]any{"index": i, "text": text, "finish_reason": orNull(reason), "logprobs": oldLogprobs(tokens, w)}
	},
}

var chats = dialect{
	prefix: "chatcmpl-", object: "chat.completion", streamed: "chat.completion.chunk", standard: 256,
	choice: func(i int, c *choice, w *writing) any {
		return map[string]any{"index": i, "message": map[string]any{"role": "assistant", "content": c.text, "refusal": nil},
			"finish_reason": c.reason, "logprobs": chatLogprobs(c.tokens, w)}
	},
	delta: func(i int, text string, tokens []model.Piece, reason string, first bool, w *writing) any {
		d := map[string]any{}
		if first {
			d["role"], d["content"] = "assistant", ""
		}
		if text != "" {
			d["content"] = text
		}
		return map[string]any{"index": i, "delta": d, "finish_reason": orNull(reason), "logprobs": chatLogprobs(tokens, w)}
	},
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// oldLogprobs is the form of completions: parallel lists.
func oldLogprobs(tokens []model.Piece, w *writing) any {
	if w.logprobs < 0 || len(tokens) == 0 {
		return nil
	}
	var names []string
	var values []float64
	var offsets []int
	var tops []map[string]float64
	at := 0
	for _, t := range tokens {
		names, values, offsets = append(names, t.Token), append(values, t.Logprob), append(offsets, at)
		at += len(t.Text)
		top := map[string]float64{}
		for _, x := range t.Top[:min(len(t.Top), w.logprobs)] {
			top[x.Token] = x.Logprob
		}
		tops = append(tops, top)
	}
	return map[string]any{"tokens": names, "token_logprobs": values, "text_offset": offsets, "top_logprobs": tops}
}

// chatLogprobs is the form of chats: a list of tokens.
func chatLogprobs(tokens []model.Piece, w *writing) any {
	if w.logprobs < 0 || len(tokens) == 0 {
		return nil
	}
	type line struct {
		Token   string  `json:"token"`
		Logprob float64 `json:"logprob"`
		Bytes   []int   `json:"bytes"`
		Top     []line  `json:"top_logprobs,omitempty"`
	}
	bytesOf := func(s string) []int {
		out := make([]int, len(s))
		for i := range len(s) {
			out[i] = int(s[i])
		}
		return out
	}
	list := make([]map[string]any, len(tokens))
	for i, t := range tokens {
		top := []line{}
		for _, x := range t.Top[:min(len(t.Top), w.logprobs)] {
			top = append(top, line{Token: x.Token, Logprob: x.Logprob, Bytes: bytesOf(x.Token)})
		}
		list[i] = map[string]any{"token": t.Token, "logprob": t.Logprob, "bytes": bytesOf(t.Text), "top_logprobs": top}
	}
	return map[string]any{"content": list, "refusal": nil}
}

func (s *Server) openaiCompletions(w http.ResponseWriter, r *http.Request) {
	var in struct {
		writing
		Prompt   json.RawMessage `json:"prompt"`
		Logprobs *int            `json:"logprobs"`
		Echo     bool            `json:"echo"`
		BestOf   *int            `json:"best_of"`
	}
	q, err := s.openaiBegin(w, r, &in, &in.Model)
	if err != nil {
		s.openaiRefuse(w, r, err)
		return
	}
	prompts := []prompt{{}}
	err = in.check()
	if err == nil && len(in.Prompt) > 0 && string(in.Prompt) != "null" {
		prompts, err = q.prompts(in.Prompt)
	}
	in.logprobs = -1
	if in.Logprobs != nil {
		in.logprobs = *in.Logprobs
		if *in.Logprobs < 0 || *in.Logprobs > 1000 {
			err = badRequest("logprobs", "\"logprobs\" must be between 0 and 1000, is %d", *in.Logprobs)
		}
	}
	if in.BestOf != nil && *in.BestOf != 1 {
		err = badRequest("best_of", "\"best_of\" is 1 here; ask for several with \"n\"")
	}
	if err != nil {
		q.end(s.openaiRefuse(w, r, err))
		return
	}
	echo := ""
	if in.Echo && len(prompts) == 1 {
		echo = prompts[0].text
	}
	s.openaiWrite(w, r, q, &completions, &in.writing, prompts, echo)
}

func (s *Server) openaiChat(w http.ResponseWriter, r *http.Request) {
	var in struct {
		writing
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
		Logprobs bool `json:"logprobs"`
		Top      int  `json:"top_logprobs"`
	}
	q, err := s.openaiBegin(w, r, &in, &in.Model)
	if err != nil {
		s.openaiRefuse(w, r, err)
		return
	}
	text := ""
	err = in.check()
	in.logprobs = -1
	if in.Logprobs {
		in.logprobs = in.Top
	}
	switch {
	case err != nil:
	case in.Top < 0 || in.Top > 1000:
		err = badRequest("top_logprobs", "\"top_logprobs\" must be between 0 and 1000, is %d", in.Top)
	case len(in.Messages) == 0:
		err = badRequest("messages", "\"messages\" must have at least one message")
	default:
		messages := make([]model.Message, len(in.Messages))
		for i, m := range in.Messages {
			var content string
			if content, err = contentText(m.Content, i); err != nil {
				break
			}
			messages[i] = model.Message{Role: m.Role, Content: content}
		}
		if err == nil {
			text, err = q.chatPrompt(messages)
		}
	}
	if err != nil {
		q.end(s.openaiRefuse(w, r, err))
		return
	}
	s.openaiWrite(w, r, q, &chats, &in.writing, []prompt{{text: text}}, "")
}

// contentText reads a message's content: a text, or a list of parts of text.
func contentText(raw json.RawMessage, i int) (string, error) {
	var text string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if len(raw) > 0 && raw[0] == '[' && json.Unmarshal(raw, &parts) == nil {
		var b strings.Builder
		for _, p := range parts {
			if p.Type != "text" {
				return "", badRequest("messages", "messages[%d].content has a part of type %s; only text is read", i, quote(p.Type))
			}
			b.WriteString(p.Text)
		}
		return b.String(), nil
	}
	return "", badRequest("messages", "messages[%d].content must be a text", i)
}

// chatPrompt makes the text that the model continues: in the form that it was
// trained on, where it knows one; a classifier reads the last message of the user.
func (q *request) chatPrompt(messages []model.Message) (string, error) {
	l, err := q.loaded()
	if err != nil {
		return "", err
	}
	switch m := l.model.(type) {
	case model.Chatter:
		return m.ChatPrompt(messages)
	case model.Generator:
		var b strings.Builder
		for _, msg := range messages {
			b.WriteString(msg.Role + ": " + msg.Content + "\n")
		}
		return b.String() + "assistant:", nil
	}
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role == "user" {
			return messages[i].Content, nil
		}
	}
	return "", badRequest("messages", "there is no message of the role user")
}

// openaiWrite writes n texts for each prompt, at once or as a stream.
func (s *Server) openaiWrite(w http.ResponseWriter, r *http.Request, q *request, d *dialect, in *writing, prompts []prompt, echo string) {
	var id [12]byte
	rand.Read(id[:]) // never fails
	head := func(object string) map[string]any {
		return map[string]any{"id": d.prefix + hex.EncodeToString(id[:]), "object": object, "created": time.Now().Unix(), "model": in.Model}
	}
	n := 1
	if in.N != nil {
		n = *in.N
	}
	if n*len(prompts) > 2048 {
		q.end(s.openaiRefuse(w, r, badRequest("n", "%d prompts times n %d is more than 2048 texts", len(prompts), n)))
		return
	}
	if in.Stream {
		s.openaiStream(w, r, q, d, in, prompts, n, echo, head)
		return
	}
	var list []any
	u := usage{}
	for i, prompt := range prompts {
		for k := range n {
			c, err := q.write(q.ctx, in, in.prompt(prompt, i*n+k, d.standard), nil)
			if err != nil {
				q.end(s.openaiRefuse(w, r, err))
				return
			}
			c.text = echo + c.text
			list = append(list, d.choice(len(list), &c, in))
			u.Completion += c.written
			if k == 0 {
				u.Prompt += c.prompt
			}
		}
	}
	u.Total = u.Prompt + u.Completion
	out := head(d.object)
	out["choices"], out["usage"] = list, u
	writeJSON(w, 200, out)
	q.end(200)
}

// openaiStream writes texts as server-sent events. The deadline of the policy
// holds for the first token; a text that goes on may take its time.
func (s *Server) openaiStream(w http.ResponseWriter, r *http.Request, q *request, d *dialect, in *writing, prompts []prompt, n int, echo string,
	head func(string) map[string]any) {
	flush := http.NewResponseController(w)
	begun := false
	event := func(v map[string]any) error {
		if !begun {
			begun = true
			h := w.Header()
			h.Set("Content-Type", "text/event-stream")
			h.Set("Cache-Control", "no-cache")
			h.Set("X-Accel-Buffering", "no")
		}
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(append([]byte("data: "), b...), "\n\n"...)); err != nil {
			return errAbandoned
		}
		return flush.Flush()
	}
	part := func(choices ...any) map[string]any {
		v := head(d.streamed)
		v["choices"] = choices
		if in.Options != nil && in.Options.Usage {
			v["usage"] = nil
		}
		return v
	}
	u := usage{}
	index := 0
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	late := time.AfterFunc(time.Duration(q.route.policy.Timeout), func() { cancel(errDeadline) })
	for i, prompt := range prompts {
		for k := range n {
			first := true
			emit := func(text string, tokens []model.Piece) error {
				late.Stop()
				if first && echo != "" {
					text = echo + text
				}
				err := event(part(d.delta(index, text, tokens, "", first, in)))
				first = false
				return err
			}
			c, err := q.write(ctx, in, in.prompt(prompt, i*n+k, d.standard), emit)
			late.Stop()
			if err == nil {
				err = event(part(d.delta(index, "", nil, c.reason, first, in)))
			}
			if err != nil {
				if !begun {
					q.end(s.openaiRefuse(w, r, err))
					return
				}
				p := s.failed(r, err)
				_ = event(map[string]any{"error": openaiError(p)}) // the client may be gone
				q.end(p.status)
				return
			}
			u.Completion += c.written
			if k == 0 {
				u.Prompt += c.prompt
			}
			index++
		}
	}
	if in.Options != nil && in.Options.Usage {
		u.Total = u.Prompt + u.Completion
		v := head(d.streamed)
		v["choices"], v["usage"] = []any{}, u
		_ = event(v)
	}
	_, _ = w.Write([]byte("data: [DONE]\n\n")) // the client went away
	_ = flush.Flush()
	q.end(200)
}
