package inference

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"pipe/stages/model"
)

// writing is what completions and chats ask alike.
type writing struct {
	Model       string          `json:"model"`
	MaxTokens   *int            `json:"max_tokens"`
	MaxNew      *int            `json:"max_completion_tokens"`
	Temperature *float64        `json:"temperature"`
	TopP        *float64        `json:"top_p"`
	TopK        int             `json:"top_k"`
	N           *int            `json:"n"`
	Stream      bool            `json:"stream"`
	Stop        json.RawMessage `json:"stop"`
	Seed        *int64          `json:"seed"`
	Options     *struct {
		Usage bool `json:"include_usage"`
	} `json:"stream_options"`

	stops    []string
	logprobs int // how many alternatives; -1: no logprobs at all
}

// check reads the fields with bounds.
func (w *writing) check() error {
	number := func(field string, v *float64, low, high float64) error {
		if v != nil && !(*v >= low && *v <= high) {
			return badRequest(field, "%q must be between %v and %v, is %v", field, low, high, *v)
		}
		return nil
	}
	whole := func(field string, v *int, low, high int) error {
		if v != nil && (*v < low || *v > high) {
			return badRequest(field, "%q must be between %d and %d, is %d", field, low, high, *v)
		}
		return nil
	}
	for _, err := range []error{number("temperature", w.Temperature, 0, 2), number("top_p", w.TopP, 0, 1), whole("n", w.N, 1, 128),
		whole("max_tokens", w.MaxTokens, 1, 1<<20), whole("max_completion_tokens", w.MaxNew, 1, 1<<20), whole("top_k", &w.TopK, 0, 1<<20)} {
		if err != nil {
			return err
		}
	}
	if len(w.Stop) == 0 || string(w.Stop) == "null" {
		return nil
	}
	stops, err := oneOrMany(w.Stop, "stop")
	if err != nil {
		return err
	}
	if len(stops) > 4 {
		return badRequest("stop", "\"stop\" has %d texts, at most 4 are watched for", len(stops))
	}
	w.stops = slices.DeleteFunc(stops, func(s string) bool { return s == "" })
	return nil
}

// prompt makes the model's request for choice i.
func (w *writing) prompt(of prompt, i, standard int) model.Prompt {
	p := model.Prompt{Text: of.text, Tokens: of.tokens, MaxTokens: standard, Temperature: 1, TopP: 1, TopK: w.TopK, Logprobs: max(w.logprobs, 0)}
	for _, n := range []*int{w.MaxTokens, w.MaxNew} {
		if n != nil {
			p.MaxTokens = *n
		}
	}
	if w.Temperature != nil {
		p.Temperature = *w.Temperature
	}
	if w.TopP != nil && *w.TopP > 0 {
		p.TopP = *w.TopP
	}
	p.Seed = rand.Uint64()
	if w.Seed != nil {
		p.Seed = uint64(*w.Seed) + uint64(i)
	}
	return p
}

// choice is a finished text.
type choice struct {
	text   string
	tokens []model.Piece
	reason string // "stop" or "length"

	prompt, written int // tokens
}

// errStopped ends a generation at a stop text.
var errStopped = errors.New("a stop text has come")

// write continues a text. Each piece that is surely part of the answer goes to
// emit, which may be nil.
func (q *request) write(ctx context.Context, w *writing, p model.Prompt, emit func(text string, tokens []model.Piece) error) (c choice, err error) {
	l, err := q.loaded()
	if err != nil {
		return c, err
	}
	if _, ok := l.model.(model.Generator); !ok {
		c, err = q.classify(l, p.Text)
		if err == nil && emit != nil {
			err = emit(c.text, c.tokens)
		}
		return c, err
	}
	s := stopper{stops: w.stops}
	var text strings.Builder
	var held []model.Piece
	send := func(out string) error {
		text.WriteString(out)
		if emit == nil || out == "" {
			return nil
		}
		tokens := held
		held = nil
		return emit(out, tokens)
	}
	g, err := q.generate(ctx, p, func(piece model.Piece) error {
		c.written++
		out, stopped := s.push(piece.Text)
		if !stopped || out != "" {
			c.tokens = append(c.tokens, piece)
			held = append(held, piece)
		}
		if err := send(out); err != nil {
			return err
		}
		if stopped {
			return errStopped
		}
		return nil
	})
	c.reason = "stop"
	switch {
	case errors.Is(err, errStopped):
		err = nil
	case err != nil:
		return c, err
	default:
		if err := send(s.rest()); err != nil {
			return c, err
		}
		if !g.Ended {
			c.reason = "length"
		}
	}
	c.text, c.prompt = text.String(), g.PromptTokens
	return c, nil
}

// classify completes a prompt with the label of a classifier.
func (q *request) classify(l *loaded, text string) (c choice, err error) {
	column, ok := single(l.columns)
	if _, predicts := l.model.(model.Predictor); !predicts || !ok || !column.isText() {
		return c, badRequest("model", "the model %s neither writes text nor labels one", q.endpoint.name)
	}
	answers, err := q.predict([]map[string]any{{column.name: text}})
	if err != nil {
		return c, err
	}
	a := answers[0]
	label := strings.Trim(string(appendValue(nil, a.Prediction)), `"`)
	if s, ok := a.Prediction.(string); ok {
		label = s
	}
	words := len(strings.Fields(text))
	c = choice{text: label, reason: "stop", prompt: words, written: 1}
	piece := model.Piece{Text: label, Token: label}
	if len(a.Probabilities) > 0 {
		piece.Logprob = logarithm(a.Probability)
		for class, p := range a.Probabilities {
			piece.Top = append(piece.Top, model.TokenLogprob{Token: class, Logprob: logarithm(p)})
		}
		slices.SortFunc(piece.Top, func(x, y model.TokenLogprob) int {
			switch {
			case x.Logprob > y.Logprob:
				return -1
			case x.Logprob < y.Logprob:
				return 1
			}
			return strings.Compare(x.Token, y.Token)
		})
	}
	c.tokens = []model.Piece{piece}
	return c, nil
}

// logarithm keeps to what JSON can hold: OpenAI writes -9999 for never.
func logarithm(p float32) float64 {
	if p <= 0 {
		return -9999
	}
	return math.Log(float64(p))
}

// stopper watches a text that comes in pieces for the texts that end it, and
// holds back what may be the beginning of one.
type stopper struct {
	stops []string
	held  string
}

// push adds a piece and returns what is surely before every stop text.
func (s *stopper) push(piece string) (out string, stopped bool) {
	s.held += piece
	first := -1
	for _, stop := range s.stops {
		if i := strings.Index(s.held, stop); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	if first >= 0 {
		return s.held[:first], true
	}
	keep := 0
	for _, stop := range s.stops {
		for n := min(len(stop)-1, len(s.held)); n > keep; n-- {
			if strings.HasSuffix(s.held, stop[:n]) {
				keep = n
				break
			}
		}
	}
	out, s.held = s.held[:len(s.held)-keep], s.held[len(s.held)-keep:]
	return out, false
}

// rest is what was held back when the text ends by itself.
func (s *stopper) rest() string {
	out := s.held
	s.held = ""
	return out
}
