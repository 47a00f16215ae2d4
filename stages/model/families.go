package model

import (
	"context"
	"fmt"
	"io/fs"

	"pipe/dag"
)

// Served is what every model that answers requests tells of itself. What it can
// be asked is told by which of the interfaces below it has; a model may have
// several. All of them are safe for concurrent use, stop soon after their context
// is done, and return a *transform.RowError for a value that they cannot take.
type Served interface {
	Signature() dag.Signature
	// Bytes is about the memory that the loaded model takes.
	Bytes() int64
}

// Predictor answers rows given by column name, in their order; more rows at once
// cost less each. Classifiers, regressions, taggers and detectors have it.
type Predictor interface {
	Served
	PredictRows(ctx context.Context, rows []map[string]any) ([]*Answer, error)
}

// Embedder turns texts into vectors of equal length.
type Embedder interface {
	Served
	EmbedTexts(ctx context.Context, texts []string) ([]Embedding, error)
}

// Embedding is the vector of one text and how many tokens the text had.
type Embedding struct {
	Vector []float32
	Tokens int
}

// Generator continues a text.
type Generator interface {
	Served
	// Generate calls emit for each new token, in order; emit's error ends it and
	// is returned.
	Generate(ctx context.Context, p Prompt, emit func(Piece) error) (Generated, error)
}

// Chatter is a Generator that was trained on conversations and knows the form in
// which it read them.
type Chatter interface {
	Generator
	ChatPrompt(messages []Message) (string, error)
}

// Message is a turn of a conversation.
type Message struct {
	Role    string `json:"role"` // "system", "user" or "assistant"
	Content string `json:"content"`
}

// Prompt asks for the continuation of a text.
type Prompt struct {
	Text string
	// Tokens are what the text is cut into, where the caller knows it; nil: the
	// model cuts it.
	Tokens []int32
	// MaxTokens bounds the new tokens.
	MaxTokens int
	// Temperature 0 takes the likeliest token.
	Temperature float64
	TopK        int     // 0: all
	TopP        float64 // 0 or 1: all
	// RepetitionPenalty makes tokens that were there before less likely; 0 or 1: not.
	RepetitionPenalty float64
	// Seed makes the draws repeatable: equal prompts with equal seeds give equal
	// texts.
	Seed uint64
	// Logprobs is how many of the likeliest tokens each Piece lists; 0 for none.
	Logprobs int
}

// Piece is one new token.
type Piece struct {
	// Text is what the token adds; "" while a character is still incomplete.
	Text    string
	Token   string
	Logprob float64 // natural logarithm
	Top     []TokenLogprob
}

// TokenLogprob is a token that might have come.
type TokenLogprob struct {
	Token   string
	Logprob float64
}

// Generated says how a generation ended.
type Generated struct {
	PromptTokens, NewTokens int
	// Ended tells that the model ended the text itself, as opposed to MaxTokens
	// or its window.
	Ended bool
}

// Transcriber writes down what is said. Samples are mono, from -1 to 1.
type Transcriber interface {
	Served
	Transcribe(ctx context.Context, samples []float32, rate int) (Transcript, error)
}

// Transcript is a text and how sure the model is of it, 0 where it cannot tell.
type Transcript struct {
	Text       string  `json:"text"`
	Confidence float64 `json:"confidence,omitempty"`
	// Words are those of the text, where the model knows when they are said.
	Words []Word `json:"words,omitempty"`
}

// Word is said from Start to End, in seconds.
type Word struct {
	Word  string  `json:"word"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

// families opens the models whose manifest names one of their tasks; a family
// adds a line here.
var families map[string]func(fs.FS) (Served, error)

// The table is filled here because its functions read manifests, which look into
// the table.
func init() {
	families = map[string]func(fs.FS) (Served, error){
		GenerationTask:    func(fsys fs.FS) (Served, error) { return LoadLanguageModel(fsys) },
		EmbeddingTask:     func(fsys fs.FS) (Served, error) { return LoadEncoder(fsys) },
		AnswersTask:       func(fsys fs.FS) (Served, error) { return LoadAnswers(fsys) },
		TranslationTask:   func(fsys fs.FS) (Served, error) { return LoadTranslator(fsys) },
		TranscriptionTask: func(fsys fs.FS) (Served, error) { return LoadRecognizer(fsys) },
		SummaryTask:       func(fsys fs.FS) (Served, error) { return LoadSummarizer(fsys) },
	}
}

// The tasks of families beside classification and regression.
const (
	GenerationTask = "generation"
	EmbeddingTask  = "embedding"
)

// Open loads a model of any family for answering; the manifest's task says which
// it is.
func Open(fsys fs.FS) (Served, error) {
	var head struct {
		Task string `json:"task"`
	}
	if err := readJSON(fsys, manifestFile, &head); err != nil {
		return nil, fmt.Errorf("load the model: %w", err)
	}
	if open, ok := families[head.Task]; ok {
		return open(fsys)
	}
	return Load(fsys)
}
