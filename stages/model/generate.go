package model

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"pipe/stages/nn"
	"pipe/stages/transform"
)

// Generate implements Generator. Where the window is full, the model goes on with
// the last half of it.
func (m *LanguageModel) Generate(ctx context.Context, p Prompt, emit func(Piece) error) (Generated, error) {
	if err := p.Check(); err != nil {
		return Generated{}, err
	}
	tokens := slices.Clone(p.Tokens)
	if len(tokens) == 0 {
		tokens = PromptTokens(m.language, p.Text)
	}
	if len(tokens) == 0 {
		return Generated{}, &transform.RowError{Column: "prompt", Msg: fmt.Sprintf("no token of %.60q is known to the tokenizer of the model; begin with words of the texts that it has learnt from", p.Text)}
	}
	d, err := m.decoder()
	if err != nil {
		return Generated{}, err
	}
	defer m.decoders.Put(d)
	w := &writing{model: m, prompt: p, decoder: d, chooser: p.sampler().Chooser(p.Seed), tokens: tokens, emit: emit}
	return w.run(ctx)
}

// Check refuses settings that mean nothing.
func (p *Prompt) Check() error {
	return nn.Generation{Sampler: p.sampler(), MaxTokens: p.MaxTokens}.Check()
}

func (p *Prompt) sampler() nn.Sampler {
	return nn.Sampler{Temperature: p.Temperature, TopK: p.TopK, TopP: p.TopP, RepetitionPenalty: p.RepetitionPenalty}
}

// PromptTokens gives the tokens from which a text is written on, with what the tokenizer
// puts before one; of an empty text the end of the text before it. There are none where
// the tokenizer knows nothing of the text and has no such token.
func PromptTokens(language transform.Language, text string) []int32 {
	tokens := language.EncodeText(language.Begin(), text)
	if len(tokens) == 0 {
		if end := language.Ends(); len(end) > 0 {
			tokens = append(tokens, end[0])
		}
	}
	return tokens
}

// writing is a text that is being written.
type writing struct {
	model   *LanguageModel
	prompt  Prompt
	decoder *nn.Decoder
	chooser *nn.Chooser
	tokens  []int32 // the prompt and what was written
	emit    func(Piece) error

	from int    // the first token of the tail that is decoded
	done string // what the tail before the new tokens reads
}

// tailTokens is how many tokens before a new one are decoded with it, because what
// a token reads as may depend on its neighbours.
const tailTokens = 8

func (w *writing) run(ctx context.Context) (Generated, error) {
	result := Generated{PromptTokens: len(w.tokens)}
	w.settle()
	logits, err := w.read(ctx, w.tokens)
	w.chooser.Read(w.tokens...)
	for err == nil && result.NewTokens < w.prompt.MaxTokens {
		token := w.chooser.Choose(logits)
		if v := logits[token]; v != v {
			return result, errors.New("the network gives numbers that are not finite")
		}
		if slices.Contains(w.model.language.Ends(), token) {
			result.Ended = true
			break
		}
		w.tokens = append(w.tokens, token)
		result.NewTokens++
		last := result.NewTokens == w.prompt.MaxTokens
		if err := w.emit(w.piece(token, logits, last)); err != nil {
			return result, err
		}
		if last {
			break
		}
		w.chooser.Read(token)
		logits, err = w.read(ctx, w.tokens[len(w.tokens)-1:])
	}
	if err == nil && result.Ended {
		if rest := w.text(true); rest != "" {
			err = w.emit(Piece{Text: rest})
		}
	}
	return result, err
}

// read lets the decoder read tokens; where there is no room, it begins anew with
// the last ones of the whole text.
func (w *writing) read(ctx context.Context, tokens []int32) ([]float32, error) {
	limit := w.decoder.Limit()
	if w.decoder.Len()+len(tokens) > limit {
		w.decoder.Reset()
		keep := max(limit/2, 1)
		if len(tokens) > 1 { // a prompt, which leaves room for the answer
			keep = max(limit-min(w.prompt.MaxTokens, limit/2), 1)
		}
		tokens = w.tokens[max(len(w.tokens)-keep, 0):]
	}
	return w.decoder.Next(ctx, tokens...)
}

// settle makes the last tokens the ones with which new ones are decoded.
func (w *writing) settle() {
	w.from = max(len(w.tokens)-tailTokens, 0)
	w.done = w.model.language.DecodeIDs(w.tokens[w.from:])
}

// text gives what was written since the last call. A character whose bytes are not
// all there is kept back, unless it is the end.
func (w *writing) text(end bool) string {
	all := w.model.language.DecodeIDs(w.tokens[w.from:])
	if strings.HasSuffix(all, string(utf8.RuneError)) && !end {
		return ""
	}
	text, ok := strings.CutPrefix(all, w.done)
	if !ok { // the tail began inside a character
		text = all[min(len(w.done), len(all)):]
	}
	w.done = all
	if len(w.tokens)-w.from > 8*tailTokens {
		w.settle()
	}
	return text
}

func (w *writing) piece(token int32, logits []float32, last bool) Piece {
	norm := logSum(logits)
	p := Piece{Text: w.text(last), Token: w.model.language.Token(token), Logprob: float64(logits[token]) - norm}
	if n := min(w.prompt.Logprobs, len(logits)); n > 0 {
		order := make([]int32, len(logits))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(logits[b], logits[a]) })
		for _, id := range order[:n] {
			p.Top = append(p.Top, TokenLogprob{w.model.language.Token(id), float64(logits[id]) - norm})
		}
	}
	return p
}

// logSum is the logarithm of the sum of the exponentials.
func logSum(x []float32) float64 {
	top := float64(slices.Max(x))
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}

// logOf is the logarithm of a probability, which rounding may have made zero.
func logOf(p float32) float64 { return math.Log(max(float64(p), 1e-38)) }
