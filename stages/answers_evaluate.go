package stages

import (
	"context"
	"fmt"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/score"
)

var answersEvaluateKind = dag.Info{
	Name:    "answers.evaluate",
	Version: 2,
	Doc: `Measures a model that answers questions. Over the questions of data: recall_at_1, _3, _5 and _10 (how often the
right answer is among the first so many different ones) and mrr (the mean of one over its place). With the questions
of out_of_scope: out_of_scope_auroc (how well the confidence tells those that have an answer from those that have
none), refused (the share of them that the model does not know) and answered (the share of the others that it answers).
answered_right is the share of right answers among all that are given.`,
	Example: `evaluate: { uses: answers.evaluate, in: { model: answers, data: asked, out_of_scope: smalltalk } }`,
	New:     func() dag.Kind { return &EvaluateAnswers{} },
}

// EvaluateAnswers is the kind answers.evaluate.
type EvaluateAnswers struct {
	Question string `yaml:"question" doc:"the column of questions, in both tables" default:"question"`
	Answer   string `yaml:"answer" doc:"the column of the right answers" default:"answer"`
}

// Ports implements dag.Kind.
func (k *EvaluateAnswers) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "model", Type: artifacts.Model, Doc: "what answers"},
			{Name: "data", Type: artifacts.Table, Doc: "questions with the right answers"},
			{Name: "out_of_scope", Type: artifacts.Table, Optional: true, Doc: "questions that have no answer"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Metrics, Doc: "the metrics as JSON"},
		}
}

var answersMetrics = []string{"answered", "answered_right", "mrr", "out_of_scope_auroc", "recall_at_1", "recall_at_10", "recall_at_3", "recall_at_5", "refused", "rows"}

// Check implements dag.Kind.
func (k *EvaluateAnswers) Check(c *dag.Check) {
	checkTask(c, "model", model.AnswersTask)
	checkTextColumn(c, "data", "question", k.Question)
	checkTextColumn(c, "data", "answer", k.Answer)
	checkTextColumn(c, "out_of_scope", "question", k.Question)
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Metrics, Metrics: answersMetrics}
}

// Run implements dag.Kind.
func (k *EvaluateAnswers) Run(ctx context.Context, env *dag.Env) error {
	folder, err := env.Folder("model")
	if err != nil {
		return err
	}
	a, err := model.LoadAnswers(folder)
	if err != nil {
		return err
	}
	var questions, answers, strange []string
	if err := eachTexts(ctx, env, "data", []string{k.Question, k.Answer}, func(row []string) error {
		questions, answers = append(questions, row[0]), append(answers, row[1])
		return nil
	}); err != nil {
		return err
	}
	if len(questions) == 0 {
		return fmt.Errorf("data has no rows to evaluate on")
	}
	if env.Has("out_of_scope") {
		if strange, err = columnTexts(ctx, env, "out_of_scope", k.Question); err != nil {
			return err
		}
	}
	vectors, err := a.Vectors(ctx, append(questions, strange...))
	if err != nil {
		return err
	}
	x := answersExam{threshold: a.Table().Threshold}
	for i, near := range a.Search(vectors, len(a.Table().Answers), false) {
		want := ""
		if i < len(answers) {
			want = answers[i]
		}
		x.observe(a.Confidence(near[0].Cosine), near, want, i < len(answers))
	}
	r := x.result()
	m := func(name string) float64 { return float64(r.Metrics[name]) }
	env.Logf("%d questions: the right answer is the first for %.1f %%, among five for %.1f %%; mrr %.4f; of the answers that are given %.1f %% are right",
		len(questions), 100*m("recall_at_1"), 100*m("recall_at_5"), m("mrr"), 100*m("answered_right"))
	if len(strange) > 0 {
		env.Logf("%d questions without an answer: AUROC %.4f, %.1f %% refused", len(strange), m("out_of_scope_auroc"), 100*m("refused"))
	}
	return writeMetrics(env, r)
}

// answersExam counts.
type answersExam struct {
	threshold                       float64
	asked, strange                  int
	at                              [11]int // how often the right answer is in a place from 1 to 10
	reciprocal                      float64
	given, answered, right, refused int
	known                           []bool
	confidence                      []float32
}

func (x *answersExam) observe(confidence float64, near []model.Candidate, want string, scope bool) {
	x.known, x.confidence = append(x.known, scope), append(x.confidence, float32(confidence))
	gives := confidence >= x.threshold
	if gives {
		x.given++
	}
	if !scope {
		x.strange++
		if !gives {
			x.refused++
		}
		return
	}
	x.asked++
	if gives {
		x.answered++
	}
	for i, c := range near {
		if c.Answer != want {
			continue
		}
		if i < 10 {
			x.at[i+1]++
		}
		x.reciprocal += 1 / float64(i+1)
		if i == 0 && gives {
			x.right++
		}
		break
	}
}

func (x *answersExam) result() *score.Result {
	share := func(n, of int) dag.Float { return dag.Float(float64(n) / float64(max(of, 1))) }
	r := &score.Result{Version: score.Version, Task: model.AnswersTask, Rows: int64(x.asked), Metrics: map[string]dag.Float{
		"rows": dag.Float(x.asked), "mrr": dag.Float(x.reciprocal / float64(x.asked)),
		"answered": share(x.answered, x.asked), "answered_right": share(x.right, x.given),
	}}
	sum := 0
	for place := 1; place <= 10; place++ {
		sum += x.at[place]
		switch place {
		case 1, 3, 5, 10:
			r.Metrics[fmt.Sprintf("recall_at_%d", place)] = share(sum, x.asked)
		}
	}
	if auc, ok := score.AUC(x.known, x.confidence); ok {
		r.Metrics["out_of_scope_auroc"] = dag.Float(auc)
		r.Metrics["refused"] = share(x.refused, x.strange)
	}
	return r
}
