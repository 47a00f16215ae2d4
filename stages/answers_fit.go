package stages

import (
	"context"
	"fmt"
	"math"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
)

var answersFitKind = dag.Info{
	Name:    "answers.fit",
	Version: 2,
	Doc: `Makes a model that answers questions from a table of questions and answers: the question of the table that is
nearest to the one that is asked, by the cosine of the encoder's vectors, tells the answer. Several questions may
have one answer. The confidence is calibrated: each question is asked while it is left out itself, together with the
questions of out_of_scope, which the table has no answer for, and a logistic curve (Platt 1999) is laid from the
cosine to whether the answer was right. Below the threshold the model says that it does not know.`,
	Example: `answers: { uses: answers.fit, in: { faq: faq, encoder: encoder, out_of_scope: smalltalk }, with: { question: question, answer: answer } }`,
	New:     func() dag.Kind { return &FitAnswers{} },
}

// FitAnswers is the kind answers.fit.
type FitAnswers struct {
	Question  string  `yaml:"question" doc:"the column of questions, in all tables" default:"question"`
	Answer    string  `yaml:"answer" doc:"the column of answers" default:"answer"`
	Source    string  `yaml:"source" doc:"the column that tells where an answer comes from"`
	Threshold float64 `yaml:"threshold" doc:"the confidence below which the model does not know" default:"0.5" min:"0" max:"1"`
	Unknown   string  `yaml:"unknown" doc:"what it says then" default:"I do not know."`
}

// Ports implements dag.Kind.
func (k *FitAnswers) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "faq", Type: artifacts.Table, Doc: "questions with their answers"},
			{Name: "encoder", Type: artifacts.Model, Doc: "what turns questions into vectors"},
			{Name: "out_of_scope", Type: artifacts.Table, Optional: true, Doc: "questions that have no answer in the table, for the calibration"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Model, Doc: "from a question to an answer"},
		}
}

// Check implements dag.Kind.
func (k *FitAnswers) Check(c *dag.Check) {
	checkTask(c, "encoder", model.EmbeddingTask)
	checkTextColumn(c, "faq", "question", k.Question)
	checkTextColumn(c, "faq", "answer", k.Answer)
	if k.Source != "" {
		checkTextColumn(c, "faq", "source", k.Source)
	}
	checkTextColumn(c, "out_of_scope", "question", k.Question)
	s := model.AnswersSignature()
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Model, Signature: &s}
}

// Run implements dag.Kind.
func (k *FitAnswers) Run(ctx context.Context, env *dag.Env) error {
	folder, err := env.Folder("encoder")
	if err != nil {
		return err
	}
	encoder, err := model.LoadEncoder(folder)
	if err != nil {
		return err
	}
	t, err := k.table(ctx, env)
	if err != nil {
		return err
	}
	a, err := model.NewAnswers(ctx, encoder, t)
	if err != nil {
		return err
	}
	env.Logf("%d questions with %d answers", len(t.Questions), len(t.Answers))
	env.Metric("questions", float64(len(t.Questions)), 0)
	env.Metric("answers", float64(len(t.Answers)), 0)
	if err := k.calibrate(ctx, env, a); err != nil {
		return err
	}
	return saveModel(env, a)
}

// table gathers the questions, and gives equal answers one number.
func (k *FitAnswers) table(ctx context.Context, env *dag.Env) (model.AnswerTable, error) {
	columns := []string{k.Question, k.Answer}
	if k.Source != "" {
		columns = append(columns, k.Source)
	}
	t := model.AnswerTable{Unknown: k.Unknown, Threshold: k.Threshold}
	numbers := map[[2]string]int{}
	err := eachTexts(ctx, env, "faq", columns, func(row []string) error {
		key := [2]string{row[1]}
		if k.Source != "" {
			key[1] = row[2]
		}
		n, ok := numbers[key]
		if !ok {
			n = len(t.Answers)
			numbers[key], t.Answers = n, append(t.Answers, row[1])
			if k.Source != "" {
				t.Sources = append(t.Sources, row[2])
			}
		}
		t.Questions, t.Of = append(t.Questions, row[0]), append(t.Of, n)
		return nil
	})
	if err == nil && len(t.Questions) == 0 {
		err = fmt.Errorf("faq has no rows")
	}
	return t, err
}

// plainSlope and plainOffset are the curve where nothing can be calibrated: a
// confidence of one half at a cosine of 0.6.
const plainSlope, plainOffset = 20, -12

// calibrate asks every question of the table as if it were not there, and those that
// have no answer.
func (k *FitAnswers) calibrate(ctx context.Context, env *dag.Env, a *model.Answers) error {
	var cosines []float64
	var right []bool
	good := 0
	for i, near := range a.Search(a.Own(), 1, true) {
		if len(near) == 0 {
			continue
		}
		yes := near[0].Index == a.Table().Of[i]
		cosines, right = append(cosines, near[0].Cosine), append(right, yes)
		if yes {
			good++
		}
	}
	left := len(right)
	if env.Has("out_of_scope") {
		strange, err := columnTexts(ctx, env, "out_of_scope", k.Question)
		if err != nil {
			return err
		}
		vectors, err := a.Vectors(ctx, strange)
		if err != nil {
			return err
		}
		for _, near := range a.Search(vectors, 1, false) {
			cosines, right = append(cosines, near[0].Cosine), append(right, false)
		}
	}
	if good == 0 || good == len(right) {
		a.Calibrate(plainSlope, plainOffset, k.Threshold)
		env.Logf("nothing to calibrate on, as no two questions have one answer or every answer is right: the confidence is one half at a cosine of %g", -float64(plainOffset)/plainSlope)
		return nil
	}
	slope, offset := platt(cosines, right)
	a.Calibrate(slope, offset, k.Threshold)
	env.Logf("calibrated on %d questions of the table, of which %d find their answer without themselves, and %d without answer: the confidence is one half at a cosine of %.3f", left, good, len(right)-left, -offset/slope)
	env.Metric("leave_one_out_accuracy", float64(good)/float64(max(left, 1)), 0)
	return nil
}

// platt lays a logistic curve from numbers to whether something is so, by Newton's
// method, with the targets that keep it from growing steep without end.
func platt(x []float64, so []bool) (slope, offset float64) {
	yes := 0.0
	for _, s := range so {
		if s {
			yes++
		}
	}
	high, low := (yes+1)/(yes+2), 1/(float64(len(so))-yes+2)
	for range 100 {
		var g0, g1, h00, h01, h11 float64
		for i, v := range x {
			target := low
			if so[i] {
				target = high
			}
			p := 1 / (1 + math.Exp(-(slope*v + offset)))
			d, w := p-target, p*(1-p)
			g0, g1 = g0+d, g1+d*v
			h00, h01, h11 = h00+w, h01+w*v, h11+w*v*v
		}
		h00, h11 = h00+1e-9, h11+1e-9
		det := h00*h11 - h01*h01
		stepOffset, stepSlope := (h11*g0-h01*g1)/det, (h00*g1-h01*g0)/det
		most := max(math.Abs(stepOffset), math.Abs(stepSlope))
		if math.IsNaN(most) {
			break
		}
		if most > 10 { // far from the end the curve is not like a parabola
			stepOffset, stepSlope = stepOffset*10/most, stepSlope*10/most
		}
		slope, offset = slope-stepSlope, offset-stepOffset
		if most < 1e-9 {
			break
		}
	}
	return slope, offset
}
