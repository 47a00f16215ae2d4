package model

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/summary"
	"pipe/stages/transform"
)

// SummaryTask is that of models that choose sentences of a text to stand for it.
const SummaryTask = "summarization"

// Summarizer chooses the sentences of a text that stand for it. It does not change and
// may be used by several goroutines at once.
type Summarizer struct {
	encoder  *Encoder // nil: sentences are compared by their words
	settings SummarySettings
}

// The ways to rank sentences.
const (
	Centroid = "centroid"
	LexRank  = "lexrank"
	Directed = "directed"
	Learned  = "learned"
	Lead     = "lead"
)

// SummarySettings say how sentences are chosen.
type SummarySettings struct {
	Version   int     `json:"version"`
	Column    string  `json:"column"` // of the text
	Lines     bool    `json:"lines"`  // sentences are lines
	Method    string  `json:"method"`
	Sentences int     `json:"sentences"`       // the most that are taken
	Ratio     float64 `json:"ratio,omitempty"` // the share that is taken; 0: as many as Sentences
	Diversity float64 `json:"diversity"`
	Threshold float64 `json:"threshold"`
	Before    float64 `json:"before"`
	// Weights are those of a ranker that was learnt.
	Weights []float64 `json:"weights,omitempty"`
}

// Summary is what stands for a text: sentences in the order in which they stand in it.
type Summary struct {
	Text      string
	Sentences []PickedSentence
}

// PickedSentence is one sentence of a summary.
type PickedSentence struct {
	Index int     `json:"index"` // in the text, from 0
	Text  string  `json:"text"`
	Score float64 `json:"score"`
}

// MaxSentences bounds a text: each two of its sentences are compared.
const MaxSentences = 4000

// SummarySignature says what a summarizer reads and gives.
func SummarySignature(column string) dag.Signature {
	return dag.Signature{
		Inputs: []dag.Column{{Name: column, Type: "utf8", Doc: "the text"}},
		Outputs: []dag.Column{{Name: PredictionColumn, Type: "utf8", Doc: "the sentences that stand for it, in their order"},
			{Name: SentencesColumn, Type: arrow.ListOf(arrow.PrimitiveTypes.Int64).String(), Doc: "their places in the text; a served model tells their texts and scores as well"}},
		Task: SummaryTask,
	}
}

// NewSummarizer puts a summarizer together; the encoder may be nil.
func NewSummarizer(e *Encoder, s SummarySettings) (*Summarizer, error) {
	s.Version = Version
	return newSummarizer(e, s)
}

func newSummarizer(e *Encoder, s SummarySettings) (*Summarizer, error) {
	m := &Summarizer{e, s}
	finite := func(v ...float64) bool { return !slices.ContainsFunc(v, func(x float64) bool { return x-x != 0 }) }
	switch {
	case s.Version != Version:
		return nil, fmt.Errorf("the settings' version is %d and this pipe reads %d", s.Version, Version)
	case !slices.Contains([]string{Centroid, LexRank, Directed, Learned, Lead}, s.Method):
		return nil, fmt.Errorf("it ranks sentences by %q, which this pipe does not know", s.Method)
	case s.Column == "" || s.Sentences < 1 || !(s.Ratio >= 0 && s.Ratio <= 1) || !(s.Diversity >= 0 && s.Diversity <= 1) || !finite(s.Threshold, s.Before) || !finite(s.Weights...):
		return nil, errors.New("its settings are out of their bounds")
	case s.Method == Learned && len(s.Weights) != summary.FeatureNumber(m.dim()):
		return nil, fmt.Errorf("the ranker has %d weights, and sentences have %d features", len(s.Weights), summary.FeatureNumber(m.dim()))
	}
	return m, nil
}

func (m *Summarizer) dim() int {
	if m.encoder == nil {
		return 0
	}
	return m.encoder.Dim()
}

// Cut cuts a text into what the summarizer takes for sentences.
func (m *Summarizer) Cut(text string) []string {
	if m.settings.Lines {
		return summary.Lines(text)
	}
	return summary.Sentences(text)
}

// Given takes a list of sentences as it is: it is cut already. Empty ones do not count.
func (m *Summarizer) Given(list []string) []string {
	var sentences []string
	for _, s := range list {
		if s = strings.Join(strings.Fields(s), " "); s != "" {
			sentences = append(sentences, s)
		}
	}
	return sentences
}

// read gives the sentences of a value of a row: a text, or a list of sentences.
func (m *Summarizer) read(v any) (sentences []string, problem string) {
	switch v := v.(type) {
	case string:
		return m.Cut(v), ""
	case []string:
		return m.Given(v), ""
	case []any:
		list := make([]string, len(v))
		for i, x := range v {
			s, ok := x.(string)
			if !ok {
				return nil, fmt.Sprintf("sentence %d of the list is not text", i+1)
			}
			list[i] = s
		}
		return m.Given(list), ""
	}
	return nil, "it must be text or a list of texts"
}

// ReadsLists tells whether models for a task read a list of texts in place of a text:
// one that is cut already.
func ReadsLists(task string) bool { return task == SummaryTask }

// RankedText is a text whose sentences have scores.
type RankedText struct {
	Sentences []string
	Alike     summary.Alike
	Scores    []float64
}

// Described is a text as numbers.
type Described struct {
	alike   summary.Alike
	vectors []float32 // nil without an encoder
}

// Features are what a ranker sees of it.
func (d *Described) Features(sentences []string) []float32 {
	dim := 0
	if len(sentences) > 0 {
		dim = len(d.vectors) / len(sentences)
	}
	return summary.Features(sentences, d.alike, d.vectors, dim)
}

// Describe compares the sentences of each text. More texts at once cost less each.
func (m *Summarizer) Describe(ctx context.Context, texts [][]string) ([]Described, error) {
	out := make([]Described, len(texts))
	if m.encoder == nil {
		for i, sentences := range texts {
			out[i].alike = summary.ByWords(sentences)
		}
		return out, ctx.Err()
	}
	vectors, err := m.encoder.UnitVectors(ctx, slices.Concat(texts...))
	if err != nil {
		return nil, err
	}
	for i, sentences := range texts {
		n := len(sentences) * m.dim()
		out[i] = Described{summary.ByVectors(vectors[:n], m.dim()), vectors[:n]}
		vectors = vectors[n:]
	}
	return out, nil
}

// Rank scores the sentences of each text.
func (m *Summarizer) Rank(ctx context.Context, texts [][]string) ([]RankedText, error) {
	described, err := m.Describe(ctx, texts)
	if err != nil {
		return nil, err
	}
	out := make([]RankedText, len(texts))
	for i, d := range described {
		out[i] = RankedText{texts[i], d.alike, m.scores(texts[i], &d)}
	}
	return out, nil
}

// lexRankDamping is how often the reader of LexRank goes on from where he is.
const lexRankDamping = 0.85

func (m *Summarizer) scores(sentences []string, d *Described) []float64 {
	switch s := &m.settings; s.Method {
	case LexRank:
		return summary.LexRank(d.alike, s.Threshold, lexRankDamping)
	case Directed:
		return summary.Directed(d.alike, s.Threshold, s.Before)
	case Learned:
		return summary.Ranker{Weights: s.Weights}.Scores(d.Features(sentences))
	case Lead:
		scores := make([]float64, len(sentences))
		for i := range scores {
			scores[i] = 1 / float64(i+1)
		}
		return scores
	}
	return summary.Centroid(d.alike)
}

// Number is how many of n sentences are taken.
func (m *Summarizer) Number(n int) int {
	if m.settings.Ratio > 0 {
		return max(int(math.Ceil(m.settings.Ratio*float64(n)-1e-9)), min(n, 1))
	}
	return min(m.settings.Sentences, n)
}

// Pick takes the sentences that stand for a text.
func (m *Summarizer) Pick(r RankedText) Summary {
	picked := summary.Pick(r.Scores, r.Alike, m.Number(len(r.Sentences)), m.settings.Diversity)
	slices.Sort(picked)
	out := Summary{Sentences: []PickedSentence{}}
	parts := make([]string, len(picked))
	for i, p := range picked {
		parts[i] = r.Sentences[p]
		out.Sentences = append(out.Sentences, PickedSentence{p, r.Sentences[p], r.Scores[p]})
	}
	between := " "
	if m.settings.Lines {
		between = "\n"
	}
	out.Text = strings.Join(parts, between)
	return out
}

// Settings say how sentences are chosen. They are not to be changed.
func (m *Summarizer) Settings() *SummarySettings { return &m.settings }

// Signature implements Served.
func (m *Summarizer) Signature() dag.Signature { return SummarySignature(m.settings.Column) }

// Bytes implements Served.
func (m *Summarizer) Bytes() int64 {
	if m.encoder == nil {
		return 8 * int64(len(m.settings.Weights))
	}
	return m.encoder.Bytes() + 8*int64(len(m.settings.Weights))
}

// TooLong is the error about a text with too many sentences to compare each two.
func TooLong(row int64, column string, sentences int) error {
	return &transform.RowError{Row: row, Column: column, Msg: fmt.Sprintf("the text has %d sentences, and at most %d can be compared with each other; summarize its parts", sentences, MaxSentences)}
}

// PredictRows implements Predictor.
func (m *Summarizer) PredictRows(ctx context.Context, rows []map[string]any) ([]*Answer, error) {
	column := m.settings.Column
	texts := make([][]string, len(rows))
	for i, row := range rows {
		var problem string
		if texts[i], problem = m.read(row[column]); problem != "" {
			return nil, &transform.RowError{Row: int64(i) + 1, Column: column, Msg: problem}
		}
		if len(texts[i]) > MaxSentences {
			return nil, TooLong(int64(i)+1, column, len(texts[i]))
		}
	}
	ranked, err := m.Rank(ctx, texts)
	if err != nil {
		return nil, err
	}
	out := make([]*Answer, len(rows))
	for i, r := range ranked {
		s := m.Pick(r)
		out[i] = &Answer{Prediction: s.Text, Sentences: s.Sentences}
	}
	return out, nil
}

const summaryFile = "summary.json"

// Save writes the model as files of a folder.
func (m *Summarizer) Save(w transform.Files) error {
	manifest := Manifest{Version: Version, Task: SummaryTask, Signature: m.Signature()}
	err := cmp.Or(nn.WriteJSON(w.Create, manifestFile, &manifest), nn.WriteJSON(w.Create, summaryFile, &m.settings))
	if err == nil && m.encoder != nil {
		err = m.encoder.Save(transform.Subfolder(w, encoderFolder))
	}
	if err != nil {
		return fmt.Errorf("save the model: %w", err)
	}
	return nil
}

// LoadSummarizer reads a summarizer from its folder.
func LoadSummarizer(fsys fs.FS) (*Summarizer, error) {
	m, err := loadSummarizer(fsys)
	if err != nil {
		return nil, fmt.Errorf("load the model: %w", err)
	}
	return m, nil
}

func loadSummarizer(fsys fs.FS) (*Summarizer, error) {
	if err := wantTask(fsys, SummaryTask); err != nil {
		return nil, err
	}
	var s SummarySettings
	if err := readJSON(fsys, summaryFile, &s); err != nil {
		return nil, err
	}
	sub, err := fs.Sub(fsys, encoderFolder)
	if err != nil {
		return nil, err
	}
	var e *Encoder
	if _, err := fs.Stat(sub, manifestFile); !errors.Is(err, fs.ErrNotExist) {
		if e, err = LoadEncoder(sub); err != nil {
			return nil, err
		}
	}
	m, err := newSummarizer(e, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", summaryFile, err)
	}
	return m, nil
}
