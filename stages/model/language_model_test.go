package model

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"pipe/stages/nn"
	"pipe/stages/tokenizer"
	"pipe/stages/transform"
)

// babbler is a language model with random weights over bytes and a few merges.
func babbler(t testing.TB) *LanguageModel {
	t.Helper()
	tr := tokenizer.NewTrainer()
	tr.Add("the cat and the dog – naïve café 日本")
	tok, err := tr.Train(270, 1)
	if err != nil {
		t.Fatal(err)
	}
	n, err := nn.NewNetwork(nn.Input{Tokens: true, Shape: []int{12}}, nn.Context{Vocab: tok.Size()}, []nn.Layer{&nn.GPT{Layers: 1, Heads: 2, Dim: 8}}, 3)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewLanguageModel(Training{}, History{}, transform.NewSubwords(transform.Tokens{Column: "text", MaxLen: 12, Nulls: "error"}, tok), n)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func write1(t testing.TB, m *LanguageModel, p Prompt) (text string, pieces []Piece) {
	t.Helper()
	g, err := m.Generate(context.Background(), p, func(piece Piece) error {
		text += piece.Text
		pieces = append(pieces, piece)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if g.NewTokens > p.MaxTokens {
		t.Errorf("%d new tokens", g.NewTokens)
	}
	return text, pieces
}

// What is streamed is what decoding all tokens at once gives, however the bytes of
// characters fall to tokens.
func TestStreamedTextIsTheWholeText(t *testing.T) {
	m := babbler(t)
	for seed := range uint64(20) {
		p := Prompt{Text: "the café ", MaxTokens: 100, Temperature: 1.5, Seed: seed}
		text, pieces := write1(t, m, p)
		var ids []int32
		tok := m.Language().(*transform.Subwords).Tokenizer()
		for _, piece := range pieces {
			if piece.Token == "" {
				continue
			}
			id, ok := tok.ID(piece.Token)
			if !ok {
				t.Fatalf("no token %q", piece.Token)
			}
			ids = append(ids, id)
			if !(piece.Logprob <= 0) {
				t.Errorf("logprob %v", piece.Logprob)
			}
		}
		if want := tok.Decode(ids); text != want {
			t.Errorf("seed %d: streamed %q, whole %q", seed, text, want)
		}
		if !utf8.ValidString(text) {
			t.Errorf("%q", text)
		}
		if again, _ := write1(t, m, p); again != text {
			t.Errorf("the same seed gives %q and %q", text, again)
		}
	}
	if a, _ := write1(t, m, Prompt{Text: "the", MaxTokens: 30, Temperature: 1, Seed: 1}); a != "" {
		if b, _ := write1(t, m, Prompt{Text: "the", MaxTokens: 30, Temperature: 1, Seed: 2}); a == b {
			t.Errorf("two seeds give %q", a)
		}
	}
}

func TestGenerateEdges(t *testing.T) {
	m := babbler(t)
	write1(t, m, Prompt{Text: strings.Repeat("the cat ", 50), MaxTokens: 5}) // longer than the window
	write1(t, m, Prompt{Text: "", MaxTokens: 5})
	if text, _ := write1(t, m, Prompt{Text: "the", MaxTokens: 0}); text != "" {
		t.Errorf("no token was asked for, and it writes %q", text)
	}
	_, pieces := write1(t, m, Prompt{Text: "the", MaxTokens: 2, Logprobs: 3})
	if top := pieces[0].Top; len(top) != 3 || top[0].Logprob != pieces[0].Logprob || top[0].Logprob < top[1].Logprob {
		t.Errorf("%+v", pieces[0])
	}
	full := errors.New("full")
	n := 0
	if _, err := m.Generate(context.Background(), Prompt{Text: "the", MaxTokens: 9}, func(Piece) error { n++; return full }); !errors.Is(err, full) || n != 1 {
		t.Errorf("after %d pieces: %v", n, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := m.Generate(ctx, Prompt{Text: "the", MaxTokens: 9}, func(Piece) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := m.Generate(context.Background(), Prompt{Text: "the", MaxTokens: 9, TopP: 2}, func(Piece) error { return nil }); err == nil || !strings.Contains(err.Error(), "top_p must be from 0 to 1") {
		t.Errorf("top_p 2: %v", err)
	}
}

// The tokens of a text are continued as the text is.
func TestTokensAsPrompt(t *testing.T) {
	m := babbler(t)
	ids := PromptTokens(m.language, "the cat")
	a, _ := write1(t, m, Prompt{Text: "the cat", MaxTokens: 12})
	b, _ := write1(t, m, Prompt{Tokens: ids, MaxTokens: 12})
	if a != b || a == "" {
		t.Errorf("%q of the text, %q of its tokens", a, b)
	}
	if text, err := m.Detokenize(ids); err != nil || strings.TrimSpace(text) != "the cat" {
		t.Errorf("%q %v", text, err)
	}
	for _, bad := range []int32{-1, 1 << 30} {
		if _, err := m.Detokenize([]int32{ids[0], bad}); err == nil || !strings.Contains(err.Error(), "token 1 is") {
			t.Errorf("%d: %v", bad, err)
		}
	}
}

func TestLanguageModelsAreKeptWhole(t *testing.T) {
	m := babbler(t)
	files := folder{}
	if err := m.Save(files); err != nil {
		t.Fatal(err)
	}
	served, err := Open(fstest.MapFS(files))
	if err != nil {
		t.Fatal(err)
	}
	p := Prompt{Text: "a dog", MaxTokens: 40, Temperature: 1}
	want, _ := write1(t, m, p)
	if got, _ := write1(t, served.(*LanguageModel), p); got != want {
		t.Errorf("read back it writes %q, before %q", got, want)
	}
	var wrong *TaskError
	if _, err := Load(fstest.MapFS(files)); !errors.As(err, &wrong) {
		t.Errorf("as a classifier: %v", err)
	}
	if _, err := LoadEncoder(fstest.MapFS(files)); !errors.As(err, &wrong) {
		t.Errorf("as an encoder: %v", err)
	}
}
