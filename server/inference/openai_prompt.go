package inference

import (
	"bytes"
	"encoding/json"
	"math"

	"pipe/stages/model"
)

// prompt is what a text begins with: a text, or tokens of the model's own
// vocabulary, whose text is then known as well.
type prompt struct {
	text   string
	tokens []int32
}

// mostPrompts are answered at once.
const mostPrompts = 2048

// prompts reads the field prompt: a text or a list of texts, the numbers of tokens
// or a list of such lists.
func (q *request) prompts(raw json.RawMessage) ([]prompt, error) {
	if !ofNumbers(raw) {
		texts, err := oneOrMany(raw, "prompt")
		out := make([]prompt, len(texts))
		for i, s := range texts {
			out[i].text = s
		}
		return out, err
	}
	var one []json.Number
	lists := make([][]json.Number, 1)
	if json.Unmarshal(raw, &one) == nil {
		lists[0] = one
	} else if json.Unmarshal(raw, &lists) != nil {
		return nil, badRequest("prompt", `"prompt" must be a text, a list of texts, a list of token numbers, or a list of such lists`)
	}
	if len(lists) > mostPrompts {
		return nil, badRequest("prompt", `"prompt" has %d lists of tokens, at most %d are answered at once`, len(lists), mostPrompts)
	}
	l, err := q.loaded()
	if err != nil {
		return nil, err
	}
	reads, ok := l.model.(model.Detokenizer)
	if !ok {
		return nil, badRequest("prompt", `"prompt": the model %s reads texts, not token numbers`, q.endpoint.name)
	}
	out := make([]prompt, len(lists))
	for i, list := range lists {
		if len(list) == 0 {
			return nil, badRequest("prompt", `"prompt": list %d has no tokens`, i)
		}
		for k, n := range list {
			id, err := n.Int64()
			if err != nil || id < 0 || id > math.MaxInt32 {
				return nil, badRequest("prompt", `"prompt": token %d of list %d is %s; it must be a whole number from 0 on`, k, i, quote(n.String()))
			}
			out[i].tokens = append(out[i].tokens, int32(id))
		}
		if out[i].text, err = reads.Detokenize(out[i].tokens); err != nil {
			return nil, badRequest("prompt", `"prompt", list %d: %v`, i, err)
		}
	}
	return out, nil
}

// ofNumbers tells whether JSON is a list that begins with a number or with a list.
func ofNumbers(raw json.RawMessage) bool {
	rest, isList := bytes.CutPrefix(bytes.TrimSpace(raw), []byte("["))
	rest = bytes.TrimSpace(rest)
	return isList && len(rest) > 0 && bytes.IndexByte([]byte("-0123456789["), rest[0]) >= 0
}
