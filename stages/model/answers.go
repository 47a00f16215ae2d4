package model

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/nn/kernel"
	"pipe/stages/transform"
)

// AnswersTask is that of models that answer questions from a table of answers.
const AnswersTask = "question answering"

// Answers answers questions from a table: the question of the table that is nearest
// to the one that is asked, by the cosine of their vectors, tells the answer. Where it
// is not sure enough, it says that it does not know. It does not change and may be used
// by several goroutines at once.
type Answers struct {
	encoder *Encoder
	table   AnswerTable
	vectors []float32 // of the questions, each of length 1
}

// AnswerTable is what an Answers answers from.
type AnswerTable struct {
	Version   int      `json:"version"`
	Questions []string `json:"questions"`
	// Of is the answer of each question.
	Of      []int    `json:"of"`
	Answers []string `json:"answers"`
	// Sources tell where an answer comes from; none where the table does not say.
	Sources []string `json:"sources,omitempty"`
	// The confidence in an answer is 1/(1+exp(-(Slope·cosine+Offset))) (Platt 1999).
	Slope  float64 `json:"slope"`
	Offset float64 `json:"offset"`
	// Below the threshold Unknown is the answer.
	Threshold float64 `json:"threshold"`
	Unknown   string  `json:"unknown"`
}

// Reply is an answer to a question.
type Reply struct {
	Answer     string      `json:"answer"`
	Known      bool        `json:"known"` // false: the answer is that it does not know
	Confidence float64     `json:"confidence"`
	Source     string      `json:"source,omitempty"`
	Question   string      `json:"question"` // of the table, the nearest
	Near       []Candidate `json:"near"`
}

// Candidate is an answer that was considered; the best comes first.
type Candidate struct {
	Answer string  `json:"answer"`
	Source string  `json:"source,omitempty"`
	Cosine float64 `json:"cosine"`
	Index  int     `json:"-"` // of the answer in the table

	question int
}

// AnswersSignature says what such a model reads and gives.
func AnswersSignature() dag.Signature {
	return dag.Signature{
		Inputs: []dag.Column{{Name: "question", Type: "utf8"}},
		Outputs: []dag.Column{{Name: "prediction", Type: "utf8", Doc: "the answer"}, {Name: "probability", Type: "float", Doc: "the confidence in it"},
			{Name: "source", Type: "utf8", Doc: "where it comes from"}},
		Task: AnswersTask,
	}
}

// NewAnswers joins an encoder and a table, and computes the vectors of the questions.
func NewAnswers(ctx context.Context, e *Encoder, t AnswerTable) (*Answers, error) {
	t.Version = Version
	if err := t.validate(); err != nil {
		return nil, err
	}
	a := &Answers{encoder: e, table: t, vectors: make([]float32, 0, len(t.Questions)*e.Dim())}
	vectors, err := a.Vectors(ctx, t.Questions)
	a.vectors = vectors
	return a, err
}

func (t *AnswerTable) validate() error {
	switch {
	case t.Version != Version:
		return fmt.Errorf("the table's version is %d and this pipe reads %d", t.Version, Version)
	case len(t.Questions) == 0:
		return errors.New("the table has no questions")
	case len(t.Of) != len(t.Questions):
		return fmt.Errorf("%d questions have %d answers", len(t.Questions), len(t.Of))
	case len(t.Sources) != 0 && len(t.Sources) != len(t.Answers):
		return fmt.Errorf("%d answers have %d sources", len(t.Answers), len(t.Sources))
	}
	for i, of := range t.Of {
		if of < 0 || of >= len(t.Answers) {
			return fmt.Errorf("question %d has answer %d of %d", i+1, of+1, len(t.Answers))
		}
	}
	return nil
}

// Table is what is answered from. It is not to be changed.
func (a *Answers) Table() *AnswerTable { return &a.table }

// Own gives the vectors of the table's questions. They are not to be changed.
func (a *Answers) Own() []float32 { return a.vectors }

// Calibrate sets how a cosine becomes a confidence. It is for whoever makes the model.
func (a *Answers) Calibrate(slope, offset, threshold float64) {
	a.table.Slope, a.table.Offset, a.table.Threshold = slope, offset, threshold
}

// Vectors gives the vectors of texts, one after the other, each of length 1.
func (a *Answers) Vectors(ctx context.Context, texts []string) ([]float32, error) {
	return a.encoder.UnitVectors(ctx, texts)
}

// searchRows is how many questions are compared with the table at once.
const searchRows = 32

// Search finds, for each of the vectors, up to k different answers, the nearest
// first: an exact search over all questions of the table. With skip, question i of
// the table is not compared with vector i, as if it were not there.
func (a *Answers) Search(vectors []float32, k int, skip bool) [][]Candidate {
	dim, n := a.encoder.Dim(), len(a.table.Questions)
	out := make([][]Candidate, 0, len(vectors)/dim)
	cosines := make([]float32, searchRows*n)
	for first := 0; first < len(vectors)/dim; first += searchRows {
		rows := min(searchRows, len(vectors)/dim-first)
		kernel.Gemm(false, true, rows, n, dim, 1, vectors[first*dim:], dim, a.vectors, dim, 0, cosines, n)
		for i := range rows {
			row := cosines[i*n : (i+1)*n]
			if skip {
				row[first+i] = float32(math.Inf(-1))
			}
			out = append(out, a.best(row, k))
		}
	}
	return out
}

// best gives the answers with the greatest cosines; of equal ones the first.
func (a *Answers) best(cosines []float32, k int) []Candidate {
	of := make([]int, len(a.table.Answers)) // the best question of each answer, counted from 1
	for q, c := range cosines {
		if best := of[a.table.Of[q]]; best == 0 || c > cosines[best-1] {
			of[a.table.Of[q]] = q + 1
		}
	}
	var all []Candidate
	for answer, q := range of {
		if q == 0 || math.IsInf(float64(cosines[q-1]), -1) {
			continue
		}
		c := Candidate{Answer: a.table.Answers[answer], Index: answer, question: q - 1, Cosine: float64(cosines[q-1])}
		if a.table.Sources != nil {
			c.Source = a.table.Sources[answer]
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(x, y Candidate) int { return cmp.Compare(y.Cosine, x.Cosine) })
	return all[:min(k, len(all))]
}

// Confidence is the probability that the answer of the nearest question is right.
func (a *Answers) Confidence(cosine float64) float64 {
	return 1 / (1 + math.Exp(-(a.table.Slope*cosine + a.table.Offset)))
}

// replyNear is how many answers a reply lists.
const replyNear = 5

// Ask answers questions.
func (a *Answers) Ask(ctx context.Context, questions []string) ([]Reply, error) {
	vectors, err := a.Vectors(ctx, questions)
	if err != nil {
		return nil, err
	}
	out := make([]Reply, len(questions))
	for i, near := range a.Search(vectors, replyNear, false) {
		best := near[0]
		r := Reply{Answer: best.Answer, Source: best.Source, Question: a.table.Questions[best.question], Confidence: a.Confidence(best.Cosine), Near: near}
		if r.Known = r.Confidence >= a.table.Threshold; !r.Known {
			r.Answer, r.Source = a.table.Unknown, ""
		}
		out[i] = r
	}
	return out, nil
}

// Signature implements Served.
func (a *Answers) Signature() dag.Signature { return AnswersSignature() }

// Bytes implements Served.
func (a *Answers) Bytes() int64 { return a.encoder.Bytes() + 4*int64(len(a.vectors)) }

// PredictRows implements Predictor.
func (a *Answers) PredictRows(ctx context.Context, rows []map[string]any) ([]*Answer, error) {
	questions := make([]string, len(rows))
	for i, row := range rows {
		q, ok := row["question"].(string)
		if !ok {
			return nil, &transform.RowError{Row: int64(i) + 1, Column: "question", Msg: "it must be text"}
		}
		questions[i] = q
	}
	replies, err := a.Ask(ctx, questions)
	if err != nil {
		return nil, err
	}
	out := make([]*Answer, len(replies))
	for i, r := range replies {
		out[i] = &Answer{Prediction: r.Answer, Probability: float32(r.Confidence), Source: r.Source}
	}
	return out, nil
}

// The files of an Answers; the encoder is in a folder.
const (
	answersFile   = "answers.json"
	vectorsFile   = "vectors.safetensors"
	encoderFolder = "encoder"
)

// Save writes the model as files of a folder.
func (a *Answers) Save(w transform.Files) error {
	m := Manifest{Version: Version, Task: AnswersTask, Signature: AnswersSignature()}
	err := cmp.Or(nn.WriteJSON(w.Create, manifestFile, &m), nn.WriteJSON(w.Create, answersFile, &a.table),
		nn.WriteFile(w.Create, vectorsFile, a.writeVectors), a.encoder.Save(transform.Subfolder(w, encoderFolder)))
	if err != nil {
		return fmt.Errorf("save the model: %w", err)
	}
	return nil
}

// LoadAnswers reads such a model from its folder.
func LoadAnswers(fsys fs.FS) (*Answers, error) {
	a, err := loadAnswers(fsys)
	if err != nil {
		return nil, fmt.Errorf("load the model: %w", err)
	}
	return a, nil
}

func loadAnswers(fsys fs.FS) (*Answers, error) {
	if err := wantTask(fsys, AnswersTask); err != nil {
		return nil, err
	}
	a := new(Answers)
	if err := readJSON(fsys, answersFile, &a.table); err != nil {
		return nil, err
	}
	if err := a.table.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", answersFile, err)
	}
	sub, err := fs.Sub(fsys, encoderFolder)
	if err != nil {
		return nil, err
	}
	if a.encoder, err = LoadEncoder(sub); err != nil {
		return nil, err
	}
	a.vectors, err = readVectors(fsys, len(a.table.Questions), a.encoder.Dim())
	return a, err
}

func readVectors(fsys fs.FS, rows, dim int) ([]float32, error) {
	var arrays []nn.Array
	err := nn.ReadFile(fsys, vectorsFile, func(r io.Reader, size int64) (err error) {
		arrays, _, err = nn.ReadSafetensors(r, size)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(arrays) != 1 || !arrays[0].Shape.Equal(nn.Shape{rows, dim}) {
		return nil, fmt.Errorf("%s: it has not one array of %d vectors of %d numbers", vectorsFile, rows, dim)
	}
	return arrays[0].Data, nil
}
